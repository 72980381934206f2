#include "cli/load_model.h"

#include <string_view>

#include "base/file.h"
#include "import/onnx/onnx_import.h"
#include "import/tflite/tflite_import.h"
#include "ir/text.h"
#include "model_file/model_file.h"

namespace whet::cli {

Result<LoadedModel> LoadModel(const std::string& path) {
  LoadedModel model;
  WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  model.file_bytes = file.bytes().size();
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  if (text.starts_with("graph ")) {
    model.format = "text";
    Result<std::unique_ptr<Graph>> graph = ParseText(text);
    if (!graph.ok()) return graph.TakeStatus().At(path);
    model.graph = std::move(*graph);
    return model;
  }
  if (IsModelFile(file.bytes())) {
    model.format = "Whet";
    WHET_ASSIGN_OR_RETURN(Model opened, OpenModel(path));
    model.graph = std::move(opened.graph);
    return model;
  }
  if (text.size() >= 8 && text.substr(4, 4) == "TFL3") {
    model.format = "TFLite";
    WHET_ASSIGN_OR_RETURN(model.graph, ImportTflite(path));
    return model;
  }
  // An ONNX file is a bare protobuf message and has no mark of its own; what is nothing else is tried as one.
  model.format = "ONNX";
  WHET_ASSIGN_OR_RETURN(model.graph, ImportOnnx(path));
  return model;
}

}  // namespace whet::cli
