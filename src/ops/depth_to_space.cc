#include "ops/elements_common.h"
#include "ops/spatial_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  const int64_t block = context.attributes().Int("blocksize");
  const std::string_view mode = context.attributes().String("mode", "DCR");
  if (mode != "DCR" && mode != "CRD") return Error(Code::kBadFile, "mode is '%s'", std::string(mode).c_str());
  if (block < 1 || block > 1 << 15) {
    return Error(Code::kBadFile, "blocksize is %lld", static_cast<long long>(block));
  }
  if (!x.ranked) {
    context.SetOutput(0, x);
    return {};
  }
  if (x.rank() != 4 || (x.dims[3].known() && x.dims[3].lo % (block * block) != 0)) {
    return Error(Code::kBadFile, "the channels of %s do not divide into blocks of %lld x %lld",
                 ToString(x).c_str(), static_cast<long long>(block), static_cast<long long>(block));
  }
  context.SetOutput(0, Type(x.dtype, {x.dims[0], x.dims[1] * Dim(block), x.dims[2] * Dim(block),
                                      FloorDiv(x.dims[3], block * block)}));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const TensorView& y = context.output(0);
  const int64_t block = context.attributes().Int("blocksize");
  const bool depth_first = context.attributes().String("mode", "DCR") == "DCR";
  const int64_t channels = y.shape[3];
  int64_t to = 0;
  for (IndexWalk walk(y.shape, {}); !walk.done(); walk.Next(), ++to) {
    const Shape& at = walk.index();
    const int64_t i = at[1] % block, j = at[2] % block;
    const int64_t pixel = (at[0] * x.shape[1] + at[1] / block) * x.shape[2] + at[2] / block;
    const int64_t channel =
        depth_first ? (i * block + j) * channels + at[3] : (at[3] * block + i) * block + j;
    CopyElement(x, pixel * x.shape[3] + channel, y, to);
  }
  return {};
}

Status ImportOnnx(ForeignNode& node, GraphBuilder& builder) {
  RequireRank(node.input(0), 4);
  return ImportChannelsFirst("DepthToSpace", node, builder);
}
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  return ExportChannelsFirst("DepthToSpace", node, sink);
}

constexpr AttributeDef kAttributes[] = {{"blocksize", AttributeKind::kInt, true},
                                        {"mode", AttributeKind::kString}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "DepthToSpace", .import = ImportOnnx}};

}  // namespace

extern const OpDef op_depth_to_space;
const OpDef op_depth_to_space = {
    .name = "DepthToSpace",
    .summary = "Spreads the channels of a pixel over a block of pixels",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .onnx = kOnnx,
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
