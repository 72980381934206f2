// Whet's types and constants as ONNX's messages.
#pragma once

#include "base/dtype.h"
#include "ir/graph.h"

namespace onnx {
class AttributeProto;
class TensorProto;
class TypeProto;
class ValueInfoProto;
}  // namespace onnx

namespace whet {

int OnnxDataType(DType dtype);
void FillAttribute(const std::string& name, const Attribute& value, onnx::AttributeProto* proto);
void FillType(const Type& type, onnx::TypeProto* proto);
void FillValueInfo(const std::string& name, const Type& type, onnx::ValueInfoProto* proto);
// Type and dimensions, without the data.
void FillTensorHead(const std::string& name, const Constant& constant, onnx::TensorProto* proto);
void FillTensorData(const Constant& constant, onnx::TensorProto* proto);

}  // namespace whet
