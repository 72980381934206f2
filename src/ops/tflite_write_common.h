// What the operators' TFLite forms (ir/tflite_sink.h) share.
#pragma once

#include <string_view>
#include <vector>

#include "ir/foreign.h"
#include "ir/tflite_sink.h"
#include "ops/spatial_common.h"

namespace whet::ops {

// The node without its residual (input `residual`) and activation, and these as operators of their own.
// Leaves `results` empty if it has neither.
Status ExpandEpilogue(const Node& node, GraphBuilder& builder, size_t residual, std::vector<Value*>& results);

// A window over one spatial dimension as one over two, the first of which is 1; `w` is the index of the
// weights, or 0 if the operator has none. Leaves `results` empty unless input 0 has 3 dimensions.
Status ExpandOneDimensional(const Node& node, GraphBuilder& builder, size_t w, std::vector<Value*>& results);

// TFLite's two ways to pad, as its option is spelled, or "" where neither is what the window does to input x.
// `window` is resolved where the sizes are known.
std::string_view TflitePadding(const Type& x, Window* window);
// x padded as the window asks, with `value`, so that a window without padding does the same.
Value* EmitTflitePad(GraphBuilder& builder, Value* x, const Window& window, double value);
// The options of Conv2DOptions and the like: strides, dilations, padding and activation.
Attributes TfliteWindowOptions(const Window& window, std::string_view padding, const TfliteSink& sink);

// Pools: one spatial dimension becomes two, and padding that TFLite does not have is added before, with
// `value`.
Status ExpandTflitePool(const Node& node, GraphBuilder& builder, double value, std::vector<Value*>& results);
Status WriteTflitePool(std::string_view builtin, const Node& node, TfliteSink& sink);

// ArgMax and ArgMin: TFLite's drop the dimension.
Status ExpandTfliteArg(const Node& node, GraphBuilder& builder, std::vector<Value*>& results);

// A reduction: its axes are constants.
Status WriteTfliteReduce(std::string_view builtin, const Node& node, TfliteSink& sink);
// Its axes, none negative; all if none are given.
Result<std::vector<int64_t>> ReducedAxes(const Node& node);
// Reductions that TFLite does not have: f(x), its sum over the axes, then g of it.
Status ExpandReduce(const Node& node, GraphBuilder& builder, std::vector<Value*>& results, std::string_view f,
                    std::string_view g);

// More than two inputs as a chain of binary operators; one as itself.
Status ExpandVariadic(const Node& node, GraphBuilder& builder, std::vector<Value*>& results);
// The operands of a binary operator with the fused activation.
Status WriteTfliteBinary(std::string_view builtin, const Node& node, TfliteSink& sink);

// (x - mean) / sqrt(variance + epsilon) over the axes, times scale, plus bias (null: without).
Value* EmitNormalization(GraphBuilder& builder, Value* x, std::span<const int64_t> axes, double epsilon,
                         Value* scale, Value* bias, bool centred = true);

// The operator moved to the last axis by transposes. Leaves `results` empty if it is there already.
Status ExpandToLastAxis(const Node& node, GraphBuilder& builder, std::vector<Value*>& results);

// The elements of a small integer constant; an error that says that `what` must be one.
Result<std::vector<int64_t>> ConstantIntsOf(const Value* value, std::string_view what);

// The enumerator of TFLite's TensorType: "FLOAT32", …; empty if there is none.
std::string_view TfliteTypeName(DType dtype);

}  // namespace whet::ops
