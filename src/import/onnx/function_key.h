// How the functions of an ONNX model are told apart, and the fields of them that Debian's definitions are too
// old to know and keep as unknown fields.
#pragma once

#include <string>

namespace google::protobuf {
class Message;
}

namespace whet {

inline constexpr int kNodeOverloadField = 8;
inline constexpr int kFunctionAttributeProtoField = 11;
inline constexpr int kFunctionOverloadField = 13;

// ONNX's own domain has two names; "" is the one that is used here.
std::string NormalDomain(const std::string& domain);
// The last string that an unknown field of that number holds.
std::string UnknownString(const google::protobuf::Message& message, int field);
std::string FunctionKey(const std::string& domain, const std::string& name, const std::string& overload);

}  // namespace whet
