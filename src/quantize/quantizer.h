// Post-training quantization of a Graph, from the float model to explicit QuantizeLinear and
// DequantizeLinear.
//
// Quantizer prepares the model, calibrates it, and builds the quantized Graph. One thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"
#include "quantize/assignment.h"
#include "quantize/calibration.h"
#include "quantize/recover_weights.h"
#include "quantize/rewrite.h"
#include "quantize/runner.h"

namespace whet::quantize {

// The steps of accuracy recovery, by the names under which they are left out or asked for.
struct RecoveryStep {
  std::string_view name;
  std::string_view summary;
  bool by_default = true;
};
std::span<const RecoveryStep> RecoverySteps();

struct QuantizerOptions {
  std::map<std::string, Shape> shapes;  // of inputs, where the model leaves them open
  std::vector<std::string> disabled_passes;
  SchemeOptions scheme;
  CalibrationOptions calibration;
  // Names of RecoverySteps: to do although they are not done by default, and to leave out.
  std::set<std::string> with;
  std::set<std::string> without;
  // Samples that bias correction runs.
  size_t bias_samples = 32;
};

class Quantizer {
 public:
  // Prepares the Graph. `runner` and `samples` must outlive the Quantizer; samples may be null where no
  // scheme is static, which leaves out what needs them.
  static Result<Quantizer> Create(const Graph& graph, QuantizerOptions options, ModelRunner& runner,
                                  SampleSource* samples);

  // The float model whose layers are quantized.
  const Graph& prepared() const { return *prepared_; }
  // What has been done to it beside the passes, for people to read.
  const std::vector<std::string>& notes() const { return notes_; }
  bool NeedsCalibration() const;

  // Runs the samples. Build does it when it is needed and has not been done.
  Status Calibrate();
  // Takes what was kept of an earlier run of the same model; an error if it is of another one.
  Status UseCalibration(Calibration calibration);
  const std::optional<Calibration>& calibration() const { return calibration_; }

  Result<QuantizedGraph> Build() { return Build(options_.scheme, true); }
  // The same with other choices for layers. Without `recover` the steps that need to run the result are left
  // out: for when it is only to be measured.
  Result<QuantizedGraph> Build(const SchemeOptions& scheme, bool recover);
  const SchemeOptions& scheme() const { return options_.scheme; }

 private:
  Quantizer(QuantizerOptions options, ModelRunner& runner, SampleSource* samples)
      : options_(std::move(options)), runner_(&runner), samples_(samples) {}
  bool Does(std::string_view step) const;
  bool CorrectsBiases() const;
  // Of the prepared Graph, by the steps that do that.
  Status ScaleChannels();
  // Weights rounded by the steps that do that.
  Status RecoverWeights(const Assignment& assignment, const SchemeOptions& scheme,
                        LayerCorrections* corrections, std::vector<std::string>* notes);

  QuantizerOptions options_;
  ModelRunner* runner_;
  SampleSource* samples_;
  std::unique_ptr<Graph> prepared_;
  std::vector<std::string> notes_;
  std::optional<Calibration> calibration_;
  std::unique_ptr<WeightRecovery> weight_recovery_;
};

}  // namespace whet::quantize
