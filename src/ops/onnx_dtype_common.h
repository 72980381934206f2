// ONNX's numbers for element types (TensorProto.DataType), which attributes such as Cast's `to` hold.
#pragma once

#include <cstdint>

#include "base/attributes.h"
#include "base/dtype.h"
#include "base/status.h"

namespace whet::ops {

// kUndefined if Whet has no such type.
DType DTypeFromOnnx(int64_t number);
int64_t OnnxFromDType(DType dtype);
// The element type that the attribute `dtype` names; an error if Whet has no such type.
Result<DType> DTypeAttribute(const Attributes& attributes, DType fallback);

}  // namespace whet::ops
