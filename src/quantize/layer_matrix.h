// A layer with weights, seen as a product of matrices.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/tensor_view.h"
#include "ir/graph.h"
#include "ops/spatial_common.h"

namespace whet::quantize {

// At each position of a layer's output, and in each group, output `row` is the sum over columns of
// weight(row, column) times input(column). Of a convolution, the columns are the taps and in each the input
// channels.
class LayerMatrix {
 public:
  // kUnsupported of layers that are nothing of the kind: stacks of matrices, products with a transposed first
  // operand, transposed convolutions in groups.
  static Result<LayerMatrix> Of(const Node& node);

  int64_t groups() const { return groups_; }
  int64_t rows() const { return rows_; }  // of one group
  int64_t columns() const { return columns_; }
  // Where a weight lies in the tensor of weights.
  size_t Element(int64_t group, int64_t row, int64_t column) const {
    const int64_t o = group * rows_ + row;
    return static_cast<size_t>(columns_first_ ? column * rows_ + row : o * columns_ + column);
  }
  // Layers of the same text read the same inputs, in the same order.
  const std::string& reads() const { return reads_; }

 private:
  friend class LayerInputs;
  enum class Kind { kProduct, kConvolution, kTransposedConvolution };

  Kind kind_ = Kind::kProduct;
  int64_t groups_ = 1, rows_ = 0, columns_ = 0;
  bool columns_first_ = false;
  ops::Window window_;
  std::vector<int64_t> output_padding_;
  std::string reads_;
};

// What such a layer reads of one tensor.
class LayerInputs {
 public:
  LayerInputs(const LayerMatrix& layer, const TensorView& x);
  // Of the output.
  int64_t positions() const { return positions_; }
  // The `columns` inputs of that position and group; 0 in the padding.
  void Get(int64_t position, int64_t group, float* to) const;

 private:
  const LayerMatrix& layer_;
  TensorView x_;
  ops::Window window_;
  std::vector<int64_t> sizes_;  // of the output's spatial dimensions
  int64_t pixels_ = 1;          // of one picture of the output
  int64_t positions_ = 0;
};

}  // namespace whet::quantize
