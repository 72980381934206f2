#include "cli/load_model.h"

#include <string_view>

#include "base/file.h"
#include "import/onnx/onnx_import.h"

namespace whet::cli {

Result<LoadedModel> LoadModel(const std::string& path) {
  LoadedModel model;
  {
    WHET_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
    model.file_bytes = file.bytes().size();
  }
  // An ONNX file is a bare protobuf message and has no mark of its own; what is nothing else is tried as one.
  model.format = "ONNX";
  WHET_ASSIGN_OR_RETURN(model.graph, ImportOnnx(path));
  return model;
}

}  // namespace whet::cli
