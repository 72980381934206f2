#include "quantize/quantizer.h"

#include <algorithm>

#include "quantize/awq.h"
#include "quantize/correct_bias.h"
#include "quantize/equalize.h"
#include "quantize/prepare.h"
#include "quantize/smooth.h"

namespace whet::quantize {
namespace {

constexpr std::string_view kEqualization = "equalization";
constexpr std::string_view kBiasCorrection = "bias_correction";
constexpr std::string_view kSmoothQuant = "smooth_quant";
constexpr std::string_view kAwq = "awq";
constexpr std::string_view kGptq = "gptq";
constexpr std::string_view kLearnedRounding = "learned_rounding";
constexpr RecoveryStep kSteps[] = {
    {kEqualization, "scales the channels of convolutions that follow each other to one range"},
    {kSmoothQuant,
     "int8, dynamic: shares the reach of large channels behind a normalization with the weights"},
    {kAwq, "weight8, weight4: scales up the weights of channels with large activations", false},
    {kGptq,
     "weight8, weight4, and where asked for all integers: lets weights make good for each other's rounding"},
    {kLearnedRounding, "searches for better integers, weight by weight and pair by pair, on samples", false},
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

bool Quantizer::CorrectsBiases() const { return Does(kBiasCorrection) && CanCorrectBiases(*prepared_).ok(); }

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
  if (samples != nullptr) WHET_RETURN_IF_ERROR(quantizer.ScaleChannels());
  return quantizer;
}

Status Quantizer::ScaleChannels() {
  const Scheme scheme = options_.scheme.scheme;
  if ((scheme == Scheme::kInt8 || scheme == Scheme::kDynamic) && Does(kSmoothQuant)) {
    SmoothOptions options;
    options.progress = options_.calibration.progress;
    WHET_ASSIGN_OR_RETURN(const int smoothed, SmoothActivations(*prepared_, *runner_, *samples_, options));
    if (smoothed > 0) notes_.push_back(Format("%d values behind normalizations smoothed", smoothed));
  }
  if ((scheme == Scheme::kWeight8 || scheme == Scheme::kWeight4) && Does(kAwq)) {
    AwqOptions options;
    options.scheme = scheme;
    options.group = options_.scheme.group;
    options.symmetric = options_.scheme.symmetric;
    options.centered = CorrectsBiases();
    options.progress = options_.calibration.progress;
    WHET_ASSIGN_OR_RETURN(const AwqResult result,
                          ScaleByActivations(*prepared_, *runner_, *samples_, options));
    notes_.push_back(
        Format("awq: %d of %d values scaled by their channels' size", result.scaled, result.tried));
  }
  return {};
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
  if (!Does(kGptq) && !Does(kLearnedRounding)) return {};
  if (weight_recovery_ == nullptr) {
    WeightRecoveryOptions options;
    options.gptq = Does(kGptq);
    // What is computed in integers has more noise from its activations, and calibration takes long enough.
    options.weight_only = !options_.with.contains(std::string(kGptq)) && !Does(kLearnedRounding);
    options.learned_rounding = Does(kLearnedRounding);
    options.centered = CorrectsBiases();
    options.progress = options_.calibration.progress;
    weight_recovery_ = std::make_unique<WeightRecovery>(*prepared_, *runner_, *samples_, std::move(options));
  }
  WHET_ASSIGN_OR_RETURN(corrections->weights, weight_recovery_->Run(assignment, scheme, notes));
  std::vector<double> gains;
  for (const auto& [name, recovered] : corrections->weights) gains.push_back(recovered.Gain());
  if (gains.empty()) return {};
  std::ranges::sort(gains);
  std::string steps;
  for (const std::string_view step : {kGptq, kLearnedRounding}) {
    if (Does(step)) steps += (steps.empty() ? "" : ", ") + std::string(step);
  }
  notes->push_back(
      Format("%s: the weights of %zu layers add %.1f dB less noise than rounded to nearest (median; %.1f to "
             "%.1f)",
             steps.c_str(), gains.size(), gains[gains.size() / 2], gains.front(), gains.back()));
  return {};
}

}  // namespace whet::quantize
