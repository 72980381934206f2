// Which build of the library this is.
#pragma once

#include <string>

namespace whet {

// The linker's hash of the program's or shared library's contents, in hexadecimal: two builds that may differ
// in anything have different ones. What one build wrote for itself, such as packed weights in a cached Plan,
// another must not read. "unknown" where the linker wrote none.
const std::string& BuildId();

}  // namespace whet
