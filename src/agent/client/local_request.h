// One HTTP request to the agent's Unix socket, on a connection of its own.
#pragma once

#include <string>

namespace whet::agent {

struct LocalAnswer {
  std::string error;  // why there is no answer; empty if there is one
  int status = 0;     // of HTTP
  std::string body;
};

// Waits up to `seconds` for each step. Any thread.
LocalAnswer RequestLocally(const std::string& socket, const std::string& method, const std::string& path,
                           const std::string& body, double seconds);

}  // namespace whet::agent
