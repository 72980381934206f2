// Turns ONNX's tensors, in all the forms in which a file may hold them, into constants.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "ir/graph.h"

namespace onnx {
class TensorProto;
}

namespace whet {

// kUndefined for what Whet has no type for (complex numbers, 8-bit floats).
DType DTypeOfOnnx(int data_type);
// "string", "complex64", … for errors.
std::string OnnxTypeName(int data_type);

class OnnxTensorReader {
 public:
  // `folder` is where external data may stand; empty: nowhere.
  explicit OnnxTensorReader(std::string folder) : folder_(std::move(folder)) {}

  // Takes the tensor's bytes out of the message where that saves a copy; the message is then spent.
  Result<std::shared_ptr<const Constant>> Take(onnx::TensorProto& tensor);

 private:
  Result<std::shared_ptr<const Constant>> External(const onnx::TensorProto& tensor, DType dtype,
                                                   const Shape& shape);
  Result<std::shared_ptr<const MappedFile>> OpenExternal(const std::string& location);

  std::string folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace whet
