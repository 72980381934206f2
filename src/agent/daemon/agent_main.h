// What `whet-agent` and `whet agent` do.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace whet::agent {

// Runs the agent in the foreground until SIGTERM or SIGINT, or, with `once`, until one poll's updates and
// their trials are over.
Status RunAgent(const std::string& config_path, std::vector<std::string> worker, bool once);
// Asks the agent that runs with this configuration: its status as JSON, or for a poll right now.
Result<std::string> AskStatus(const std::string& config_path);
Status AskCheck(const std::string& config_path);
// The same as lines for people.
Result<std::string> PrintStatus(const std::string& status_json);
// Everything that leaves the device, with an example.
std::string WhatIsSent();

}  // namespace whet::agent
