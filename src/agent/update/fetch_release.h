// Brings a release's files into a slot: by a delta against the active model if there is one, else in full,
// going on where an interrupted download ended. What arrives under its final name is whole, verified and
// synced.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "agent/storage/file_system.h"
#include "agent/update/offer.h"
#include "base/status.h"

namespace whet::agent {

using ByteSink = std::function<Status(std::span<const std::byte>)>;

// The repository as this needs it: the network and the signed metadata in the agent, memory in tests.
class TargetSource {
 public:
  virtual ~TargetSource() = default;
  // Sends the target's bytes from `first_byte` to its end to `sink`. What comes is not yet verified.
  // `restarted` is called before the first byte if the server sends everything from byte 0 after all.
  virtual Status Download(const TargetRef& target, uint64_t first_byte,
                          const std::function<Status()>& restarted, const ByteSink& sink) = 0;
  // A delta that makes the model `result_sha256` of the model `base_sha256`, if the repository has one.
  virtual std::optional<TargetRef> FindDelta(const std::string& base_sha256,
                                             const std::string& result_sha256) = 0;
  // Writes the result of a delta to `sink`, piece by piece.
  virtual Status ApplyDelta(FileSystem& files, const std::string& base_path, const std::string& delta_path,
                            const ByteSink& sink) = 0;
};

struct FetchJob {
  Offer offer;
  std::string folder;     // of the slot
  std::string base_path;  // of the active model; empty if there is none
  std::string base_sha256;
};

struct FetchReport {
  uint64_t downloaded_bytes = 0;
  bool used_delta = false;
};

// Where a slot keeps its files. The model's name holds its hash, so that who remembers a path never opens
// another model under it.
std::string ModelPath(const std::string& slot_folder, const std::string& model_sha256);
std::string ReleasePath(const std::string& slot_folder);
std::string GoldenPath(const std::string& slot_folder);
// A folder in which the engine keeps Plans compiled for this device.
std::string PlanFolder(const std::string& slot_folder);

// kBadFile: the repository's bytes are not those that were signed. kLimitExceeded: more bytes than signed, or
// no room. Other codes: network and disk; another try goes on where this one ended.
Result<FetchReport> FetchRelease(FileSystem& files, TargetSource& source, const FetchJob& job);

// Removes a slot's files, except those that end in `keep` (empty: none is kept).
Status ClearSlot(FileSystem& files, const std::string& slot_folder, const std::string& keep = {});

}  // namespace whet::agent
