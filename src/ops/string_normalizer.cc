#include <set>

#include "ir/spelling.h"
#include "ops/shape_common.h"
#include "ops/string_common.h"

namespace whet::ops {
namespace {

// Turkish and its relatives pair their i's differently; the pairs of all other languages are those of
// English.
bool HasOwnCases(std::string_view locale) {
  for (const std::string_view language : {"tr", "az", "lt"}) {
    if (locale.starts_with(language) && (locale.size() == 2 || locale[2] == '_' || locale[2] == '-'))
      return true;
  }
  return false;
}

Result<StringCase> CaseOf(const Attributes& attributes) {
  const std::string_view action = attributes.String("case_change_action", "NONE");
  if (action == "NONE") return StringCase::kSame;
  if (action == "LOWER") return StringCase::kLower;
  if (action == "UPPER") return StringCase::kUpper;
  return Error(Code::kBadFile, "case_change_action is '%s'; there are LOWER, UPPER and NONE",
               std::string(action).c_str());
}

Status Infer(InferContext& context) {
  const Type& x = context.input(0);
  if (x.dtype != DType::kString) {
    return Error(Code::kBadFile, "the input is %s; it must be strings", ToString(x).c_str());
  }
  WHET_RETURN_IF_ERROR(CaseOf(context.attributes()).TakeStatus());
  const std::string locale(context.attributes().String("locale"));
  if (HasOwnCases(locale)) {
    return Error(Code::kUnsupported, "the locale '%s'; letters are changed as in en_US", locale.c_str());
  }
  if (!x.ranked) {
    context.SetOutput(0, Type::Unranked(DType::kString));
    return {};
  }
  const bool row = x.rank() == 2 && x.dims[0].lo <= 1 && x.dims[0].hi >= 1;
  if (x.rank() != 1 && !row) {
    return Error(Code::kBadFile, "the input is %s; it must have the shape [C] or [1,C]", ToString(x).c_str());
  }
  // Of no strings, one remains: an empty one.
  Type type = x;
  type.dims.back() = Dim(1, std::max<int64_t>(1, x.dims.back().hi));
  if (row) type.dims[0] = Dim(1);
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  const Attributes& attributes = context.attributes();
  WHET_ASSIGN_OR_RETURN(const StringCase change, CaseOf(attributes));
  const StringCase compared =
      attributes.Int("is_case_sensitive") != 0 ? StringCase::kSame : StringCase::kLower;
  const auto form = [&](std::string_view text) {
    std::string out;
    AppendInCase(text, compared, &out);
    return out;
  };
  std::set<std::string> stopwords;
  for (const std::string& word : attributes.Strings("stopwords")) stopwords.insert(form(word));
  StringBuffer strings;
  int64_t kept = 0;
  for (const std::string_view text : StringsOf(x)) {
    if (stopwords.contains(form(text))) continue;
    AppendInCase(text, change, &strings.text());
    WHET_RETURN_IF_ERROR(strings.End());
    ++kept;
  }
  if (kept == 0) {
    WHET_RETURN_IF_ERROR(strings.End());
    kept = 1;
  }
  WHET_RETURN_IF_ERROR(context.SetOutputShape(0, x.shape.rank() == 2 ? Shape{1, kept} : Shape{kept}));
  strings.Store(context, context.output(0));
  return {};
}

constexpr AttributeDef kAttributes[] = {{"case_change_action", AttributeKind::kString},
                                        {"is_case_sensitive", AttributeKind::kInt},
                                        {"locale", AttributeKind::kString},
                                        {"stopwords", AttributeKind::kStrings}};
constexpr OnnxSpelling kOnnx[] = {{.op_type = "StringNormalizer", .since = 10}};

}  // namespace

extern const OpDef op_string_normalizer;
const OpDef op_string_normalizer = {
    .name = "StringNormalizer",
    .summary = "Strings without stopwords, in lower or upper case (of en_US)",
    .min_inputs = 1,
    .max_inputs = 1,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
    .takes_strings = true,
    .data_dependent_shape = true,
};

extern const OpSpellings spellings_string_normalizer;
const OpSpellings spellings_string_normalizer = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
