// libwhet.so is the archive of this folder, linked whole; a shared library needs a source of its own, and
// this one makes sure that the header is one that plain C++17 compiles.
#include "whet/whet.hpp"
