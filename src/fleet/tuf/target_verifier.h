// Checks a target's bytes as they come, so that nothing gets its name before length and hashes are right.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/status.h"
#include "fleet/tuf/metadata.h"

namespace whet::fleet {

// Single-threaded; needs a few hundred bytes whatever the target's size.
class TargetVerifier {
 public:
  // kUnsupported if the target has no hash of a known kind (sha256, sha512).
  static Result<TargetVerifier> Create(const TargetFile& target);
  TargetVerifier(TargetVerifier&&) noexcept;
  TargetVerifier& operator=(TargetVerifier&&) noexcept;
  ~TargetVerifier();

  // The next bytes, in order. kLimitExceeded if there are more than the target has.
  Status Update(std::span<const std::byte> bytes);
  // OK only if all bytes were given and every known hash is right. Call it once, at the end.
  Status Finish();
  uint64_t bytes() const;

 private:
  struct State;
  explicit TargetVerifier(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Whether the file at `path` is the target; false if it does not exist.
Result<bool> FileIsTarget(const std::string& path, const TargetFile& target);

}  // namespace whet::fleet
