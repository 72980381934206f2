#include "import/onnx/onnx_import.h"

#include <google/protobuf/io/coded_stream.h>
#include <onnx/onnx-data_pb.h>
#include <onnx/onnx_pb.h>

#include <limits>
#include <new>

#include "base/file.h"
#include "import/onnx/graph_importer.h"
#include "import/onnx/tensor_reader.h"

namespace whet {
namespace {

// Each level of subgraphs takes three levels of messages.
constexpr int kMaxMessageDepth = 100;

Status Parse(std::span<const std::byte> bytes, const char* what, google::protobuf::MessageLite& message) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
    return Error(
        Code::kUnsupported,
        "is larger than 2 GiB, which ONNX's format does not allow; save the model with external data");
  }
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  stream.SetRecursionLimit(kMaxMessageDepth);
  if (!message.ParsePartialFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
    return Error(
        Code::kBadFile,
        "is not an ONNX %s: its bytes cannot be decoded; it is damaged, cut off, nested too deep, or "
        "in another format",
        what);
  }
  return {};
}

Result<Datum> TakeTensor(onnx::TensorProto& proto) {
  OnnxTensorReader reader("");
  WHET_ASSIGN_OR_RETURN(TensorPtr tensor, reader.Take(proto));
  return Datum(std::move(tensor));
}

Result<Datum> TakeSequence(onnx::SequenceProto& proto) {
  const bool empty = proto.elem_type() == onnx::SequenceProto::UNDEFINED && proto.tensor_values_size() == 0;
  if (proto.elem_type() != onnx::SequenceProto::TENSOR && !empty) {
    return Error(Code::kUnsupported, "a sequence of something other than tensors");
  }
  std::vector<TensorPtr> elements;
  for (auto& value : *proto.mutable_tensor_values()) {
    WHET_ASSIGN_OR_RETURN(const Datum element, TakeTensor(value));
    elements.push_back(element.tensor());
  }
  return Datum::Sequence(std::move(elements));
}

Result<Datum> ParseDatum(std::span<const std::byte> bytes, const Type& type) {
  switch (type.form) {
    case Form::kTensor: {
      onnx::TensorProto proto;
      WHET_RETURN_IF_ERROR(Parse(bytes, "tensor", proto));
      return TakeTensor(proto);
    }
    case Form::kSequence: {
      onnx::SequenceProto proto;
      WHET_RETURN_IF_ERROR(Parse(bytes, "sequence", proto));
      return TakeSequence(proto);
    }
    case Form::kOptionalTensor:
    case Form::kOptionalSequence: break;
  }
  onnx::OptionalProto proto;
  WHET_RETURN_IF_ERROR(Parse(bytes, "optional value", proto));
  switch (proto.elem_type()) {
    case onnx::OptionalProto::UNDEFINED: return Datum();
    case onnx::OptionalProto::TENSOR: return TakeTensor(*proto.mutable_tensor_value());
    case onnx::OptionalProto::SEQUENCE: return TakeSequence(*proto.mutable_sequence_value());
    default:
      return Error(Code::kUnsupported, "an optional value other than a tensor or a sequence of tensors");
  }
}

// Neither protobuf nor the standard library may throw beyond this folder.
template <typename Function>
auto Guarded(Function function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return Error(Code::kOutOfMemory, "there is not enough memory for the model");
  } catch (const std::exception& error) {
    return Error(Code::kInternal, "%s", error.what());
  }
}

Result<std::unique_ptr<Graph>> ImportParsed(std::span<const std::byte> bytes, const std::string& folder,
                                            const OnnxImportOptions& options) {
  onnx::ModelProto model;
  WHET_RETURN_IF_ERROR(Parse(bytes, "model", model));
  if (!model.has_graph()) return Error(Code::kBadFile, "is not an ONNX model: it holds no graph");
  OnnxTensorReader tensors(folder);
  return OnnxGraphImporter(model, tensors, options).Import();
}

}  // namespace

Result<std::unique_ptr<Graph>> ImportOnnxBytes(std::span<const std::byte> bytes, const std::string& name,
                                               const OnnxImportOptions& options) {
  auto graph = Guarded([&] { return ImportParsed(bytes, {}, options); });
  if (!graph.ok()) return graph.TakeStatus().At(name);
  return graph;
}

Result<std::unique_ptr<Graph>> ImportOnnx(const std::string& path, const OnnxImportOptions& options) {
  auto graph = Guarded([&]() -> Result<std::unique_ptr<Graph>> {
    WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
    const size_t slash = path.rfind('/');
    return ImportParsed(file.bytes(), slash == std::string::npos ? "." : path.substr(0, slash + 1), options);
  });
  if (!graph.ok()) {
    Status status = graph.TakeStatus();
    return status.where().starts_with(path) ? std::move(status) : std::move(status).At(path);
  }
  return graph;
}

Result<Datum> ReadOnnxDatum(const std::string& path, const Type& type) {
  auto datum = Guarded([&]() -> Result<Datum> {
    WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
    return ParseDatum(file.bytes(), type);
  });
  if (!datum.ok()) {
    Status status = datum.TakeStatus();
    return status.where().starts_with(path) ? std::move(status) : std::move(status).At(path);
  }
  return datum;
}

}  // namespace whet
