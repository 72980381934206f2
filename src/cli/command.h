// One command of the `whet` program.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace whet::cli {

class Arguments;
class Console;

// Made, defined and run once per process.
class Command {
 public:
  virtual ~Command() = default;

  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;  // one line of `whet --help`
  virtual std::string_view example() const = 0;  // command lines that end its own --help

  // Adds the arguments; this object's members are filled in before Run.
  virtual void Define(Arguments& args) = 0;
  // An error becomes a paragraph on stderr and exit status 1.
  virtual Status Run(Console& console) = 0;
};

std::unique_ptr<Command> MakeAgentCommand();
std::unique_ptr<Command> MakeBenchCommand();
std::unique_ptr<Command> MakeConformanceCommand();
std::unique_ptr<Command> MakeDeltaCommand();
std::unique_ptr<Command> MakeDiffCommand();
std::unique_ptr<Command> MakeEvalCommand();
std::unique_ptr<Command> MakeExportCommand();
std::unique_ptr<Command> MakeFleetCommand();
std::unique_ptr<Command> MakeImportCommand();
std::unique_ptr<Command> MakeInspectCommand();
std::unique_ptr<Command> MakeKeyCommand();
std::unique_ptr<Command> MakeOpsCommand();
std::unique_ptr<Command> MakePackCommand();
std::unique_ptr<Command> MakePublishCommand();
std::unique_ptr<Command> MakeQuantizeCommand();
std::unique_ptr<Command> MakeRolloutCommand();
std::unique_ptr<Command> MakeRunCommand();
std::unique_ptr<Command> MakeSignCommand();
std::unique_ptr<Command> MakeTufCommand();
std::unique_ptr<Command> MakeServeCommand();

// All of them, in the order of a model's journey.
std::vector<std::unique_ptr<Command>> MakeCommands();

}  // namespace whet::cli
