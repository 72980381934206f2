#include "ir/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <unordered_set>
#include <vector>

#include "ir/op_def.h"
#include "ir/text_common.h"

namespace whet {
namespace {

// Constants of up to as many elements are lists of numbers.
constexpr int64_t kMaxListed = 16;

constexpr char kHexDigits[] = "0123456789abcdef";

void AppendQuoted(std::string_view text, std::string* out) {
  *out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (c == '\n') {
      *out += "\\n";
    } else if (c == '\t') {
      *out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      *out += "\\x";
      *out += kHexDigits[byte >> 4];
      *out += kHexDigits[byte & 15];
    } else {
      *out += c;
    }
  }
  *out += '"';
}

void AppendName(std::string_view name, std::string* out) {
  if (IsPlainName(name)) {
    *out += name;
  } else {
    AppendQuoted(name, out);
  }
}

void AppendValue(const Value* value, std::string* out) {
  if (value == nullptr) {
    *out += '_';
    return;
  }
  *out += '%';
  AppendName(value->name(), out);
}

void AppendDim(const Dim& dim, std::string* out) {
  if (dim.known() && dim.symbol.empty()) {
    *out += std::to_string(dim.lo);
    return;
  }
  if (dim.symbol.empty()) {
    *out += '?';
  } else if (IsPlainSymbol(dim.symbol)) {
    *out += dim.symbol;
  } else {
    AppendQuoted(dim.symbol, out);
  }
  if (dim.lo != 0 || dim.hi != Dim::kUnbounded) {
    *out += '[' + std::to_string(dim.lo) + "..";
    if (dim.hi != Dim::kUnbounded) *out += std::to_string(dim.hi);
    *out += ']';
  }
}

void AppendType(const Type& type, std::string* out) {
  const std::string_view open = FormPrefix(type.form);
  *out += open;
  *out += DTypeName(type.dtype);
  *out += '[';
  if (!type.ranked) *out += '*';
  for (size_t i = 0; i < type.dims.size(); ++i) {
    if (i > 0) *out += ',';
    AppendDim(type.dims[i], out);
  }
  *out += ']';
  out->append(static_cast<size_t>(std::count(open.begin(), open.end(), '(')), ')');
}

template <typename T>
void AppendNumber(T number, std::string* out) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  out->append(buffer, end);
}

// With a mark that it is not an integer.
void AppendFloat(double number, std::string* out) {
  std::string text;
  if (std::isfinite(number)) {
    AppendNumber(number, &text);
    const auto narrow = static_cast<float>(number);
    if (static_cast<double>(narrow) == number) {
      std::string short_text;
      AppendNumber(narrow, &short_text);
      if (short_text.size() + 1 < text.size()) text = short_text + 'f';
    }
    if (text.find_first_of(".ef") == std::string::npos) text += ".0";
  } else {
    text = std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }
  *out += text;
}

template <typename List, typename Append>
void AppendList(const List& list, Append append, std::string* out) {
  *out += '[';
  bool first = true;
  for (const auto& element : list) {
    if (!first) *out += ", ";
    first = false;
    append(element, out);
  }
  *out += ']';
}

void AppendAttribute(const Attribute& attribute, std::string* out) {
  switch (static_cast<AttributeKind>(attribute.index())) {
    case AttributeKind::kInt: AppendNumber(std::get<int64_t>(attribute), out); return;
    case AttributeKind::kFloat: AppendFloat(std::get<double>(attribute), out); return;
    case AttributeKind::kString: AppendQuoted(std::get<std::string>(attribute), out); return;
    case AttributeKind::kInts:
      *out += "ints";
      AppendList(std::get<std::vector<int64_t>>(attribute), AppendNumber<int64_t>, out);
      return;
    case AttributeKind::kFloats:
      *out += "floats";
      AppendList(std::get<std::vector<double>>(attribute), AppendFloat, out);
      return;
    case AttributeKind::kStrings:
      *out += "strings";
      AppendList(std::get<std::vector<std::string>>(attribute), AppendQuoted, out);
      return;
  }
}

// False for types and values that decimal numbers do not carry exactly.
bool AppendListed(const TensorView& view, std::string* out) {
  const auto count = static_cast<size_t>(view.elements());
  const auto append = [&]<typename T>(const T* data) {
    AppendList(std::span(data, count), AppendNumber<T>, out);
    return true;
  };
  const auto append_floats = [&]<typename T>(const T* data) {
    for (size_t i = 0; i < count; ++i) {
      if (std::isnan(data[i])) return false;  // may carry a payload
    }
    return append(data);
  };
  switch (view.dtype) {
    case DType::kF32: return append_floats(view.as<float>());
    case DType::kF64: return append_floats(view.as<double>());
    case DType::kI8: return append(view.as<int8_t>());
    case DType::kU8:
    case DType::kBool: return append(view.as<uint8_t>());
    case DType::kI16: return append(view.as<int16_t>());
    case DType::kU16: return append(view.as<uint16_t>());
    case DType::kI32: return append(view.as<int32_t>());
    case DType::kU32: return append(view.as<uint32_t>());
    case DType::kI64: return append(view.as<int64_t>());
    case DType::kU64: return append(view.as<uint64_t>());
    case DType::kString:
      AppendList(std::span(view.as<const std::string_view>(), count), AppendQuoted, out);
      return true;
    default: return false;
  }
}

void AppendData(const Constant& constant, const TextOptions& options, std::string* out) {
  const TensorView& view = constant.view();
  if (static_cast<uint64_t>(view.elements()) > options.elide_above) {
    *out += '<' + std::to_string(view.bytes()) + " bytes>";
    return;
  }
  const bool listed = view.elements() <= kMaxListed || view.dtype == DType::kString;
  if (listed && AppendListed(view, out)) return;
  *out += "hex:";
  const auto* bytes = view.as<uint8_t>();
  const auto count = static_cast<size_t>(view.bytes());
  out->reserve(out->size() + 2 * count);
  for (size_t i = 0; i < count; ++i) {
    *out += kHexDigits[bytes[i] >> 4];
    *out += kHexDigits[bytes[i] & 15];
  }
}

// A graph's own constants in the order in which they are first read, so that equal graphs print equally
// however they were made.
std::vector<const Value*> ConstantsByUse(const Graph& graph) {
  std::vector<const Value*> order;
  std::unordered_set<const Value*> seen;
  const auto visit = [&](const Value* value) {
    if (value != nullptr && value->IsConstant() && value->graph() == &graph && seen.insert(value).second) {
      order.push_back(value);
    }
  };
  const auto walk = [&](const auto& self, const Graph& at) -> void {
    for (const auto& node : at.nodes()) {
      for (const Value* input : node->inputs()) visit(input);
      for (const auto& subgraph : node->subgraphs) self(self, *subgraph);
    }
    for (const Value* output : at.outputs()) visit(output);
  };
  walk(walk, graph);
  for (const Value* value : graph.values()) visit(value);
  return order;
}

class Printer {
 public:
  Printer(const TextOptions& options, std::string* out) : options_(options), out_(out) {}

  void Print(const Graph& graph) {
    Text("graph ");
    AppendQuoted(graph.name(), out_);
    Text(" {");
    ++depth_;
    for (const auto& [key, value] : graph.metadata) {
      Line("metadata ");
      AppendQuoted(key, out_);
      Text(" = ");
      AppendQuoted(value, out_);
    }
    for (const Value* input : graph.inputs()) {
      Line("input ");
      Typed(*input);
    }
    for (const Value* value : ConstantsByUse(graph)) {
      Line("const ");
      Typed(*value);
      Text(" = ");
      AppendData(*value->constant(), options_, out_);
    }
    for (const auto& node : graph.nodes()) PrintNode(*node);
    for (const Value* output : graph.outputs()) {
      Line("output ");
      AppendValue(output, out_);
    }
    for (const State& state : graph.states) PrintState(state);
    --depth_;
    Line("}");
  }

 private:
  void Text(std::string_view text) { *out_ += text; }
  void Line(std::string_view text) {
    *out_ += '\n';
    out_->append(static_cast<size_t>(depth_) * 2, ' ');
    *out_ += text;
  }
  void Typed(const Value& value) {
    AppendValue(&value, out_);
    Text(" ");
    AppendType(value.type, out_);
  }

  void PrintNode(const Node& node) {
    Line("");
    for (size_t i = 0; i < node.outputs().size(); ++i) {
      if (i > 0) Text(", ");
      Typed(*node.output(i));
    }
    Text(" = ");
    Text(node.op_name());
    Text("(");
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      if (i > 0) Text(", ");
      AppendValue(node.input(i), out_);
    }
    Text(")");
    if (!node.attributes.empty()) {
      Text(" {");
      bool first = true;
      for (const auto& entry : node.attributes) {
        if (!first) Text(", ");
        first = false;
        AppendName(entry.name, out_);
        Text(" = ");
        AppendAttribute(entry.value, out_);
      }
      Text("}");
    }
    Text(" @");
    AppendQuoted(node.name(), out_);
    if (node.subgraphs.empty()) return;
    Text(" with");
    for (const auto& subgraph : node.subgraphs) {
      Text(" ");
      Print(*subgraph);
    }
  }

  void PrintState(const State& state) {
    Line("state ");
    AppendQuoted(state.name, out_);
    Text(" = ");
    AppendValue(state.input, out_);
    Text(" -> ");
    AppendValue(state.output, out_);
    if (state.initial == nullptr) return;
    Text(" from ");
    AppendType(Type::Of(state.initial->dtype(), state.initial->shape().dims()), out_);
    Text(" = ");
    AppendData(*state.initial, options_, out_);
  }

  const TextOptions& options_;
  std::string* out_;
  int depth_ = 0;
};

}  // namespace

std::string_view FormPrefix(Form form) {
  switch (form) {
    case Form::kTensor: return "";
    case Form::kSequence: return "seq(";
    case Form::kOptionalTensor: return "optional(";
    case Form::kOptionalSequence: return "optional(seq(";
  }
  return "";
}

bool IsPlainName(std::string_view name) {
  if (name.empty()) return false;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '_' || c == '.' || c == '/' || c == ':' || c == '-';
    if (!plain) return false;
  }
  return true;
}

bool IsPlainSymbol(std::string_view symbol) {
  if (symbol.empty() || (symbol[0] >= '0' && symbol[0] <= '9')) return false;
  // Two dots in a row would run into the bounds' notation, and a dash could begin a number.
  return IsPlainName(symbol) && symbol.find_first_of("-:/") == std::string_view::npos;
}

std::string ToText(const Graph& graph, const TextOptions& options) {
  std::string text;
  Printer(options, &text).Print(graph);
  text += '\n';
  return text;
}

}  // namespace whet
