// The program `whet`: exit status 0, 1 when the work failed, 2 when it was called wrongly.

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"

namespace {

constexpr int kFailed = 1;

// Half-written files go, then the signal does what it does to any program.
void OnSignal(int signal) {
  whet::RemoveTemporaryFilesFromSignalHandler();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

int Main(int argc, char** argv) {
  whet::cli::CommandLine line(
      "whet", "whet 0.1.0",
      "Takes trained models to the edge: reads ONNX, TFLite and .whet models, runs and measures them.",
      "'whet COMMAND --help' shows a command's arguments and an example.\nExit status: 0, 1 if the work "
      "failed, 2 if it was called wrongly.");
  bool json = false;
  const auto commands = whet::cli::MakeCommands();
  std::vector<whet::cli::Arguments> arguments;
  for (const auto& command : commands) {
    whet::cli::Arguments& added =
        arguments.emplace_back(line.AddCommand(command->name(), command->summary()));
    added.AddFlag("--json", json, "Print one JSON object, for machines");
    added.AddFooter("Example:\n" + std::string(command->example()));
    command->Define(added);
  }
  if (const std::optional<int> status = line.Parse(argc, argv)) return *status;
  for (size_t i = 0; i < commands.size(); ++i) {
    if (!arguments[i].given()) continue;
    const auto& command = commands[i];
    whet::cli::Console console(json);
    const whet::Status status = command->Run(console);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      std::fprintf(stderr, "whet %s: the answer could not be written to the standard output\n",
                   std::string(command->name()).c_str());
      return kFailed;
    }
    if (status.ok()) return 0;
    std::fprintf(stderr, "whet %s: %s\n", std::string(command->name()).c_str(), status.ToString().c_str());
    return kFailed;
  }
  return kFailed;  // not reached: without a command parsing ends the program
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGINT, OnSignal);
  std::signal(SIGTERM, OnSignal);
  std::signal(SIGHUP, OnSignal);
  // A file beyond the allowed size is an error of writing it, like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return Main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("whet: out of memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "whet: internal error: %s\n", error.what());
  }
  return kFailed;
}
