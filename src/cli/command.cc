#include "cli/command.h"

namespace whet::cli {

std::vector<std::unique_ptr<Command>> MakeCommands() {
  std::vector<std::unique_ptr<Command>> commands;
  commands.push_back(MakeInspectCommand());
  commands.push_back(MakeImportCommand());
  commands.push_back(MakeRunCommand());
  commands.push_back(MakeBenchCommand());
  commands.push_back(MakeEvalCommand());
  commands.push_back(MakeDiffCommand());
  commands.push_back(MakeOpsCommand());
  commands.push_back(MakeConformanceCommand());
  commands.push_back(MakeQuantizeCommand());
  commands.push_back(MakeExportCommand());
  commands.push_back(MakeDeltaCommand());
  commands.push_back(MakeRolloutCommand());
  commands.push_back(MakeFleetCommand());
  commands.push_back(MakePackCommand());
  commands.push_back(MakeSignCommand());
  commands.push_back(MakePublishCommand());
  commands.push_back(MakeKeyCommand());
  commands.push_back(MakeTufCommand());
  commands.push_back(MakeServeCommand());
  commands.push_back(MakeAgentCommand());
  return commands;
}

}  // namespace whet::cli
