// Convolutions and matrix products of dequantized tensors become QuantizedConv and QuantizedMatMul, which
// work on the integers (x of 8 bits, or of 16 bits with constant parameters and weights of i8 without zero
// points):
//
//   DequantizeLinear(x), DequantizeLinear(w) -> Conv | MatMul [-> + bias] [-> Relu | Clip] -> QuantizeLinear
//   … -> Cast to i32         with scales 1: the sums themselves, as ConvInteger and MatMulInteger give them
//   … -> anything else       the result is real, the sums are still those of integers
//
// Reshapes and transposes that stand between them move out of the way: before the integers, or after them.
// ConvTranspose becomes a QuantizedConv that computes the phases of its output (phase_convolution.h).
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/requantize.h"
#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"
#include "ops/quantize_common.h"
#include "ops/quantized_common.h"
#include "ops/quantized_product_common.h"
#include "passes/match.h"
#include "passes/pass_list.h"
#include "passes/phase_convolution.h"

namespace whet {
namespace {

bool IsOne(const Value* value) { return value->type.IsStatic() && value->type.ToShape().elements() == 1; }

// Only moves elements.
bool IsView(const Node& node) {
  return node.Is("Transpose") || node.Is("Reshape") || node.Is("Flatten") || node.Is("Squeeze") ||
         node.Is("Unsqueeze");
}

Value* EmitView(GraphBuilder& builder, const Node& view, Value* x) {
  std::vector<Value*> inputs(view.inputs().begin(), view.inputs().end());
  inputs[0] = x;
  builder.SetNodeName(view.name());
  if (view.Is("Transpose") && view.attributes.Has("perm"))
    return builder.Transpose(x, view.attributes.Ints("perm"));
  return builder.Emit(view.op_name(), inputs, view.attributes);
}

// A tensor of integers with its scale and zero point, and the views that make the value of it.
struct Dequantized {
  Value* steps = nullptr;
  Value* scale = nullptr;
  Value* zero = nullptr;           // or null
  std::vector<const Node*> views;  // the first to be applied first
};

// By tensor, of integers that are not constant.
bool FindDequantized(Value* value, Dequantized* found) {
  while (value->producer() != nullptr && IsView(*value->producer())) {
    found->views.insert(found->views.begin(), value->producer());
    value = value->producer()->input(0);
  }
  const Node* node = ProducerIs(value, "DequantizeLinear");
  if (node == nullptr || node->input(0)->IsConstant()) return false;
  found->steps = node->input(0);
  found->scale = node->input(1);
  found->zero = node->input(2);
  if (found->scale->type.dtype != DType::kF32 || !IsOne(found->scale)) return false;
  if (Is8Bit(found->steps->type.dtype)) return true;
  return Is16Bit(found->steps->type.dtype) && found->scale->IsConstant() &&
         (found->zero == nullptr || found->zero->IsConstant());
}

// Constant weights of integers with a scale for all or for each output channel.
struct QuantizedWeights {
  std::shared_ptr<const Constant> steps;
  Value* scale = nullptr;
  Value* zero = nullptr;  // or null: all are 0
};

bool IsAllZero(const Value* value) {
  const TensorView& view = value->constant()->view();
  for (int64_t i = 0; i < view.elements(); ++i) {
    if (ops::LoadInt(view, i) != 0) return false;
  }
  return true;
}

// `channel_axis`: the dimension of `value` that is the output channels.
bool FindWeights(GraphBuilder& builder, Value* value, int64_t channel_axis, QuantizedWeights* found) {
  std::vector<const Node*> transposes;
  while (const Node* transpose = ProducerIs(value, "Transpose")) {
    const auto perm = transpose->attributes.Ints("perm");
    if (perm.empty()) return false;
    transposes.push_back(transpose);
    // Dimension i of the result is dimension perm[i] of what is transposed.
    channel_axis = perm[static_cast<size_t>(channel_axis)];
    value = transpose->input(0);
  }
  const Node* node = ProducerIs(value, "DequantizeLinear");
  if (node == nullptr || !node->input(0)->IsConstant() || !Is8Bit(node->input(0)->type.dtype)) return false;
  if (node->attributes.Int("block_size") != 0) return false;
  found->scale = node->input(1);
  found->zero = node->input(2);
  if (!found->scale->IsConstant() || found->scale->type.dtype != DType::kF32) return false;
  if (found->zero != nullptr && !found->zero->IsConstant()) return false;
  if (!IsOne(found->scale)) {
    const int axis = ops::NormalizeAxis(node->attributes.Int("axis", 1), value->type.rank());
    if (axis != channel_axis) return false;
  }
  if (found->zero != nullptr && IsAllZero(found->zero)) found->zero = nullptr;
  Value* steps = node->input(0);
  for (auto it = transposes.rbegin(); it != transposes.rend(); ++it) {
    steps = builder.Transpose(steps, (*it)->attributes.Ints("perm"));
  }
  if (!builder.ok() || !steps->IsConstant()) return false;
  found->steps = steps->constant();
  return true;
}

float ScaleAt(const Value* scale, int64_t channel) {
  return scale->constant()->view().as<float>()[IsOne(scale) ? 0 : channel];
}

// A bias as real numbers and, if it was quantized with the products' scale, its steps.
struct Bias {
  std::vector<double> real;
  std::vector<int32_t> steps;  // or empty
};

bool FindBias(const Value* value, int64_t channels, const Value* x_scale, const Value* w_scale, Bias* bias) {
  const Node* node = ProducerIs(value, "DequantizeLinear");
  const Value* data = node != nullptr ? node->input(0) : value;
  if (!data->IsConstant()) return false;
  const TensorView& view = data->constant()->view();
  if (view.elements() != channels || (channels > 1 && view.shape.back() != channels)) return false;
  if (node == nullptr) {
    if (view.dtype != DType::kF32) return false;
    for (int64_t c = 0; c < channels; ++c) bias->real.push_back(static_cast<double>(view.as<float>()[c]));
    return true;
  }
  const Value* scale = node->input(1);
  if (view.dtype != DType::kI32 || !scale->IsConstant() || scale->type.dtype != DType::kF32) return false;
  if (!IsOne(scale) && scale->type.ToShape().elements() != channels) return false;
  if (node->input(2) != nullptr && (!node->input(2)->IsConstant() || !IsAllZero(node->input(2))))
    return false;
  bool same_scale = x_scale->IsConstant();
  for (int64_t c = 0; c < channels; ++c) {
    const auto own = static_cast<double>(ScaleAt(scale, c));
    bias->real.push_back(static_cast<double>(view.as<int32_t>()[c]) * own);
    // Files round this product in several ways.
    constexpr double kRounding = 1e-5;
    if (same_scale) {
      const double product =
          static_cast<double>(ScaleAt(x_scale, 0)) * static_cast<double>(ScaleAt(w_scale, c));
      same_scale = std::fabs(own - product) <= kRounding * product;
    }
  }
  if (same_scale) bias->steps.assign(view.as<int32_t>(), view.as<int32_t>() + channels);
  return true;
}

// What stands between a product and the node that ends the pattern.
struct Path {
  Node* product = nullptr;
  const Value* added = nullptr;  // a bias added afterwards
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::vector<const Node*> views;  // the first to be applied first
};

bool IsProduct(const Node& node) {
  if (!node.Is("Conv") && !node.Is("MatMul") && !PhasesOf(node)) return false;
  return node.inputs().size() <= 3 && !node.attributes.Has("activation") &&
         node.attributes.Int("transpose_a") == 0 && node.output()->type.dtype == DType::kF32;
}

// Walks back from `value`, which `reader` reads.
bool FindPath(const Value* value, const Node* reader, Path* path) {
  while (true) {
    Node* node = value->producer();
    if (node == nullptr || OnlyReader(value) != reader) return false;
    if (IsProduct(*node)) {
      path->product = node;
      return true;
    }
    if (path->added != nullptr) return false;  // a bias is added to the product itself
    const Value* next = node->input(0);
    if (IsView(*node)) {
      path->views.insert(path->views.begin(), node);
    } else if (node->Is("Relu")) {
      path->low = std::max(path->low, 0.0);
    } else if (node->Is("Clip")) {
      const auto low = node->input(1) != nullptr ? ScalarOf(node->input(1)) : path->low;
      const auto high = node->input(2) != nullptr ? ScalarOf(node->input(2)) : path->high;
      if (!low || !high) return false;
      path->low = std::max(path->low, *low);
      path->high = std::min(path->high, *high);
    } else if (node->Is("Add") && node->output()->type.rank() > 0) {
      size_t constant = 1;
      const auto is_constant = [](const Value* v) {
        const Node* dequantize = ProducerIs(v, "DequantizeLinear");
        return v->IsConstant() || (dequantize != nullptr && dequantize->input(0)->IsConstant());
      };
      if (!is_constant(node->input(1))) constant = 0;
      if (!is_constant(node->input(constant))) return false;
      path->added = node->input(constant);
      next = node->input(1 - constant);
      if (next->type != node->output()->type) return false;
    } else {
      return false;
    }
    reader = node;
    value = next;
  }
}

// The operands that all three patterns have.
struct Operands {
  Dequantized x;
  QuantizedWeights w;
  Bias bias;
  bool has_bias = false;
  std::optional<PhaseConvolution> phases;  // of a ConvTranspose
};

void BecomePhases(GraphBuilder& builder, const PhaseConvolution& phases, Operands* operands) {
  const auto repeat = [&](auto& vector) {
    const auto once = vector;
    for (int64_t phase = 1; phase < phases.phases(); ++phase)
      vector.insert(vector.end(), once.begin(), once.end());
  };
  operands->phases = phases;
  operands->w.steps = PhaseWeights(phases, *operands->w.steps, operands->w.zero);
  // One number for all channels stays.
  Value *&scale = operands->w.scale, *&zero = operands->w.zero;
  if (!IsOne(scale)) scale = RepeatForPhases(builder, phases, scale);
  if (zero != nullptr && !IsOne(zero)) zero = RepeatForPhases(builder, phases, zero);
  repeat(operands->bias.real);
  repeat(operands->bias.steps);
}

bool FindOperands(GraphBuilder& builder, const Path& path, Operands* found) {
  const Node& product = *path.product;
  const Value* w = product.input(1);
  const bool conv = !product.Is("MatMul");
  const Type& y = product.output()->type;
  if (!w->type.ranked || !y.ranked || y.rank() == 0 || !y.dims.back().known()) return false;
  if (!conv && (w->type.rank() != 2 || product.input(0)->type.rank() < 1)) return false;
  const int64_t channels = y.dims.back().lo;
  const int64_t channel_axis = conv || product.attributes.Int("transpose_b") != 0 ? 0 : 1;
  if (!FindDequantized(product.input(0), &found->x)) return false;
  if (!FindWeights(builder, product.input(1), channel_axis, &found->w)) return false;
  if (!IsOne(found->w.scale) && found->w.scale->type.ToShape().elements() != channels) return false;
  if (Is16Bit(found->x.steps->type.dtype) &&
      (found->w.steps->dtype() != DType::kI8 || found->w.zero != nullptr)) {
    return false;
  }
  const Value* bias = product.input(2);
  if (bias != nullptr && path.added != nullptr) return false;
  if (bias == nullptr) bias = path.added;
  found->has_bias = bias != nullptr;
  if (bias != nullptr && !FindBias(bias, channels, found->x.scale, found->w.scale, &found->bias))
    return false;
  if (product.Is("ConvTranspose")) BecomePhases(builder, *PhasesOf(product), found);
  return true;
}

// The integer operator before the builder's position, with `inputs` beyond those of x and w; its output.
Value* EmitProduct(GraphBuilder& builder, const Node& product, const Operands& operands,
                   std::vector<Value*> inputs, int64_t low, int64_t high, bool bounded) {
  Value* x = operands.x.steps;
  for (const Node* view : operands.x.views) x = EmitView(builder, *view, x);
  inputs[ops::kProductX] = x;
  inputs[ops::kProductXZero] = operands.x.zero;
  inputs[ops::kProductW] = builder.Const(operands.w.steps, product.input(1)->name());
  inputs[ops::kProductWZero] = operands.w.zero;
  Attributes attributes = operands.phases ? PhaseAttributes(*operands.phases) : product.attributes;
  if (bounded) {
    attributes.Set("low", low);
    attributes.Set("high", high);
  }
  while (inputs.back() == nullptr) inputs.pop_back();
  builder.SetNodeName(product.name());
  Value* y =
      builder.Emit(product.Is("MatMul") ? "QuantizedMatMul" : "QuantizedConv", inputs, std::move(attributes));
  return operands.phases && builder.ok() ? JoinPhases(builder, *operands.phases, y) : y;
}

Value* FinishViews(GraphBuilder& builder, const Path& path, Value* y) {
  for (const Node* view : path.views) y = EmitView(builder, *view, y);
  return y;
}

// … -> QuantizeLinear
Result<bool> RewriteQuantized(Graph& graph, Node& node) {
  if (!node.Is("QuantizeLinear") || node.input(1)->type.dtype != DType::kF32 || !IsOne(node.input(1)))
    return false;
  Value* scale = node.input(1);
  Value* zero = node.input(2);
  const DType dtype = node.output()->type.dtype;
  if (!scale->IsConstant() || (zero != nullptr && !zero->IsConstant())) return false;
  Path path;
  Operands operands;
  GraphBuilder builder(graph, &node);
  if (!FindPath(node.input(0), &node, &path) || !FindOperands(builder, path, &operands)) return false;
  if (!Is8Bit(dtype) && !(Is16Bit(dtype) && Is16Bit(operands.x.steps->type.dtype))) return false;
  if (!operands.x.scale->IsConstant()) return false;
  if (operands.x.zero != nullptr && !operands.x.zero->IsConstant()) return false;

  std::vector<Value*> inputs(ops::kProductInputs, nullptr);
  inputs[ops::kProductXScale] = operands.x.scale;
  inputs[ops::kProductWScale] = operands.w.scale;
  inputs[ops::kProductYScale] = scale;
  inputs[ops::kProductYZero] = zero;
  if (operands.has_bias) {
    std::vector<int32_t> steps = operands.bias.steps;
    for (int64_t c = 0; steps.size() < operands.bias.real.size(); ++c) {
      const double unit = static_cast<double>(ScaleAt(operands.x.scale, 0)) *
                          static_cast<double>(ScaleAt(operands.w.scale, c));
      const double step = std::nearbyint(operands.bias.real[static_cast<size_t>(c)] / unit);
      // Half of the range is left for the sum.
      if (!(std::fabs(step) < 0x1p30)) return false;
      steps.push_back(static_cast<int32_t>(step));
    }
    inputs[ops::kProductBias] =
        builder.Const(Constant::Vector<int32_t>(DType::kI32, steps), path.product->name() + ".bias");
  }
  const auto [least, most] = ops::RangeOf(dtype);
  const auto zero_point =
      static_cast<int32_t>(zero != nullptr ? ops::LoadInt(zero->constant()->view(), 0) : 0);
  const auto steps_of = [&](double bound) {
    return ToSteps(static_cast<float>(bound) / ScaleAt(scale, 0), zero_point, static_cast<int32_t>(least),
                   static_cast<int32_t>(most));
  };
  const int32_t low = steps_of(path.low), high = steps_of(path.high);
  if (low > high) return false;
  const bool bounded = static_cast<double>(low) > least || static_cast<double>(high) < most;
  Value* y = EmitProduct(builder, *path.product, operands, std::move(inputs), low, high, bounded);
  y = FinishViews(builder, path, y);
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

bool IsUnit(const Value* scale) {
  if (!scale->IsConstant()) return false;
  const TensorView& view = scale->constant()->view();
  for (int64_t i = 0; i < view.elements(); ++i) {
    if (view.as<float>()[i] != 1) return false;
  }
  return true;
}

// … -> Cast to i32
Result<bool> RewriteSums(Graph& graph, Node& node) {
  if (!node.Is("Cast") || node.output()->type.dtype != DType::kI32) return false;
  Path path;
  Operands operands;
  GraphBuilder builder(graph, &node);
  if (!FindPath(node.input(0), &node, &path) || !FindOperands(builder, path, &operands)) return false;
  if (operands.has_bias || std::isfinite(path.low) || std::isfinite(path.high)) return false;
  if (!Is8Bit(operands.x.steps->type.dtype)) return false;
  if (!IsUnit(operands.x.scale) || !IsUnit(operands.w.scale)) return false;
  Value* y = EmitProduct(builder, *path.product, operands, std::vector<Value*>(ops::kProductInputs, nullptr),
                         0, 0, false);
  y = FinishViews(builder, path, y);
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

// … -> anything else
Result<bool> RewriteReal(Graph& graph, Node& node) {
  if (!IsProduct(node)) return false;
  Path path;
  path.product = &node;
  Operands operands;
  GraphBuilder builder(graph, &node);
  if (!FindOperands(builder, path, &operands)) return false;
  std::vector<Value*> inputs(ops::kProductInputs, nullptr);
  inputs[ops::kProductXScale] = operands.x.scale;
  inputs[ops::kProductWScale] = operands.w.scale;
  if (operands.has_bias) {
    const std::vector<float> bias(operands.bias.real.begin(), operands.bias.real.end());
    inputs[ops::kProductBias] =
        builder.Const(Constant::Vector<float>(DType::kF32, bias), node.name() + ".bias");
  }
  Value* y = EmitProduct(builder, node, operands, std::move(inputs), 0, 0, false);
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// See the top of the file.
Result<int> FuseQuantizedProducts(Graph& graph) {
  WHET_ASSIGN_OR_RETURN(const int quantized, RewriteNodes(graph, RewriteQuantized));
  WHET_ASSIGN_OR_RETURN(const int sums, RewriteNodes(graph, RewriteSums));
  WHET_ASSIGN_OR_RETURN(const int real, RewriteNodes(graph, RewriteReal));
  return quantized + sums + real;
}

}  // namespace whet
