#include "fleet/server/sums.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <numeric>

namespace whet::fleet {
namespace {

// Numbers of 8 bytes in the machine's order: the server's machines are all little-endian.
class Writer {
 public:
  template <typename T>
  void Put(T value) {
    static_assert(sizeof(T) == 8);
    char bytes[8];
    std::memcpy(bytes, &value, 8);
    text_.append(bytes, 8);
  }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  template <typename T>
  void Get(T& value) {
    static_assert(sizeof(T) == 8);
    if (text_.size() < 8) {
      ok_ = false;
      return;
    }
    std::memcpy(&value, text_.data(), 8);
    text_.remove_prefix(8);
  }
  bool AtEnd() const { return ok_ && text_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view text_;
  bool ok_ = true;
};

void PutHistogram(Writer& writer, const Histogram& histogram) {
  const Histogram::Parts parts = histogram.ToParts();
  writer.Put(int64_t{parts.scale});
  writer.Put(parts.zero_count);
  writer.Put(int64_t{parts.offset});
  writer.Put(parts.count);
  writer.Put(parts.sum);
  writer.Put(parts.min);
  writer.Put(parts.max);
  writer.Put(uint64_t{parts.buckets.size()});
  for (const uint64_t bucket : parts.buckets) writer.Put(bucket);
}

Result<Histogram> GetHistogram(Reader& reader) {
  Histogram::Parts parts;
  int64_t scale = 0;
  int64_t offset = 0;
  uint64_t buckets = 0;
  reader.Get(scale);
  reader.Get(parts.zero_count);
  reader.Get(offset);
  reader.Get(parts.count);
  reader.Get(parts.sum);
  reader.Get(parts.min);
  reader.Get(parts.max);
  reader.Get(buckets);
  if (!reader.ok() || buckets > 1024) return Error(Code::kBadFile, "a histogram in the database is damaged");
  parts.scale = static_cast<int>(scale);
  parts.offset = static_cast<int32_t>(offset);
  parts.buckets.resize(buckets);
  for (uint64_t& bucket : parts.buckets) reader.Get(bucket);
  return Histogram::FromParts(parts);
}

// Every number of a tally, in the order of its bytes.
template <typename Tally, typename Function>
void ForEach(Tally& t, const Function& f) {
  f(t.reports), f(t.crash_reports), f(t.crashes), f(t.inferences), f(t.errors);
  f(t.timed), f(t.slow), f(t.labelled_total), f(t.labelled_correct);
  f(t.confidences), f(t.confidence_sum), f(t.energy_mj), f(t.energy_inferences);
}

template <typename Sums, typename Function>
void ForEachOfMinute(Sums& s, const Function& f) {
  f(s.reports), f(s.inferences), f(s.errors), f(s.crashes), f(s.installs), f(s.install_failures);
  f(s.labelled_total), f(s.labelled_correct), f(s.energy_mj), f(s.energy_inferences);
}

}  // namespace

void MinuteSums::Add(const ModelReport& model) {
  reports += 1;
  inferences += static_cast<double>(model.inferences());
  errors += static_cast<double>(model.errors);
  crashes += static_cast<double>(model.crashes);
  installs += static_cast<double>(std::accumulate(model.installs.begin(), model.installs.end(), uint64_t{0}));
  install_failures += static_cast<double>(model.InstallFailures());
  labelled_total += static_cast<double>(model.labelled_total);
  labelled_correct += static_cast<double>(model.labelled_correct);
  if (model.has_energy) {
    energy_mj += model.energy_mj;
    energy_inferences += static_cast<double>(model.latency_ms.count());
  }
  // Too many to count (2^62) is no news for a histogram of a minute.
  if (!latency_ms.Merge(model.latency_ms).ok()) return;
}

void MinuteSums::Add(const MinuteSums& other) {
  std::array<double, 10> values{};
  size_t i = 0;
  ForEachOfMinute(other, [&](double value) { values[i++] = value; });
  i = 0;
  ForEachOfMinute(*this, [&](double& value) { value += values[i++]; });
  if (!latency_ms.Merge(other.latency_ms).ok()) return;
}

std::string PackMinute(const MinuteSums& sums) {
  Writer writer;
  ForEachOfMinute(sums, [&](double value) { writer.Put(value); });
  PutHistogram(writer, sums.latency_ms);
  return writer.Take();
}

Result<MinuteSums> UnpackMinute(std::string_view bytes) {
  Reader reader(bytes);
  MinuteSums sums;
  ForEachOfMinute(sums, [&](double& value) { reader.Get(value); });
  WHET_ASSIGN_OR_RETURN(sums.latency_ms, GetHistogram(reader));
  if (!reader.AtEnd()) return Error(Code::kBadFile, "a minute in the database is damaged");
  return sums;
}

std::string PackTally(const DeviceTally& tally) {
  Writer writer;
  writer.Put(uint64_t{(tally.tried_install ? 1U : 0U) | (tally.install_failed ? 2U : 0U)});
  ForEach(tally, [&](auto value) { writer.Put(value); });
  return writer.Take();
}

Result<DeviceTally> UnpackTally(std::string_view bytes) {
  Reader reader(bytes);
  DeviceTally tally;
  uint64_t flags = 0;
  reader.Get(flags);
  tally.tried_install = (flags & 1) != 0;
  tally.install_failed = (flags & 2) != 0;
  ForEach(tally, [&](auto& value) { reader.Get(value); });
  if (!reader.AtEnd()) return Error(Code::kBadFile, "a tally in the database is damaged");
  return tally;
}

SequenceSet SequenceSet::Parse(std::string_view text) {
  SequenceSet set;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (at < end) {
    Range range{0, 0};
    auto result = std::from_chars(at, end, range.first);
    if (result.ec != std::errc()) break;
    range.last = range.first;
    if (result.ptr < end && *result.ptr == '-') result = std::from_chars(result.ptr + 1, end, range.last);
    if (result.ec != std::errc() || range.last < range.first ||
        (!set.ranges_.empty() && range.first <= set.ranges_.back().last)) {
      break;
    }
    set.ranges_.push_back(range);
    at = result.ptr + 1;
  }
  return set;
}

std::string SequenceSet::Print() const {
  std::string text;
  for (const Range& range : ranges_) {
    if (!text.empty()) text += ',';
    text += std::to_string(range.first);
    if (range.last > range.first) text += '-' + std::to_string(range.last);
  }
  return text;
}

bool SequenceSet::Insert(uint64_t sequence) {
  // The first range that does not end before `sequence`; mostly there is none, as they come in order.
  auto at = std::ranges::lower_bound(ranges_, sequence, {}, &Range::last);
  if (at != ranges_.end() && at->first <= sequence) return false;
  const bool joins_next = at != ranges_.end() && at->first == sequence + 1;
  const bool joins_previous = at != ranges_.begin() && std::prev(at)->last + 1 == sequence;
  if (joins_previous && joins_next) {
    std::prev(at)->last = at->last;
    ranges_.erase(at);
  } else if (joins_previous) {
    std::prev(at)->last = sequence;
  } else if (joins_next) {
    at->first = sequence;
  } else {
    ranges_.insert(at, {sequence, sequence});
    if (ranges_.size() > kMaxRanges) {
      ranges_[1].first = ranges_[0].first;
      ranges_.erase(ranges_.begin());
    }
  }
  return true;
}

}  // namespace whet::fleet
