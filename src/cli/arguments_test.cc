#include "cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace whet::cli {
namespace {

// A program with one command that takes some of everything, and one that has actions.
class ArgumentsTest : public testing::Test {
 protected:
  ArgumentsTest() : line_("tool", "tool 1.2.3", "Does things.", "The end.") {
    make_ = line_.AddCommand("make", "Makes a thing");
    make_.Add("FILE", file_, "What to read").Required();
    make_.Add("-o,--output", output_, "What to write").Type("FILE");
    make_.Add("--count", count_, "How many").InRange(1, 9).ShowDefault();
    make_.Add("--rate", rate_, "How fast").InRange(0.5, 2.0);
    make_.Add("--colour", colour_, "Of what colour").OneOf({"red", "green"});
    make_.Add("--tag", tags_, "A name for it").Repeatable();
    make_.Add("--stages", stages_, "Steps").SplitAt(',');
    make_.AddParsed("--even", [this](const std::string& text) { return TakeEven(text); }, "An even number");
    make_.AddEach("--evens", [this](const std::string& text) { return TakeEven(text); }, "Even numbers");
    make_.AddFlag("--loud", loud_, "Say more");
    const Option from = make_.Add("--from", from_, "Where it starts");
    make_.Add("--to", to_, "Where it ends").Needs(from);
    make_.CheckAll([this]() -> Status {
      if (loud_ && count_ > 5) return Error(Code::kInvalidArgument, "is too much").At("--loud");
      return {};
    });
    fleet_ = line_.AddCommand("fleet", "Looks after things");
    fleet_.RequireAction();
    fleet_.Add("--server", server_, "Where it is").Environment("WHET_ARGUMENTS_TEST_SERVER");
    show_ = fleet_.AddAction("show", "Shows them");
    list_ = fleet_.AddAction("list", "Lists them");
    list_.Add("--limit", count_, "At most so many").InRange(1, 9);
  }

  Status TakeEven(const std::string& text) {
    if (text.empty() || (text.back() - '0') % 2 != 0) {
      return Error(Code::kInvalidArgument, "'%s' is odd", text.c_str());
    }
    evens_.push_back(text);
    return {};
  }

  std::optional<int> Parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "tool");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const std::optional<int> status = line_.Parse(static_cast<int>(argv.size()), argv.data());
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return status;
  }

  void ExpectWrong(std::vector<std::string> arguments, const std::string& message) {
    EXPECT_EQ(Parse(std::move(arguments)), 2);
    EXPECT_EQ(err_, message);
    EXPECT_EQ(out_, "");
  }

  CommandLine line_;
  Arguments make_, fleet_, show_, list_;
  std::string file_, output_, colour_, from_, to_, server_;
  int count_ = 3;
  double rate_ = 1;
  std::vector<std::string> tags_, evens_;
  std::vector<double> stages_;
  bool loud_ = false;
  std::string out_, err_;
};

TEST_F(ArgumentsTest, FillsInVariables) {
  EXPECT_EQ(
      Parse({"make", "--tag",    "a",       "in",     "--tag=b", "-o",      "out", "--count", "5", "--rate",
             "0.5",  "--stages", "10,50.5", "--even", "2",       "--evens", "4",   "--evens", "6", "--loud"}),
      std::nullopt)
      << err_;
  EXPECT_TRUE(make_.given());
  EXPECT_FALSE(fleet_.given());
  EXPECT_EQ(file_, "in");
  EXPECT_EQ(output_, "out");
  EXPECT_EQ(rate_, 0.5);
  EXPECT_THAT(tags_, testing::ElementsAre("a", "b"));
  EXPECT_THAT(stages_, testing::ElementsAre(10, 50.5));
  EXPECT_THAT(evens_, testing::UnorderedElementsAre("2", "4", "6"));
  EXPECT_TRUE(loud_);
}

TEST_F(ArgumentsTest, KnowsTheActionAndReadsTheCommandsOptionsBehindIt) {
  EXPECT_EQ(Parse({"fleet", "list", "--limit", "2", "--server", "here"}), std::nullopt) << err_;
  EXPECT_TRUE(fleet_.given());
  EXPECT_TRUE(list_.given());
  EXPECT_FALSE(show_.given());
  EXPECT_EQ(fleet_.action(), "list");
  EXPECT_EQ(make_.action(), "");
  EXPECT_EQ(server_, "here");
}

TEST_F(ArgumentsTest, SaysWhatIsWrongAndWhere) {
  ExpectWrong({"break"}, "tool: there is no command 'break'. See 'tool --help'.\n");
  ExpectWrong({"make"}, "tool make: FILE is required. See 'tool make --help'.\n");
  ExpectWrong({"make", "in", "--count", "0"},
              "tool make: --count: '0' is not an integer of 1 to 9. See 'tool make --help'.\n");
  ExpectWrong({"make", "in", "--count", "many"},
              "tool make: --count: 'many' is not an integer of 1 to 9. See 'tool make --help'.\n");
  ExpectWrong({"make", "in", "--rate", "2.1"},
              "tool make: --rate: '2.1' is not a number of 0.5 to 2. See 'tool make --help'.\n");
  ExpectWrong({"make", "in", "--colour", "blue"},
              "tool make: --colour: 'blue' is not one of red, green. See 'tool make --help'.\n");
  ExpectWrong({"make", "in", "--even", "3"}, "tool make: --even: '3' is odd. See 'tool make --help'.\n");
  ExpectWrong({"make", "in", "--evens", "2", "--evens", "5"},
              "tool make: --evens: '5' is odd. See 'tool make --help'.\n");
  ExpectWrong({"make", "in", "--to", "x"}, "tool make: --to requires --from. See 'tool make --help'.\n");
  ExpectWrong({"make", "in", "--loud", "--count", "6"},
              "tool make: --loud: is too much. See 'tool make --help'.\n");
  ExpectWrong({"fleet", "list", "--limit", "0"},
              "tool fleet list: --limit: '0' is not an integer of 1 to 9. See 'tool fleet list --help'.\n");
}

TEST_F(ArgumentsTest, HelpSaysWhatAValueMayBe) {
  EXPECT_EQ(Parse({"--version"}), 0);
  EXPECT_EQ(out_, "tool 1.2.3\n");
  EXPECT_EQ(Parse({"make", "--help"}), 0);
  EXPECT_THAT(out_, testing::HasSubstr("  FILE                      What to read\n"));
  EXPECT_THAT(out_, testing::HasSubstr("  -o,--output FILE          What to write\n"));
  EXPECT_THAT(out_, testing::HasSubstr("  --count N                 How many [1 to 9; default: 3]\n"));
  EXPECT_THAT(out_, testing::HasSubstr("  --colour NAME             Of what colour [one of red, green]\n"));
  EXPECT_THAT(out_, testing::HasSubstr("  --tag TEXT                A name for it [repeatable]\n"));
  EXPECT_THAT(out_, testing::HasSubstr("[needs --from]"));
  EXPECT_EQ(err_, "");
}

TEST_F(ArgumentsTest, TakesAValueFromTheEnvironment) {
  setenv("WHET_ARGUMENTS_TEST_SERVER", "there", 1);
  EXPECT_EQ(Parse({"fleet", "show"}), std::nullopt) << err_;
  unsetenv("WHET_ARGUMENTS_TEST_SERVER");
  EXPECT_EQ(server_, "there");
}

}  // namespace
}  // namespace whet::cli
