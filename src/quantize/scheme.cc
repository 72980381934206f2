#include "quantize/scheme.h"

namespace whet::quantize {
namespace {

struct SchemeName {
  Scheme scheme;
  std::string_view name;
};
constexpr SchemeName kSchemes[] = {{Scheme::kFloat, "float"},     {Scheme::kInt8, "int8"},
                                   {Scheme::kInt16, "int16"},     {Scheme::kDynamic, "dynamic"},
                                   {Scheme::kWeight8, "weight8"}, {Scheme::kWeight4, "weight4"},
                                   {Scheme::kF16, "f16"},         {Scheme::kBf16, "bf16"}};

}  // namespace

Result<Scheme> SchemeFromName(std::string_view name) {
  for (const SchemeName& entry : kSchemes) {
    if (entry.name == name) return entry.scheme;
  }
  return Error(Code::kInvalidArgument, "'%s' is not one of %s", std::string(name).c_str(),
               std::string(kSchemeNames).c_str());
}

std::string_view NameOf(Scheme scheme) {
  for (const SchemeName& entry : kSchemes) {
    if (entry.scheme == scheme) return entry.name;
  }
  return {};
}

}  // namespace whet::quantize
