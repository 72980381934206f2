#include "passes/strided_view.h"

#include <algorithm>
#include <array>
#include <optional>

#include "passes/match.h"

namespace whet {
namespace {

// Models have a handful of such operators in a row; a chain without end must not exhaust the stack.
constexpr int kDeepest = 32;

StridedView Walk(Value* value, int depth);

StridedView Whole(Value* value) {
  StridedView view;
  view.root = value;
  if (!value->type.IsStatic()) return view;
  const Shape shape = value->type.ToShape();
  int64_t stride = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    view.sizes.insert(view.sizes.begin(), shape[i]);
    view.strides.insert(view.strides.begin(), stride);
    stride *= shape[i];
  }
  return view;
}

// The same elements with other sizes; nothing if a new dimension would not have one distance.
std::optional<StridedView> Reshaped(const StridedView& view, const Shape& shape) {
  if (shape.elements() == 0) return std::nullopt;
  std::vector<int64_t> sizes, strides;
  for (size_t i = 0; i < view.sizes.size(); ++i) {
    if (view.sizes[i] == 1) continue;
    sizes.push_back(view.sizes[i]);
    strides.push_back(view.strides[i]);
  }
  StridedView result = view;
  result.sizes.assign(shape.dims().begin(), shape.dims().end());
  result.strides.assign(result.sizes.size(), 1);
  size_t from = 0;
  for (size_t to = 0; to < result.sizes.size();) {
    if (result.sizes[to] == 1) {
      ++to;
      continue;
    }
    // The fewest old and the fewest new dimensions that have the same number of elements. Both have the same
    // number altogether, so they meet.
    int64_t old_size = sizes[from], new_size = result.sizes[to];
    size_t old_end = from + 1, new_end = to + 1;
    while (old_size != new_size) {
      if (old_size < new_size) {
        // They must follow each other without gaps.
        if (strides[old_end - 1] != strides[old_end] * sizes[old_end]) return std::nullopt;
        old_size *= sizes[old_end++];
      } else {
        new_size *= result.sizes[new_end++];
      }
    }
    int64_t stride = strides[old_end - 1];
    for (size_t i = new_end; i-- > to;) {
      result.strides[i] = stride;
      stride *= result.sizes[i];
    }
    from = old_end;
    to = new_end;
  }
  return result;
}

int AxisOf(const Node& node, int64_t fallback, size_t rank) {
  int64_t axis = node.attributes.Int("axis", fallback);
  if (axis < 0) axis += static_cast<int64_t>(rank);
  return static_cast<int>(axis);
}

std::optional<StridedView> Transposed(const Node& node, int depth) {
  const StridedView view = Walk(node.input(0), depth);
  StridedView result = view;
  const auto perm = node.attributes.Ints("perm");
  if (perm.size() != view.sizes.size()) return std::nullopt;
  for (size_t i = 0; i < perm.size(); ++i) {
    result.sizes[i] = view.sizes[static_cast<size_t>(perm[i])];
    result.strides[i] = view.strides[static_cast<size_t>(perm[i])];
  }
  return result;
}

// One index, which may drop its dimension.
std::optional<StridedView> Gathered(const Node& node, int depth) {
  const std::vector<int64_t> index = IntsOf(node.input(1));
  if (index.size() != 1) return std::nullopt;
  StridedView view = Walk(node.input(0), depth);
  const auto axis = static_cast<size_t>(AxisOf(node, 0, view.sizes.size()));
  const int64_t at = index[0] < 0 ? index[0] + view.sizes[axis] : index[0];
  if (at < 0 || at >= view.sizes[axis]) return std::nullopt;
  view.offset += at * view.strides[axis];
  view.sizes[axis] = 1;
  return Reshaped(view, node.output()->type.ToShape());
}

std::optional<StridedView> SplitOff(const Node& node, const Value* part, int depth) {
  StridedView view = Walk(node.input(0), depth);
  const int axis = AxisOf(node, 0, view.sizes.size());
  const auto at = static_cast<size_t>(axis);
  for (const Value* output : node.outputs()) {
    if (output == nullptr || !output->type.IsStatic()) return std::nullopt;
    const int64_t size = output->type.ToShape()[axis];
    if (output == part) {
      view.sizes[at] = size;
      return view;
    }
    view.offset += size * view.strides[at];
  }
  return std::nullopt;
}

// With steps of 1.
std::optional<StridedView> Sliced(const Node& node, int depth) {
  const std::vector<int64_t> starts = IntsOf(node.input(1));
  const std::vector<int64_t> steps = IntsOf(node.input(4));
  std::vector<int64_t> axes = IntsOf(node.input(3));
  if (starts.empty() || (node.input(3) != nullptr && axes.size() != starts.size())) return std::nullopt;
  if (node.input(4) != nullptr && steps.empty()) return std::nullopt;
  if (std::any_of(steps.begin(), steps.end(), [](int64_t step) { return step != 1; })) return std::nullopt;
  StridedView view = Walk(node.input(0), depth);
  const Shape part = node.output()->type.ToShape();
  for (size_t i = 0; i < starts.size(); ++i) {
    int64_t axis = axes.empty() ? static_cast<int64_t>(i) : axes[i];
    if (axis < 0) axis += part.rank();
    const auto at = static_cast<size_t>(axis);
    const int64_t start =
        std::clamp<int64_t>(starts[i] < 0 ? starts[i] + view.sizes[at] : starts[i], 0, view.sizes[at]);
    view.offset += start * view.strides[at];
    view.sizes[at] = part[static_cast<int>(axis)];
  }
  return view;
}

std::optional<StridedView> Scaled(const Node& node, int depth) {
  for (size_t i : {1u, 0u}) {
    const auto factor = ScalarOf(node.input(i));
    Value* x = node.input(1 - i);
    if (!factor || x->type != node.output()->type || (node.Is("Div") && (i == 0 || *factor == 0))) continue;
    StridedView view = Walk(x, depth);
    view.factor *= node.Is("Div") ? 1 / *factor : *factor;
    return view;
  }
  return std::nullopt;
}

std::optional<StridedView> Through(const Node& node, const Value* value, int depth) {
  constexpr std::array<std::string_view, 5> kReshapes = {"Reshape", "Squeeze", "Unsqueeze", "Flatten",
                                                         "Identity"};
  if (std::find(kReshapes.begin(), kReshapes.end(), node.op_name()) != kReshapes.end()) {
    return Reshaped(Walk(node.input(0), depth), value->type.ToShape());
  }
  if (node.Is("Transpose")) return Transposed(node, depth);
  if (node.Is("Gather")) return Gathered(node, depth);
  if (node.Is("Split")) return SplitOff(node, value, depth);
  if (node.Is("Slice")) return Sliced(node, depth);
  if (node.Is("Mul") || node.Is("Div")) return Scaled(node, depth);
  return std::nullopt;
}

StridedView Walk(Value* value, int depth) {
  const Node* node = value->producer();
  const auto known = [](const Value* v) {
    return v != nullptr && v->type.IsStatic() && v->type.ToShape().elements() > 0;
  };
  if (depth < kDeepest && node != nullptr && node->graph() == value->graph() && known(value) &&
      known(node->input(0))) {
    if (auto view = Through(*node, value, depth + 1)) return *view;
  }
  return Whole(value);
}

}  // namespace

StridedView ViewOf(Value* value) { return Walk(value, 0); }

}  // namespace whet
