// Older forms of ONNX operators. The Graph speaks the newest.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ir/graph.h"

namespace onnx {
class NodeProto;
}

namespace whet {

// The constant of that name, or null.
using FindOnnxConstant = std::function<std::shared_ptr<const Constant>(const std::string& name)>;

// Rewrites `node`, which has the form that the operator has had since opset `since`, so that it is valid in
// `opset`. Returns the lowest opset that can express it; `node` is good only if that is at most `opset`.
int LowerOnnxNode(onnx::NodeProto& node, int since, int opset, const FindOnnxConstant& find);

}  // namespace whet
