#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <utility>

namespace whet::cli {
namespace {

constexpr int kWrongUsage = 2;

constexpr char kText[] = "TEXT";
constexpr char kInteger[] = "N";
constexpr char kNumber[] = "X";

// An option's names and type, and beside them what it is for, in lines that a terminal shows whole.
class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    std::string left = "  " + make_option_name(option, is_positional);
    if (!is_positional && option->get_type_size() != 0) left += " " + option->get_type_name();
    if (is_positional && option->get_expected_max() >= CLI::detail::expected_max_vector_size) left += "...";
    return Columns(left, option->get_description() + Remarks(*option, is_positional));
  }

  std::string make_subcommand(const CLI::App* command) const override {
    return Columns("  " + command->get_name(), command->get_description());
  }

 private:
  static constexpr size_t kIndent = 28;
  static constexpr size_t kWidth = 100;

  static std::string Remarks(const CLI::Option& option, bool is_positional) {
    std::string remarks;
    const auto add = [&remarks](const std::string& text) { remarks += (remarks.empty() ? "" : "; ") + text; };
    if (option.get_required() && !is_positional) add("required");
    if (!option.get_option_text().empty()) add(option.get_option_text());
    if (!option.get_default_str().empty()) add("default: " + option.get_default_str());
    if (!option.get_envname().empty()) add("or $" + option.get_envname());
    for (const CLI::Option* other : option.get_needs()) add("needs " + other->get_name());
    return remarks.empty() ? "" : " [" + remarks + "]";
  }

  // The right column is broken between words; one that is longer than the column is left whole.
  static std::string Columns(const std::string& left, const std::string& right) {
    std::string out = left;
    size_t column = left.size();
    if (column + 2 > kIndent) {
      out += '\n';
      column = 0;
    }
    out.append(kIndent - column, ' ');
    column = kIndent;
    for (size_t begin = 0; begin < right.size();) {
      const size_t end = std::min(right.find(' ', begin), right.size());
      const size_t length = end - begin;
      if (column > kIndent && column + 1 + length > kWidth) {
        out += '\n' + std::string(kIndent, ' ');
        column = kIndent;
      } else if (column > kIndent) {
        out += ' ';
        ++column;
      }
      out.append(right, begin, length);
      column += length;
      begin = end + 1;
    }
    return out + '\n';
  }
};

std::string ToText(double value) { return Format("%g", value); }
std::string ToText(int value) { return std::to_string(value); }

template <typename T>
bool Within(const std::string& text, T least, T most) {
  T value{};
  return CLI::detail::lexical_cast(text, value) && value >= least && value <= most;
}

// CLI11 shows what the validator returns; one without a description adds nothing to the type in --help.
template <typename Fn>
void AddValidator(CLI::Option* option, const Fn& problem) {
  option->check(CLI::Validator([problem](std::string& text) { return problem(text); }, ""));
}

template <typename T>
Option AddVariable(CLI::App* app, const std::string& names, T& variable, const std::string& help,
                   const char* type) {
  return Option(app->add_option(names, variable, help)->type_name(type));
}

}  // namespace

Option Option::Required() {
  option_->required();
  return *this;
}

Option Option::Type(std::string_view name) {
  option_->type_name(std::string(name));
  return *this;
}

Option Option::Group(std::string_view heading) {
  option_->group(std::string(heading));
  return *this;
}

Option Option::Hidden() { return Group(""); }

Option Option::ShowDefault() {
  option_->capture_default_str();
  return *this;
}

Option Option::Repeatable() {
  option_->allow_extra_args(false);
  return Note("repeatable");
}

Option Option::SplitAt(char separator) {
  option_->delimiter(separator);
  return *this;
}

Option Option::Environment(std::string_view variable) {
  option_->envname(std::string(variable));
  return *this;
}

Option Option::Needs(const Option& other) {
  option_->needs(other.option_);
  return *this;
}

Option Option::InRange(int least, int most) {
  const std::string range = ToText(least) + " to " + ToText(most);
  AddValidator(option_, [least, most, range](const std::string& text) {
    return Within(text, least, most) ? std::string() : "'" + text + "' is not an integer of " + range;
  });
  return Note(range);
}

Option Option::InRange(double least, double most) {
  const std::string range = ToText(least) + " to " + ToText(most);
  AddValidator(option_, [least, most, range](const std::string& text) {
    return Within(text, least, most) ? std::string() : "'" + text + "' is not a number of " + range;
  });
  return Note(range);
}

Option Option::Positive() {
  AddValidator(option_, [](const std::string& text) {
    double value = 0;
    const bool right = CLI::detail::lexical_cast(text, value) && value > 0;
    return right ? std::string() : "'" + text + "' is not a number above 0";
  });
  return *this;
}

Option Option::NotNegative() {
  AddValidator(option_, [](const std::string& text) {
    double value = 0;
    const bool right = CLI::detail::lexical_cast(text, value) && value >= 0;
    return right ? std::string() : "'" + text + "' is not a number of at least 0";
  });
  return *this;
}

Option Option::OneOf(const std::vector<std::string>& values) {
  std::string list;
  for (const std::string& value : values) list += (list.empty() ? "" : ", ") + value;
  if (option_->get_type_name() == kText) option_->type_name("NAME");
  AddValidator(option_, [values, list](const std::string& text) {
    const bool right = std::ranges::find(values, text) != values.end();
    return right ? std::string() : "'" + text + "' is not one of " + list;
  });
  return Note("one of " + list);
}

Option Option::OneOf(std::initializer_list<int> values) {
  std::vector<std::string> texts;
  for (const int value : values) texts.push_back(std::to_string(value));
  return OneOf(texts);
}

Option Option::ExistingFile() {
  option_->check(CLI::Validator(CLI::ExistingFile).description(""));
  return *this;
}

Option Option::Check(const std::function<Status(const std::string& value)>& check) {
  AddValidator(option_, [check](const std::string& text) {
    const Status status = check(text);
    return status.ok() ? std::string() : status.ToString();
  });
  return *this;
}

Option Option::Note(const std::string& text) {
  // HelpFormatter alone reads it.
  const std::string notes = option_->get_option_text();
  option_->option_text(notes.empty() ? text : notes + "; " + text);
  return *this;
}

Option Arguments::Add(const std::string& names, std::string& variable, const std::string& help) {
  return AddVariable(app_, names, variable, help, kText);
}
Option Arguments::Add(const std::string& names, int& variable, const std::string& help) {
  return AddVariable(app_, names, variable, help, kInteger);
}
Option Arguments::Add(const std::string& names, int64_t& variable, const std::string& help) {
  return AddVariable(app_, names, variable, help, kInteger);
}
Option Arguments::Add(const std::string& names, uint64_t& variable, const std::string& help) {
  return AddVariable(app_, names, variable, help, kInteger);
}
Option Arguments::Add(const std::string& names, double& variable, const std::string& help) {
  return AddVariable(app_, names, variable, help, kNumber);
}
Option Arguments::Add(const std::string& names, std::optional<double>& variable, const std::string& help) {
  return AddVariable(app_, names, variable, help, kNumber);
}
Option Arguments::Add(const std::string& names, std::vector<std::string>& variable, const std::string& help) {
  return AddVariable(app_, names, variable, help, kText);
}
Option Arguments::Add(const std::string& names, std::vector<double>& variable, const std::string& help) {
  return AddVariable(app_, names, variable, help, kNumber);
}

Option Arguments::AddParsed(const std::string& names,
                            const std::function<Status(const std::string& value)>& take,
                            const std::string& help) {
  const auto take_one = [take, names](const std::string& value) {
    const Status status = take(value);
    if (!status.ok()) throw CLI::ValidationError(names, status.ToString());
  };
  return Option(app_->add_option_function<std::string>(names, take_one, help)->type_name(kText));
}

Option Arguments::AddEach(const std::string& names,
                          const std::function<Status(const std::string& value)>& take,
                          const std::string& help) {
  const auto take_all = [take, names](const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      const Status status = take(value);
      if (!status.ok()) throw CLI::ValidationError(names, status.ToString());
    }
  };
  return Option(app_->add_option_function<std::vector<std::string>>(names, take_all, help)->type_name(kText))
      .Repeatable();
}

Option Arguments::AddFlag(const std::string& names, bool& variable, const std::string& help) {
  return Option(app_->add_flag(names, variable, help));
}

Option Arguments::AddFlag(const std::string& names, const std::function<void()>& given,
                          const std::string& help) {
  return Option(app_->add_flag_callback(names, given, help));
}

Arguments Arguments::AddAction(std::string_view name, std::string_view summary) {
  CLI::App* action = app_->add_subcommand(std::string(name), std::string(summary));
  action->fallthrough();
  return Arguments(action);
}

void Arguments::RequireAction() { app_->require_subcommand(1); }

void Arguments::CheckAll(const std::function<Status()>& check) {
  app_->callback([check] {
    const Status status = check();
    if (!status.ok()) throw CLI::ValidationError(status.ToString());
  });
}

void Arguments::AddFooter(std::string_view text) { app_->footer(app_->get_footer() + std::string(text)); }

bool Arguments::given() const { return app_->parsed(); }

std::string Arguments::action() const {
  const std::vector<CLI::App*> chosen = app_->get_subcommands();
  return chosen.empty() ? std::string() : chosen.front()->get_name();
}

CommandLine::CommandLine(std::string_view program, std::string_view version, std::string_view description,
                         std::string_view footer)
    : app_(std::make_unique<CLI::App>(std::string(description), std::string(program))) {
  app_->formatter(std::make_shared<HelpFormatter>());
  app_->require_subcommand(1);
  app_->set_version_flag("--version", std::string(version));
  app_->footer(std::string(footer));
}

CommandLine::~CommandLine() = default;

Arguments CommandLine::AddCommand(std::string_view name, std::string_view summary) {
  CLI::App* command = app_->add_subcommand(std::string(name), std::string(summary));
  command->footer("");  // not the program's
  return Arguments(command);
}

std::optional<int> CommandLine::Parse(int argc, char** argv) {
  const auto wrong = [](const std::string& place, const std::string& problem) {
    std::fprintf(stderr, "%s: %s. See '%s --help'.\n", place.c_str(), problem.c_str(), place.c_str());
    return kWrongUsage;
  };
  // CLI11 would only say that a command is required.
  const auto all = app_->get_subcommands([](const CLI::App*) { return true; });
  if (argc > 1 && argv[1][0] != '-' &&
      std::ranges::none_of(all, [&](const CLI::App* command) { return command->check_name(argv[1]); })) {
    return wrong(app_->get_name(), "there is no command '" + std::string(argv[1]) + "'");
  }
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" of status 0, which CLI11 prints itself.
    if (error.get_exit_code() == 0) return app_->exit(error);
    std::string place = app_->get_name();
    for (const CLI::App* app = app_.get(); !app->get_subcommands().empty();) {
      app = app->get_subcommands().front();
      place += " " + app->get_name();
    }
    return wrong(place, error.what());
  }
  return std::nullopt;
}

}  // namespace whet::cli
