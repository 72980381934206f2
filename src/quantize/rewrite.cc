#include "quantize/rewrite.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "ir/builder.h"
#include "ir/verify.h"
#include "ops/onnx_dtype_common.h"
#include "ops/quantize_common.h"
#include "passes/match.h"

namespace whet::quantize {
namespace {

bool IsActivation(const NodeAssignment& node, size_t input) {
  return input < 32 && (node.activations >> input & 1u) != 0;
}

std::shared_ptr<const Constant> IntegerScalar(DType dtype, int64_t value) {
  const auto byte = static_cast<uint8_t>(value);
  const auto word = static_cast<uint16_t>(value);
  return BitsOf(dtype) == 8 ? Constant::Copy(dtype, Shape{}, &byte) : Constant::Copy(dtype, Shape{}, &word);
}

uint64_t BytesOfTensor(const QuantizedTensor& tensor) {
  return tensor.values->bytes() + tensor.scale->bytes() + (tensor.zero != nullptr ? tensor.zero->bytes() : 0);
}

bool SameScales(const std::shared_ptr<const Constant>& a, const std::shared_ptr<const Constant>& b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->shape() == b->shape() && std::memcmp(a->view().data, b->view().data, a->bytes()) == 0;
}
// A corrected bias may have asked for wider steps than those that the weights were recovered with.
bool SameSteps(const QuantizedTensor& a, const QuantizedTensor& b) {
  return a.values->dtype() == b.values->dtype() && SameScales(a.scale, b.scale) && SameScales(a.zero, b.zero);
}

std::span<const float> FloatsOf(const Value* value) {
  if (value == nullptr) return {};
  const TensorView& view = value->constant()->view();
  return {view.as<float>(), static_cast<size_t>(view.elements())};
}

class Rewriter {
 public:
  Rewriter(const Graph& prepared, const Assignment& assignment, const SchemeOptions& options,
           const LayerCorrections& corrections)
      : prepared_(prepared),
        assignment_(assignment),
        options_(options),
        corrections_(corrections),
        result_{prepared.Clone(), {}, assignment.warnings, {}},
        builder_(*result_.graph) {}

  Result<QuantizedGraph> Run() {
    Graph& graph = *result_.graph;
    // In the order of the prepared graph, to which the assignment refers.
    const std::vector<Node*> nodes = graph.NodeList();
    const std::vector<Node*> originals = prepared_.NodeList();
    for (size_t i = 0; i < nodes.size(); ++i) {
      pairs_.push_back({originals[i], nodes[i]});
      copy_of_[originals[i]] = nodes[i];
    }
    for (const auto& [original, node] : pairs_) Describe(*original);
    for (size_t i = 0; i < prepared_.inputs().size(); ++i) {
      QuantizeValue(prepared_.inputs()[i], graph.inputs()[i], nodes.empty() ? nullptr : nodes.front());
    }
    for (size_t i = 0; i < nodes.size(); ++i) {
      WHET_RETURN_IF_ERROR(RewriteNode(i));
      Node* next = i + 1 < nodes.size() ? nodes[i + 1] : nullptr;
      for (size_t k = 0; k < nodes[i]->outputs().size(); ++k) {
        if (nodes[i]->output(k) != nullptr) QuantizeValue(originals[i]->output(k), nodes[i]->output(k), next);
      }
    }
    WHET_RETURN_IF_ERROR(builder_.TakeStatus());
    graph.RemoveUnusedConstants();
    WarnOfZeroChannels();
    NameDequantized();
    WHET_RETURN_IF_ERROR(VerifyGraph(graph));
    return std::move(result_);
  }

 private:
  void Describe(const Node& node) {
    const NodeAssignment& assigned = assignment_.Of(&node);
    QuantizedLayer& layer = result_.layers.emplace_back();
    layer.node = node.name();
    layer.op = std::string(node.op_name());
    if (node.output() != nullptr) layer.output = node.output()->name();
    layer.scheme = assigned.scheme;
    layer.why_float = assigned.why_float;
    layer.weighted = assigned.rule == Rule::kWeighted || assigned.rule == Rule::kRecurrent;
    if (!layer.weighted) return;
    layer.float_bytes = node.input(1)->constant()->bytes();
    if (node.input(2) != nullptr) layer.float_bytes += node.input(2)->constant()->bytes();
    layer.bytes = layer.float_bytes;
  }

  struct Pair {
    Value* quantized = nullptr;
    Value* real = nullptr;
  };
  Pair EmitPair(Value* value, const Parameters& parameters, Node* before) {
    builder_.SetInsertBefore(before);
    const std::string base = value->name();
    builder_.SetNodeName(base + ":quantize");
    Value* scale = builder_.Const(Constant::ScalarF32(parameters.scale), base + ":scale");
    Value* zero = builder_.Const(IntegerScalar(parameters.dtype, parameters.zero), base + ":zero");
    Pair pair;
    pair.quantized = builder_.Emit("QuantizeLinear", {value, scale, zero});
    builder_.SetNodeName(base + ":dequantize");
    pair.real = builder_.Emit("DequantizeLinear", {pair.quantized, scale, zero});
    return pair;
  }

  // Quantizes `value`, which is `original` of the prepared graph, for those who want it so.
  void QuantizeValue(const Value* original, Value* value, Node* before) {
    const auto it = assignment_.values.find(original);
    if (it == assignment_.values.end()) return;
    const bool at_source = assignment_.QuantizedAtSource(original);
    const Pair pair = EmitPair(value, it->second, before);
    if (!builder_.ok()) return;
    real_of_[original] = pair.real;
    if (at_source) {
      Node* quantize = pair.quantized->producer();
      result_.graph->ReplaceAllUses(value, pair.real);
      quantize->SetInput(0, value);
      return;
    }
    for (const Use& use : original->uses()) {
      const auto reader = assignment_.nodes.find(use.node);
      if (reader == assignment_.nodes.end() || !IsStatic(reader->second.scheme)) continue;
      const auto input = static_cast<size_t>(use.input);
      if (!IsActivation(reader->second, input) || assignment_.inputs.contains({use.node, input})) continue;
      copy_of_.at(use.node)->SetInput(input, pair.real);
    }
  }

  Status RewriteNode(size_t i) {
    const Node& original = *pairs_[i].first;
    Node& node = *pairs_[i].second;
    const NodeAssignment& assigned = assignment_.Of(&original);
    if (assigned.scheme == Scheme::kFloat) return {};
    builder_.SetInsertBefore(&node);
    if (IsStatic(assigned.scheme)) {
      for (size_t k = 0; k < original.inputs().size(); ++k) {
        const auto it = assignment_.inputs.find({&original, k});
        if (it == assignment_.inputs.end()) continue;
        Value* input = node.input(k);
        if (original.input(k)->IsConstant()) {
          builder_.SetNodeName(node.name() + ":dequantize");
          const TensorView& view = original.input(k)->constant()->view();
          node.SetInput(k, EmitDequantized(builder_, QuantizeWith(view, it->second), input->name()));
        } else {
          node.SetInput(k, EmitPair(input, it->second, &node).real);
        }
      }
    }
    if (assigned.rule == Rule::kWeighted)
      return RewriteWeighted(original, node, assigned, &result_.layers[i]);
    if (assigned.rule == Rule::kRecurrent) return RewriteRecurrent(original, node, &result_.layers[i]);
    return {};
  }

  static Status CheckFinite(const Node& node, const Value* constant) {
    const TensorView& weights = constant->constant()->view();
    for (int64_t i = 0; i < weights.elements(); ++i) {
      if (std::isfinite(weights.as<float>()[i])) continue;
      return Error(Code::kInvalidArgument, "weight %lld of '%s' is not a finite number",
                   static_cast<long long>(i), constant->name().c_str())
          .At("node '" + node.name() + "' (" + std::string(node.op_name()) + ")");
    }
    return {};
  }

  // The weights of both products, [direction][gate and unit][input].
  Status RewriteRecurrent(const Node& original, Node& node, QuantizedLayer* layer) {
    constexpr int kRows = 1;
    layer->bytes = 0;
    for (size_t i : {1u, 2u}) {
      const Value* weights = original.input(i);
      WHET_RETURN_IF_ERROR(CheckFinite(node, weights));
      const QuantizedTensor quantized = QuantizeByChannel(weights->constant()->view(), kRows, {});
      layer->bytes += BytesOfTensor(quantized);
      builder_.SetNodeName(node.name() + (i == 1 ? ":weights" : ":recurrent weights"));
      node.SetInput(i, EmitDequantized(builder_, quantized, weights->name()));
    }
    return {};
  }

  Status RewriteWeighted(const Node& original, Node& node, const NodeAssignment& assigned,
                         QuantizedLayer* layer) {
    const std::string output = original.output()->name();
    const std::string weights_name = original.input(1)->name();
    WHET_RETURN_IF_ERROR(CheckFinite(node, original.input(1)));
    CountZeroChannels(original);
    builder_.SetInsertBefore(&node);
    if (assigned.scheme == Scheme::kDynamic) {
      builder_.SetNodeName(node.name() + ":quantize");
      const ops::DynamicallyQuantized x = ops::EmitDynamicQuantize(builder_, node.input(0));
      builder_.SetNodeName(node.name() + ":dequantize");
      node.SetInput(0, builder_.Emit("DequantizeLinear", {x.values, x.scale, x.zero_point}));
    }
    builder_.SetNodeName(node.name() + ":weights");
    std::vector<float> bias(FloatsOf(original.input(2)).begin(), FloatsOf(original.input(2)).end());
    if (const auto it = corrections_.bias.find(output); it != corrections_.bias.end()) {
      bias.resize(it->second.size(), 0.0F);
      for (size_t c = 0; c < bias.size(); ++c) bias[c] += it->second[c];
    }
    if (assigned.scheme == Scheme::kF16 || assigned.scheme == Scheme::kBf16) {
      return StoreHalf(node, assigned.scheme, weights_name, layer);
    }
    const float input_scale =
        IsStatic(assigned.scheme) ? assignment_.InputParameters(&original, 0).scale : 0.0F;
    QuantizedTensor quantized = WeightsOf(original, assigned.scheme, options_, input_scale, bias);
    const auto recovered = corrections_.weights.find(output);
    if (recovered != corrections_.weights.end() &&
        (!IsStatic(assigned.scheme) || SameSteps(recovered->second.weights, quantized))) {
      quantized = recovered->second.weights;
      layer->rounding_gain = recovered->second.Gain();
    }
    layer->bytes = BytesOfTensor(quantized);
    node.SetInput(1, EmitDequantized(builder_, quantized, weights_name));
    if (bias.empty()) return {};
    const std::string bias_name =
        original.input(2) != nullptr ? original.input(2)->name() : node.name() + ".bias";
    if (!IsStatic(assigned.scheme)) {
      // The weights' error is a hundredth and more; 16 bits are plenty, and a Model file stores the zeros
      // behind them in no space.
      const bool coarse = assigned.scheme == Scheme::kWeight8 || assigned.scheme == Scheme::kWeight4;
      for (float& value : bias) {
        if (coarse) value = std::bit_cast<float>((std::bit_cast<uint32_t>(value) + 0x80U) & ~0xffU);
      }
      layer->bytes += bias.size() * sizeof(float);
      node.SetInput(2, builder_.Const(Constant::Vector<float>(DType::kF32, bias), bias_name));
      return {};
    }
    const TensorView& scales = quantized.scale->view();
    const QuantizedTensor quantized_bias =
        QuantizeBias(bias, input_scale, {scales.as<float>(), static_cast<size_t>(scales.elements())});
    layer->bytes += BytesOfTensor(quantized_bias);
    builder_.SetNodeName(node.name() + ":bias");
    node.SetInput(2, EmitDequantized(builder_, quantized_bias, bias_name));
    return {};
  }

  Status StoreHalf(Node& node, Scheme scheme, const std::string& name, QuantizedLayer* layer) {
    const TensorView& weights = node.input(1)->constant()->view();
    const DType dtype = scheme == Scheme::kF16 ? DType::kF16 : DType::kBF16;
    auto half = Constant::Allocate(dtype, weights.shape);
    for (int64_t i = 0; i < weights.elements(); ++i) {
      const float value = weights.as<float>()[i];
      static_cast<uint16_t*>(half->mutable_data())[i] =
          dtype == DType::kF16 ? F32ToF16(value) : F32ToBF16(value);
      if (dtype == DType::kF16 && std::abs(value) > 65504.0F) {
        layer->scheme = Scheme::kFloat;
        layer->why_float = Format("a weight of %g is beyond f16", static_cast<double>(value));
        result_.warnings.push_back("layer '" + node.name() + "' is left float: " + layer->why_float);
        return {};
      }
    }
    layer->bytes -= weights.bytes() - half->bytes();
    Value* stored = builder_.Const(half, name + (dtype == DType::kF16 ? ":f16" : ":bf16"));
    node.SetInput(1, builder_.Emit("Cast", {stored}, {{"to", ops::OnnxFromDType(DType::kF32)}}));
    return {};
  }

  void CountZeroChannels(const Node& node) {
    const size_t zeros = ZeroChannels(node.input(1)->constant()->view(), AxesOf(node).channel).size();
    if (zeros == 0) return;
    constexpr size_t kShown = 6;
    if (++layers_with_zeros_ > kShown) return;
    zeros_ += Format("%s'%s' (%zu)", zeros_.empty() ? "" : ", ", node.name().c_str(), zeros);
  }
  void WarnOfZeroChannels() {
    if (zeros_.empty()) return;
    result_.warnings.push_back(
        Format("%zu layer%s channels whose weights are all 0, which cost time and give nothing: %s%s",
               layers_with_zeros_, layers_with_zeros_ == 1 ? " has" : "s have", zeros_.c_str(),
               layers_with_zeros_ > 6 ? " …" : ""));
  }

  // Outputs keep their names; what stands before their quantization gets another.
  void NameDequantized() {
    for (const Value* output : prepared_.outputs()) {
      const auto it = real_of_.find(output);
      if (it == real_of_.end() || !result_.graph->IsOutput(it->second)) continue;
      Value* raw = it->second->producer()->input(0)->producer()->input(0);
      if (raw->name() != output->name()) continue;  // renamed already: an output twice
      result_.graph->Rename(raw, output->name() + ":float");
      result_.graph->Rename(it->second, output->name());
    }
    for (size_t i = 0; i < pairs_.size(); ++i) {
      const Value* original = pairs_[i].first->output();
      if (original == nullptr) continue;
      const auto it = real_of_.find(original);
      const bool seen = it != real_of_.end() && assignment_.QuantizedAtSource(original);
      result_.layers[i].dequantized = seen ? it->second->name() : pairs_[i].second->output()->name();
    }
  }

  const Graph& prepared_;
  const Assignment& assignment_;
  const SchemeOptions& options_;
  const LayerCorrections& corrections_;
  QuantizedGraph result_;
  GraphBuilder builder_;
  std::vector<std::pair<const Node*, Node*>> pairs_;  // of the prepared and of the new graph
  std::string zeros_;
  size_t layers_with_zeros_ = 0;
  std::unordered_map<const Node*, Node*> copy_of_;
  std::unordered_map<const Value*, Value*> real_of_;  // of the prepared graph: its dequantized form
};

}  // namespace

double RecoveredWeights::Gain() const {
  if (error_after >= error_before) return 0;
  // What is exact counts as 120 dB, as other things that nobody can tell from exact.
  return 10 * std::log10(error_before / std::max(error_after, error_before * 1e-12));
}

QuantizedTensor WeightsOf(const Node& node, Scheme scheme, const SchemeOptions& options, float input_scale,
                          std::span<const float> bias, std::span<const float> importance) {
  const TensorView& weights = node.input(1)->constant()->view();
  const WeightAxes axes = AxesOf(node);
  if (scheme == Scheme::kWeight8 || scheme == Scheme::kWeight4) {
    // Where a group would be a single weight, its scale would cost more than it saves; and the few weights of
    // a depthwise convolution matter too much for 4 bits.
    const int64_t row = weights.shape[axes.input];
    constexpr int64_t kShortRow = 16;
    if (row >= kShortRow || axes.channel < 0) {
      return QuantizeByBlock(weights, axes.input, std::min(options.group, row),
                             scheme == Scheme::kWeight8 ? 8 : 4, options.symmetric, importance);
    }
    return QuantizeByChannel(weights, axes.channel, {});
  }
  const std::vector<double> least =
      IsStatic(scheme) ? LeastWeightScales(bias, input_scale) : std::vector<double>();
  if (axes.channel < 0 && !least.empty()) {
    const double most = *std::max_element(least.begin(), least.end());
    return QuantizeByChannel(weights, -1, std::span(&most, 1));
  }
  return QuantizeByChannel(weights, axes.channel, least);
}

Result<QuantizedGraph> Rewrite(const Graph& graph, const Assignment& assignment, const SchemeOptions& options,
                               const LayerCorrections& corrections) {
  return Rewriter(graph, assignment, options, corrections).Run();
}

}  // namespace whet::quantize
