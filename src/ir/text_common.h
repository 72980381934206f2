// What the printer and the parser of the text form must agree on.
#pragma once

#include <string_view>

#include "ir/graph.h"

namespace whet {

// What stands before the type of the tensors; as many brackets are closed after it.
std::string_view FormPrefix(Form form);

// Needs no quotes as the name of a value or an attribute.
bool IsPlainName(std::string_view name);
// Needs no quotes as the symbol of a dimension.
bool IsPlainSymbol(std::string_view symbol);

}  // namespace whet
