#include "ops/tflite_common.h"

#include <algorithm>

#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"
#include "ops/spatial_common.h"
#include "ops/spelling_common.h"

namespace whet::ops {
namespace {

constexpr int64_t kMostInts = 4096;  // of a constant that is a shape, a list of axes, …

}  // namespace

Value* TfliteInts(GraphBuilder& builder, Value* value) {
  if (value->type.dtype == DType::kI64) return value;
  if (value->IsConstant() && value->constant()->view().elements() <= kMostInts) {
    const TensorView& view = value->constant()->view();
    auto wide = Constant::Allocate(DType::kI64, view.shape);
    for (int64_t i = 0; i < view.elements(); ++i) {
      static_cast<int64_t*>(wide->mutable_data())[i] = LoadInt(view, i);
    }
    return builder.Const(std::move(wide), value->name());
  }
  return builder.Emit("Cast", {value}, {{"to", OnnxFromDType(DType::kI64)}});
}

Value* TfliteIntVector(GraphBuilder& builder, Value* value) {
  Value* ints = TfliteInts(builder, value);
  if (ints->type.ranked && ints->type.rank() == 1) return ints;
  if (ints->IsConstant() && ints->constant()->view().elements() <= kMostInts) {
    const TensorView& view = ints->constant()->view();
    return builder.Ints(std::span(view.as<const int64_t>(), static_cast<size_t>(view.elements())),
                        ints->name());
  }
  return builder.Emit("Reshape", {ints, builder.Ints({-1})});
}

Result<std::vector<int64_t>> TfliteConstantInts(const ForeignNode& node, size_t input,
                                                std::string_view what) {
  const Value* value = node.input(input);
  std::vector<int64_t> ints;
  if (value == nullptr)
    return Error(Code::kBadFile, "input %zu (%s) is missing", input, std::string(what).c_str());
  if (!value->IsConstant() || !IsInteger(value->type.dtype)) {
    return Error(Code::kUnsupported, "%s that is not a constant", std::string(what).c_str());
  }
  const TensorView& view = value->constant()->view();
  if (view.elements() > kMostInts) {
    return Error(Code::kBadFile, "%s has %lld entries", std::string(what).c_str(),
                 static_cast<long long>(view.elements()));
  }
  // Beyond any dimension all numbers mean the same, and sums of these do not overflow.
  constexpr int64_t kFar = Dim::kUnbounded / 4;
  for (int64_t i = 0; i < view.elements(); ++i) ints.push_back(std::clamp(LoadInt(view, i), -kFar, kFar));
  return ints;
}

Value* TransposeWeights(GraphBuilder& builder, Value* w, std::initializer_list<int64_t> perm) {
  Node* producer = w->producer();
  const bool converted = producer != nullptr && (producer->Is("Cast") || producer->Is("DequantizeLinear")) &&
                         producer->input(0)->IsConstant();
  if (!converted) return builder.Transpose(w, perm);
  std::vector<Value*> inputs(producer->inputs().begin(), producer->inputs().end());
  inputs[0] = builder.Transpose(inputs[0], perm);
  Attributes attributes = producer->attributes;
  if (attributes.Has("axis")) {
    const auto* at = std::find(perm.begin(), perm.end(), attributes.Int("axis"));
    attributes.Set("axis", static_cast<int64_t>(at - perm.begin()));
  }
  return builder.Emit(producer->op_name(), inputs, std::move(attributes));
}

Value* TfliteBias(const ForeignNode& node, size_t input) {
  Value* bias = node.input(input);
  const bool empty = bias != nullptr && bias->type.IsStatic() && bias->type.ToShape().elements() == 0;
  return empty ? nullptr : bias;
}

Result<Attributes> TfliteWindow(const ForeignNode& node, const Value* x, std::span<const int64_t> kernel) {
  if (!x->type.ranked || x->type.rank() != static_cast<int>(kernel.size()) + 2) {
    return Error(Code::kBadFile, "the input is %s; %zu dimensions are needed", ToString(x->type).c_str(),
                 kernel.size() + 2);
  }
  const auto options = [&](const char* before, const char* after) {
    std::vector<int64_t> values;
    for (const char* axis : {"d", "h", "w"}) {
      if (*axis == 'd' && kernel.size() < 3) continue;
      values.push_back(node.attributes.Int(std::string(before) + axis + after, *after != 0 ? 1 : 0));
    }
    return values;
  };
  Attributes attributes;
  attributes.Set("strides", options("stride_", ""));
  std::vector<int64_t> dilations = options("dilation_", "_factor");
  if (std::any_of(dilations.begin(), dilations.end(), [](int64_t d) { return d != 1; })) {
    attributes.Set("dilations", std::move(dilations));
  }
  const bool same = node.attributes.String("padding", "SAME") == "SAME";
  attributes.Set("auto_pad", std::string(same ? "SAME_UPPER" : "VALID"));
  WHET_RETURN_IF_ERROR(ResolveAutoPad(attributes, x, kernel));
  return attributes;
}

Status ImportTfliteReduce(std::string_view op, ForeignNode& node, GraphBuilder& builder) {
  Value* axes = TfliteIntVector(builder, node.input(1));
  Attributes attributes = {{"keepdims", node.attributes.Int("keep_dims")}};
  // TFLite reduces nothing where ONNX reduces everything.
  if (axes->type.IsStatic() && axes->type.ToShape().elements() == 0) {
    attributes.Set("noop_with_empty_axes", int64_t{1});
  }
  node.SetResult(0, builder.Emit(op, {node.input(0), axes}, std::move(attributes)));
  return builder.TakeStatus();
}

Result<Value*> EmitTflitePool(std::string_view op, ForeignNode& node, GraphBuilder& builder, Value* x) {
  const std::vector<int64_t> kernel = {node.attributes.Int("filter_height"),
                                       node.attributes.Int("filter_width")};
  WHET_ASSIGN_OR_RETURN(Attributes attributes, TfliteWindow(node, x, kernel));
  attributes.Set("kernel_shape", kernel);
  return builder.Emit(op, {x}, std::move(attributes));
}

}  // namespace whet::ops
