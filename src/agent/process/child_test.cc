#include "agent/process/child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

namespace whet::agent {
namespace {

using testing::HasSubstr;

ChildJob Shell(const std::string& script, double deadline_s = 30) {
  return {.command = {"/bin/sh", "-c", script}, .input = "", .deadline_s = deadline_s};
}

TEST(Child, GetsItsInputAndGivesItsOutput) {
  ChildJob job = Shell("cat; exit 3");
  job.input = std::string(300000, 'x');
  const auto result = RunChild(job);
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_EQ(result->exit_status, 3);
  EXPECT_EQ(result->output, job.input);
}

TEST(Child, ACrashIsAResult) {
  const auto result = RunChild(Shell("echo half; kill -SEGV $$"));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->signal, SIGSEGV);
  EXPECT_EQ(result->output, "half\n");
  EXPECT_THAT(Describe(*result, 30), HasSubstr("signal 11"));
}

TEST(Child, AHangEndsAtTheDeadlineWithAllItStarted) {
  const auto result = RunChild(Shell("sleep 1000 & sleep 1000", 0.3));
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->timed_out);
  EXPECT_EQ(result->signal, SIGKILL);
  EXPECT_THAT(Describe(*result, 0.3), HasSubstr("0.3 s"));
  // One that closes its output and hangs then, too.
  const auto silent = RunChild(Shell("exec >&-; sleep 1000", 0.3));
  ASSERT_TRUE(silent.ok());
  EXPECT_TRUE(silent->timed_out);
}

TEST(Child, OneThatTheAgentNoLongerWantsIsEnded) {
  int calls = 0;
  ChildJob job = Shell("sleep 1000", 1000);
  job.waiting = [&] { return ++calls == 2; };
  const auto result = RunChild(job);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->timed_out);
}

TEST(Child, EndlessOutputIsAnError) {
  ChildJob job = Shell("yes");
  job.max_output = 10000;
  const auto result = RunChild(job);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), Code::kLimitExceeded);
}

TEST(Child, AGrandchildThatKeepsThePipeOpenKeepsNobodyWaiting) {
  const auto result = RunChild(Shell("sleep 1000 & echo done", 1000));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->exit_status, 0);
  EXPECT_EQ(result->output, "done\n");
}

TEST(Child, AProgramThatIsNotThereIsAnError) {
  EXPECT_FALSE(RunChild({.command = {"/nowhere/whet"}, .input = ""}).ok());
}

}  // namespace
}  // namespace whet::agent
