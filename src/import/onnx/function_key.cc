#include "import/onnx/function_key.h"

#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

namespace whet {

std::string NormalDomain(const std::string& domain) { return domain == "ai.onnx" ? std::string() : domain; }

std::string UnknownString(const google::protobuf::Message& message, int field) {
  std::string text;
  const auto& unknown = message.GetReflection()->GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    const auto& entry = unknown.field(i);
    if (entry.number() == field && entry.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      text = entry.length_delimited();
    }
  }
  return text;
}

std::string FunctionKey(const std::string& domain, const std::string& name, const std::string& overload) {
  return NormalDomain(domain) + ':' + name + ':' + overload;
}

}  // namespace whet
