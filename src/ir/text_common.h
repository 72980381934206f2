// What the printer and the parser of the text form must agree on.
#pragma once

#include <string_view>

namespace whet {

// Needs no quotes as the name of a value or an attribute.
bool IsPlainName(std::string_view name);
// Needs no quotes as the symbol of a dimension.
bool IsPlainSymbol(std::string_view symbol);

}  // namespace whet
