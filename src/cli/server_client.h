// A command's side of the server's REST API (docs/fleet.md).
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/status.h"
#include "fleet/http/fetch.h"

namespace whet::cli {

class Arguments;

class ServerClient {
 public:
  // --server, --token-file and --ca-file; otherwise WHET_SERVER and WHET_TOKEN say which.
  void Define(Arguments& args);
  // Checks what was given. To be called before any of the following.
  Status Connect();

  // `path` is what follows /api/v1.
  Result<nlohmann::json> Get(const std::string& path);
  Result<nlohmann::json> Post(const std::string& path, const nlohmann::json& body);
  Result<nlohmann::json> Put(const std::string& path, const nlohmann::json& body);
  // The items of a list, page by page, at most `most`. `query` is empty or like "family=detector".
  Result<nlohmann::json> List(const std::string& path, const std::string& query, size_t most);

 private:
  Result<nlohmann::json> Send(fleet::FetchRequest request, const std::string& path);

  std::string server_;
  std::string token_file_;
  std::string ca_file_;
  std::string token_;
  std::unique_ptr<fleet::Fetcher> fetcher_;
};

// What a server sent is shown on a terminal: no control characters, and "-" for what is missing.
std::string Shown(const nlohmann::json& object, const char* key);

}  // namespace whet::cli
