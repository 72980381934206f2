#include "ops/tflite_write_common.h"

#include <algorithm>
#include <numeric>

#include "ops/activation_common.h"
#include "ops/elements_common.h"
#include "ops/tflite_common.h"

namespace whet::ops {
namespace {

Value* EmitActivation(GraphBuilder& builder, const Activation& activation, Value* x, Value* slope) {
  const DType dtype = x->type.dtype;
  const Attributes alpha = {{"alpha", activation.alpha}};
  switch (activation.kind) {
    case ActivationKind::kNone: return x;
    case ActivationKind::kRelu: return builder.Emit("Relu", {x});
    case ActivationKind::kClip:
      return builder.Emit(
          "Clip", {x, builder.Scalar(activation.alpha, dtype), builder.Scalar(activation.beta, dtype)});
    case ActivationKind::kLeakyRelu: return builder.Emit("LeakyRelu", {x}, alpha);
    case ActivationKind::kPrelu: return builder.Emit("PRelu", {x, slope});
    case ActivationKind::kHardSwish: return builder.Emit("HardSwish", {x});
    case ActivationKind::kHardSigmoid:
      return builder.Emit("HardSigmoid", {x}, {{"alpha", activation.alpha}, {"beta", activation.beta}});
    case ActivationKind::kSigmoid: return builder.Emit("Sigmoid", {x});
    case ActivationKind::kTanh: return builder.Emit("Tanh", {x});
    case ActivationKind::kSilu: return builder.Emit("Silu", {x});
    case ActivationKind::kGelu: return builder.Emit("Gelu", {x});
    case ActivationKind::kGeluTanh: return builder.Emit("Gelu", {x}, {{"approximate", std::string("tanh")}});
    case ActivationKind::kElu: return builder.Emit("Elu", {x}, alpha);
  }
  return x;
}

// With a dimension of 1 at `axis`; what is converted or dequantized from a constant stays so.
Value* WithUnitDimension(GraphBuilder& builder, Value* w, int64_t axis) {
  Node* producer = w->producer();
  const bool converted = producer != nullptr && (producer->Is("Cast") || producer->Is("DequantizeLinear")) &&
                         producer->input(0)->IsConstant();
  if (!converted) return builder.EmitFolded("Unsqueeze", {w, builder.Ints({axis})});
  std::vector<Value*> inputs(producer->inputs().begin(), producer->inputs().end());
  inputs[0] = builder.EmitFolded("Unsqueeze", {inputs[0], builder.Ints({axis})});
  Attributes attributes = producer->attributes;
  if (attributes.Int("axis") >= axis) attributes.Set("axis", attributes.Int("axis") + 1);
  return builder.Emit(producer->op_name(), inputs, std::move(attributes));
}

}  // namespace

Status ExpandEpilogue(const Node& node, GraphBuilder& builder, size_t residual,
                      std::vector<Value*>& results) {
  if (!HasEpilogue(node, residual)) return {};
  WHET_ASSIGN_OR_RETURN(const Activation activation, ReadActivation(node.attributes));
  Attributes attributes = node.attributes;
  RemoveAttributes(attributes, {"activation", "alpha", "beta"});
  Value* y = builder.Emit(node.op_name(), node.inputs().first(std::min(residual, node.inputs().size())),
                          std::move(attributes));
  if (node.input(residual) != nullptr) y = builder.Emit("Add", {y, node.input(residual)});
  results = {EmitActivation(builder, activation, y, node.input(residual + 1))};
  return builder.TakeStatus();
}

Status ExpandOneDimensional(const Node& node, GraphBuilder& builder, size_t w, std::vector<Value*>& results) {
  if (node.input(0)->type.rank() != 3) return {};
  Attributes attributes = node.attributes;
  for (const char* name : {"strides", "dilations", "kernel_shape"}) {
    const auto given = attributes.Ints(name);
    if (given.size() == 1) attributes.Set(name, std::vector<int64_t>{1, given[0]});
  }
  if (const auto pads = attributes.Ints("pads"); pads.size() == 2) {
    attributes.Set("pads", std::vector<int64_t>{0, pads[0], 0, pads[1]});
  }
  if (const auto extra = attributes.Ints("output_padding"); extra.size() == 1) {
    attributes.Set("output_padding", std::vector<int64_t>{0, extra[0]});
  }
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  inputs[0] = builder.Emit("Unsqueeze", {inputs[0], builder.Ints({1})});
  if (w != 0) inputs[w] = WithUnitDimension(builder, inputs[w], 1);
  Value* y = builder.Emit(node.op_name(), inputs, std::move(attributes));
  results = {builder.Emit("Squeeze", {y, builder.Ints({1})})};
  return builder.TakeStatus();
}

std::string_view TflitePadding(const Type& x, Window* window) {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < window->rank(); ++i) {
    const Dim& dim = x.dims[i + 1];
    if (dim.known()) sizes.push_back(dim.lo);
  }
  const auto none = [](const std::vector<int64_t>& pads) {
    return std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; });
  };
  if (sizes.size() != window->rank()) {
    if (window->same_upper) return "SAME";
    const bool valid =
        !window->same_lower && !window->ceil_mode && none(window->begins) && none(window->ends);
    return valid ? "VALID" : "";
  }
  window->Resolve(sizes);
  bool valid = none(window->begins), same = true;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const int64_t size = sizes[i], stride = window->strides[i], extent = window->extent(i);
    const int64_t out = window->OutputSize(i, size);
    valid = valid && size >= extent && out == (size - extent) / stride + 1;
    const int64_t total = std::max<int64_t>((out - 1) * stride + extent - size, 0);
    same = same && out == (size + stride - 1) / stride && window->begins[i] == total / 2;
  }
  return valid ? "VALID" : same ? "SAME" : "";
}

Value* EmitTflitePad(GraphBuilder& builder, Value* x, const Window& window, double value) {
  std::vector<int64_t> pads = {0};
  pads.insert(pads.end(), window.begins.begin(), window.begins.end());
  pads.insert(pads.end(), {0, 0});
  for (size_t i = 0; i < window.rank(); ++i) {
    int64_t end = window.ends[i];
    // Where the output is rounded up, the last window may reach further.
    if (const Dim& dim = x->type.dims[i + 1]; window.ceil_mode && dim.known()) {
      const int64_t reach = (window.OutputSize(i, dim.lo) - 1) * window.strides[i] + window.extent(i);
      end = std::max(end, reach - dim.lo - window.begins[i]);
    }
    pads.push_back(end);
  }
  pads.push_back(0);
  return builder.Emit("Pad", {x, builder.Ints(pads), builder.Scalar(value, x->type.dtype)});
}

Attributes TfliteWindowOptions(const Window& window, std::string_view padding, const TfliteSink& sink) {
  Attributes options = {{"padding", std::string(padding)},
                        {"fused_activation_function", std::string(sink.activation())}};
  constexpr std::string_view kAxes = "dhw";
  for (size_t i = 0; i < window.rank(); ++i) {
    const std::string axis(1, kAxes[kAxes.size() - window.rank() + i]);
    options.Set("stride_" + axis, window.strides[i]);
    if (window.dilations[i] != 1) options.Set("dilation_" + axis + "_factor", window.dilations[i]);
  }
  return options;
}

Status ExpandTflitePool(const Node& node, GraphBuilder& builder, double value, std::vector<Value*>& results) {
  const Type& x = node.input(0)->type;
  if (!x.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  if (node.output(1) != nullptr &&
      (!node.output(1)->uses().empty() || node.graph()->IsLive(node.output(1)))) {
    return Error(Code::kUnsupported, "the places of the largest values are an output");
  }
  if (x.rank() == 3 && node.outputs().size() == 1) return ExpandOneDimensional(node, builder, 0, results);
  WHET_ASSIGN_OR_RETURN(Window window, ReadWindow(node.attributes, node.attributes.Ints("kernel_shape")));
  if (window.rank() != 2) return Error(Code::kUnsupported, "a window of %zu dimensions", window.rank());
  if (window.dilations[0] != 1 || window.dilations[1] != 1) return Error(Code::kUnsupported, "dilations");
  if (!TflitePadding(x, &window).empty()) return {};
  if (window.same_upper || window.same_lower ||
      (window.ceil_mode && !(x.dims[1].known() && x.dims[2].known()))) {
    return Error(Code::kUnsupported, "padding that depends on the input's size, which is not known");
  }
  Attributes attributes = node.attributes;
  RemoveAttributes(attributes, {"pads", "auto_pad", "ceil_mode", "count_include_pad", "storage_order"});
  results = {builder.Emit(node.op_name(), {EmitTflitePad(builder, node.input(0), window, value)},
                          std::move(attributes))};
  return builder.TakeStatus();
}

Status WriteTflitePool(std::string_view builtin, const Node& node, TfliteSink& sink) {
  WHET_ASSIGN_OR_RETURN(Window window, ReadWindow(node.attributes, node.attributes.Ints("kernel_shape")));
  const std::string_view padding = TflitePadding(node.input(0)->type, &window);
  Attributes options = TfliteWindowOptions(window, padding, sink);
  options.Set("filter_height", window.kernel[0]);
  options.Set("filter_width", window.kernel[1]);
  sink.Operator(builtin, {sink.Of(node.input(0))}, {sink.Result(node)}, options);
  return {};
}

Status ExpandTfliteArg(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  if (node.attributes.Int("select_last_index") != 0) {
    return Error(Code::kUnsupported, "the last of several equal elements is asked for");
  }
  if (node.attributes.Int("keepdims", 1) == 0) return {};
  const int64_t axis = node.attributes.Int("axis");
  Attributes attributes = node.attributes;
  attributes.Set("keepdims", int64_t{0});
  Value* y = builder.Emit(node.op_name(), {node.input(0)}, std::move(attributes));
  results = {builder.Emit("Unsqueeze", {y, builder.Ints({axis})})};
  return builder.TakeStatus();
}

Result<std::vector<int64_t>> ConstantIntsOf(const Value* value, std::string_view what) {
  if (value != nullptr && value->IsConstant()) return IntsOf(value->constant()->view());
  return Error(Code::kUnsupported, "%s must be constant", std::string(what).c_str());
}

Result<std::vector<int64_t>> ReducedAxes(const Node& node) {
  const Type& x = node.input(0)->type;
  std::vector<int64_t> axes;
  if (node.input(1) != nullptr) {
    WHET_ASSIGN_OR_RETURN(axes, ConstantIntsOf(node.input(1), "the axes"));
    const bool negative = std::any_of(axes.begin(), axes.end(), [](int64_t axis) { return axis < 0; });
    if (negative && !x.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
    for (int64_t& axis : axes) axis += axis < 0 ? x.rank() : 0;
  }
  if (axes.empty() && node.attributes.Int("noop_with_empty_axes") == 0) {
    if (!x.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
    axes.resize(x.dims.size());
    std::iota(axes.begin(), axes.end(), 0);
  }
  return axes;
}

Status WriteTfliteReduce(std::string_view builtin, const Node& node, TfliteSink& sink) {
  WHET_ASSIGN_OR_RETURN(const std::vector<int64_t> axes, ReducedAxes(node));
  sink.Operator(builtin, {sink.Of(node.input(0)), sink.Ints(axes)}, {sink.Result(node)},
                {{"keep_dims", node.attributes.Int("keepdims", 1)}});
  return {};
}

Status ExpandReduce(const Node& node, GraphBuilder& builder, std::vector<Value*>& results, std::string_view f,
                    std::string_view g) {
  Value* x = node.input(0);
  if (f == "Square") {
    x = builder.Emit("Mul", {x, x});
  } else if (!f.empty()) {
    x = builder.Emit(f, {x});
  }
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  inputs[0] = x;
  Value* y = builder.Emit("ReduceSum", inputs, node.attributes);
  results = {g.empty() ? y : builder.Emit(g, {y})};
  return builder.TakeStatus();
}

Status ExpandVariadic(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  const std::string_view binary = node.Is("Sum") || node.Is("Mean") ? "Add" : node.op_name();
  if (node.inputs().size() == 2 && binary == node.op_name()) return {};
  Value* y = node.input(0);
  for (size_t i = 1; i < node.inputs().size(); ++i) y = builder.Emit(binary, {y, node.input(i)});
  if (node.Is("Mean") && node.inputs().size() > 1) {
    const double factor = 1 / static_cast<double>(node.inputs().size());
    y = builder.Emit("Mul", {y, builder.Scalar(factor, y->type.dtype)});
  }
  results = {y};
  return builder.TakeStatus();
}

Status WriteTfliteBinary(std::string_view builtin, const Node& node, TfliteSink& sink) {
  sink.Operator(builtin, {sink.Of(node.input(0)), sink.Of(node.input(1))}, {sink.Result(node)},
                {{"fused_activation_function", std::string(sink.activation())}});
  return {};
}

Value* EmitNormalization(GraphBuilder& builder, Value* x, std::span<const int64_t> axes, double epsilon,
                         Value* scale, Value* bias, bool centred) {
  Value* over = builder.Ints(axes);
  Value* d = x;
  if (centred) d = builder.Emit("Sub", {x, builder.Emit("ReduceMean", {x, over})});
  Value* variance = builder.Emit("ReduceMean", {builder.Emit("Mul", {d, d}), over});
  Value* deviation =
      builder.Emit("Sqrt", {builder.Emit("Add", {variance, builder.Scalar(epsilon, x->type.dtype)})});
  Value* y = builder.Emit("Div", {d, deviation});
  if (scale != nullptr) y = builder.Emit("Mul", {y, scale});
  if (bias != nullptr) y = builder.Emit("Add", {y, bias});
  return y;
}

Status ExpandToLastAxis(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  Value* x = node.input(0);
  if (!x->type.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  const int rank = x->type.rank();
  const int axis = NormalizeAxis(node.attributes.Int("axis", -1), rank);
  if (axis == rank - 1) return {};
  std::vector<int64_t> perm(static_cast<size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[static_cast<size_t>(axis)], perm.back());
  Attributes attributes = node.attributes;
  attributes.Set("axis", int64_t{-1});
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  inputs[0] = builder.Transpose(x, perm);
  results = builder.EmitNode(node.op_name(), inputs, node.outputs().size(), std::move(attributes));
  for (Value*& result : results) result = builder.Transpose(result, perm);
  return builder.TakeStatus();
}

std::string_view TfliteTypeName(DType dtype) {
  switch (dtype) {
    case DType::kF32: return "FLOAT32";
    case DType::kF16: return "FLOAT16";
    case DType::kBF16: return "BFLOAT16";
    case DType::kF64: return "FLOAT64";
    case DType::kI4: return "INT4";
    case DType::kI8: return "INT8";
    case DType::kU8: return "UINT8";
    case DType::kI16: return "INT16";
    case DType::kU16: return "UINT16";
    case DType::kI32: return "INT32";
    case DType::kU32: return "UINT32";
    case DType::kI64: return "INT64";
    case DType::kU64: return "UINT64";
    case DType::kBool: return "BOOL";
    default: return {};
  }
}

}  // namespace whet::ops
