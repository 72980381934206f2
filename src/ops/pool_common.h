// What the pools share: shapes, and the translation from and to channels first.
#pragma once

#include "ops/spatial_common.h"

namespace whet::ops {

// Every present output has input 0's batch and channels, and the window's spatial sizes. Output 1 is i64.
Status InferPool(InferContext& context);
// The window of a node whose input has the shape `x`, padding resolved.
Result<Window> PoolWindow(const Attributes& attributes, const Shape& x);
// How many taps of the window at an output position lie inside the input and its padding. What ceil_mode adds
// beyond the padding does not count.
int64_t PaddedTaps(const Window& window, std::span<const int64_t> sizes, const int64_t* position);

Status ImportPool(std::string_view op, ForeignNode& node, GraphBuilder& builder);
Status ExportPool(std::string_view op, const Node& node, OnnxSink& sink);

// y = f(x) over all pixels of each channel of [N, D1 … Dk, C]: begins with `start`, `add` folds in a pixel,
// `finish` is given the count of pixels.
Status GlobalPoolReference(ReferenceContext& context, double start,
                           double (*add)(double sum, double x, double p),
                           double (*finish)(double sum, double count, double p), double p);

}  // namespace whet::ops
