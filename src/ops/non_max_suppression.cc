#include <algorithm>
#include <limits>
#include <utility>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& boxes = context.input(0);
  const Type& scores = context.input(1);
  Dim count;
  if (boxes.ranked && scores.ranked) {
    if (boxes.rank() != 3 || scores.rank() != 3 || boxes.dims[2].lo > 4 || boxes.dims[2].hi < 4) {
      return Error(Code::kBadFile,
                   "boxes %s must be [batches, boxes, 4] and scores %s [batches, classes, boxes]",
                   ToString(boxes).c_str(), ToString(scores).c_str());
    }
    for (const auto& [a, b] :
         {std::pair{&boxes.dims[0], &scores.dims[0]}, std::pair{&boxes.dims[1], &scores.dims[2]}}) {
      if (!Meet(*a, *b).ok()) {
        return Error(Code::kBadFile, "boxes %s and scores %s differ in their batches or boxes",
                     ToString(boxes).c_str(), ToString(scores).c_str());
      }
    }
    int64_t most = boxes.dims[1].hi;
    std::vector<int64_t> limit;
    if (!context.HasInput(2)) {
      most = 0;
    } else if (context.IntValues(2, &limit) && limit.size() == 1) {
      most = std::clamp<int64_t>(limit[0], 0, most);
    }
    count = Dim(0, SaturatingMul(SaturatingMul(scores.dims[0].hi, scores.dims[1].hi), most));
  }
  context.SetOutput(0, Type(DType::kI64, {count, Dim(3)}));
  return {};
}

struct Box {
  double y1, x1, y2, x2;
  double Area() const { return (y2 - y1) * (x2 - x1); }
};

// Corners may be given in any order; the other form is centre and size.
Box BoxAt(const TensorView& boxes, int64_t i, bool by_centre) {
  double v[4];
  for (int64_t k = 0; k < 4; ++k) v[k] = LoadFloat(boxes, i * 4 + k);
  if (by_centre) return {v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
  return {std::min(v[0], v[2]), std::min(v[1], v[3]), std::max(v[0], v[2]), std::max(v[1], v[3])};
}

bool Overlap(const Box& a, const Box& b, double threshold) {
  const double height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
  const double width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
  if (height <= 0 || width <= 0 || a.Area() <= 0 || b.Area() <= 0) return false;
  const double shared = height * width;
  return shared / (a.Area() + b.Area() - shared) > threshold;
}

double ScalarOr(ReferenceContext& context, size_t i, double fallback) {
  return context.HasInput(i) && context.input(i).elements() > 0 ? LoadFloat(context.input(i), 0) : fallback;
}

Status Reference(ReferenceContext& context) {
  const TensorView& boxes = context.input(0);
  const TensorView& scores = context.input(1);
  const int64_t classes = scores.shape[1];
  const int64_t count = boxes.shape[1];
  const bool by_centre = context.attributes().Int("center_point_box") != 0;
  const double limit = std::clamp(ScalarOr(context, 2, 0), 0.0, static_cast<double>(count));
  const double overlap = ScalarOr(context, 3, 0);
  const double lowest = ScalarOr(context, 4, -std::numeric_limits<double>::infinity());
  std::vector<int64_t> result;
  std::vector<int64_t> order;
  std::vector<Box> kept;
  for (int64_t line = 0; line < boxes.shape[0] * classes; ++line) {
    const int64_t batch = line / classes;
    const auto score = [&](int64_t i) { return LoadFloat(scores, line * count + i); };
    order.clear();
    kept.clear();
    for (int64_t i = 0; i < count; ++i) {
      if (score(i) > lowest) order.push_back(i);
    }
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return score(a) > score(b); });
    for (const int64_t i : order) {
      if (static_cast<double>(kept.size()) >= limit) break;
      const Box box = BoxAt(boxes, batch * count + i, by_centre);
      const auto overlaps = [&](const Box& other) { return Overlap(box, other, overlap); };
      if (std::any_of(kept.begin(), kept.end(), overlaps)) continue;
      kept.push_back(box);
      result.insert(result.end(), {batch, line % classes, i});
    }
  }
  WHET_RETURN_IF_ERROR(context.SetOutputShape(0, Shape{static_cast<int64_t>(result.size()) / 3, 3}));
  std::copy(result.begin(), result.end(), context.output(0).as<int64_t>());
  return {};
}

constexpr AttributeDef kAttributes[] = {{"center_point_box", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{"NonMaxSuppression", 10}};

}  // namespace

extern const OpDef op_non_max_suppression;
const OpDef op_non_max_suppression = {
    .name = "NonMaxSuppression",
    .summary = "The boxes that are left when those overlapping a better one are dropped",
    .min_inputs = 2,
    .max_inputs = 5,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .data_dependent_shape = true,
};

extern const OpSpellings spellings_non_max_suppression;
const OpSpellings spellings_non_max_suppression = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
