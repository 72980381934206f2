#include "quantize/calibration.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "ir/text.h"

namespace whet::quantize {
namespace {

// FNV-1a over 64-bit words.
class Hash {
 public:
  void Add(const void* data, size_t size) {
    const auto* bytes = static_cast<const unsigned char*>(data);
    while (size > 0) {
      uint64_t word = 0;
      const size_t take = std::min(size, sizeof(word));
      std::memcpy(&word, bytes, take);
      value_ = (value_ ^ word) * 0x100000001b3u;
      value_ ^= value_ >> 29;
      bytes += take;
      size -= take;
    }
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325u;
};

uint64_t BytesOfType(const Type& type) {
  if (!type.ranked) return 0;
  int64_t elements = 1;
  for (const Dim& dim : type.dims) elements = SaturatingMul(elements, std::max<int64_t>(dim.lo, 1));
  return BytesOf(type.dtype, static_cast<uint64_t>(elements));
}

struct Scan {
  float low = std::numeric_limits<float>::infinity();
  float high = -std::numeric_limits<float>::infinity();
  uint64_t nans = 0;
  uint64_t infinities = 0;
};

Scan ScanValues(std::span<const float> values) {
  Scan scan;
  // Infinities and NaNs have all exponent bits set; looked for first, since hardly any tensor has one.
  uint32_t bad = 0;
  for (float value : values) bad |= (std::bit_cast<uint32_t>(value) & 0x7f800000u) == 0x7f800000u ? 1u : 0u;
  for (float value : values) {
    if (bad != 0 && !std::isfinite(value)) {
      ++(std::isnan(value) ? scan.nans : scan.infinities);
      continue;
    }
    scan.low = value < scan.low ? value : scan.low;
    scan.high = value > scan.high ? value : scan.high;
  }
  return scan;
}

// The values in groups that are watched together.
std::vector<std::vector<std::string>> Groups(const Graph& graph, std::span<const std::string> values,
                                             uint64_t limit) {
  std::vector<std::vector<std::string>> groups(1);
  uint64_t bytes = 0;
  for (const std::string& name : values) {
    const Value* value = graph.FindValue(name);
    const uint64_t size = value != nullptr ? BytesOfType(value->type) : 0;
    if (!groups.back().empty() && bytes + size > limit) {
      groups.emplace_back();
      bytes = 0;
    }
    groups.back().push_back(name);
    bytes += size;
  }
  return groups;
}

}  // namespace

uint64_t FingerprintOf(const Graph& graph) {
  Hash hash;
  const std::string text = ToText(graph, TextOptions{.elide_above = 0});
  hash.Add(text.data(), text.size());
  for (const Value* value : graph.values()) {
    if (!value->IsConstant()) continue;
    const TensorView& view = value->constant()->view();
    hash.Add(view.data, static_cast<size_t>(view.bytes()));
  }
  return hash.value();
}

Result<std::unique_ptr<Graph>> WithOutputs(const Graph& graph, std::span<const std::string> values) {
  std::unique_ptr<Graph> copy = graph.Clone();
  for (const std::string& name : values) {
    Value* value = copy->FindValue(name);
    if (value == nullptr) return Error(Code::kNotFound, "the model has no value '%s'", name.c_str());
    copy->AddOutput(value);
  }
  return copy;
}

void Observe(const TensorView& view, double momentum, Observation* observation) {
  const std::span<const float> values(view.as<float>(), static_cast<size_t>(view.elements()));
  if (values.empty()) return;
  const Scan scan = ScanValues(values);
  observation->nans += scan.nans;
  observation->infinities += scan.infinities;
  const uint64_t finite = values.size() - scan.nans - scan.infinities;
  if (finite == 0) return;
  const bool first = observation->values == 0;
  observation->low = first ? scan.low : std::min(observation->low, scan.low);
  observation->high = first ? scan.high : std::max(observation->high, scan.high);
  const double keep = first ? 0 : momentum;
  observation->average_low = observation->average_low * keep + static_cast<double>(scan.low) * (1 - keep);
  observation->average_high = observation->average_high * keep + static_cast<double>(scan.high) * (1 - keep);
  observation->values += finite;
  if (finite == values.size()) {
    observation->histogram.Add(values, scan.low, scan.high);
  } else {
    std::vector<float> kept;
    std::copy_if(values.begin(), values.end(), std::back_inserter(kept),
                 [](float v) { return std::isfinite(v); });
    observation->histogram.Add(kept, scan.low, scan.high);
  }
}

Result<Calibration> Calibrate(const Graph& graph, std::span<const std::string> values, ModelRunner& runner,
                              SampleSource& samples, const CalibrationOptions& options) {
  const size_t count = options.samples > 0 ? std::min(options.samples, samples.size()) : samples.size();
  if (count == 0) {
    return Error(
        Code::kInvalidArgument,
        "there are no samples to calibrate on; a hundred that are typical of what the model will see do");
  }
  Calibration calibration;
  calibration.samples = count;
  calibration.fingerprint = FingerprintOf(graph);
  const auto groups = Groups(graph, values, options.memory_limit);
  size_t done = 0;
  for (const std::vector<std::string>& group : groups) {
    WHET_ASSIGN_OR_RETURN(std::unique_ptr<Graph> widened, WithOutputs(graph, group));
    WHET_ASSIGN_OR_RETURN(const std::unique_ptr<RunnableModel> model, runner.Prepare(std::move(widened)));
    const size_t own = graph.outputs().size();
    for (size_t i = 0; i < count; ++i) {
      const std::string sample_name = samples.NameOf(i);
      auto runs = samples.Load(i);
      if (!runs.ok()) return runs.TakeStatus().At(sample_name);
      model->Reset();
      for (const Inputs& inputs : *runs) {
        Status status = model->Run(inputs);
        if (!status.ok()) return std::move(status).At(sample_name);
        for (size_t k = 0; k < group.size(); ++k) {
          const TensorView& view = model->outputs()[own + k];
          Observation& observation = calibration.values[group[k]];
          Observe(view, options.momentum, &observation);
          if (observation.nans + observation.infinities > 0 && observation.bad_sample.empty()) {
            observation.bad_sample = sample_name;
          }
        }
      }
      if (options.progress) options.progress("calibrate", ++done, count * groups.size());
    }
  }
  for (const std::string& name : values) {
    const Observation& observation = calibration.values[name];
    if (observation.nans == 0) continue;
    return Error(
        Code::kInvalidArgument,
        "value '%s' is not a number (NaN) in %llu places, first on sample %s; a range cannot be found. "
        "Is the sample, or its preprocessing, what the model expects?",
        name.c_str(), static_cast<unsigned long long>(observation.nans), observation.bad_sample.c_str());
  }
  return calibration;
}

}  // namespace whet::quantize
