// An operator's options as the table that the schema has for them.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <string_view>

#include "base/attributes.h"
#include "base/status.h"
#include "tflite_schema_generated.h"

namespace whet {

struct TfliteOptions {
  tflite_fb::BuiltinOptions type = tflite_fb::BuiltinOptions::NONE;
  flatbuffers::Offset<void> table = 0;
};

// Writes the options by the names of the table's fields; enumerators by their names. Fields that are not
// given keep the schema's defaults. An error if the operator has no such option.
Result<TfliteOptions> WriteTfliteOptions(flatbuffers::FlatBufferBuilder& builder, std::string_view builtin,
                                         const Attributes& options);

}  // namespace whet
