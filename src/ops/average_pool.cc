#include "ir/spelling.h"
#include "ops/pool_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

template <typename T>
Status Run(ReferenceContext& context) {
  const Shape& xs = context.input(0).shape;
  const Shape& ys = context.output(0).shape;
  WHET_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attributes(), xs));
  const auto sizes = SpatialDims(xs);
  const bool include_pad = context.attributes().Int("count_include_pad") != 0;
  const int64_t channels = xs.back();
  int64_t pixels = 1;
  for (int64_t size : sizes) pixels *= size;
  const T* x = InputArray<T>(context, 0);
  T* y = OutputArray<T>(context, 0);
  T* to = y;
  for (int64_t n = 0; n < xs[0]; ++n) {
    const T* image = x + n * pixels * channels;
    ForPositions(SpatialDims(ys), [&](const int64_t* position, int64_t) {
      for (int64_t c = 0; c < channels; ++c) to[c] = 0;
      int64_t count = 0;
      ForTaps(window, sizes, position, [&](int64_t, int64_t offset) {
        const T* pixel = image + offset * channels;
        for (int64_t c = 0; c < channels; ++c) to[c] += pixel[c];
        ++count;
      });
      if (include_pad) count = PaddedTaps(window, sizes, position);
      for (int64_t c = 0; c < channels && count > 0; ++c) to[c] /= static_cast<T>(count);
      to += channels;
    });
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  return context.input(0).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  return ImportPool("AveragePool", node, builder);
}
Status ExportOnnx(const Node& node, OnnxSink& sink) { return ExportPool("AveragePool", node, sink); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(Value * y, EmitTflitePool("AveragePool", node, builder, node.input(0)));
  node.SetResult(0, ApplyTfliteActivation(node, builder, y));
  return builder.TakeStatus();
}

// TFLite's mean is over the pixels that lie in the input. Any other is that of the padded input, times what
// the counts differ by.
Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  const Value* x = node.input(0);
  if (!x->type.ranked) return Error(Code::kUnsupported, "the number of dimensions is not known");
  const bool counts_padding = node.attributes.Int("count_include_pad") != 0;
  WHET_ASSIGN_OR_RETURN(Window window, ReadWindow(node.attributes, node.attributes.Ints("kernel_shape")));
  const std::string_view padding = TflitePadding(x->type, &window);
  if (x->type.rank() == 3 || padding == "VALID" || (padding == "SAME" && !counts_padding)) {
    return ExpandTflitePool(node, builder, 0, results);
  }
  const Type& y = node.output()->type;
  if (!x->type.dims[1].known() || !x->type.dims[2].known()) {
    return Error(Code::kUnsupported, "padding that counts, of an input of open size");
  }
  WHET_RETURN_IF_ERROR(ExpandTflitePool(node, builder, 0, results));
  if (results.empty()) return Error(Code::kUnsupported, "padding that counts");
  const Shape shape = {1, y.dims[1].lo, y.dims[2].lo, 1};
  auto factors = Constant::Allocate(DType::kF32, shape);
  bool differs = false;
  for (int64_t i = 0; i < shape.elements(); ++i) {
    const int64_t at[] = {i / shape[2], i % shape[2]};
    double counted = 1;
    for (size_t d = 0; d < 2; ++d) {
      int64_t taps = 0;
      const int64_t size = x->type.dims[d + 1].lo;
      for (int64_t tap = 0; tap < window.kernel[d]; ++tap) {
        const int64_t pixel = at[d] * window.strides[d] - window.begins[d] + tap * window.dilations[d];
        const int64_t low = counts_padding ? -window.begins[d] : 0;
        const int64_t high = counts_padding ? size + window.ends[d] : size;
        taps += pixel >= low && pixel < high;
      }
      counted *= static_cast<double>(std::max<int64_t>(taps, 1));
    }
    const double factor = static_cast<double>(window.kernel[0] * window.kernel[1]) / counted;
    differs = differs || factor != 1;
    static_cast<float*>(factors->mutable_data())[i] = static_cast<float>(factor);
  }
  if (differs) results[0] = builder.Emit("Mul", {results[0], builder.Const(std::move(factors), "counts")});
  return builder.TakeStatus();
}
Status WriteTflite(const Node& node, TfliteSink& sink) {
  return WriteTflitePool("AVERAGE_POOL_2D", node, sink);
}

constexpr AttributeDef kAttributes[] = {
    {"kernel_shape", AttributeKind::kInts, true}, {"strides", AttributeKind::kInts},
    {"dilations", AttributeKind::kInts},          {"pads", AttributeKind::kInts},
    {"auto_pad", AttributeKind::kString},         {"ceil_mode", AttributeKind::kInt},
    {"count_include_pad", AttributeKind::kInt},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "AveragePool", .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"AVERAGE_POOL_2D", ImportTflite}};

}  // namespace

extern const OpDef op_average_pool;
const OpDef op_average_pool = {
    .name = "AveragePool",
    .summary = "Mean under a sliding window",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = InferPool,
    .reference = Reference,
};

extern const OpSpellings spellings_average_pool;
const OpSpellings spellings_average_pool = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite,
                  .write = WriteTflite,
                  .scales = TfliteScales::kEqual,
                  .activation = true},
};

}  // namespace whet::ops
