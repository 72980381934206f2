// What ArgMax and ArgMin share.
#pragma once

#include "ir/op_def.h"

namespace whet::ops {

Status InferArg(InferContext& context);
// Of equal elements the first, or the last if `select_last_index` is set.
Status ArgReference(ReferenceContext& context, bool largest);

inline constexpr AttributeDef kArgAttributes[] = {{"axis", AttributeKind::kInt},
                                                  {"keepdims", AttributeKind::kInt},
                                                  {"select_last_index", AttributeKind::kInt}};

}  // namespace whet::ops
