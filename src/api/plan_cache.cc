#include "api/plan_cache.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

namespace whet {

void TrimPlanCache(const std::string& folder, uint64_t limit) {
  namespace fs = std::filesystem;
  struct Entry {
    fs::file_time_type used;
    uint64_t bytes;
    fs::path path;
  };
  std::vector<Entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".plan") continue;
    std::error_code gone;
    const auto used = it->last_write_time(gone);
    const uint64_t bytes = gone ? 0 : it->file_size(gone);
    if (!gone) entries.push_back({used, bytes, it->path()});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used > b.used; });
  uint64_t kept = 0;
  for (const Entry& entry : entries) {
    kept += entry.bytes;
    if (kept > limit) fs::remove(entry.path, error);
  }
}

void TouchCachedPlan(const std::string& path) {
  std::error_code error;
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now(), error);
}

}  // namespace whet
