// What the spellings of several operators in other formats share.
#pragma once

#include "ir/foreign.h"

namespace whet::ops {

// Applies TFLite's fused_activation_function ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT") of
// `node`.
Value* ApplyTfliteActivation(ForeignNode& node, GraphBuilder& builder, Value* x);
// A binary operator with TFLite's fused activation.
Status ImportTfliteBinary(std::string_view op, ForeignNode& node, GraphBuilder& builder);

}  // namespace whet::ops
