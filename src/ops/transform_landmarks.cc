#include "ir/spelling.h"
#include "ops/landmarks_common.h"

namespace whet::ops {
namespace {

// Inputs: landmarks [1, n, 2 or 3] and a transform. x and y are transformed, z stays.
Status Import(ForeignNode& node, GraphBuilder& builder) {
  Value* landmarks = node.input(0);
  const Type& type = landmarks->type;
  const Type& transform = node.input(1)->type;
  if (node.version != 2) return node.Unsupported("another version of this custom operator than 2");
  if (!type.IsStatic() || type.rank() != 3 || type.dims[0].lo != 1 || type.dims[2].lo < 2 ||
      type.dims[2].lo > 3 || !transform.IsStatic() || transform.rank() != 3 || transform.dims[1].lo != 4 ||
      transform.dims[2].lo != 4) {
    return Error(Code::kBadFile, "the inputs are %s and %s", ToString(type).c_str(),
                 ToString(transform).c_str());
  }
  const int64_t count = type.dims[1].lo;
  Value* points = builder.Emit("Gather", {landmarks, builder.Ints({0, 1})}, {{"axis", int64_t{2}}});
  Value* ones = builder.Emit("Expand", {builder.Scalar(1), builder.Ints({1, count, 1})});
  points = builder.Emit("Concat", {points, ones}, {{"axis", int64_t{2}}});
  Value* moved =
      builder.Emit("MatMul", {points, PlaneTransform(builder, node.input(1))}, {{"transpose_b", int64_t{1}}});
  if (type.dims[2].lo == 3) {
    Value* z = builder.Emit("Gather", {landmarks, builder.Ints({2})}, {{"axis", int64_t{2}}});
    moved = builder.Emit("Concat", {moved, z}, {{"axis", int64_t{2}}});
  }
  node.SetResult(0, moved);
  return builder.TakeStatus();
}

constexpr TfliteSpelling kTflite[] = {{"CUSTOM:TransformLandmarks", Import, 2}};

}  // namespace

extern const OpDef op_transform_landmarks;
const OpDef op_transform_landmarks = {
    .name = "TransformLandmarks",
    .summary = "MediaPipe's: points moved by a transform; imported as a composition",
    .min_inputs = 2,
    .max_inputs = 2,
};

extern const OpSpellings spellings_transform_landmarks;
const OpSpellings spellings_transform_landmarks = {
    .tflite = kTflite,
};

}  // namespace whet::ops
