// Watching a model's intermediate values on samples, and the file that keeps what was seen.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/parameters.h"
#include "quantize/runner.h"

namespace whet::quantize {

// By the value's name.
using Observations = std::map<std::string, Observation, std::less<>>;

// Of any length that `done` of `total` samples have gone through `what`; may be empty.
using ProgressFn = std::function<void(std::string_view what, size_t done, size_t total)>;

struct Calibration {
  Observations values;
  uint64_t samples = 0;
  // Of the Graph whose values they are; see FingerprintOf.
  uint64_t fingerprint = 0;
};

struct CalibrationOptions {
  // Only the first so many samples; 0: all.
  size_t samples = 0;
  // Weight of the past in the moving averages.
  double momentum = 0.9;
  // Values whose sizes add up to more are watched in several passes over the samples.
  uint64_t memory_limit = uint64_t{384} << 20;
  ProgressFn progress;
};

// Of the nodes, values and constants, 64 bits: to notice that a calibration file is of another model.
uint64_t FingerprintOf(const Graph& graph);

// Watches the f32 values that are named. Errors: no samples; a NaN, with the value's name and the sample; a
// sample that cannot be loaded or run. Infinities are counted only, as in attention masks they mean
// something.
Result<Calibration> Calibrate(const Graph& graph, std::span<const std::string> values, ModelRunner& runner,
                              SampleSource& samples, const CalibrationOptions& options);

// Adds one tensor to what has been seen.
void Observe(const TensorView& view, double momentum, Observation* observation);

// A .npz file: for each value its histogram and statistics (docs/quantization.md has the names).
Status SaveCalibration(const Calibration& calibration, const std::string& path);
Result<Calibration> LoadCalibration(const std::string& path);

// A copy of the graph that also gives out the values that are named, after its own outputs. Fails for names
// that do not exist.
Result<std::unique_ptr<Graph>> WithOutputs(const Graph& graph, std::span<const std::string> values);

}  // namespace whet::quantize
