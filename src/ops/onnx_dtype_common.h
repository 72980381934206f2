// ONNX's numbers for element types (TensorProto.DataType), which attributes such as Cast's `to` hold.
#pragma once

#include <cstdint>

#include "base/dtype.h"

namespace whet::ops {

// kUndefined if Whet has no such type.
DType DTypeFromOnnx(int64_t number);
int64_t OnnxFromDType(DType dtype);

}  // namespace whet::ops
