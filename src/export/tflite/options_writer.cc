#include "export/tflite/options_writer.h"

#include <flatbuffers/minireflect.h>

#include <algorithm>
#include <string>
#include <vector>

namespace whet {

namespace fb = tflite_fb;

namespace {

struct Table {
  std::string_view builtin;
  std::string_view options;
};
constexpr Table kTables[] = {
    {"ADD", "AddOptions"},
    {"ARG_MAX", "ArgMaxOptions"},
    {"ARG_MIN", "ArgMinOptions"},
    {"AVERAGE_POOL_2D", "Pool2DOptions"},
    {"BATCH_MATMUL", "BatchMatMulOptions"},
    {"CALL_ONCE", "CallOnceOptions"},
    {"CAST", "CastOptions"},
    {"CONCATENATION", "ConcatenationOptions"},
    {"CONV_2D", "Conv2DOptions"},
    {"CONV_3D", "Conv3DOptions"},
    {"CUMSUM", "CumsumOptions"},
    {"DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions"},
    {"DEPTH_TO_SPACE", "DepthToSpaceOptions"},
    {"DIV", "DivOptions"},
    {"FULLY_CONNECTED", "FullyConnectedOptions"},
    {"GATHER", "GatherOptions"},
    {"GELU", "GeluOptions"},
    {"LEAKY_RELU", "LeakyReluOptions"},
    {"LOCAL_RESPONSE_NORMALIZATION", "LocalResponseNormalizationOptions"},
    {"MAX_POOL_2D", "Pool2DOptions"},
    {"MEAN", "ReducerOptions"},
    {"MIRROR_PAD", "MirrorPadOptions"},
    {"MUL", "MulOptions"},
    {"ONE_HOT", "OneHotOptions"},
    {"REDUCE_MAX", "ReducerOptions"},
    {"REDUCE_MIN", "ReducerOptions"},
    {"REDUCE_PROD", "ReducerOptions"},
    {"RESHAPE", "ReshapeOptions"},
    {"RESIZE_BILINEAR", "ResizeBilinearOptions"},
    {"RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighborOptions"},
    {"REVERSE_SEQUENCE", "ReverseSequenceOptions"},
    {"SHAPE", "ShapeOptions"},
    {"SOFTMAX", "SoftmaxOptions"},
    {"SPACE_TO_DEPTH", "SpaceToDepthOptions"},
    {"SPLIT", "SplitOptions"},
    {"SPLIT_V", "SplitVOptions"},
    {"SQUEEZE", "SqueezeOptions"},
    {"STRIDED_SLICE", "StridedSliceOptions"},
    {"SUB", "SubOptions"},
    {"SUM", "ReducerOptions"},
    {"TRANSPOSE_CONV", "TransposeConvOptions"},
    {"VAR_HANDLE", "VarHandleOptions"},
};

// The index of a name among a type's names; -1 if it is none.
int IndexOf(const flatbuffers::TypeTable& type, std::string_view name) {
  for (size_t i = 0; i < type.num_elems; ++i) {
    if (name == type.names[i]) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

Result<TfliteOptions> WriteTfliteOptions(flatbuffers::FlatBufferBuilder& builder, std::string_view builtin,
                                         const Attributes& options) {
  const auto* entry = std::find_if(std::begin(kTables), std::end(kTables),
                                   [&](const Table& t) { return t.builtin == builtin; });
  if (entry == std::end(kTables)) {
    if (options.empty()) return TfliteOptions{};
    return Error(Code::kInternal, "%s has no options", std::string(builtin).c_str());
  }
  const flatbuffers::TypeTable* all = fb::BuiltinOptionsTypeTable();
  const int at = IndexOf(*all, entry->options);
  if (at < 0) return Error(Code::kInternal, "no table %s", std::string(entry->options).c_str());
  const flatbuffers::TypeTable& table = *all->type_refs[all->type_codes[at].sequence_ref]();

  // What has a place of its own in the file comes before the table.
  std::vector<flatbuffers::uoffset_t> placed(table.num_elems, 0);
  for (const auto& [name, value] : options) {
    const int field = IndexOf(table, name);
    if (field < 0) {
      return Error(Code::kInternal, "%s has no option %s", std::string(builtin).c_str(), name.c_str());
    }
    const auto i = static_cast<size_t>(field);
    if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
      placed[i] = builder.CreateVector(std::vector<int32_t>(ints->begin(), ints->end())).o;
    } else if (table.type_codes[i].base_type == flatbuffers::ET_STRING) {
      placed[i] = builder.CreateString(std::get<std::string>(value)).o;
    }
  }
  const flatbuffers::uoffset_t start = builder.StartTable();
  for (const auto& [name, value] : options) {
    const auto i = static_cast<size_t>(IndexOf(table, name));
    const auto slot = flatbuffers::FieldIndexToOffset(static_cast<flatbuffers::voffset_t>(i));
    const flatbuffers::TypeCode code = table.type_codes[i];
    if (placed[i] != 0) {
      builder.AddOffset(slot, flatbuffers::Offset<void>(placed[i]));
      continue;
    }
    int64_t number = 0;
    if (const auto* text = std::get_if<std::string>(&value)) {
      const flatbuffers::TypeTable& names = *table.type_refs[code.sequence_ref]();
      const int index = IndexOf(names, *text);
      if (index < 0) return Error(Code::kInternal, "%s is not '%s'", name.c_str(), text->c_str());
      number = names.values != nullptr ? names.values[index] : index;
    } else if (const auto* integer = std::get_if<int64_t>(&value)) {
      number = *integer;
    }
    // Written even where it is the default, which AddElement would leave out.
    switch (code.base_type) {
      case flatbuffers::ET_FLOAT: {
        const auto* real = std::get_if<double>(&value);
        builder.TrackField(slot, builder.PushElement(static_cast<float>(real != nullptr ? *real : 0)));
        break;
      }
      case flatbuffers::ET_BOOL:
        builder.TrackField(slot, builder.PushElement(static_cast<uint8_t>(number != 0)));
        break;
      case flatbuffers::ET_CHAR:
        builder.TrackField(slot, builder.PushElement(static_cast<int8_t>(number)));
        break;
      case flatbuffers::ET_INT:
      case flatbuffers::ET_UINT:
        builder.TrackField(slot, builder.PushElement(static_cast<int32_t>(number)));
        break;
      case flatbuffers::ET_LONG: builder.TrackField(slot, builder.PushElement(number)); break;
      default: return Error(Code::kInternal, "option %s is of a type that is not written", name.c_str());
    }
  }
  TfliteOptions result;
  result.type = static_cast<fb::BuiltinOptions>(all->values != nullptr ? all->values[at] : at);
  result.table = flatbuffers::Offset<void>(builder.EndTable(start));
  return result;
}

}  // namespace whet
