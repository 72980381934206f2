#include "agent/local_api/board.h"

#include <utility>

namespace whet::agent {

void Board::Publish(Notice notice) {
  std::vector<Waiter> ready;
  {
    const std::lock_guard lock(mutex_);
    Notice& old = notices_[notice.family];
    notice.generation = old.generation + (old.generation > 0 && old.SameModels(notice) ? 0 : 1);
    old = notice;
    std::erase_if(waiters_, [&](Waiter& waiter) {
      if (waiter.family != notice.family || waiter.generation == notice.generation) return false;
      ready.push_back(std::move(waiter));
      return true;
    });
  }
  for (const Waiter& waiter : ready) waiter.answer(notice);
}

std::vector<Notice> Board::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<Notice> all;
  for (const auto& [family, notice] : notices_) all.push_back(notice);
  return all;
}

Status Board::Wait(const std::string& family, uint64_t generation, double seconds, Answer answer) {
  Notice now;
  {
    const std::lock_guard lock(mutex_);
    const auto found = notices_.find(family);
    if (found == notices_.end()) {
      return Error(Code::kNotFound, "this device has no model family '%s'", family.c_str());
    }
    if (found->second.generation == generation && seconds > 0 && waiters_.size() < kMostWaiters) {
      const auto until =
          std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                                                 std::chrono::duration<double>(seconds));
      waiters_.push_back({family, generation, until, std::move(answer)});
      return {};
    }
    now = found->second;
  }
  answer(now);
  return {};
}

void Board::AnswerLate() {
  std::vector<std::pair<Waiter, Notice>> late;
  {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    std::erase_if(waiters_, [&](Waiter& waiter) {
      if (waiter.until > now) return false;
      const Notice& notice = notices_[waiter.family];
      late.emplace_back(std::move(waiter), notice);
      return true;
    });
  }
  for (const auto& [waiter, notice] : late) waiter.answer(notice);
}

}  // namespace whet::agent
