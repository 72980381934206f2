// The releases of a repository, as its signatures vouch for them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "fleet/release/release.h"
#include "fleet/rollout/document.h"
#include "fleet/tuf/repository.h"

namespace whet::fleet {

// Thread-safe; reads release.json files once, since they never change.
class Catalog {
 public:
  explicit Catalog(const Repository& repository) : repository_(repository) {}

  // Release of docs/fleet.md, newest version first; `family` empty: all.
  Result<nlohmann::json> List(std::string_view family);
  // kNotFound if models/FAMILY signed no such release.
  Result<ReleaseName> Find(std::string_view family, std::string_view version);
  // What changed from `against` to `version` in a variant (empty: the first): tensors by their hashes,
  // operators, and the bytes of a published delta.
  Result<nlohmann::json> Diff(std::string_view family, std::string_view version, std::string_view against,
                              std::string_view variant);

 private:
  Result<std::shared_ptr<const Release>> Read(const TargetFile& target);
  Result<std::vector<TargetFile>> Releases(std::string_view family) const;

  const Repository& repository_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Release>, std::less<>> read_;  // by SHA-256
};

}  // namespace whet::fleet
