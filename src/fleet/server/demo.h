// A repository, its keys, and tokens in a fresh folder: for trying the fleet on one machine. All keys lie
// beside their passphrase there, so what they sign is worth nothing to anyone else.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace whet::fleet {

struct Demo {
  std::string repository;
  std::string keys;  // a folder of key files, for root, targets and releases, and online ones
  std::string passphrase_file;
};

// Makes what is not there yet in `folder`, which is made too.
Result<Demo> PrepareDemo(const std::string& folder);

// The tokens of a demo: one each of the roles releaser and device, in files of the folder that only its owner
// may read. The database must be migrated.
struct DemoTokens {
  std::string releaser;
  std::string device;
};
Result<DemoTokens> PrepareDemoTokens(const std::string& folder, const std::string& database,
                                     int64_t now_unix_s);

}  // namespace whet::fleet
