// An operator's options as attributes: the fields' names are the format's ("stride_w"), enumerators are
// strings
// ("SAME"), booleans are 0 or 1. A field that the file leaves out is absent.
#pragma once

#include "base/attributes.h"

namespace whet::tflite_fb {
struct Operator;
}

namespace whet {

// A custom operator's options are its bytes, as the attribute "custom_options"; if they are a FlexBuffers
// map, also the numbers and lists of integers in it, by name.
Attributes ReadTfliteOptions(const tflite_fb::Operator& op);

}  // namespace whet
