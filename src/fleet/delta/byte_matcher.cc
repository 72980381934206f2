#include "fleet/delta/byte_matcher.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace whet::fleet {
namespace {

constexpr uint64_t kSeedBytes = 8;
constexpr int kMaxChain = 48;
constexpr uint64_t kMaxPlaces = uint64_t{1} << 26;
// A match somewhere else must be so many bytes better than going on.
constexpr uint64_t kGain = 8;
// Long enough not to look for a longer one.
constexpr uint64_t kLongEnough = 1024;

uint64_t LoadSeed(const uint8_t* from) {
  uint64_t seed = 0;
  std::memcpy(&seed, from, sizeof(seed));
  return seed;
}

}  // namespace

ByteMatcher::ByteMatcher(std::span<const uint8_t> base, std::span<const ByteRange> ranges) : base_(base) {
  uint64_t total = 0;
  for (const ByteRange& range : ranges) total += range.bytes;
  step_ = total / kMaxPlaces + 1;
  hash_bits_ = std::clamp(static_cast<int>(std::bit_width(total / step_)), 10, 26);
  heads_.assign(size_t{1} << hash_bits_, 0);
  previous_.reserve(total / step_ + 1);
  places_.reserve(total / step_ + 1);
  for (const ByteRange& range : ranges) {
    for (uint64_t at = range.offset; at + kSeedBytes <= range.offset + range.bytes; at += step_) {
      const uint64_t seed = LoadSeed(base_.data() + at);
      // Of a run of one byte its beginning is enough; chains of them would be long and say nothing.
      if (at > range.offset && seed == LoadSeed(base_.data() + at - 1)) continue;
      uint32_t& head = heads_[seed * 0x9e3779b97f4a7c15u >> (64 - hash_bits_)];
      places_.push_back(at);
      previous_.push_back(head);
      head = static_cast<uint32_t>(places_.size());
    }
  }
}

ByteMatcher::Exact ByteMatcher::Longest(std::span<const uint8_t> result, uint64_t at, uint64_t end) const {
  Exact best;
  if (end - at < kSeedBytes) return best;
  const uint64_t seed = LoadSeed(result.data() + at);
  uint32_t place = heads_[seed * 0x9e3779b97f4a7c15u >> (64 - hash_bits_)];
  for (int tried = 0; place != 0 && tried < kMaxChain; ++tried, place = previous_[place - 1]) {
    const uint64_t from = places_[place - 1];
    if (LoadSeed(base_.data() + from) != seed) continue;
    const uint64_t limit = std::min(end - at, base_.size() - from);
    const uint8_t* a = base_.data() + from;
    const uint8_t* b = result.data() + at;
    const auto bytes = static_cast<uint64_t>(std::mismatch(a, a + limit, b).first - a);
    if (bytes > best.bytes) best = {from, bytes};
    if (bytes >= kLongEnough) break;
  }
  return best;
}

std::vector<ByteMatch> ByteMatcher::Find(std::span<const uint8_t> result, ByteRange range) const {
  std::vector<ByteMatch> matches;
  const uint64_t end = range.offset + range.bytes;
  // The alignment that is being followed: base offset = result offset + shift; from where it was found on.
  bool following = false;
  uint64_t begin = range.offset;  // of what is not yet told
  uint64_t from = 0;              // in the base, of `begin`

  // How far from `begin` on, and not beyond `to`, it is worth following: where matches outweigh the rest.
  const auto forward = [&](uint64_t to) -> uint64_t {
    if (!following) return 0;
    int64_t score = 0, best = 0;
    uint64_t length = 0;
    for (uint64_t i = 0; begin + i < to && from + i < base_.size();) {
      score += result[begin + i] == base_[from + i] ? 1 : -1;
      ++i;
      if (score > best) {
        best = score;
        length = i;
      }
    }
    return length;
  };
  const auto finish = [&](uint64_t length) {
    if (length > 0) matches.push_back({begin, from, length});
  };

  for (uint64_t at = range.offset; at < end;) {
    const Exact exact = Longest(result, at, end);
    uint64_t equal = 0;  // bytes that going on as before gets right
    if (following) {
      for (uint64_t i = 0; i < exact.bytes && from + (at - begin) + i < base_.size(); ++i) {
        if (result[at + i] == base_[from + (at - begin) + i]) ++equal;
      }
    }
    if (exact.bytes == 0 || exact.bytes <= equal + kGain) {
      at += equal > 0 && equal == exact.bytes ? exact.bytes : 1;
      continue;
    }
    // Another alignment: the old one goes forward as far as it is good, the new one backward.
    uint64_t ahead = forward(at);
    uint64_t back = 0;
    int64_t score = 0, best = 0;
    for (uint64_t i = 1; at - i >= begin && i <= at - range.offset && i <= exact.base_offset; ++i) {
      score += result[at - i] == base_[exact.base_offset - i] ? 1 : -1;
      if (score > best) {
        best = score;
        back = i;
      }
      if (at - i == 0) break;
    }
    if (begin + ahead > at - back) {
      // Both claim the bytes between: divide where most are right.
      const uint64_t overlap = begin + ahead - (at - back);
      int64_t gain = 0, most = 0;
      uint64_t keep = 0;
      for (uint64_t i = 0; i < overlap; ++i) {
        const uint64_t place = at - back + i;
        gain += result[place] == base_[from + (place - begin)] ? 1 : 0;
        gain -= result[place] == base_[exact.base_offset - back + i] ? 1 : 0;
        if (gain > most) {
          most = gain;
          keep = i + 1;
        }
      }
      ahead -= overlap - keep;
      back -= keep;
    }
    finish(ahead);
    following = true;
    begin = at - back;
    from = exact.base_offset - back;
    at += exact.bytes;
  }
  finish(forward(end));
  return matches;
}

}  // namespace whet::fleet
