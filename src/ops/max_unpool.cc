#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/spatial_common.h"

namespace whet::ops {
namespace {

enum Input : size_t { kX, kIndices, kOutputShape };

// The shape of what MaxPool was given, as far as its window tells; indices count in it, channels first.
Result<std::vector<Dim>> PooledShape(const Attributes& attributes, std::span<const Dim> x) {
  const auto kernel = attributes.Ints("kernel_shape");
  WHET_ASSIGN_OR_RETURN(const Window window, ReadWindow(attributes, kernel));
  if (x.size() != kernel.size() + 2) {
    return Error(Code::kBadFile, "kernel_shape has %zu entries but the input has %zu dimensions",
                 kernel.size(), x.size());
  }
  std::vector<Dim> dims(x.begin(), x.end());
  for (size_t i = 0; i < kernel.size(); ++i) {
    const int64_t rest = window.kernel[i] - window.strides[i] - window.begins[i] - window.ends[i];
    const auto size = [&](int64_t in) {
      return std::max<int64_t>(0, SaturatingAdd(SaturatingMul(in, window.strides[i]), rest));
    };
    const Dim& in = x[i + 1];
    dims[i + 1] = Dim(size(in.lo), in.bounded() ? size(in.hi) : Dim::kUnbounded);
  }
  return dims;
}

Status Infer(InferContext& context) {
  const Type& x = context.input(kX);
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  const Type& indices = context.input(kIndices);
  if (indices.IsStatic() && x.IsStatic() && !(indices.ToShape() == x.ToShape())) {
    return Error(Code::kBadFile, "indices %s do not fit the input %s", ToString(indices).c_str(),
                 ToString(x).c_str());
  }
  WHET_ASSIGN_OR_RETURN(std::vector<Dim> dims, PooledShape(context.attributes(), x.dims));
  if (context.HasInput(kOutputShape)) {
    std::vector<int64_t> sizes;
    const bool known = context.IntValues(kOutputShape, &sizes);
    if (known && sizes.size() != dims.size()) {
      return Error(Code::kBadFile, "output_shape has %zu entries; it must have %zu", sizes.size(),
                   dims.size());
    }
    for (size_t i = 1; i + 1 < dims.size(); ++i) {
      if (known && sizes[i] < 0) {
        return Error(Code::kBadFile, "output_shape has an entry %lld", static_cast<long long>(sizes[i]));
      }
      dims[i] = known ? Dim(sizes[i]) : Dim();
    }
  }
  context.SetOutput(0, Type(x.dtype, std::move(dims)));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(kX);
  const TensorView& y = context.output(0);
  const Type type = Type::Of(x.dtype, x.shape.dims());
  WHET_ASSIGN_OR_RETURN(const std::vector<Dim> pooled, PooledShape(context.attributes(), type.dims));
  for (int64_t i = 0; i < y.elements(); ++i) StoreInt(y, i, 0);
  const int rank = x.shape.rank();
  for (int64_t i = 0; i < x.elements(); ++i) {
    int64_t index = LoadInt(context.input(kIndices), i);
    // Taken apart as [N, C, D1 … Dk] of the pooled shape.
    int64_t at[kMaxRank] = {};
    bool inside = index >= 0;
    for (int d = rank - 2; d >= 1; --d) {
      const int64_t size = pooled[static_cast<size_t>(d)].lo;
      if (size == 0) inside = false;
      at[d] = inside ? index % size : 0;
      index = inside ? index / size : 0;
    }
    at[rank - 1] = inside ? index % x.shape.back() : 0;
    at[0] = inside ? index / x.shape.back() : 0;
    int64_t to = 0;
    for (int d = 0; d < rank; ++d) {
      inside = inside && at[d] < y.shape[d];
      to = to * y.shape[d] + at[d];
    }
    if (!inside) {
      return Error(Code::kInvalidArgument, "index %lld is outside the output",
                   static_cast<long long>(LoadInt(context.input(kIndices), i)));
    }
    CopyElement(x, i, y, to);
  }
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  const int rank = static_cast<int>(node.attributes.Ints("kernel_shape").size()) + 2;
  RequireRank(node.input(kX), rank);
  RequireRank(node.input(kIndices), rank);
  Value* x = builder.ToChannelsLast(node.input(kX));
  Value* indices = builder.ToChannelsLast(node.input(kIndices));
  Value* y = nullptr;
  if (node.HasInput(kOutputShape)) {
    Value* shape =
        builder.EmitFolded("Gather", {node.input(kOutputShape), builder.Ints(ChannelsLastOrder(rank))});
    y = builder.Emit("MaxUnpool", {x, indices, shape}, std::move(node.attributes));
  } else {
    y = builder.Emit("MaxUnpool", {x, indices}, std::move(node.attributes));
  }
  node.SetResult(0, builder.ToChannelsFirst(y));
  return builder.TakeStatus();
}

Status ExportOnnx(const Node& node, OnnxSink& sink) {
  std::vector<std::string> inputs = {sink.ChannelsFirst(node.input(kX)),
                                     sink.ChannelsFirst(node.input(kIndices))};
  if (const Value* shape = node.input(kOutputShape); shape != nullptr) {
    inputs.push_back(sink.Fresh("shape"));
    const auto order = ChannelsFirstOrder(node.input(kX)->type.rank());
    sink.Node("Gather", {sink.NameOf(shape), sink.Initializer("order", Constant::Ints(order))},
              {inputs.back()});
  }
  const std::string result = sink.DefineFromChannelsFirst(node.output());
  sink.Node("MaxUnpool", inputs, std::span(&result, 1), node.attributes);
  return {};
}

constexpr AttributeDef kAttributes[] = {{"kernel_shape", AttributeKind::kInts, true},
                                        {"strides", AttributeKind::kInts},
                                        {"pads", AttributeKind::kInts}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "MaxUnpool", .since = 9, .import = ImportOnnx}};

}  // namespace

extern const OpDef op_max_unpool;
const OpDef op_max_unpool = {
    .name = "MaxUnpool",
    .summary = "Puts pooled values back to where MaxPool found them, zero elsewhere",
    .min_inputs = 2,
    .max_inputs = 3,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 1u << kOutputShape,
};

extern const OpSpellings spellings_max_unpool;
const OpSpellings spellings_max_unpool = {
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
