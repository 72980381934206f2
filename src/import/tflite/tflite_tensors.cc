// Reading and writing a subgraph's tensors: constants, quantization, names.

#include <algorithm>

#include "import/tflite/tflite_graph.h"
#include "ir/evaluate.h"
#include "ir/infer.h"
#include "ops/onnx_dtype_common.h"
#include "tflite_schema_generated.h"

namespace whet {

namespace fb = tflite_fb;

namespace {

std::string TensorPlace(const fb::Tensor& tensor, int32_t index) {
  return Format("tensor %d ('%s')", index, tensor.name() ? tensor.name()->c_str() : "");
}

bool IsQuantizedType(DType dtype) {
  return dtype == DType::kI8 || dtype == DType::kU8 || dtype == DType::kI16 || dtype == DType::kI4;
}

// Scale and zero point as constants: scalars, or vectors along an axis. A zero point of 0 is left out.
struct QuantizationOperands {
  Value* scale;
  Value* zero_point;
  Attributes attributes;
};

Result<QuantizationOperands> OperandsOf(const TfliteQuantization& quantization, DType dtype, Graph& graph,
                                        const std::string& name) {
  QuantizationOperands operands{};
  const bool vector = quantization.scales.size() > 1;
  Shape shape;
  if (vector) {
    shape.push_back(static_cast<int64_t>(quantization.scales.size()));
    operands.attributes.Set("axis", int64_t{quantization.axis});
  }
  operands.scale =
      graph.AddConstant(name + ":scale", Constant::Copy(DType::kF32, shape, quantization.scales.data()));
  const auto& zeros = quantization.zero_points;
  int64_t low = 0;
  int64_t high = 0;
  if (dtype == DType::kI4) low = -8, high = 7;
  if (dtype == DType::kI8) low = -128, high = 127;
  if (dtype == DType::kU8) high = 255;
  if (dtype == DType::kI16) low = -32768, high = 32767;
  for (int64_t zero : zeros) {
    if (zero < low || zero > high) {
      return Error(Code::kBadFile, "the zero point %lld does not fit %s", static_cast<long long>(zero),
                   std::string(DTypeName(dtype)).c_str());
    }
  }
  // Its type decides the type that QuantizeLinear gives, so it is there even when it is zero.
  auto constant = Constant::Allocate(dtype, shape);
  auto* bytes = static_cast<uint8_t*>(constant->mutable_data());
  for (size_t i = 0; i < zeros.size(); ++i) {
    const auto bits = static_cast<uint16_t>(zeros[i]);
    switch (dtype) {
      case DType::kI16: reinterpret_cast<uint16_t*>(bytes)[i] = bits; break;
      case DType::kI32: reinterpret_cast<int32_t*>(bytes)[i] = 0; break;
      case DType::kI4:
        bytes[i / 2] =
            static_cast<uint8_t>(i % 2 == 0 ? bits & 15 : (bytes[i / 2] & 15) | ((bits & 15) << 4));
        break;
      default: bytes[i] = static_cast<uint8_t>(bits);
    }
  }
  operands.zero_point = graph.AddConstant(name + ":zero_point", std::move(constant));
  return operands;
}

// The biases of 16-bit models are 64 bits wide, which DequantizeLinear does not take.
Result<TensorPtr> DequantizeWideBias(const TensorPtr& bias, const TfliteQuantization& quantization) {
  const Shape& shape = bias->shape();
  const bool vector = quantization.scales.size() > 1;
  if (vector && shape.rank() != 1)
    return Error(Code::kUnsupported, "a 64-bit quantized constant of %d dimensions", shape.rank());
  auto real = Constant::Allocate(DType::kF32, shape);
  for (int64_t i = 0; i < shape.elements(); ++i) {
    const auto k = vector ? static_cast<size_t>(i) : 0;
    const double integer = static_cast<double>(bias->view().as<int64_t>()[i] - quantization.zero_points[k]);
    static_cast<float*>(real->mutable_data())[i] =
        static_cast<float>(integer * static_cast<double>(quantization.scales[k]));
  }
  return TensorPtr(std::move(real));
}

}  // namespace

Status TfliteGraphImporter::CheckTensors(const fb::SubGraph& subgraph) {
  const int64_t count = subgraph.tensors() ? subgraph.tensors()->size() : 0;
  for (const auto* list : {subgraph.inputs(), subgraph.outputs()}) {
    for (uint32_t i = 0; list != nullptr && i < list->size(); ++i) {
      if (list->Get(i) < 0 || list->Get(i) >= count) {
        return Error(Code::kBadFile, "a subgraph's input or output is tensor %d, but it has %lld tensors",
                     list->Get(i), static_cast<long long>(count));
      }
    }
  }
  return {};
}

Result<Value*> TfliteGraphImporter::Read(Frame& frame, int32_t index) {
  if (index < 0) return Error(Code::kBadFile, "a tensor is missing");
  const auto i = static_cast<size_t>(index);
  if (frame.variables[i] != nullptr) return frame.variables[i];
  if (frame.values[i] != nullptr) return frame.values[i];
  const fb::Tensor& tensor = *frame.subgraph.tensors()->Get(static_cast<uint32_t>(index));
  const std::string name = tensor.name() ? tensor.name()->str() : "tensor" + std::to_string(index);
  WHET_RETURN_IF_ERROR(file_.Spend(name.size()));
  auto constant = file_.ConstantOf(tensor);
  if (!constant.ok()) return constant.TakeStatus().At(TensorPlace(tensor, index));
  auto type = TfliteFile::TypeOf(tensor);
  if (!type.ok()) return type.TakeStatus().At(TensorPlace(tensor, index));
  if (*constant == nullptr && tensor.is_variable()) {
    if (!frame.main) {
      return Error(Code::kUnsupported, "a variable within a subgraph").At(TensorPlace(tensor, index));
    }
    if (!type->IsStatic() || type->dtype == DType::kUndefined) {
      return Error(Code::kUnsupported, "a variable of open shape").At(TensorPlace(tensor, index));
    }
    frame.values[i] = frame.graph->AddInput(name, *type);
    frame.variables[i] = frame.values[i];
    return frame.values[i];
  }
  const bool is_empty =
      type->IsStatic() && type->ToShape().elements() == 0 && type->dtype != DType::kUndefined;
  if (*constant == nullptr && is_empty) *constant = Constant::Copy(type->dtype, type->ToShape(), nullptr);
  if (*constant == nullptr) {
    return Error(Code::kBadFile, "is read before it is computed").At(TensorPlace(tensor, index));
  }
  frame.values[i] = frame.graph->AddConstant(name, *constant);
  return frame.values[i];
}

Result<Value*> TfliteGraphImporter::ReadReal(Frame& frame, int32_t index) {
  WHET_ASSIGN_OR_RETURN(Value * value, Read(frame, index));
  Value*& real = frame.reals[static_cast<size_t>(index)];
  if (real == nullptr) {
    const fb::Tensor& tensor = *frame.subgraph.tensors()->Get(static_cast<uint32_t>(index));
    auto dequantized = Dequantize(frame, tensor, value);
    if (!dequantized.ok()) return dequantized.TakeStatus().At(TensorPlace(tensor, index));
    real = *dequantized;
  }
  return real;
}

Result<Value*> TfliteGraphImporter::Dequantize(Frame& frame, const fb::Tensor& tensor, Value* value) {
  const DType dtype = value->type.dtype;
  const bool bias = value->IsConstant() && (dtype == DType::kI32 || dtype == DType::kI64);
  if (!IsQuantizedType(dtype) && !bias) return value;
  WHET_ASSIGN_OR_RETURN(const TfliteQuantization quantization, file_.QuantizationOf(tensor));
  if (quantization.scales.empty()) return value;
  if (dtype == DType::kI64) {
    WHET_ASSIGN_OR_RETURN(TensorPtr real, DequantizeWideBias(value->constant(), quantization));
    return frame.graph->AddConstant(value->name() + ":real", std::move(real));
  }
  WHET_ASSIGN_OR_RETURN(const auto operands, OperandsOf(quantization, dtype, *frame.graph, value->name()));
  GraphBuilder builder(*frame.graph);
  builder.SetNodeName(value->name() + ":real");
  Value* real =
      builder.Emit("DequantizeLinear", {value, operands.scale, operands.zero_point}, operands.attributes);
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  return real;
}

Result<Value*> TfliteGraphImporter::Quantize(Frame& frame, const fb::Tensor& tensor, Value* value) {
  WHET_ASSIGN_OR_RETURN(const Type type, TfliteFile::TypeOf(tensor));
  if (!IsFloat(value->type.dtype) || !IsQuantizedType(type.dtype)) return value;
  WHET_ASSIGN_OR_RETURN(const TfliteQuantization quantization, file_.QuantizationOf(tensor));
  if (quantization.scales.empty()) return value;
  if (std::any_of(quantization.scales.begin(), quantization.scales.end(), [](float s) { return s == 0; })) {
    return Error(Code::kBadFile, "has the quantization scale 0");
  }
  const std::string name = tensor.name() ? tensor.name()->str() : value->name();
  WHET_ASSIGN_OR_RETURN(const auto operands, OperandsOf(quantization, type.dtype, *frame.graph, name));
  GraphBuilder builder(*frame.graph);
  builder.SetNodeName(name);
  Value* integers =
      builder.Emit("QuantizeLinear", {value, operands.scale, operands.zero_point}, operands.attributes);
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  return integers;
}

Status TfliteGraphImporter::Write(Frame& frame, int32_t index, Value* value) {
  const auto i = static_cast<size_t>(index);
  const fb::Tensor& tensor = *frame.subgraph.tensors()->Get(static_cast<uint32_t>(index));
  if (frame.values[i] != nullptr) {
    return Error(Code::kBadFile, "is computed twice, or is an input or constant")
        .At(TensorPlace(tensor, index));
  }
  auto quantized = Quantize(frame, tensor, value);
  if (!quantized.ok()) return quantized.TakeStatus().At(TensorPlace(tensor, index));
  value = *quantized;
  auto declared = TfliteFile::TypeOf(tensor);
  if (!declared.ok()) return declared.TakeStatus().At(TensorPlace(tensor, index));
  if (declared->dtype != value->type.dtype) {
    return Error(Code::kUnsupported, "gives %s where the file declares %s",
                 std::string(DTypeName(value->type.dtype)).c_str(), fb::EnumNameTensorType(tensor.type()));
  }
  const auto* outputs = frame.subgraph.outputs();
  const bool is_output = frame.main && outputs != nullptr &&
                         std::find(outputs->begin(), outputs->end(), index) != outputs->end();
  // The value may be one that already has a name of the file's: an operator that does nothing.
  const bool is_new =
      value->producer() != nullptr && value->graph() == frame.graph && !named_.contains(value);
  if (is_output && !is_new) {
    GraphBuilder builder(*frame.graph);
    value = builder.Emit("Identity", {value});
    WHET_RETURN_IF_ERROR(builder.TakeStatus());
  }
  if (is_new || is_output) {
    const std::string name = tensor.name() ? tensor.name()->str() : std::string();
    if (!name.empty()) {
      // An intermediate value of the same operator may have taken the name.
      Value* holder = frame.graph->FindValue(name);
      if (holder != nullptr && holder != value && holder->producer() != nullptr && !named_.contains(holder)) {
        frame.graph->Rename(holder, name + ":part");
      }
      frame.graph->Rename(value, name);
    }
    named_.insert(value);
  }
  frame.values[i] = value;
  return {};
}

Status TfliteGraphImporter::Refine(const Type& declared, Value& value) {
  Type& type = value.type;
  // The file gives an unknown rank the same empty shape as a scalar.
  if (declared.dims.empty() || declared.dtype != type.dtype || value.producer() == nullptr) return {};
  if (!type.ranked) {
    type = declared;
    return {};
  }
  if (declared.rank() != type.rank()) return {};
  for (size_t i = 0; i < type.dims.size(); ++i) {
    const Dim& dim = declared.dims[i];
    if (!type.dims[i].known() && dim.known() && dim.lo >= type.dims[i].lo && dim.lo <= type.dims[i].hi)
      type.dims[i] = dim;
  }
  return {};
}

void TfliteGraphImporter::FoldSmallIntegers(Graph& graph, const Node* last, std::span<Value*> results) {
  constexpr int64_t kMostElements = 1024;
  std::vector<Node*> added;
  for (auto it = graph.nodes().rbegin(); it != graph.nodes().rend() && it->get() != last; ++it)
    added.push_back(it->get());
  std::reverse(added.begin(), added.end());
  for (Node* node : added) {
    if (node->outputs().size() != 1 || node->op().reference == nullptr || node->op().nondeterministic)
      continue;
    Value* output = node->output();
    if (IsFloat(output->type.dtype) || !output->type.IsStatic() ||
        output->type.ToShape().elements() > kMostElements)
      continue;
    std::vector<TensorPtr> inputs;
    for (const Value* input : node->inputs()) {
      if (input != nullptr && (!input->IsConstant() || input->type.ToShape().elements() > kMostElements))
        break;
      inputs.push_back(input ? input->constant() : nullptr);
    }
    if (inputs.size() != node->inputs().size()) continue;
    auto folded = EvaluateNode(*node, inputs);
    if (!folded.ok()) continue;
    Value* constant = graph.AddConstant(output->name() + ":value", (*folded)[0]);
    const std::vector<Use> uses(output->uses().begin(), output->uses().end());
    for (const Use& use : uses) use.node->SetInput(static_cast<size_t>(use.input), constant);
    std::replace(results.begin(), results.end(), output, constant);
    graph.RemoveNode(node);
    // What reads it may have a better type now.
    for (const Use& use : uses) {
      if (Status status = InferNode(*use.node); !status.ok()) continue;
    }
  }
}

}  // namespace whet
