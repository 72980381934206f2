#include "export/onnx/onnx_export.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/onnx_pb.h>

#include <limits>
#include <new>

#include "base/file.h"
#include "export/onnx/graph_exporter.h"
#include "export/onnx/messages.h"

namespace whet {
namespace {

constexpr int kOldestOpset = 17;
constexpr int kNewestOpset = 23;
// Smaller constants stay in the model even if the large ones stand beside it.
constexpr uint64_t kMinExternalBytes = 1024;
constexpr uint64_t kExternalAlignment = 64;

using InitializerList = std::vector<std::pair<onnx::TensorProto*, std::shared_ptr<const Constant>>>;

Status Build(const Graph& graph, int wanted, onnx::ModelProto& model, InitializerList* initializers) {
  if (wanted != 0 && (wanted < kOldestOpset || wanted > kNewestOpset)) {
    return Error(Code::kInvalidArgument, "opset %d cannot be written; choose %d to %d", wanted, kOldestOpset,
                 kNewestOpset);
  }
  for (int opset = wanted != 0 ? wanted : kOldestOpset;;) {
    model.Clear();
    OnnxGraphExporter exporter(graph, opset);
    Status status = exporter.Export(model);
    if (status.code() == Code::kUnsupported && wanted == 0 && opset < kNewestOpset) {
      ++opset;  // an operator may say that it needs a later one
      continue;
    }
    if (!status.ok()) return status;
    const int needed = exporter.needed_opset();
    if (needed <= opset) {
      std::map<const onnx::GraphProto*, int> next;
      for (const auto& [proto, initializer] : exporter.used_initializers()) {
        initializers->emplace_back(proto->mutable_initializer(next[proto]++), initializer->constant);
      }
      return {};
    }
    if (wanted != 0 || needed > kNewestOpset) {
      return Error(Code::kUnsupported, "opset %d cannot express this model; it needs opset %d",
                   wanted != 0 ? wanted : kNewestOpset, needed);
    }
    opset = needed;
  }
}

void SetData(const InitializerList& initializers) {
  for (const auto& [proto, constant] : initializers) FillTensorData(*constant, proto);
}

uint64_t TotalBytes(const InitializerList& initializers) {
  uint64_t total = 0;
  for (const auto& entry : initializers) total += entry.second->bytes();
  return total;
}

// Writes the large constants to `path` and refers to them by its name within the folder.
Status WriteExternalData(const InitializerList& initializers, const std::string& path) {
  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  const std::string location = path.substr(path.rfind('/') + 1);
  for (const auto& [proto, constant] : initializers) {
    if (constant->bytes() < kMinExternalBytes || constant->dtype() == DType::kString) {
      FillTensorData(*constant, proto);
      continue;
    }
    WHET_RETURN_IF_ERROR(file.AlignTo(kExternalAlignment));
    const auto add = [&proto = proto](const char* key, const std::string& value) {
      auto* entry = proto->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    };
    proto->set_data_location(onnx::TensorProto::EXTERNAL);
    add("location", location);
    add("offset", std::to_string(file.size()));
    add("length", std::to_string(constant->bytes()));
    WHET_RETURN_IF_ERROR(file.Write(std::span(static_cast<const std::byte*>(constant->view().data),
                                              static_cast<size_t>(constant->bytes()))));
  }
  return file.Commit();
}

// Lets protobuf write into an AtomicFile.
class FileStream final : public google::protobuf::io::CopyingOutputStream {
 public:
  explicit FileStream(AtomicFile& file) : file_(file) {}
  bool Write(const void* data, int size) override {
    status_ = file_.Write(std::span(static_cast<const std::byte*>(data), static_cast<size_t>(size)));
    return status_.ok();
  }
  Status TakeStatus() { return std::move(status_); }

 private:
  AtomicFile& file_;
  Status status_;
};

Status CheckSize(const onnx::ModelProto& model) {
  if (model.ByteSizeLong() <= static_cast<size_t>(std::numeric_limits<int>::max())) return {};
  return Error(Code::kUnsupported, "the model is larger than the 2 GiB that ONNX's format allows");
}

Status WriteModel(const Graph& graph, const std::string& path, const OnnxExportOptions& options) {
  onnx::ModelProto model;
  InitializerList initializers;
  WHET_RETURN_IF_ERROR(Build(graph, options.opset, model, &initializers));
  if (TotalBytes(initializers) > options.external_data_above) {
    WHET_RETURN_IF_ERROR(WriteExternalData(initializers, path + ".data"));
  } else {
    SetData(initializers);
  }
  WHET_RETURN_IF_ERROR(CheckSize(model));
  WHET_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  FileStream stream(file);
  google::protobuf::io::CopyingOutputStreamAdaptor adaptor(&stream, 1 << 20);
  const bool written = model.SerializeToZeroCopyStream(&adaptor) && adaptor.Flush();
  WHET_RETURN_IF_ERROR(stream.TakeStatus());
  if (!written) return Error(Code::kInternal, "the model could not be encoded");
  return file.Commit();
}

// Neither protobuf nor the standard library may throw beyond this folder.
template <typename Function>
auto Guarded(Function function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return Error(Code::kOutOfMemory, "there is not enough memory to write the model");
  } catch (const std::exception& error) {
    return Error(Code::kInternal, "%s", error.what());
  }
}

}  // namespace

Status ExportOnnx(const Graph& graph, const std::string& path, const OnnxExportOptions& options) {
  return Guarded([&] { return WriteModel(graph, path, options); });
}

Result<std::string> ExportOnnxBytes(const Graph& graph, int opset) {
  return Guarded([&]() -> Result<std::string> {
    onnx::ModelProto model;
    InitializerList initializers;
    WHET_RETURN_IF_ERROR(Build(graph, opset, model, &initializers));
    SetData(initializers);
    WHET_RETURN_IF_ERROR(CheckSize(model));
    return model.SerializeAsString();
  });
}

}  // namespace whet
