// The bytes of a TFLite file.

#include <limits>
#include <set>

#include "export/tflite/graph_writer.h"
#include "export/tflite/options_writer.h"
#include "ops/tflite_write_common.h"

namespace whet {

namespace fb = tflite_fb;

namespace {

constexpr uint32_t kVersion = 3;
// Constants begin at multiples of it, so that kernels may read them where they stand.
constexpr size_t kAlignment = 16;
constexpr const char* kSignature = "serving_default";

Result<fb::TensorType> TensorTypeOf(const TfliteGraphWriter::TensorEntry& tensor) {
  if (tensor.is_resource) return fb::TensorType::RESOURCE;
  const std::string_view name = ops::TfliteTypeName(tensor.type.dtype);
  for (int i = 0; !name.empty() && i <= static_cast<int>(fb::TensorType::MAX); ++i) {
    if (name == fb::EnumNameTensorType(static_cast<fb::TensorType>(i))) return static_cast<fb::TensorType>(i);
  }
  return Error(Code::kUnsupported, "tensor '%s' is %s, which TFLite does not have", tensor.name.c_str(),
               std::string(DTypeName(tensor.type.dtype)).c_str());
}

fb::BuiltinOperator BuiltinOf(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(fb::BuiltinOperator::MAX); ++i) {
    if (name == fb::EnumNameBuiltinOperator(static_cast<fb::BuiltinOperator>(i))) {
      return static_cast<fb::BuiltinOperator>(i);
    }
  }
  return fb::BuiltinOperator::CUSTOM;
}

class FileWriter {
 public:
  Result<std::vector<std::byte>> Write(std::span<const TfliteGraphWriter::SubgraphEntry* const> subgraphs);

 private:
  Result<uint32_t> BufferOf(const std::shared_ptr<const Constant>& constant);
  Result<flatbuffers::Offset<fb::Tensor>> WriteTensor(const TfliteGraphWriter::TensorEntry& tensor);
  Result<flatbuffers::Offset<fb::Operator>> WriteOperator(const TfliteGraphWriter::OperatorEntry& op);
  Result<flatbuffers::Offset<fb::SubGraph>> WriteSubgraph(const TfliteGraphWriter::SubgraphEntry& subgraph);
  flatbuffers::Offset<fb::SignatureDef> WriteSignature(const TfliteGraphWriter::SubgraphEntry& subgraph);

  flatbuffers::FlatBufferBuilder builder_;
  std::vector<flatbuffers::Offset<fb::Buffer>> buffers_;
  std::map<std::pair<const void*, uint64_t>, uint32_t> known_buffers_;
  std::vector<flatbuffers::Offset<fb::OperatorCode>> codes_;
  std::map<std::pair<std::string, int>, uint32_t> known_codes_;
};

Result<uint32_t> FileWriter::BufferOf(const std::shared_ptr<const Constant>& constant) {
  if (constant == nullptr) return uint32_t{0};
  const uint64_t bytes = constant->bytes();
  const auto [it, added] = known_buffers_.try_emplace({constant->view().data, bytes}, 0);
  if (!added) return it->second;
  if (bytes + builder_.GetSize() > (uint64_t{1} << 31) - (uint64_t{1} << 24)) {
    return Error(Code::kUnsupported, "the model is larger than the 2 GiB that TFLite's format allows");
  }
  builder_.ForceVectorAlignment(static_cast<size_t>(bytes), 1, kAlignment);
  const auto data =
      builder_.CreateVector(static_cast<const uint8_t*>(constant->view().data), static_cast<size_t>(bytes));
  buffers_.push_back(fb::CreateBuffer(builder_, data));
  it->second = static_cast<uint32_t>(buffers_.size()) - 1;
  return it->second;
}

Result<flatbuffers::Offset<fb::Tensor>> FileWriter::WriteTensor(
    const TfliteGraphWriter::TensorEntry& tensor) {
  WHET_ASSIGN_OR_RETURN(const fb::TensorType type, TensorTypeOf(tensor));
  WHET_ASSIGN_OR_RETURN(const uint32_t buffer, BufferOf(tensor.constant));
  std::vector<int32_t> shape, signature;
  for (const Dim& dim : tensor.type.dims) {
    if (dim.known() && dim.lo > std::numeric_limits<int32_t>::max()) {
      return Error(Code::kUnsupported, "tensor '%s' has a dimension of more than 2^31", tensor.name.c_str());
    }
    shape.push_back(dim.known() ? static_cast<int32_t>(dim.lo) : 1);
    signature.push_back(dim.known() ? static_cast<int32_t>(dim.lo) : -1);
  }
  flatbuffers::Offset<fb::QuantizationParameters> quantization = 0;
  if (tensor.quantization) {
    quantization = fb::CreateQuantizationParametersDirect(
        builder_, nullptr, nullptr, &tensor.quantization->scales, &tensor.quantization->zero_points,
        fb::QuantizationDetails::NONE, 0, tensor.quantization->axis);
  }
  const bool open = shape != signature;
  return fb::CreateTensorDirect(builder_, &shape, type, buffer, tensor.name.c_str(), quantization, false, 0,
                                open ? &signature : nullptr, true);
}

Result<flatbuffers::Offset<fb::Operator>> FileWriter::WriteOperator(
    const TfliteGraphWriter::OperatorEntry& op) {
  const auto [it, added] =
      known_codes_.try_emplace({op.builtin, op.version}, static_cast<uint32_t>(codes_.size()));
  if (added) {
    const fb::BuiltinOperator code = BuiltinOf(op.builtin);
    if (code == fb::BuiltinOperator::CUSTOM)
      return Error(Code::kInternal, "no operator %s", op.builtin.c_str());
    // Readers older than operators beyond 126 see a placeholder.
    const auto old = static_cast<int8_t>(std::min(static_cast<int>(code), 127));
    codes_.push_back(fb::CreateOperatorCodeDirect(builder_, old, nullptr, op.version, code));
  }
  WHET_ASSIGN_OR_RETURN(const TfliteOptions options, WriteTfliteOptions(builder_, op.builtin, op.options));
  return fb::CreateOperatorDirect(builder_, it->second, &op.inputs, &op.outputs, options.type, options.table);
}

Result<flatbuffers::Offset<fb::SubGraph>> FileWriter::WriteSubgraph(
    const TfliteGraphWriter::SubgraphEntry& subgraph) {
  std::vector<flatbuffers::Offset<fb::Tensor>> tensors;
  std::vector<flatbuffers::Offset<fb::Operator>> operators;
  for (const auto& tensor : subgraph.tensors) {
    WHET_ASSIGN_OR_RETURN(const auto written, WriteTensor(tensor));
    tensors.push_back(written);
  }
  for (const auto& op : subgraph.operators) {
    WHET_ASSIGN_OR_RETURN(const auto written, WriteOperator(op));
    operators.push_back(written);
  }
  return fb::CreateSubGraphDirect(builder_, &tensors, &subgraph.inputs, &subgraph.outputs, &operators,
                                  subgraph.name.c_str());
}

flatbuffers::Offset<fb::SignatureDef> FileWriter::WriteSignature(
    const TfliteGraphWriter::SubgraphEntry& subgraph) {
  const auto maps = [&](const std::vector<int32_t>& indices) {
    std::vector<flatbuffers::Offset<fb::TensorMap>> result;
    for (const int32_t index : indices) {
      const auto tensor = static_cast<uint32_t>(index);
      result.push_back(fb::CreateTensorMapDirect(builder_, subgraph.tensors[tensor].name.c_str(), tensor));
    }
    return result;
  };
  const auto inputs = maps(subgraph.inputs), outputs = maps(subgraph.outputs);
  return fb::CreateSignatureDefDirect(builder_, &inputs, &outputs, kSignature, 0);
}

Result<std::vector<std::byte>> FileWriter::Write(
    std::span<const TfliteGraphWriter::SubgraphEntry* const> subgraphs) {
  buffers_.push_back(fb::CreateBuffer(builder_));  // buffer 0 is that of tensors without data
  std::vector<flatbuffers::Offset<fb::SubGraph>> written;
  for (const auto* subgraph : subgraphs) {
    WHET_ASSIGN_OR_RETURN(const auto offset, WriteSubgraph(*subgraph));
    written.push_back(offset);
  }
  const std::vector<flatbuffers::Offset<fb::SignatureDef>> signatures = {WriteSignature(*subgraphs[0])};
  fb::FinishModelBuffer(builder_, fb::CreateModelDirect(builder_, kVersion, &codes_, &written, "whet",
                                                        &buffers_, nullptr, &signatures));
  flatbuffers::Verifier verifier(builder_.GetBufferPointer(), builder_.GetSize(), /*max_depth=*/64,
                                 /*max_tables=*/std::numeric_limits<int32_t>::max());
  if (!fb::VerifyModelBuffer(verifier)) return Error(Code::kInternal, "the written file is not well formed");
  const auto bytes = std::as_bytes(std::span(builder_.GetBufferPointer(), builder_.GetSize()));
  return std::vector<std::byte>(bytes.begin(), bytes.end());
}

}  // namespace

whet::Result<std::vector<std::byte>> TfliteGraphWriter::Finish() const {
  std::vector<const SubgraphEntry*> subgraphs = {&main_};
  if (!initial_.operators.empty()) subgraphs.push_back(&initial_);
  return FileWriter().Write(subgraphs);
}

}  // namespace whet
