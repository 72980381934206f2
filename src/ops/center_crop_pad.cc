#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/shape_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  const auto given = context.attributes().Ints("axes");
  std::vector<int64_t> all(x.dims.size());
  for (size_t d = 0; d < all.size(); ++d) all[d] = static_cast<int64_t>(d);
  WHET_ASSIGN_OR_RETURN(const std::vector<int> axes,
                        AxesOf(context.attributes().Has("axes") ? given : all, x.rank()));
  std::vector<int64_t> shape;
  const bool known = context.IntValues(1, &shape);
  if (known && shape.size() != axes.size()) {
    return Error(Code::kBadFile, "there are %zu sizes for %zu axes", shape.size(), axes.size());
  }
  Type type = x;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (known && shape[i] < 0)
      return Error(Code::kBadFile, "a size is %lld", static_cast<long long>(shape[i]));
    type.dims[static_cast<size_t>(axes[i])] = known ? Dim(shape[i]) : Dim();
  }
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const std::vector<int64_t> strides = StridesOf(x.shape);
  int64_t i = 0;
  for (IndexWalk walk(y.shape, {}); !walk.done(); walk.Next(), ++i) {
    int64_t offset = 0;
    bool inside = true;
    for (int d = 0; d < y.shape.rank(); ++d) {
      // The odd element is cut or added at the end.
      const int64_t more = x.shape[d] - y.shape[d];
      const int64_t at = walk.index()[d] + (more >= 0 ? more / 2 : -(-more / 2));
      inside = inside && at >= 0 && at < x.shape[d];
      offset += at * strides[static_cast<size_t>(d)];
    }
    if (inside) {
      CopyElement(x, offset, y, i);
    } else {
      StoreInt(y, i, 0);
    }
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {{"axes", AttributeKind::kInts}};
constexpr OnnxSpelling kOnnx[] = {{"CenterCropPad", 18}};

}  // namespace

extern const OpDef op_center_crop_pad;
const OpDef op_center_crop_pad = {
    .name = "CenterCropPad",
    .summary = "x cut or padded with zeros about its centre, to the given shape",
    .min_inputs = 2,
    .max_inputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .value_inputs = 0b10,
};

extern const OpSpellings spellings_center_crop_pad;
const OpSpellings spellings_center_crop_pad = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
