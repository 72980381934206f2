// The program `whet`: exit status 0, 1 when the work failed, 2 when it was called wrongly.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>

#include "base/file.h"
#include "cli/command.h"
#include "cli/console.h"

namespace {

constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

// Half-written files go, then the signal does what it does to any program.
void OnSignal(int signal) {
  whet::RemoveTemporaryFilesFromSignalHandler();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

int ReportUsage(const std::string& command, const CLI::ParseError& error) {
  std::fprintf(stderr, "%s: %s. See '%s --help'.\n", command.c_str(), error.what(), command.c_str());
  return kWrongUsage;
}

int Main(int argc, char** argv) {
  CLI::App app(
      "Takes trained models to the edge: reads ONNX, TFLite and .whet models, runs and measures them.",
      "whet");
  app.require_subcommand(1);
  app.set_version_flag("--version", "whet 0.1.0");
  app.footer(
      "'whet COMMAND --help' shows a command's arguments and an example.\nExit status: 0, 1 if the work "
      "failed, 2 if it was called wrongly.");
  bool json = false;
  const auto commands = whet::cli::MakeCommands();
  for (const auto& command : commands) {
    CLI::App* sub = app.add_subcommand(std::string(command->name()), std::string(command->summary()));
    sub->add_flag("--json", json, "Print one JSON object, for machines");
    sub->footer("Example:\n" + std::string(command->example()));
    command->Define(*sub);
  }
  std::string place = "whet";
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    for (const CLI::App* sub : app.get_subcommands()) place = "whet " + sub->get_name();
    // Help and version are "errors" of status 0, which CLI11 prints itself.
    if (error.get_exit_code() == 0) return app.exit(error);
    return ReportUsage(place, error);
  }
  for (const auto& command : commands) {
    if (!app.got_subcommand(std::string(command->name()))) continue;
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
  return kWrongUsage;
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
