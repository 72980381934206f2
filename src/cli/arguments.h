// What commands take: positional arguments, options, flags and actions. A thin face of CLI11, which only
// arguments.cc includes, since every source that does so is compiled several times as long; it also decides
// what --help looks like.
//
// For one thread. A mistake in a definition (two options of one name) ends the program with an internal
// error.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace whet::cli {

// Refers to an option, which lives as long as its CommandLine. Every function returns the option itself.
class Option {
 public:
  Option() = default;
  explicit Option(CLI::Option* option) : option_(option) {}

  Option Required();
  Option Type(std::string_view name);  // what its value is called in --help: FILE, N, KEY=VALUE
  Option Group(std::string_view heading);
  Option Hidden();       // not in --help
  Option ShowDefault();  // --help shows the value that the variable has now
  Option Repeatable();   // for vectors: takes one value each time it is given, not all that follow it
  Option SplitAt(char separator);
  Option Environment(std::string_view variable);  // where its value is taken from when it is not given
  Option Needs(const Option& other);

  // Values that are refused are an error of usage; --help shows what is allowed.
  Option InRange(int least, int most);
  Option InRange(double least, double most);
  Option Positive();
  Option NotNegative();
  Option OneOf(const std::vector<std::string>& values);
  Option OneOf(std::initializer_list<int> values);
  Option ExistingFile();
  Option Check(const std::function<Status(const std::string& value)>& check);

 private:
  Option Note(const std::string& text);  // shown behind the description

  CLI::Option* option_ = nullptr;
};

// Refers to a command or to one of its actions, as `rollout` and `create` in `whet rollout create`.
class Arguments {
 public:
  Arguments() = default;
  explicit Arguments(CLI::App* app) : app_(app) {}

  // `names` is "-o,--output" for an option, "MODEL" for a positional argument. The variable must outlive
  // parsing.
  Option Add(const std::string& names, std::string& variable, const std::string& help);
  Option Add(const std::string& names, int& variable, const std::string& help);
  Option Add(const std::string& names, int64_t& variable, const std::string& help);
  Option Add(const std::string& names, uint64_t& variable, const std::string& help);
  Option Add(const std::string& names, double& variable, const std::string& help);
  Option Add(const std::string& names, std::optional<double>& variable, const std::string& help);
  Option Add(const std::string& names, std::vector<std::string>& variable, const std::string& help);
  Option Add(const std::string& names, std::vector<double>& variable, const std::string& help);
  // An error of `take` is an error of usage.
  Option AddParsed(const std::string& names, const std::function<Status(const std::string& value)>& take,
                   const std::string& help);
  // The same for an option that can be repeated; called once for each value.
  Option AddEach(const std::string& names, const std::function<Status(const std::string& value)>& take,
                 const std::string& help);
  Option AddFlag(const std::string& names, bool& variable, const std::string& help);
  Option AddFlag(const std::string& names, const std::function<void()>& given, const std::string& help);

  // Options of the command may follow the action, too.
  Arguments AddAction(std::string_view name, std::string_view summary);
  void RequireAction();
  // What belongs together is checked after all was read; an error is one of usage.
  void CheckAll(const std::function<Status()>& check);
  void AddFooter(std::string_view text);  // below all in --help

  // After parsing: was this action chosen? Which of this command's was, if any?
  bool given() const;
  std::string action() const;

 private:
  CLI::App* app_ = nullptr;
};

// The program's arguments as a whole.
class CommandLine {
 public:
  CommandLine(std::string_view program, std::string_view version, std::string_view description,
              std::string_view footer);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  Arguments AddCommand(std::string_view name, std::string_view summary);

  // The exit status when there is nothing more to do: 0 after --help or --version, 2 after an error of usage,
  // which stderr was told.
  std::optional<int> Parse(int argc, char** argv);

 private:
  std::unique_ptr<CLI::App> app_;
};

}  // namespace whet::cli
