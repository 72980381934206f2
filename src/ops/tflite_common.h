// What the TFLite spellings of several operators share.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "ir/foreign.h"

namespace whet::ops {

// Integers as the Graph wants axes, shapes and indices: i64, of the same shape; computed at once if constant.
Value* TfliteInts(GraphBuilder& builder, Value* value);
// Likewise with one dimension, where TFLite allows a scalar.
Value* TfliteIntVector(GraphBuilder& builder, Value* value);
// The elements of a small constant of integers, cut to what a dimension may
// be, or an error that says that `what` must be one.
Result<std::vector<int64_t>> TfliteConstantInts(const ForeignNode& node, size_t input, std::string_view what);

// Transposes weights. Those that are converted or dequantized from a constant stay so: the constant is
// transposed.
Value* TransposeWeights(GraphBuilder& builder, Value* w, std::initializer_list<int64_t> perm);
// A bias, or null where it is absent or has the empty tensor's shape.
Value* TfliteBias(const ForeignNode& node, size_t input);

// The attributes strides, dilations and pads of a window with these kernel sizes that slides over `x`, from
// the options stride_d/h/w, dilation_d/h/w_factor and padding.
Result<Attributes> TfliteWindow(const ForeignNode& node, const Value* x, std::span<const int64_t> kernel);

// A reduction over the axes in input 1 (none if that is empty).
Status ImportTfliteReduce(std::string_view op, ForeignNode& node, GraphBuilder& builder);
// A pool with the options of Pool2DOptions, applied to `x`, without the activation.
Result<Value*> EmitTflitePool(std::string_view op, ForeignNode& node, GraphBuilder& builder, Value* x);

}  // namespace whet::ops
