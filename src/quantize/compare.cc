#include "quantize/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace whet::quantize {
namespace {

uint64_t BytesOfValue(const Value& value) {
  if (!value.type.IsStatic()) return 0;
  return BytesOf(value.type.dtype, static_cast<uint64_t>(value.type.ToShape().elements()));
}

// Scale and zero point of the last QuantizeLinear before the layer's dequantized output.
std::optional<Parameters> OutputParameters(const Graph& graph, const QuantizedLayer& layer) {
  const Value* value = graph.FindValue(layer.dequantized);
  const Node* dequantize = value != nullptr ? value->producer() : nullptr;
  if (dequantize == nullptr || !dequantize->Is("DequantizeLinear") || dequantize->inputs().size() < 3)
    return std::nullopt;
  const Value* scale = dequantize->input(1);
  const Value* zero = dequantize->input(2);
  if (!scale->IsConstant() || !zero->IsConstant() || scale->constant()->view().elements() != 1)
    return std::nullopt;
  Parameters parameters;
  parameters.dtype = zero->type.dtype;
  parameters.scale = *scale->constant()->view().as<float>();
  const void* data = zero->constant()->view().data;
  switch (parameters.dtype) {
    case DType::kU8: parameters.zero = *static_cast<const uint8_t*>(data); break;
    case DType::kI8: parameters.zero = *static_cast<const int8_t*>(data); break;
    case DType::kI16: parameters.zero = *static_cast<const int16_t*>(data); break;
    default: return std::nullopt;
  }
  return parameters;
}

void DescribeRange(const Observation& seen, const Parameters& parameters, LayerError* error) {
  const Range covers = parameters.Covers();
  const double low = std::max(covers.low, static_cast<double>(seen.low));
  const double high = std::min(covers.high, static_cast<double>(seen.high));
  if (covers.high > covers.low) error->range_used = std::max(0.0, high - low) / (covers.high - covers.low);
  const auto counts = seen.histogram.counts();
  uint64_t outside = 0;
  // Half a step beyond the last value still rounds to it.
  const double slack = static_cast<double>(parameters.scale) / 2;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double center = seen.histogram.Center(i);
    if (center < covers.low - slack || center > covers.high + slack) outside += counts[i];
  }
  if (seen.histogram.total() > 0) {
    error->clipped = static_cast<double>(outside) / static_cast<double>(seen.histogram.total());
  }
}

bool IsComparable(const Value* value) { return value->type.dtype == DType::kF32; }

class Comparer {
 public:
  Comparer(const Graph& prepared, const QuantizedGraph& quantized, ModelRunner& runner, SampleSource& samples,
           const ComparisonOptions& options)
      : prepared_(prepared), quantized_(quantized), runner_(runner), samples_(samples), options_(options) {}

  Result<Comparison> Run(const Calibration* calibration) {
    Comparison comparison;
    comparison.samples = std::min(options_.samples, samples_.size());
    std::vector<std::vector<size_t>> groups(1);
    uint64_t bytes = 0;
    for (size_t i = 0; i < quantized_.layers.size(); ++i) {
      const QuantizedLayer& layer = quantized_.layers[i];
      if (layer.scheme == Scheme::kFloat && !layer.weighted) continue;
      const Value* value = prepared_.FindValue(layer.output);
      if (value == nullptr || !IsComparable(value)) continue;
      const uint64_t size = BytesOfValue(*value) * 3;
      if (!groups.back().empty() && bytes + size > options_.memory_limit) {
        groups.emplace_back();
        bytes = 0;
      }
      bytes += size;
      groups.back().push_back(comparison.layers.size());
      LayerError& error = comparison.layers.emplace_back();
      error.layer = i;
      if (calibration == nullptr) continue;
      const auto seen = calibration->values.find(layer.output);
      const auto parameters = OutputParameters(*quantized_.graph, layer);
      if (seen != calibration->values.end() && parameters) DescribeRange(seen->second, *parameters, &error);
    }
    for (const Value* output : prepared_.outputs()) {
      if (IsComparable(output)) comparison.outputs.push_back({output->name(), {}});
    }
    for (size_t g = 0; g < groups.size(); ++g) {
      WHET_RETURN_IF_ERROR(RunGroup(groups[g], g, groups.size(), &comparison));
    }
    return comparison;
  }

 private:
  Status RunGroup(const std::vector<size_t>& group, size_t index, size_t groups, Comparison* comparison) {
    std::vector<size_t> layers;
    std::vector<std::string> names;
    for (size_t k : group) {
      layers.push_back(comparison->layers[k].layer);
      names.push_back(quantized_.layers[layers.back()].dequantized);
    }
    WHET_ASSIGN_OR_RETURN(std::unique_ptr<Graph> isolated, IsolateLayers(prepared_, quantized_, layers));
    WHET_ASSIGN_OR_RETURN(std::unique_ptr<Graph> whole, WithOutputs(*quantized_.graph, names));
    WHET_ASSIGN_OR_RETURN(const auto float_model, runner_.Prepare(std::move(isolated)));
    WHET_ASSIGN_OR_RETURN(const auto quantized_model, runner_.Prepare(std::move(whole)));
    const size_t own = prepared_.outputs().size();
    for (size_t i = 0; i < comparison->samples; ++i) {
      auto runs = samples_.Load(i);
      if (!runs.ok()) return runs.TakeStatus().At(samples_.NameOf(i));
      float_model->Reset();
      quantized_model->Reset();
      for (const Inputs& inputs : *runs) {
        WHET_RETURN_IF_ERROR(float_model->Run(inputs));
        WHET_RETURN_IF_ERROR(quantized_model->Run(inputs));
        for (size_t k = 0; k < group.size(); ++k) {
          LayerError& error = comparison->layers[group[k]];
          const TensorView& before = float_model->outputs()[own + 2 * k];
          error.isolated.Add(before, float_model->outputs()[own + 2 * k + 1]);
          error.accumulated.Add(before, quantized_model->outputs()[own + k]);
        }
        if (index > 0) continue;
        size_t compared = 0;
        for (size_t k = 0; k < own; ++k) {
          if (!IsComparable(prepared_.outputs()[k])) continue;
          comparison->outputs[compared++].error.Add(float_model->outputs()[k], quantized_model->outputs()[k]);
        }
      }
      if (options_.progress) {
        options_.progress("compare", index * comparison->samples + i + 1, groups * comparison->samples);
      }
    }
    return {};
  }

  const Graph& prepared_;
  const QuantizedGraph& quantized_;
  ModelRunner& runner_;
  SampleSource& samples_;
  const ComparisonOptions& options_;
};

}  // namespace

void ErrorSums::Add(const TensorView& before, const TensorView& after) {
  if (before.shape != after.shape) {
    noise = std::numeric_limits<double>::infinity();  // data decides the shape, and it came out otherwise
    return;
  }
  const auto* f = before.as<float>();
  const auto* q = after.as<float>();
  const int64_t count = before.elements();
  for (int64_t i = 0; i < count; ++i) {
    const auto x = static_cast<double>(f[i]);
    const auto y = static_cast<double>(q[i]);
    if (x == y) {  // infinities that agree, too
      if (std::isfinite(x)) {
        ff += x * x;
        qq += x * x;
        fq += x * x;
      }
      continue;
    }
    ff += x * x;
    qq += y * y;
    fq += x * y;
    noise += (x - y) * (x - y);
  }
}

double ErrorSums::Sqnr() const {
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(ff / noise);
}

double ErrorSums::Cosine() const {
  if (ff == 0 && qq == 0) return 1;
  if (ff == 0 || qq == 0) return 0;
  return fq / std::sqrt(ff * qq);
}

Result<Comparison> Compare(const Graph& prepared, const QuantizedGraph& quantized,
                           const Calibration* calibration, ModelRunner& runner, SampleSource& samples,
                           const ComparisonOptions& options) {
  return Comparer(prepared, quantized, runner, samples, options).Run(calibration);
}

Result<std::vector<OutputError>> CompareOutputs(const Graph& reference, const Graph& other,
                                                ModelRunner& runner, SampleSource& samples, size_t count) {
  std::vector<OutputError> errors;
  WHET_ASSIGN_OR_RETURN(const auto first, runner.Prepare(reference.Clone()));
  WHET_ASSIGN_OR_RETURN(const auto second, runner.Prepare(other.Clone()));
  for (const Value* output : reference.outputs()) errors.push_back({output->name(), {}});
  for (size_t i = 0; i < std::min(count, samples.size()); ++i) {
    auto runs = samples.Load(i);
    if (!runs.ok()) return runs.TakeStatus().At(samples.NameOf(i));
    first->Reset();
    second->Reset();
    for (const Inputs& inputs : *runs) {
      WHET_RETURN_IF_ERROR(first->Run(inputs));
      WHET_RETURN_IF_ERROR(second->Run(inputs));
      for (size_t k = 0; k < errors.size(); ++k) {
        if (IsComparable(reference.outputs()[k]))
          errors[k].error.Add(first->outputs()[k], second->outputs()[k]);
      }
    }
  }
  return errors;
}

}  // namespace whet::quantize
