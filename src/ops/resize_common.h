// What Resize and its form for quantized integers share.
#pragma once

#include "ir/foreign.h"

namespace whet::ops {

// Writes ONNX's Resize for `node`, whose input 0 is the image, of known rank: from `x` to `y`, both channels
// first, with these of Resize's inputs (null where absent) and attributes.
Status ExportResize(const Node& node, const std::string& x, const Value* roi, const Value* scales,
                    const Value* sizes, Attributes attributes, const std::string& y, OnnxSink& sink);

}  // namespace whet::ops
