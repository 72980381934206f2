// Whether an operator's reference may be run on memory that was laid out beforehand.
#pragma once

#include <span>
#include <string_view>

#include "base/attributes.h"
#include "base/status.h"
#include "base/tensor_view.h"

namespace whet {

// References trust that their operands passed inference. This repeats it for a step of a Plan, which may come
// from a damaged file, or from a model that declares shapes which its operators do not give. Of inputs whose
// values are known (weights), `data` is set, of all others it is null; absent operands have no element type.
//
// kBadFile where operator, attributes and operands do not go together; kUnsupported where the shape of an
// output depends on values that are not known. Outputs of operators whose shape depends on data only need to
// be possible: their references ask for the memory that they need (ReferenceContext::SetOutputShape).
Status CheckReference(std::string_view op, const Attributes& attributes, std::span<const TensorView> inputs,
                      std::span<const TensorView> outputs);

}  // namespace whet
