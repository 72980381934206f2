#include "compile/views.h"

#include <algorithm>
#include <array>
#include <vector>

#include "passes/match.h"

namespace whet {
namespace {

bool IsOneOf(std::string_view name, std::span<const std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

int64_t Product(const Shape& shape, int from, int to) {
  int64_t product = 1;
  for (int i = from; i < to; ++i) product *= shape[i];
  return product;
}

// A piece of `extent` elements along `axis`, beginning at `start`.
bool ViewOfPiece(const TensorDraft& whole, int axis, int64_t start, int64_t extent, View* view) {
  const int bits = BitsOf(whole.dtype);
  if (bits < 8 || axis < 0 || whole.shape.elements() == 0 || extent == 0) return false;
  const auto element = static_cast<uint64_t>(bits / 8);
  const int last = whole.shape.rank() - 1;
  if (axis == last && Product(whole.shape, 0, last) > 1) {
    view->offset = whole.offset + static_cast<uint64_t>(start) * element;
    view->row_stride = whole.row_stride;
    view->strided = extent != whole.row_stride;
    return true;
  }
  // Contiguous if nothing before the axis repeats.
  if (!whole.dense() || Product(whole.shape, 0, axis) != 1) return false;
  view->offset =
      whole.offset + static_cast<uint64_t>(start * Product(whole.shape, axis + 1, last + 1)) * element;
  view->row_stride = axis == last ? extent : whole.shape.back();
  view->strided = false;
  return true;
}

int AxisOf(int64_t axis, int rank) {
  if (axis < 0) axis += rank;
  return axis >= 0 && axis < rank ? static_cast<int>(axis) : -1;
}

}  // namespace

bool IsReshapeLike(const Node& node) {
  constexpr std::array<std::string_view, 5> kReshapes = {"Reshape", "Squeeze", "Unsqueeze", "Flatten",
                                                         "Identity"};
  if (IsOneOf(node.op_name(), kReshapes)) return true;
  if (!node.Is("Transpose") || !node.input(0)->type.IsStatic()) return false;
  const Shape shape = node.input(0)->type.ToShape();
  int64_t previous = -1;
  const auto perm = node.attributes.Ints("perm");
  if (perm.empty()) return false;
  for (int64_t axis : perm) {
    if (shape[static_cast<int>(axis)] == 1) continue;
    if (axis < previous) return false;
    previous = axis;
  }
  return true;
}

bool IsSliceLike(const Node& node) { return node.Is("Split") || node.Is("Slice"); }

bool ViewOfConcatPart(const Node& concat, size_t i, const TensorDraft& whole, View* view) {
  const int axis = AxisOf(concat.attributes.Int("axis"), whole.shape.rank());
  if (axis < 0) return false;
  // The same value twice can stand in only one place.
  if (std::count(concat.inputs().begin(), concat.inputs().end(), concat.input(i)) > 1) return false;
  int64_t start = 0;
  for (size_t k = 0; k < i; ++k) start += concat.input(k)->type.ToShape()[axis];
  return ViewOfPiece(whole, axis, start, concat.input(i)->type.ToShape()[axis], view);
}

bool ViewOfSlice(const Node& node, size_t i, const TensorDraft& whole, View* view) {
  const int rank = whole.shape.rank();
  if (node.Is("Split")) {
    const int axis = AxisOf(node.attributes.Int("axis"), rank);
    if (axis < 0) return false;
    int64_t start = 0;
    for (size_t k = 0; k < i; ++k) {
      if (node.output(k) == nullptr) return false;
      start += node.output(k)->type.ToShape()[axis];
    }
    return ViewOfPiece(whole, axis, start, node.output(i)->type.ToShape()[axis], view);
  }
  if (!node.Is("Slice")) return false;
  const auto starts = IntsOf(node.input(1));
  auto axes = IntsOf(node.input(3));
  const auto steps = IntsOf(node.input(4));
  if (starts.empty() || std::any_of(steps.begin(), steps.end(), [](int64_t step) { return step != 1; }))
    return false;
  if (node.input(4) != nullptr && steps.empty()) return false;
  if (node.input(3) != nullptr && axes.empty()) return false;
  // One axis may be cut; those that are taken whole don't count.
  const Shape part = node.output()->type.ToShape();
  int cut = -1;
  for (int axis = 0; axis < rank; ++axis) {
    if (part[axis] == whole.shape[axis]) continue;
    if (cut >= 0) return false;
    cut = axis;
  }
  if (cut < 0) return ViewOfPiece(whole, 0, 0, whole.shape[0], view);
  for (size_t k = 0; k < starts.size(); ++k) {
    const int axis = axes.empty() ? static_cast<int>(k) : AxisOf(axes[k], rank);
    if (axis != cut) continue;
    int64_t start = starts[k] < 0 ? starts[k] + whole.shape[axis] : starts[k];
    start = std::clamp<int64_t>(start, 0, whole.shape[axis]);
    if (start + part[axis] > whole.shape[axis]) return false;
    return ViewOfPiece(whole, axis, start, part[axis], view);
  }
  return false;
}

namespace {

constexpr std::array<std::string_view, 15> kTakeStrided = {"Attention",
                                                           "Conv",
                                                           "ConvTranspose",
                                                           "FusedElementwise",
                                                           "MaxPool",
                                                           "AveragePool",
                                                           "Add",
                                                           "Mul",
                                                           "QuantizedAveragePool",
                                                           "QuantizedBinary",
                                                           "QuantizedConv",
                                                           "QuantizedMatMul",
                                                           "QuantizedPRelu",
                                                           "QuantizedResize",
                                                           "QuantizedTable"};

}  // namespace

bool ReadersTakeStrided(const Value& value) {
  return std::all_of(value.uses().begin(), value.uses().end(), [&](const Use& use) {
    return use.node->graph() == value.graph() &&
           (IsOneOf(use.node->op_name(), kTakeStrided) || use.node->Is("Concat"));
  });
}

bool ReadsAndWritesStrided(const Value& value) {
  return IsOneOf(value.producer()->op_name(), kTakeStrided) && ReadersTakeStrided(value);
}

}  // namespace whet
