// Which element types and sizes TFLite's own kernels take, and from which version of an operator on.
//
// The versions are those of TensorFlow's tensorflow/lite/tools/versioning/op_version.cc, the types those of
// the kernels in tensorflow/lite/kernels.
#pragma once

#include <span>
#include <string_view>

#include "base/attributes.h"
#include "base/status.h"
#include "export/tflite/quantized_values.h"
#include "ir/graph.h"

namespace whet {

// An operand as far as the rules ask for it.
struct TfliteOperand {
  const Type* type = nullptr;  // null: absent
  const QuantizationParameters* quantization = nullptr;
  bool constant = false;
};

// An error if TFLite's kernel does not take these operands; its text is the reason.
Status CheckTfliteOperator(std::string_view builtin, std::span<const TfliteOperand> inputs,
                           std::span<const TfliteOperand> outputs, const Attributes& options);

// The lowest version of the operator that has all that is used of it.
int TfliteOperatorVersion(std::string_view builtin, std::span<const TfliteOperand> inputs,
                          std::span<const TfliteOperand> outputs, const Attributes& options);

}  // namespace whet
