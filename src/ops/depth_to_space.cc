#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/spatial_common.h"
#include "ops/tflite_common.h"

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

Status ImportTflite(ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(
      0, builder.Emit("DepthToSpace", {node.input(0)},
                      {{"blocksize", node.attributes.Int("block_size")}, {"mode", std::string("DCR")}}));
  return builder.TakeStatus();
}

// [b1 … bk N, S1 … Sk, rest] becomes [N, S1 b1 … Sk bk, rest], cut at the borders.
Status ImportBatchToSpace(ForeignNode& node, GraphBuilder& builder) {
  WHET_ASSIGN_OR_RETURN(const auto block, TfliteConstantInts(node, 1, "the block shape"));
  WHET_ASSIGN_OR_RETURN(const auto pairs, TfliteConstantInts(node, 2, "the crops"));
  const Type& x = node.input(0)->type;
  const size_t k = block.size();
  if (!x.IsStatic() || pairs.size() != 2 * k || static_cast<size_t>(x.rank()) < k + 1 || k == 0 ||
      x.rank() + k > kMaxRank) {
    return node.Unsupported("an input of open shape, or more dimensions than there are");
  }
  const auto rank = static_cast<size_t>(x.rank());
  int64_t batch = x.dims[0].lo;
  for (int64_t b : block) {
    if (b < 1 || batch % b != 0) return Error(Code::kBadFile, "the batch is not cut evenly by the block");
    batch /= b;
  }
  std::vector<int64_t> split(block.begin(), block.end()), perm = {static_cast<int64_t>(k)}, joined = {batch},
                                                          starts, ends, axes;
  split.push_back(batch);
  for (size_t i = 0; i < k; ++i) {
    split.push_back(x.dims[i + 1].lo);
    perm.insert(perm.end(), {static_cast<int64_t>(k + 1 + i), static_cast<int64_t>(i)});
    joined.push_back(SaturatingMul(x.dims[i + 1].lo, block[i]));
    if (pairs[2 * i] < 0 || pairs[2 * i + 1] < 0 || joined.back() < pairs[2 * i] + pairs[2 * i + 1]) {
      return Error(Code::kBadFile, "the crops are larger than the dimension");
    }
    starts.push_back(pairs[2 * i]);
    ends.push_back(joined.back() - pairs[2 * i + 1]);
    axes.push_back(static_cast<int64_t>(i + 1));
  }
  for (size_t i = k + 1; i < rank; ++i) {
    perm.push_back(static_cast<int64_t>(split.size()));
    split.push_back(x.dims[i].lo);
    joined.push_back(x.dims[i].lo);
  }
  Value* moved = builder.Transpose(builder.Emit("Reshape", {node.input(0), builder.Ints(split)}), perm);
  Value* whole = builder.Emit("Reshape", {moved, builder.Ints(joined)});
  node.SetResult(
      0, builder.Emit("Slice", {whole, builder.Ints(starts), builder.Ints(ends), builder.Ints(axes)}));
  return builder.TakeStatus();
}

Status WriteTflite(const Node& node, TfliteSink& sink) {
  if (node.attributes.String("mode", "DCR") != "DCR") return Error(Code::kUnsupported, "mode is CRD");
  sink.Operator("DEPTH_TO_SPACE", {sink.Of(node.input(0))}, {sink.Result(node)},
                {{"block_size", node.attributes.Int("blocksize")}});
  return {};
}

constexpr AttributeDef kAttributes[] = {{"blocksize", AttributeKind::kInt, true},
                                        {"mode", AttributeKind::kString}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "DepthToSpace", .import = ImportOnnx}};
constexpr TfliteSpelling kTflite[] = {{"DEPTH_TO_SPACE", ImportTflite},
                                      {"BATCH_TO_SPACE_ND", ImportBatchToSpace, 3}};

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
    .takes_strings = true,
};

extern const OpSpellings spellings_depth_to_space;
const OpSpellings spellings_depth_to_space = {
    .onnx = kOnnx,
    .tflite = kTflite,
    .to_onnx = ExportOnnx,
    .to_tflite = {.write = WriteTflite, .scales = TfliteScales::kMoved},
};

}  // namespace whet::ops
