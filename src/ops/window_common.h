// The cosine windows of signal processing.
#pragma once

#include "ir/foreign.h"

namespace whet::ops {

// terms[0] - terms[1] cos(t) + terms[2] cos(2 t) … over one period t, as many points as input 0 says.
Status ImportWindow(ForeignNode& node, GraphBuilder& builder, std::span<const double> terms);

inline constexpr AttributeDef kWindowAttributes[] = {{"periodic", AttributeKind::kInt},
                                                     {"output_datatype", AttributeKind::kInt}};

}  // namespace whet::ops
