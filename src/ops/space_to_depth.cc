#include "ops/elements_common.h"
#include "ops/spatial_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const int64_t block = context.attributes().Int("blocksize");
  if (block < 1 || block > 1 << 15) {
    return Error(Code::kBadFile, "blocksize is %lld", static_cast<long long>(block));
  }
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  const auto divides = [&](const Dim& dim) { return !dim.known() || dim.lo % block == 0; };
  if (x.rank() != 4 || !divides(x.dims[1]) || !divides(x.dims[2])) {
    return Error(Code::kBadFile, "%s does not divide into blocks of %lld x %lld pixels", ToString(x).c_str(),
                 static_cast<long long>(block), static_cast<long long>(block));
  }
  context.SetOutput(0, Type(x.dtype, {x.dims[0], FloorDiv(x.dims[1], block), FloorDiv(x.dims[2], block),
                                      x.dims[3] * Dim(block * block)}));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const int64_t block = context.attributes().Int("blocksize");
  const int64_t channels = x.shape[3];
  int64_t to = 0;
  for (IndexWalk walk(y.shape, {}); !walk.done(); walk.Next(), ++to) {
    const Shape& at = walk.index();
    const int64_t place = at[3] / channels;
    const int64_t row = at[1] * block + place / block, column = at[2] * block + place % block;
    CopyElement(x, ((at[0] * x.shape[1] + row) * x.shape[2] + column) * channels + at[3] % channels, y, to);
  }
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  RequireRank(node.input(0), 4);
  return ImportChannelsFirst("SpaceToDepth", node, builder);
}
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  return ExportChannelsFirst("SpaceToDepth", node, sink);
}

constexpr AttributeDef kAttributes[] = {{"blocksize", AttributeKind::kInt, true}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "SpaceToDepth", .import = ImportOnnx}};

}  // namespace

extern const OpDef op_space_to_depth;
const OpDef op_space_to_depth = {
    .name = "SpaceToDepth",
    .summary = "Gathers a block of pixels into the channels of one",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
