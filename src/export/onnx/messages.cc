#include "export/onnx/messages.h"

#include <onnx/onnx_pb.h>

namespace whet {

int OnnxDataType(DType dtype) {
  switch (dtype) {
    case DType::kUndefined: return onnx::TensorProto::UNDEFINED;
    case DType::kF32: return onnx::TensorProto::FLOAT;
    case DType::kF16: return onnx::TensorProto::FLOAT16;
    case DType::kBF16: return onnx::TensorProto::BFLOAT16;
    case DType::kF64: return onnx::TensorProto::DOUBLE;
    case DType::kI8: return onnx::TensorProto::INT8;
    case DType::kU8: return onnx::TensorProto::UINT8;
    case DType::kI16: return onnx::TensorProto::INT16;
    case DType::kU16: return onnx::TensorProto::UINT16;
    case DType::kI32: return onnx::TensorProto::INT32;
    case DType::kU32: return onnx::TensorProto::UINT32;
    case DType::kI64: return onnx::TensorProto::INT64;
    case DType::kU64: return onnx::TensorProto::UINT64;
    case DType::kBool: return onnx::TensorProto::BOOL;
    case DType::kString: return onnx::TensorProto::STRING;
    // Newer than Debian's definitions.
    case DType::kU4: return 21;
    case DType::kI4: return 22;
  }
  return onnx::TensorProto::UNDEFINED;
}

void FillAttribute(const std::string& name, const Attribute& value, onnx::AttributeProto* proto) {
  proto->set_name(name);
  switch (static_cast<AttributeKind>(value.index())) {
    case AttributeKind::kInt:
      proto->set_type(onnx::AttributeProto::INT);
      proto->set_i(std::get<int64_t>(value));
      return;
    case AttributeKind::kFloat:
      proto->set_type(onnx::AttributeProto::FLOAT);
      proto->set_f(static_cast<float>(std::get<double>(value)));
      return;
    case AttributeKind::kString:
      proto->set_type(onnx::AttributeProto::STRING);
      proto->set_s(std::get<std::string>(value));
      return;
    case AttributeKind::kInts:
      proto->set_type(onnx::AttributeProto::INTS);
      for (const int64_t element : std::get<std::vector<int64_t>>(value)) proto->add_ints(element);
      return;
    case AttributeKind::kFloats:
      proto->set_type(onnx::AttributeProto::FLOATS);
      for (const double element : std::get<std::vector<double>>(value)) {
        proto->add_floats(static_cast<float>(element));
      }
      return;
    case AttributeKind::kStrings:
      proto->set_type(onnx::AttributeProto::STRINGS);
      for (const std::string& element : std::get<std::vector<std::string>>(value)) {
        proto->add_strings(element);
      }
      return;
  }
}

void FillValueInfo(const std::string& name, const Type& type, onnx::ValueInfoProto* proto) {
  proto->set_name(name);
  if (type.dtype != DType::kUndefined) FillType(type, proto->mutable_type());
}

void FillType(const Type& type, onnx::TypeProto* proto) {
  if (type.IsOptional()) proto = proto->mutable_optional_type()->mutable_elem_type();
  if (type.form == Form::kSequence || type.form == Form::kOptionalSequence) {
    proto = proto->mutable_sequence_type()->mutable_elem_type();
  }
  auto* tensor = proto->mutable_tensor_type();
  tensor->set_elem_type(OnnxDataType(type.dtype));
  if (!type.ranked) return;
  auto* shape = tensor->mutable_shape();
  for (const Dim& dim : type.dims) {
    auto* entry = shape->add_dim();
    if (dim.known()) {
      entry->set_dim_value(dim.lo);
    } else if (!dim.symbol.empty()) {
      entry->set_dim_param(dim.symbol);
    }
    // ONNX has no place for bounds; this one others ignore.
    if (!dim.known() && (dim.lo > 0 || dim.bounded())) {
      entry->set_denotation(std::to_string(dim.lo) + ".." + (dim.bounded() ? std::to_string(dim.hi) : ""));
    }
  }
}

void FillTensorHead(const std::string& name, const Constant& constant, onnx::TensorProto* proto) {
  proto->set_name(name);
  proto->set_data_type(OnnxDataType(constant.dtype()));
  for (const int64_t dim : constant.shape()) proto->add_dims(dim);
}

void FillTensorData(const Constant& constant, onnx::TensorProto* proto) {
  if (constant.dtype() == DType::kString) {
    for (const std::string_view string : constant.strings())
      proto->add_string_data(string.data(), string.size());
  } else {
    proto->set_raw_data(constant.view().data, static_cast<size_t>(constant.bytes()));
  }
}

}  // namespace whet
