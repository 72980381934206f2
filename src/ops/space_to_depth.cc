#include <numeric>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/spatial_common.h"
#include "ops/tflite_common.h"

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

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(
      0, builder.Emit("SpaceToDepth", {node.input(0)}, {{"blocksize", node.attributes.Int("block_size")}}));
  return builder.TakeStatus();
}

// [N, S1 … Sk, rest] padded, then each Si cut into Si/bi and bi, and the bi put before N.
Status ImportSpaceToBatch(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const auto block, TfliteConstantInts(node, 1, "the block shape"));
  WHET_ASSIGN_OR_RETURN(const auto pairs, TfliteConstantInts(node, 2, "the padding"));
  const Type& x = node.input(0)->type;
  const size_t k = block.size();
  if (!x.IsStatic() || pairs.size() != 2 * k || static_cast<size_t>(x.rank()) < k + 1 || k == 0 ||
      x.rank() + k > kMaxRank) {
    return node.Unsupported("an input of open shape, or more dimensions than there are");
  }
  const auto rank = static_cast<size_t>(x.rank());
  std::vector<int64_t> pads(2 * rank), split = {x.dims[0].lo}, joined = {x.dims[0].lo}, perm;
  for (size_t i = 0; i < k; ++i) {
    pads[i + 1] = pairs[2 * i];
    pads[i + 1 + rank] = pairs[2 * i + 1];
    const int64_t size = x.dims[i + 1].lo + pairs[2 * i] + pairs[2 * i + 1];
    if (block[i] < 1 || pairs[2 * i] < 0 || pairs[2 * i + 1] < 0 || size % block[i] != 0) {
      return Error(Code::kBadFile, "a padded dimension of %lld is not cut evenly by %lld",
                   static_cast<long long>(size), static_cast<long long>(block[i]));
    }
    split.insert(split.end(), {size / block[i], block[i]});
    joined[0] = SaturatingMul(joined[0], block[i]);
    joined.push_back(size / block[i]);
    perm.push_back(static_cast<int64_t>(2 * i + 2));
  }
  perm.push_back(0);
  for (size_t i = 0; i < k; ++i) perm.push_back(static_cast<int64_t>(2 * i + 1));
  for (size_t i = k + 1; i < rank; ++i) {
    perm.push_back(static_cast<int64_t>(split.size()));
    split.push_back(x.dims[i].lo);
    joined.push_back(x.dims[i].lo);
  }
  Value* padded = builder.Emit("Pad", {node.input(0), builder.Ints(pads)});
  Value* moved = builder.Transpose(builder.Emit("Reshape", {padded, builder.Ints(split)}), perm);
  node.SetResult(0, builder.Emit("Reshape", {moved, builder.Ints(joined)}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  if (node.attributes.String("mode", "DCR") != "DCR") return Error(Code::kUnsupported, "mode is CRD");
  sink.Operator("SPACE_TO_DEPTH", {sink.Of(node.input(0))}, {sink.Result(node)},
                {{"block_size", node.attributes.Int("blocksize")}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"blocksize", AttributeKind::kInt, true}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "SpaceToDepth", .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"SPACE_TO_DEPTH", ImportTflite},
                                      {"SPACE_TO_BATCH_ND", ImportSpaceToBatch, 3}};

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
    .takes_strings = true,
};

extern const OpSpellings spellings_space_to_depth;
const OpSpellings spellings_space_to_depth = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
