// The order in which a list of ONNX nodes can be imported.
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <string>
#include <vector>

#include "base/status.h"

namespace onnx {
class NodeProto;
class GraphProto;
}  // namespace onnx

namespace whet {

// Indices into `nodes`, so that each comes after those whose outputs it reads (also from within its
// subgraphs), otherwise in the file's order. Error on a cycle.
Result<std::vector<int>> OrderOnnxNodes(const google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes);

}  // namespace whet
