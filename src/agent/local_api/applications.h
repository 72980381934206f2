// Which processes run a model, so that one that ends without saying so counts as a crash.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"

namespace whet::agent {

// Any thread.
class Applications {
 public:
  struct Running {
    int64_t pid = 0;
    std::string family;
    std::string version;
    uint64_t born = 0;  // of the process, in clock ticks since boot: pids are used again
  };

  explicit Applications(std::string proc = "/proc") : proc_(std::move(proc)) {}

  // A process begins to use a model, instead of the one of that family that it used before.
  Status Started(int64_t pid, const std::string& family, const std::string& version);
  void Stopped(int64_t pid, const std::string& family);
  // Those that are gone without a word, each once.
  std::vector<Running> TakeCrashed();

 private:
  static constexpr size_t kMost = 256;
  // 0 if there is no such process, or if it has ended and nobody has waited for it.
  uint64_t BirthOf(int64_t pid) const;

  std::string proc_;
  std::mutex mutex_;
  std::vector<Running> running_;
};

}  // namespace whet::agent
