// Makes a Graph ready to be written as TFLite, without changing what it computes.
#pragma once

#include "base/status.h"
#include "export/tflite/refusals.h"
#include "ir/graph.h"

namespace whet {

// Rewrites what TFLite does not have as what it has (TfliteForm::expand), and gives quantized operators the
// scales that TFLite's specification demands. What cannot be rewritten is added to `refusals`.
Status PrepareForTflite(Graph& graph, TfliteRefusals* refusals);

// The part of it that is about quantization (prepare_quantization.cc):
// - u8 becomes i8 with the zero point moved by 128, unless the model has u8 weights that are not symmetric;
//   inputs and outputs of the Graph keep their type.
// - What an operator only moves (reshape, transpose, concatenation, maximum, …) is as quantized after it as
//   before it, and its operands are brought to one scale.
// - Operators whose scale TFLite fixes (softmax, logistic, tanh) get it, and what follows requantizes.
Status PrepareQuantization(Graph& graph);

}  // namespace whet
