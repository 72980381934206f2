// Windows that slide over the spatial dimensions of [N, D1 … Dk, C]: what convolutions and pools share.
#pragma once

#include <span>
#include <vector>

#include "ir/foreign.h"
#include "ir/op_def.h"

namespace whet::ops {

// One entry a spatial dimension.
struct Window {
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> begins;  // padding before
  std::vector<int64_t> ends;    // and after; of "auto_pad" zero until Resolve
  bool ceil_mode = false;
  bool same_upper = false;
  bool same_lower = false;

  size_t rank() const { return kernel.size(); }
  int64_t extent(size_t i) const { return (kernel[i] - 1) * dilations[i] + 1; }
  // The size of the output; -1 if the window does not fit into the padded input.
  int64_t OutputSize(size_t i, int64_t size) const;
  Dim OutputDim(size_t i, const Dim& size) const;
  // Turns "auto_pad" into begins and ends for an input of these spatial sizes.
  void Resolve(std::span<const int64_t> sizes);
};

// From the attributes strides, dilations, pads, ceil_mode and auto_pad; the kernel's sizes are the caller's.
Result<Window> ReadWindow(const Attributes& attributes, std::span<const int64_t> kernel);

// The spatial part of a channels-last shape.
inline std::span<const int64_t> SpatialDims(const Shape& shape) {
  return shape.dims().subspan(1, static_cast<size_t>(shape.rank() - 2));
}

// For one output position, the positions of the input under the window: calls
// visit(tap, offset) with the kernel's flat index and the input's flat spatial index, for those that lie in
// the input, in the kernel's order.
template <typename Visit>
void ForTaps(const Window& window, std::span<const int64_t> sizes, const int64_t* out, Visit visit) {
  const size_t k = window.rank();
  int64_t index[8] = {};
  int64_t tap = 0;
  while (true) {
    int64_t offset = 0;
    bool inside = true;
    for (size_t d = 0; d < k; ++d) {
      const int64_t at = out[d] * window.strides[d] - window.begins[d] + index[d] * window.dilations[d];
      inside = inside && at >= 0 && at < sizes[d];
      offset = offset * sizes[d] + at;
    }
    if (inside) visit(tap, offset);
    ++tap;
    size_t d = k;
    while (d > 0 && ++index[d - 1] == window.kernel[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

// Calls visit(out, flat) for every position of the spatial sizes, in row-major order.
template <typename Visit>
void ForPositions(std::span<const int64_t> sizes, Visit visit) {
  for (int64_t size : sizes) {
    if (size == 0) return;
  }
  int64_t index[8] = {};
  int64_t flat = 0;
  while (true) {
    visit(static_cast<const int64_t*>(index), flat++);
    size_t d = sizes.size();
    while (d > 0 && ++index[d - 1] == sizes[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

// --- import from channels-first formats

// Declares that `x` has that rank where the model leaves it open.
void RequireRank(Value* x, int rank);
// The elements of a constant integer value; false if it is absent or not a constant.
bool ConstantInts(const Value* value, std::vector<int64_t>* values);
// Resolves the ONNX attribute "auto_pad" of a node whose input is `x` (channels last): VALID and NOTSET into
// pads, SAME_* into pads where the spatial sizes are known, else leaves it.
Status ResolveAutoPad(Attributes& attributes, const Value* x, std::span<const int64_t> kernel);
// Removes attributes of ONNX that the Graph's form of the operator does not have.
inline void RemoveAttributes(Attributes& attributes, std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) attributes.Remove(name);
}

// The order of ONNX's dimensions in the Graph and back: channels last of channels first.
std::vector<int64_t> ChannelsLastOrder(int rank);
std::vector<int64_t> ChannelsFirstOrder(int rank);

// Infers an output that has the shape of input 0 with other spatial sizes 1 (global pools).
Status InferGlobalPool(InferContext& context);
// An operator of one channels-last input and output with the same attributes in ONNX.
Status ImportChannelsFirst(std::string_view op, ForeignNode& node, GraphBuilder& builder);
Status ExportChannelsFirst(std::string_view op, const Node& node, OnnxSink& sink);

}  // namespace whet::ops
