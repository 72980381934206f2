// The agent's child process: serves one job from its standard input, answers on its standard output, and
// ends.
#pragma once

#include <string>
#include <string_view>

namespace whet::agent {

// The answer to one job (process/jobs.h).
std::string ServeJob(std::string_view job);
// Reads the job, writes the answer; the process's exit status.
int WorkerMain();

}  // namespace whet::agent
