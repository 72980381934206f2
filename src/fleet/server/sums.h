// What the server adds up, as bytes in the database: a device's tally in a stage of a rollout, and one minute
// of one version.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "fleet/rollout/arm.h"
#include "fleet/telemetry/histogram.h"
#include "fleet/telemetry/report.h"

namespace whet::fleet {

struct MinuteSums {
  double reports = 0;
  double inferences = 0;
  double errors = 0;
  double crashes = 0;
  double installs = 0;  // tried
  double install_failures = 0;
  double labelled_total = 0;
  double labelled_correct = 0;
  double energy_mj = 0;
  double energy_inferences = 0;
  Histogram latency_ms;

  void Add(const ModelReport& model);
  void Add(const MinuteSums& other);
};

std::string PackMinute(const MinuteSums& sums);
Result<MinuteSums> UnpackMinute(std::string_view bytes);

// Without `watched` and `dark`, which depend on the time of asking.
std::string PackTally(const DeviceTally& tally);
Result<DeviceTally> UnpackTally(std::string_view bytes);

// The sequence numbers taken of one boot of one device: "1-120,122". At most kMaxRanges ranges are kept; with
// more, the oldest gap counts as taken, so what a device can make the server store is bounded.
class SequenceSet {
 public:
  static constexpr size_t kMaxRanges = 256;
  // Text from the database; what is damaged is dropped.
  static SequenceSet Parse(std::string_view text);
  std::string Print() const;
  // False if it was there.
  bool Insert(uint64_t sequence);

 private:
  struct Range {
    uint64_t first;
    uint64_t last;
  };
  std::vector<Range> ranges_;  // rising, with gaps between
};

}  // namespace whet::fleet
