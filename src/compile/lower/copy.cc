// Operators that only move elements: each is one or a few strided copies.
#include "kernels/move/copy.h"

#include <algorithm>

#include "compile/lower/lower.h"
#include "compile/views.h"
#include "passes/match.h"

namespace whet {
namespace {

namespace kernel = kernels::copy;

// In elements, of every dimension.
std::vector<int64_t> StridesOf(const TensorDraft& tensor) {
  std::vector<int64_t> strides(static_cast<size_t>(tensor.shape.rank()));
  int64_t stride = 1;
  for (int d = tensor.shape.rank() - 1; d >= 0; --d) {
    strides[static_cast<size_t>(d)] = stride;
    stride = d == tensor.shape.rank() - 1 ? tensor.row_stride : stride * tensor.shape[d];
  }
  return strides;
}

bool Movable(const Node& node) {
  return BitsOf(node.input(0)->type.dtype) >= 8 && node.output()->type.ToShape().elements() > 0;
}

// Copies dims elements from `from` to `to` with these strides.
bool AddMove(const Node& node, Lowering& lowering, TensorId to, TensorId from, std::span<const int64_t> dims,
             std::span<const int64_t> to_strides, std::span<const int64_t> from_strides,
             int64_t from_offset = 0) {
  kernel::Params params{};
  kernels::Choice choice{};
  const int bytes = BitsOf(lowering.tensor(from).dtype) / 8;
  if (!kernel::Choose(lowering.isa(), bytes, dims, to_strides, from_strides, from_offset, &params, &choice)
           .ok()) {
    return false;
  }
  lowering.AddKernel(node, choice, params, {to, from});
  return true;
}

}  // namespace

Result<bool> LowerReshape(const Node& node, Lowering& lowering) {
  if (!Movable(node)) return false;
  const TensorId from = lowering.DenseInput(node.input(0));
  const TensorId to = lowering.TensorOf(node.output());
  return lowering.AddCopy(node, lowering.Reshaped(from, node.output()->type.ToShape()), to).ok();
}

Result<bool> LowerTranspose(const Node& node, Lowering& lowering) {
  if (!Movable(node)) return false;
  const TensorId from = lowering.TensorOf(node.input(0));
  const TensorId to = lowering.TensorOf(node.output());
  const auto perm = node.attributes.Ints("perm");
  const int rank = lowering.tensor(from).shape.rank();
  const auto strides = StridesOf(lowering.tensor(from));
  std::vector<int64_t> permuted;
  for (int d = 0; d < rank; ++d) {
    permuted.push_back(
        strides[static_cast<size_t>(perm.empty() ? rank - 1 - d : perm[static_cast<size_t>(d)])]);
  }
  const Shape shape = node.output()->type.ToShape();
  return AddMove(node, lowering, to, from, shape.dims(), StridesOf(lowering.tensor(to)), permuted);
}

Result<bool> LowerConcat(const Node& node, Lowering& lowering) {
  if (BitsOf(node.output()->type.dtype) < 8) return false;
  const TensorId to = lowering.TensorOf(node.output());
  const TensorDraft whole = lowering.tensor(to);
  int64_t axis = node.attributes.Int("axis");
  if (axis < 0) axis += whole.shape.rank();
  const auto strides = StridesOf(whole);
  const int bytes = BitsOf(whole.dtype) / 8;
  int64_t start = 0;
  for (const Value* part : node.inputs()) {
    const Shape shape = part->type.ToShape();
    const TensorId from = lowering.TensorOf(part);
    const uint64_t offset =
        whole.offset + static_cast<uint64_t>(start * strides[static_cast<size_t>(axis)] * bytes);
    start += shape[static_cast<int>(axis)];
    const TensorDraft& source = lowering.tensor(from);
    if (shape.elements() == 0) continue;
    // Written in place by its producer (Lowering::PlaceConcats).
    if (source.buffer == whole.buffer && source.offset == offset) continue;
    const TensorId piece = lowering.Piece(to, shape, offset);
    if (!AddMove(node, lowering, piece, from, shape.dims(), strides, StridesOf(lowering.tensor(from)))) {
      return Error(Code::kInternal, "no copy of %s fits", shape.ToString().c_str());
    }
  }
  return true;
}

Result<bool> LowerSlice(const Node& node, Lowering& lowering) {
  if (!Movable(node)) return false;
  const auto starts = IntsOf(node.input(1));
  auto axes = IntsOf(node.input(3));
  const auto steps = IntsOf(node.input(4));
  if (starts.empty() || (node.input(3) != nullptr && axes.empty()) ||
      (node.input(4) != nullptr && steps.empty())) {
    return false;
  }
  const TensorId from = lowering.TensorOf(node.input(0));
  const TensorId to = lowering.TensorOf(node.output());
  const Shape whole = node.input(0)->type.ToShape();
  const Shape part = node.output()->type.ToShape();
  std::vector<int64_t> strides = StridesOf(lowering.tensor(from));
  int64_t offset = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    int64_t axis = axes.empty() ? static_cast<int64_t>(i) : axes[i];
    if (axis < 0) axis += whole.rank();
    const int64_t size = whole[static_cast<int>(axis)];
    const int64_t step = steps.empty() ? 1 : steps[i];
    int64_t start = starts[i] < 0 ? starts[i] + size : starts[i];
    start = std::clamp<int64_t>(start, 0, step > 0 ? size : size - 1);
    offset += start * strides[static_cast<size_t>(axis)];
    strides[static_cast<size_t>(axis)] *= step;
  }
  return AddMove(node, lowering, to, from, part.dims(), StridesOf(lowering.tensor(to)), strides, offset);
}

Result<bool> LowerSplit(const Node& node, Lowering& lowering) {
  const Value* x = node.input(0);
  if (BitsOf(x->type.dtype) < 8) return false;
  const TensorId from = lowering.TensorOf(x);
  const auto strides = StridesOf(lowering.tensor(from));
  int64_t axis = node.attributes.Int("axis");
  if (axis < 0) axis += x->type.rank();
  int64_t start = 0;
  for (const Value* part : node.outputs()) {
    if (part == nullptr) return false;
  }
  for (const Value* part : node.outputs()) {
    const Shape shape = part->type.ToShape();
    const int64_t offset = start * strides[static_cast<size_t>(axis)];
    start += shape[static_cast<int>(axis)];
    if (shape.elements() == 0) continue;
    const TensorId to = lowering.TensorOf(part);
    if (!AddMove(node, lowering, to, from, shape.dims(), StridesOf(lowering.tensor(to)), strides, offset)) {
      return Error(Code::kInternal, "no copy of %s fits", shape.ToString().c_str());
    }
  }
  return true;
}

Result<bool> LowerExpand(const Node& node, Lowering& lowering) {
  if (!Movable(node)) return false;
  const TensorId from = lowering.TensorOf(node.input(0));
  const TensorId to = lowering.TensorOf(node.output());
  const TensorDraft& source = lowering.tensor(from);
  const Shape shape = node.output()->type.ToShape();
  const auto own = StridesOf(source);
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()), 0);
  const int shift = shape.rank() - source.shape.rank();
  for (int d = 0; d < source.shape.rank(); ++d) {
    if (source.shape[d] != 1) strides[static_cast<size_t>(d + shift)] = own[static_cast<size_t>(d)];
  }
  return AddMove(node, lowering, to, from, shape.dims(), StridesOf(lowering.tensor(to)), strides);
}

Result<bool> LowerTile(const Node& node, Lowering& lowering) {
  if (!Movable(node)) return false;
  const TensorId from = lowering.TensorOf(node.input(0));
  const TensorId to = lowering.TensorOf(node.output());
  const Shape shape = node.input(0)->type.ToShape();
  const Shape whole = node.output()->type.ToShape();
  const auto source = StridesOf(lowering.tensor(from));
  const auto target = StridesOf(lowering.tensor(to));
  // Each dimension becomes {repeats, size}.
  std::vector<int64_t> dims;
  std::vector<int64_t> to_strides;
  std::vector<int64_t> from_strides;
  for (int d = 0; d < shape.rank(); ++d) {
    const auto axis = static_cast<size_t>(d);
    dims.insert(dims.end(), {whole[d] / shape[d], shape[d]});
    to_strides.insert(to_strides.end(), {target[axis] * shape[d], target[axis]});
    from_strides.insert(from_strides.end(), {0, source[axis]});
  }
  return AddMove(node, lowering, to, from, dims, to_strides, from_strides);
}

namespace {

// Between [N, H, W, …] and blocks: walks the output of DepthToSpace (or the input of SpaceToDepth) as
// [N, H, b, W, b, C], whose place in the deep tensor depends on the order of its channels.
Result<bool> LowerBlocks(const Node& node, Lowering& lowering, bool to_space) {
  if (!Movable(node) || node.input(0)->type.rank() != 4) return false;
  const TensorId from = lowering.TensorOf(node.input(0));
  const TensorId to = lowering.TensorOf(node.output());
  const TensorDraft& deep = lowering.tensor(to_space ? from : to);
  const TensorDraft& wide = lowering.tensor(to_space ? to : from);
  const int64_t block = node.attributes.Int("blocksize");
  const int64_t height = deep.shape[1];
  const int64_t width = deep.shape[2];
  const int64_t channels = wide.shape[3];
  const std::vector<int64_t> dims = {deep.shape[0], height, block, width, block, channels};
  const int64_t wide_row = wide.row_stride * wide.shape[2];
  const std::vector<int64_t> wide_strides = {wide_row * wide.shape[1], wide_row * block, wide_row,
                                             wide.row_stride * block,  wide.row_stride,  1};
  const bool crd = node.attributes.String("mode", "DCR") == "CRD";
  const int64_t deep_row = deep.row_stride * width;
  const std::vector<int64_t> deep_strides = {
      deep_row * height, deep_row,           crd ? block : block * channels,
      deep.row_stride,   crd ? 1 : channels, crd ? block * block : 1};
  return to_space ? AddMove(node, lowering, to, from, dims, wide_strides, deep_strides)
                  : AddMove(node, lowering, to, from, dims, deep_strides, wide_strides);
}

}  // namespace

Result<bool> LowerDepthToSpace(const Node& node, Lowering& lowering) {
  return LowerBlocks(node, lowering, true);
}
Result<bool> LowerSpaceToDepth(const Node& node, Lowering& lowering) {
  return LowerBlocks(node, lowering, false);
}

}  // namespace whet
