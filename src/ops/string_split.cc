#include <algorithm>

#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/string_common.h"

namespace whet::ops {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\f\v";

// Split at most `most` times. Without a delimiter, runs of white space separate, and none stands at the ends.
void Split(std::string_view text, std::string_view delimiter, size_t most,
           std::vector<std::string_view>* parts) {
  const bool spaces = delimiter.empty();
  const auto skip = [&] { text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size())); };
  size_t splits = 0;
  if (spaces) skip();
  while (!spaces || !text.empty()) {
    const size_t at = splits == most ? text.npos
                      : spaces       ? text.find_first_of(kSpaces)
                                     : text.find(delimiter);
    if (at == text.npos) {
      parts->push_back(text);
      return;
    }
    parts->push_back(text.substr(0, at));
    text.remove_prefix(at + (spaces ? 1 : delimiter.size()));
    if (spaces) skip();
    ++splits;
  }
}

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (x.dtype != DType::kString) {
    return Error(Code::kBadFile, "the input is %s; it must be strings", ToString(x).c_str());
  }
  Type parts = x;
  if (x.ranked) parts.dims.emplace_back();
  Type counts = x;
  counts.dtype = DType::kI64;
  context.SetOutput(0, std::move(parts));
  context.SetOutput(1, std::move(counts));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const std::string_view delimiter = context.attributes().String("delimiter");
  const int64_t limit = context.attributes().Int("maxsplit", -1);
  const size_t most = limit < 0 ? static_cast<size_t>(-1) : static_cast<size_t>(limit);
  std::vector<std::string_view> parts;
  std::vector<size_t> ends;
  size_t widest = 0;
  for (const std::string_view text : StringsOf(x)) {
    const size_t begin = parts.size();
    Split(text, delimiter, most, &parts);
    ends.push_back(parts.size());
    widest = std::max(widest, parts.size() - begin);
  }
  Shape shape = x.shape;
  if (shape.rank() == kMaxRank) return Error(Code::kUnsupported, "an input of %d dimensions", kMaxRank);
  shape.push_back(static_cast<int64_t>(widest));
  WHET_RETURN_IF_ERROR(context.SetOutputShape(0, shape));
  if (context.HasOutput(1)) WHET_RETURN_IF_ERROR(context.SetOutputShape(1, x.shape));
  size_t begin = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    auto* row = context.output(0).as<std::string_view>() + i * widest;
    for (size_t k = 0; k < widest; ++k) row[k] = begin + k < ends[i] ? parts[begin + k] : std::string_view();
    if (context.HasOutput(1)) {
      StoreInt(context.output(1), static_cast<int64_t>(i), static_cast<int64_t>(ends[i] - begin));
    }
    begin = ends[i];
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {{"delimiter", AttributeKind::kString},
                                        {"maxsplit", AttributeKind::kInt}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "StringSplit", .since = 20}};

}  // namespace

extern const OpDef op_string_split;
const OpDef op_string_split = {
    .name = "StringSplit",
    .summary = "The parts of each string, filled up with empty strings, and how many there are",
    .min_inputs = 1,
    .max_inputs = 1,
    .max_outputs = 2,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
    .data_dependent_shape = true,
};

extern const OpSpellings spellings_string_split;
const OpSpellings spellings_string_split = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
