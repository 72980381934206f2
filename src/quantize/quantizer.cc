#include "quantize/quantizer.h"

#include <algorithm>

#include "quantize/correct_bias.h"
#include "quantize/equalize.h"
#include "quantize/prepare.h"

namespace whet::quantize {
namespace {

constexpr std::string_view kEqualization = "equalization";
constexpr std::string_view kBiasCorrection = "bias_correction";
constexpr std::string_view kGptq = "gptq";
constexpr RecoveryStep kSteps[] = {
    {kEqualization, "scales the channels of convolutions that follow each other to one range"},
    {kGptq, "weight8, weight4: rounds weights so that they make good for each other's errors, on samples"},
    {kBiasCorrection, "takes the mean error of each channel, on samples, off the bias"}};

Status CheckSteps(const std::set<std::string>& names) {
  for (const std::string& name : names) {
    const auto is = [&](const RecoveryStep& step) { return step.name == name; };
    if (std::ranges::any_of(kSteps, is)) continue;
    return Error(Code::kNotFound, "there is no step '%s' of accuracy recovery", name.c_str());
  }
  return {};
}

}  // namespace

std::span<const RecoveryStep> RecoverySteps() { return kSteps; }

bool Quantizer::Does(std::string_view step) const {
  const std::string name(step);
  if (options_.without.contains(name)) return false;
  return options_.with.contains(name) || std::ranges::find(kSteps, step, &RecoveryStep::name)->by_default;
}

bool Quantizer::NeedsCalibration() const {
  return IsStatic(options_.scheme.scheme) ||
         std::ranges::any_of(options_.scheme.layers,
                             [](const LayerScheme& layer) { return IsStatic(layer.scheme); });
}

Result<Quantizer> Quantizer::Create(const Graph& graph, QuantizerOptions options, ModelRunner& runner,
                                    SampleSource* samples) {
  WHET_RETURN_IF_ERROR(CheckSteps(options.with));
  WHET_RETURN_IF_ERROR(CheckSteps(options.without));
  Quantizer quantizer(std::move(options), runner, samples);
  WHET_ASSIGN_OR_RETURN(quantizer.prepared_,
                        Prepare(graph, quantizer.options_.shapes, quantizer.options_.disabled_passes));
  if (quantizer.NeedsCalibration() && quantizer.Does(kEqualization)) {
    WHET_ASSIGN_OR_RETURN(const int pairs, EqualizeLayers(*quantizer.prepared_));
    if (pairs > 0) quantizer.notes_.push_back(Format("%d pairs of layers equalized", pairs));
  }
  return quantizer;
}

Status Quantizer::Calibrate() {
  if (samples_ == nullptr) {
    return Error(Code::kInvalidArgument, "the scheme %s needs samples to calibrate on",
                 std::string(NameOf(options_.scheme.scheme)).c_str());
  }
  const std::vector<std::string> values = WatchedValues(*prepared_);
  WHET_ASSIGN_OR_RETURN(calibration_,
                        quantize::Calibrate(*prepared_, values, *runner_, *samples_, options_.calibration));
  return {};
}

Status Quantizer::UseCalibration(Calibration calibration) {
  if (calibration.fingerprint != FingerprintOf(*prepared_)) {
    return Error(
        Code::kInvalidArgument,
        "the calibration is of another model, of other input shapes, or was made with other steps left out; "
        "calibrate again");
  }
  calibration_ = std::move(calibration);
  return {};
}

Result<QuantizedGraph> Quantizer::Build(const SchemeOptions& scheme, bool recover) {
  if (NeedsCalibration() && !calibration_) WHET_RETURN_IF_ERROR(Calibrate());
  const Calibration* calibration = calibration_ ? &*calibration_ : nullptr;
  WHET_ASSIGN_OR_RETURN(const Assignment assignment, Assign(*prepared_, scheme, calibration));
  LayerCorrections corrections;
  std::vector<std::string> notes;
  if (samples_ != nullptr && recover) {
    WHET_RETURN_IF_ERROR(RecoverWeights(assignment, scheme, &corrections, &notes));
  }
  WHET_ASSIGN_OR_RETURN(QuantizedGraph quantized, Rewrite(*prepared_, assignment, scheme, corrections));
  quantized.notes = notes;
  if (samples_ == nullptr || !recover || !Does(kBiasCorrection)) return quantized;
  const BiasCorrectionOptions options{options_.bias_samples, options_.calibration.progress};
  auto biases = CorrectBiases(*prepared_, quantized, *runner_, *samples_, options);
  if (!biases.ok() && biases.status().code() == Code::kUnsupported) {
    quantized.warnings.push_back("biases are not corrected: " + std::string(biases.status().what()));
    return quantized;
  }
  WHET_ASSIGN_OR_RETURN(corrections.bias, std::move(biases));
  WHET_ASSIGN_OR_RETURN(quantized, Rewrite(*prepared_, assignment, scheme, corrections));
  quantized.notes = std::move(notes);
  return quantized;
}

Status Quantizer::RecoverWeights(const Assignment& assignment, const SchemeOptions& scheme,
                                 LayerCorrections* corrections, std::vector<std::string>* notes) {
  if (!Does(kGptq)) return {};
  if (weight_recovery_ == nullptr) {
    WeightRecoveryOptions options;
    options.progress = options_.calibration.progress;
    weight_recovery_ = std::make_unique<WeightRecovery>(*prepared_, *runner_, *samples_, std::move(options));
  }
  WHET_ASSIGN_OR_RETURN(corrections->weights, weight_recovery_->Run(assignment, scheme, notes));
  std::vector<double> gains;
  for (const auto& [name, recovered] : corrections->weights) gains.push_back(recovered.Gain());
  if (gains.empty()) return {};
  std::ranges::sort(gains);
  notes->push_back(
      Format("%s: %zu layers, whose weights add %.1f dB less noise than rounded to nearest "
             "(median; %.1f to %.1f)",
             std::string(kGptq).c_str(), gains.size(), gains[gains.size() / 2], gains.front(), gains.back()));
  return {};
}

}  // namespace whet::quantize
