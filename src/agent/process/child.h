// Runs a program with a text on its standard input and takes what it writes, under a deadline.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"

namespace whet::agent {

struct ChildResult {
  int exit_status = -1;    // -1 if it ended by a signal
  int signal = 0;          // that ended it
  bool timed_out = false;  // and was killed
  std::string output;      // of its standard output, at most ChildJob::max_output
};

struct ChildJob {
  std::vector<std::string> command;  // the program's path first
  std::string input;
  double deadline_s = 60;
  size_t max_output = size_t{1} << 20;
  // Called about ten times a second while it runs; true ends it.
  std::function<bool()> waiting = {};
};

// An error if the program cannot be started. The child leads a process group of its own, which is gone when
// this returns; its standard error is ours.
Result<ChildResult> RunChild(const ChildJob& job);

// "ended with status 3", "was ended by signal 11 (Segmentation fault)", "took longer than 60 s".
std::string Describe(const ChildResult& result, double deadline_s);

}  // namespace whet::agent
