#include <algorithm>
#include <cmath>

#include "ir/spelling.h"
#include "ops/landmarks_common.h"

namespace whet::ops {
namespace {

// Input: landmarks [1, n, 3]. The result takes positions of a picture of output_width x output_height into
// the plane of the landmarks: onto the upright box (in a frame that is turned so that the line from the left
// to the right landmark points in the target direction) around the subset of landmarks, enlarged by scale_x
// and scale_y.
Status Import(ForeignNode& node, GraphBuilder& builder) {
  Value* landmarks = node.input(0);
  const Type& type = landmarks->type;
  const Attributes& options = node.attributes;
  if (node.version != 2) return node.Unsupported("another version of this custom operator than 2");
  if (!type.IsStatic() || type.rank() != 3 || type.dims[0].lo != 1 || type.dims[2].lo != 3) {
    return Error(Code::kBadFile, "the landmarks are %s", ToString(type).c_str());
  }
  const int64_t count = type.dims[1].lo;
  const int64_t left = options.Int("left_rotation_idx", -1);
  const int64_t right = options.Int("right_rotation_idx", -1);
  const auto subset = options.Ints("subset_idxs");
  const auto exists = [&](int64_t index) { return index >= 0 && index < count; };
  const auto width = static_cast<double>(options.Int("output_width"));
  const auto height = static_cast<double>(options.Int("output_height"));
  if (!exists(left) || !exists(right) || subset.empty() ||
      !std::all_of(subset.begin(), subset.end(), exists) || width < 1 || height < 1) {
    return Error(Code::kBadFile, "its options name landmarks that do not exist, or no size");
  }
  // A whole number is stored as an integer.
  const double target =
      options.Float("target_rotation_radians", static_cast<double>(options.Int("target_rotation_radians")));
  const double scale_x = options.Float("scale_x", static_cast<double>(options.Int("scale_x")));
  const double scale_y = options.Float("scale_y", static_cast<double>(options.Int("scale_y")));

  const auto emit = [&](std::string_view op, Value* a, Value* b) { return builder.Emit(op, {a, b}); };
  const auto column = [&](Value* x, int64_t i) {
    return builder.Emit("Gather", {x, builder.Ints({i})}, {{"axis", int64_t{2}}});
  };
  const auto times = [&](Value* x, double factor) { return emit("Mul", x, builder.Scalar(factor)); };

  // The turn r = target - atan2(dy, dx), as its cosine and sine. All that follows is [1, 1, 1] unless said.
  Value* ends = builder.Emit("Gather", {landmarks, builder.Ints({left, right})}, {{"axis", int64_t{1}}});
  const std::vector<Value*> pair =
      builder.EmitNode("Split", {&ends, 1}, 2, {{"axis", int64_t{1}}, {"num_outputs", int64_t{2}}});
  Value* delta = emit("Sub", pair[1], pair[0]);
  Value* dx = column(delta, 0);
  Value* dy = column(delta, 1);
  Value* length = builder.Emit("Sqrt", {emit("Add", emit("Mul", dx, dx), emit("Mul", dy, dy))});
  Value* none = emit("Equal", length, builder.Scalar(0));
  Value* one = builder.Scalar(1);
  Value* divisor = builder.Emit("Where", {none, one, length});
  Value* cosine = builder.Emit("Where", {none, one, emit("Div", dx, divisor)});
  Value* sine = emit("Div", dy, divisor);
  Value* cos_r = emit("Add", times(cosine, std::cos(target)), times(sine, std::sin(target)));
  Value* sin_r = emit("Sub", times(cosine, std::sin(target)), times(sine, std::cos(target)));
  Value* minus_sin_r = builder.Emit("Neg", {sin_r});

  // The turned points [1, m, 1], and their box.
  Value* points = builder.Emit("Gather", {landmarks, builder.Ints(subset)}, {{"axis", int64_t{1}}});
  Value* x = column(points, 0);
  Value* y = column(points, 1);
  struct Side {
    Value* middle;
    Value* size;
  };
  const auto side = [&](Value* turned) {
    Value* axis = builder.Ints({1});
    Value* high = builder.Emit("ReduceMax", {turned, axis}, {{"keepdims", int64_t{1}}});
    Value* low = builder.Emit("ReduceMin", {turned, axis}, {{"keepdims", int64_t{1}}});
    return Side{times(emit("Add", high, low), 0.5), emit("Sub", high, low)};
  };
  const Side horizontal = side(emit("Sub", emit("Mul", x, cos_r), emit("Mul", y, sin_r)));
  const Side vertical = side(emit("Add", emit("Mul", x, sin_r), emit("Mul", y, cos_r)));

  // Turned back by -r: [[cos r, sin r], [-sin r, cos r]].
  const auto back = [&](Value* a, Value* b, Value* u, Value* v) {
    return emit("Add", emit("Mul", a, u), emit("Mul", b, v));
  };
  Value* center_x = back(cos_r, sin_r, horizontal.middle, vertical.middle);
  Value* center_y = back(minus_sin_r, cos_r, horizontal.middle, vertical.middle);
  Value* unit_x = times(horizontal.size, scale_x / width);
  Value* unit_y = times(vertical.size, scale_y / height);
  Value* m00 = emit("Mul", cos_r, unit_x);
  Value* m01 = emit("Mul", sin_r, unit_y);
  Value* m10 = emit("Mul", minus_sin_r, unit_x);
  Value* m11 = emit("Mul", cos_r, unit_y);
  // The picture's middle is the box's.
  Value* m03 = emit("Sub", center_x, emit("Add", times(m00, width / 2), times(m01, height / 2)));
  Value* m13 = emit("Sub", center_y, emit("Add", times(m10, width / 2), times(m11, height / 2)));

  const float zero = 0;
  const float rest[] = {0, 0, 1, 0, 0, 0, 0, 1};
  Value* z = FloatRows(builder, std::span(&zero, 1), 1);
  Value* entries = builder.Emit("Concat", {m00, m01, z, m03, m10, m11, z, m13, FloatRows(builder, rest, 8)},
                                {{"axis", int64_t{2}}});
  node.SetResult(0, builder.Emit("Reshape", {entries, builder.Ints({1, 4, 4})}));
  return builder.TakeStatus();
}

constexpr TfliteSpelling kTflite[] = {{"CUSTOM:Landmarks2TransformMatrix", Import, 1}};

}  // namespace

extern const OpDef op_landmarks_to_transform_matrix;
const OpDef op_landmarks_to_transform_matrix = {
    .name = "LandmarksToTransformMatrix",
    .summary = "MediaPipe's: the transform onto a box around landmarks; imported as a composition",
    .min_inputs = 1,
    .max_inputs = 1,
};

extern const OpSpellings spellings_landmarks_to_transform_matrix;
const OpSpellings spellings_landmarks_to_transform_matrix = {
    .tflite = kTflite,
};

}  // namespace whet::ops
