// Token buckets by key (an address, a token), in bounded memory.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace whet::fleet {

// Thread-safe. A key that has been quiet long enough to be full again is forgotten.
class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kMaxKeys = 100000;

  // `per_second` events on average, `burst` at once.
  RateLimiter(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  // False if `key` has used up what it may; takes `cost` otherwise.
  bool Allow(std::string_view key, double cost = 1, Clock::time_point now = Clock::now()) {
    const std::lock_guard lock(mutex_);
    auto found = buckets_.find(key);
    if (found == buckets_.end()) {
      if (buckets_.size() >= kMaxKeys) Forget(now);
      found = buckets_.emplace(std::string(key), Bucket{burst_, now}).first;
    }
    Bucket& bucket = found->second;
    bucket.level = Level(bucket, now);
    bucket.at = now;
    if (bucket.level < cost) return false;
    bucket.level -= cost;
    return true;
  }

  size_t keys() const {
    const std::lock_guard lock(mutex_);
    return buckets_.size();
  }

 private:
  struct Bucket {
    double level;
    Clock::time_point at;
  };
  double Level(const Bucket& bucket, Clock::time_point now) const {
    const double level = bucket.level + per_second_ * std::chrono::duration<double>(now - bucket.at).count();
    return level < burst_ ? level : burst_;
  }
  void Forget(Clock::time_point now) {
    std::erase_if(buckets_, [&](const auto& entry) { return Level(entry.second, now) >= burst_; });
    // An attack with very many addresses: all begin anew.
    if (buckets_.size() >= kMaxKeys) buckets_.clear();
  }

  const double per_second_;
  const double burst_;
  mutable std::mutex mutex_;
  std::map<std::string, Bucket, std::less<>> buckets_;
};

}  // namespace whet::fleet
