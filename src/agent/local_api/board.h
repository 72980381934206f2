// What the agent tells applications: which model of each family is theirs to use, now and as soon as it
// changes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/update/updater.h"

namespace whet::agent {

struct Notice {
  std::string family;
  CurrentModel current;
  std::optional<CurrentModel> shadow;
  std::string stage;        // "steady", "shadow", "trial"
  std::string waiting;      // why an update that is offered is not being installed; empty if there is none
  uint64_t generation = 0;  // grows whenever `current` or `shadow` changes

  bool SameModels(const Notice& other) const { return current == other.current && shadow == other.shadow; }
};

// Any thread.
class Board {
 public:
  using Answer = std::function<void(const Notice& notice)>;

  // Counts the generation, and answers those who waited for it.
  void Publish(Notice notice);
  std::vector<Notice> All() const;

  // Calls `answer` as soon as the family's generation is another than `generation`, or when the time is over;
  // at once if too many wait. kNotFound if there is no such family.
  Status Wait(const std::string& family, uint64_t generation, double seconds, Answer answer);
  // Answers those whose time is over; to be called now and then.
  void AnswerLate();

 private:
  struct Waiter {
    std::string family;
    uint64_t generation;
    std::chrono::steady_clock::time_point until;
    Answer answer;
  };
  static constexpr size_t kMostWaiters = 64;

  mutable std::mutex mutex_;
  std::map<std::string, Notice> notices_;
  std::vector<Waiter> waiters_;
};

}  // namespace whet::agent
