#include <limits>

#include "ir/spelling.h"
#include "ops/pool_common.h"
#include "ops/spelling_common.h"
#include "ops/tflite_common.h"
#include "ops/tflite_write_common.h"
#include "ops/typed_common.h"

namespace whet::ops {
namespace {

// Indices are positions in the flattened channels-first tensor, as in ONNX; with storage_order 1 the spatial
// dimensions count column by column.
int64_t FlatIndex(std::span<const int64_t> sizes, int64_t offset, bool column_major) {
  if (!column_major) return offset;
  int64_t index[kMaxRank] = {};
  for (size_t d = sizes.size(); d-- > 0; offset /= sizes[d]) index[d] = offset % sizes[d];
  int64_t flat = 0;
  for (size_t d = sizes.size(); d-- > 0;) flat = flat * sizes[d] + index[d];
  return flat;
}

template <typename T>
Status Run(ReferenceContext& context) {
  const Shape& xs = context.input(0).shape;
  const Shape& ys = context.output(0).shape;
  WHET_ASSIGN_OR_RETURN(const Window window, PoolWindow(context.attributes(), xs));
  const auto sizes = SpatialDims(xs);
  const bool column_major = context.attributes().Int("storage_order") != 0;
  const bool wants_indices = context.HasOutput(1);
  const int64_t channels = xs.back();
  int64_t pixels = 1;
  for (int64_t size : sizes) pixels *= size;
  const T* x = InputArray<T>(context, 0);
  T* y = OutputArray<T>(context, 0);
  T* to = y;
  int64_t* indices = OutputArray<int64_t>(context, 1);
  for (int64_t n = 0; n < xs[0]; ++n) {
    const T* image = x + n * pixels * channels;
    ForPositions(SpatialDims(ys), [&](const int64_t* position, int64_t) {
      for (int64_t c = 0; c < channels; ++c) to[c] = std::numeric_limits<T>::lowest();
      bool first = true;
      ForTaps(window, sizes, position, [&](int64_t, int64_t offset) {
        const T* pixel = image + offset * channels;
        if (!wants_indices) {
          for (int64_t c = 0; c < channels; ++c) to[c] = pixel[c] > to[c] || first ? pixel[c] : to[c];
        } else {
          const int64_t flat = FlatIndex(sizes, offset, column_major);
          for (int64_t c = 0; c < channels; ++c) {
            if (pixel[c] <= to[c] && !first) continue;
            to[c] = pixel[c];
            indices[c] = (n * channels + c) * pixels + flat;
          }
        }
        first = false;
      });
      to += channels;
      if (wants_indices) indices += channels;
    });
  }
  StoreArray(context, 0, y);
  return {};
}

Status Reference(ReferenceContext& context) {
  return context.input(0).dtype == DType::kF32 ? Run<float>(context) : Run<double>(context);
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) { return ImportPool("MaxPool", node, builder); }
Status ExportOnnx(const Node& node, OnnxSink& sink) { return ExportPool("MaxPool", node, sink); }

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(Value * y, EmitTflitePool("MaxPool", node, builder, node.input(0)));
  node.SetResult(0, ApplyTfliteActivation(node, builder, y));
  return builder.TakeStatus();
}

Status ExpandTflite(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) {
  return ExpandTflitePool(node, builder, -std::numeric_limits<float>::max(), results);
}
Status WriteTflite(const Node& node, TfliteSink& sink) { return WriteTflitePool("MAX_POOL_2D", node, sink); }

constexpr AttributeDef kAttributes[] = {
    {"kernel_shape", AttributeKind::kInts, true}, {"strides", AttributeKind::kInts},
    {"dilations", AttributeKind::kInts},          {"pads", AttributeKind::kInts},
    {"auto_pad", AttributeKind::kString},         {"ceil_mode", AttributeKind::kInt},
    {"storage_order", AttributeKind::kInt},
};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "MaxPool", .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"MAX_POOL_2D", ImportTflite}};

}  // namespace

extern const OpDef op_max_pool;
const OpDef op_max_pool = {
    .name = "MaxPool",
    .summary = "Largest value under a sliding window, and where it was",
    .min_inputs = 1,
    .max_inputs = 1,
    .max_outputs = 2,
    .attributes = kAttributes,
    .infer = InferPool,
    .reference = Reference,
};

extern const OpSpellings spellings_max_pool;
const OpSpellings spellings_max_pool = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
    .to_tflite = {.expand = ExpandTflite,
                  .write = WriteTflite,
                  .scales = TfliteScales::kMoved,
                  .activation = true},
};

}  // namespace whet::ops
