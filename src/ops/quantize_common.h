// What QuantizeLinear and DequantizeLinear share: which scale belongs to an element.
#pragma once

#include <utility>

#include "ops/spatial_common.h"

namespace whet::ops {

// Scale (input 1) and zero point (input 2) are of one shape: a single element for the whole tensor, one an
// entry of the attribute `axis` (default 1), or with `block_size` one a block of that many entries.
Status CheckQuantization(InferContext& context);

class ScaleWalk {
 public:
  static Result<ScaleWalk> Make(const ReferenceContext& context);
  // The index into scale and zero point of element i of the tensor.
  int64_t At(int64_t i) const {
    if (blocks_ == 0) return 0;
    const int64_t row = i / inner_;
    if (block_ == 0) return row % size_;
    return (row / size_ * blocks_ + row % size_ / block_) * inner_ + i % inner_;
  }

 private:
  int64_t inner_ = 1, size_ = 1;
  int64_t blocks_ = 0;  // along the axis; 0: one scale for all
  int64_t block_ = 0;   // 0: by axis
};

// The least and the largest value of an integer type of at most 32 bits.
std::pair<double, double> RangeOf(DType dtype);

// DequantizeLinear with the scale `scale` (null: 1) and a zero point (null: 0) by tensor or, where they have
// one entry an output channel, by dimension `axis`.
Value* EmitDequantize(GraphBuilder& builder, Value* x, Value* scale, Value* zero_point, int64_t axis);

// x as u8 with the scale that spans its values and 0 in 255 steps, found when the Graph runs.
struct DynamicallyQuantized {
  Value* values;
  Value* scale;
  Value* zero_point;
};
DynamicallyQuantized EmitDynamicQuantize(GraphBuilder& builder, Value* x);

Status ExportQuantization(std::string_view op, const Node& node, OnnxSink& sink);

inline constexpr AttributeDef kQuantizeAttributes[] = {{"axis", AttributeKind::kInt},
                                                       {"block_size", AttributeKind::kInt}};

}  // namespace whet::ops
