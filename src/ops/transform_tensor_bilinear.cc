#include "ir/spelling.h"
#include "ops/landmarks_common.h"

namespace whet::ops {
namespace {

constexpr int64_t kMostPositions = 1 << 20;

// Inputs: an image [1, H, W, C] and a transform that gives each position of the output its place in the
// image, both counted from the corners of pixels. Samples are bilinear, and 0 where the place is outside of
// the pixels' centres.
Status Import(ForeignNode& node, GraphBuilder& builder) {
  Value* x = node.input(0);
  const int64_t height = node.attributes.Int("output_height");
  const int64_t width = node.attributes.Int("output_width");
  const Type& transform = node.input(1)->type;
  if (node.version != 2) return node.Unsupported("another version of this custom operator than 2");
  if (!x->type.IsStatic() || x->type.rank() != 4 || x->type.dims[1].lo < 2 || x->type.dims[2].lo < 2) {
    return node.Unsupported("an image of open shape or of a single line");
  }
  if (!transform.IsStatic() || transform.rank() != 3 || transform.dims[1].lo != 4 ||
      transform.dims[2].lo != 4 || height < 1 || width < 1 || height > kMostPositions ||
      width > kMostPositions / height) {
    return Error(Code::kBadFile, "the output's size is %lldx%lld, and the transform is %s",
                 static_cast<long long>(height), static_cast<long long>(width), ToString(transform).c_str());
  }
  std::vector<float> positions;
  for (int64_t row = 0; row < height; ++row) {
    for (int64_t column = 0; column < width; ++column) {
      positions.insert(positions.end(),
                       {static_cast<float>(column) + 0.5F, static_cast<float>(row) + 0.5F, 1.F});
    }
  }
  Value* places =
      builder.Emit("MatMul", {FloatRows(builder, positions, 3), PlaneTransform(builder, node.input(1))},
                   {{"transpose_b", int64_t{1}}});
  places = builder.Emit("Sub", {places, builder.Scalar(0.5)});  // now counted from centres
  // GridSample counts from -1 to 1.
  const float last[] = {static_cast<float>(x->type.dims[2].lo - 1),
                        static_cast<float>(x->type.dims[1].lo - 1)};
  const float scale[] = {2 / last[0], 2 / last[1]};
  Value* grid = builder.Emit("Mul", {places, FloatRows(builder, scale, 2)});
  grid = builder.Emit("Sub", {grid, builder.Scalar(1)});
  grid = builder.Emit("Reshape", {grid, builder.Ints({1, height, width, 2})});
  Value* sampled = builder.Emit("GridSample", {x, grid},
                                {{"mode", std::string("linear")},
                                 {"padding_mode", std::string("border")},
                                 {"align_corners", int64_t{1}}});
  Value* clipped =
      builder.Emit("Min", {builder.Emit("Max", {places, builder.Scalar(0)}), FloatRows(builder, last, 2)});
  Value* inside = builder.Emit("Cast", {builder.Emit("Equal", {clipped, places})}, {{"to", int64_t{1}}});
  inside = builder.Emit("ReduceMin", {inside, builder.Ints({2})}, {{"keepdims", int64_t{1}}});
  inside = builder.Emit("Reshape", {inside, builder.Ints({1, height, width, 1})});
  node.SetResult(0, builder.Emit("Mul", {sampled, inside}));
  return builder.TakeStatus();
}

constexpr TfliteSpelling kTflite[] = {{"CUSTOM:TransformTensorBilinear", Import, 2}};

}  // namespace

extern const OpDef op_transform_tensor_bilinear;
const OpDef op_transform_tensor_bilinear = {
    .name = "TransformTensorBilinear",
    .summary = "MediaPipe's: an image sampled through a transform; imported as a composition",
    .min_inputs = 2,
    .max_inputs = 2,
};

extern const OpSpellings spellings_transform_tensor_bilinear;
const OpSpellings spellings_transform_tensor_bilinear = {
    .tflite = kTflite,
};

}  // namespace whet::ops
