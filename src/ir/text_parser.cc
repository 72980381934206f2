#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ir/op_def.h"
#include "ir/text.h"
#include "ir/text_common.h"
#include "ir/verify.h"

namespace whet {
namespace {

constexpr int kMaxSubgraphDepth = 32;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Reads marks and words. The first error sticks; after it everything reads as empty.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool ok() const { return status_.ok(); }
  Status TakeStatus() { return std::move(status_); }
  void Fail(std::string what) {
    if (!ok()) return;
    size_t line = 1;
    for (size_t i = 0; i < position_; ++i) line += text_[i] == '\n';
    status_ = Status(Code::kBadFile, std::move(what)).At("line " + std::to_string(line));
  }

  // True, and past it, if `mark` comes next.
  bool Accept(std::string_view mark) {
    SkipSpace();
    if (!ok() || !text_.substr(position_).starts_with(mark)) return false;
    position_ += mark.size();
    return true;
  }
  void Expect(std::string_view mark) {
    if (!Accept(mark)) Fail("expected '" + std::string(mark) + "'" + Instead());
  }
  // Like Accept, but a word that only begins with `word` is another.
  bool AcceptWord(std::string_view word) {
    SkipSpace();
    const size_t start = position_;
    if (PlainWord() == word) return true;
    position_ = start;
    return false;
  }
  bool AtEnd() {
    SkipSpace();
    return !ok() || position_ == text_.size();
  }
  char Peek() {
    SkipSpace();
    return ok() && position_ < text_.size() ? text_[position_] : '\0';
  }

  // The longest run of characters of plain names; may be empty.
  std::string_view PlainWord() {
    SkipSpace();
    const size_t start = position_;
    while (ok() && position_ < text_.size() && IsPlainName(text_.substr(position_, 1))) ++position_;
    return text_.substr(start, position_ - start);
  }
  std::string_view HexRun() {
    const size_t start = position_;
    while (ok() && position_ < text_.size() && HexDigit(text_[position_]) >= 0) ++position_;
    return text_.substr(start, position_ - start);
  }
  std::string Quoted() {
    Expect("\"");
    std::string out;
    while (ok()) {
      if (position_ == text_.size()) {
        Fail("a quoted text does not end");
        break;
      }
      const char c = text_[position_++];
      if (c == '"') break;
      if (c != '\\') {
        out += c;
        continue;
      }
      const char escaped = position_ < text_.size() ? text_[position_++] : '\0';
      if (escaped == 'n') {
        out += '\n';
      } else if (escaped == 't') {
        out += '\t';
      } else if (escaped == '"' || escaped == '\\') {
        out += escaped;
      } else if (escaped == 'x' && position_ + 2 <= text_.size() && HexDigit(text_[position_]) >= 0 &&
                 HexDigit(text_[position_ + 1]) >= 0) {
        out += static_cast<char>(HexDigit(text_[position_]) * 16 + HexDigit(text_[position_ + 1]));
        position_ += 2;
      } else {
        Fail("an unknown escape in a quoted text; there are \\n, \\t, \\\", \\\\ and \\xHH");
      }
    }
    return out;
  }
  std::string Name() {
    if (Peek() == '"') return Quoted();
    const std::string_view word = PlainWord();
    if (word.empty()) Fail("expected a name" + Instead());
    return std::string(word);
  }

  template <typename T>
  T Number() {
    SkipSpace();
    T number{};
    if (!ok()) return number;
    const char* begin = text_.data() + position_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), number);
    if (error != std::errc()) {
      Fail("expected a number in range" + Instead());
    } else {
      position_ += static_cast<size_t>(end - begin);
    }
    return number;
  }
  // As AppendFloat writes it.
  double Float() {
    SkipSpace();
    const size_t start = position_;
    const double wide = Number<double>();
    if (!ok() || position_ == text_.size() || text_[position_] != 'f') return wide;
    position_ = start;
    const float narrow = Number<float>();
    ++position_;  // the f
    return static_cast<double>(narrow);
  }
  // Whether the number that comes next is written as a float.
  bool NextIsFloat() {
    SkipSpace();
    size_t end = position_;
    while (end < text_.size() && (IsPlainName(text_.substr(end, 1)) || text_[end] == '+')) ++end;
    return text_.substr(position_, end - position_).find_first_of(".efn") != std::string_view::npos;
  }

 private:
  void SkipSpace() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n' ||
                                        text_[position_] == '\t' || text_[position_] == '\r')) {
      ++position_;
    }
  }
  std::string Instead() {
    SkipSpace();
    if (position_ == text_.size()) return ", but the text ends";
    return ", not '" + std::string(text_.substr(position_, 12)) + "…'";
  }

  std::string_view text_;
  size_t position_ = 0;
  Status status_;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : scanner_(text) {}

  Result<std::unique_ptr<Graph>> Parse() {
    auto graph = std::make_unique<Graph>();
    ParseGraph(*graph, 0);
    if (scanner_.ok() && !scanner_.AtEnd()) scanner_.Fail("there is more text after the graph");
    if (!scanner_.ok()) return scanner_.TakeStatus();
    Status status = VerifyGraph(*graph);
    if (!status.ok()) {
      // To whoever wrote the text it is not a bug in Whet.
      return Status(Code::kBadFile, std::string(status.what())).At(status.where());
    }
    return graph;
  }

 private:
  void ParseGraph(Graph& graph, int depth) {
    if (depth > kMaxSubgraphDepth) scanner_.Fail("subgraphs are nested too deep");
    const Graph* const around = std::exchange(graph_, &graph);
    scanner_.Expect("graph");
    graph.set_name(scanner_.Quoted());
    scanner_.Expect("{");
    while (scanner_.ok() && !scanner_.Accept("}")) {
      if (scanner_.Peek() == '%' || scanner_.Peek() == '=') {
        ParseNode(graph, depth);
      } else if (scanner_.AcceptWord("input")) {
        const std::string name = NewName();
        Type type = ParseType();
        if (scanner_.ok()) values_[name] = graph.AddInput(name, std::move(type));
      } else if (scanner_.AcceptWord("const")) {
        const std::string name = NewName();
        const Type type = ParseType();
        scanner_.Expect("=");
        auto constant = ParseData(type);
        if (scanner_.ok()) values_[name] = graph.AddConstant(name, std::move(constant));
      } else if (scanner_.AcceptWord("output")) {
        Value* value = Operand();
        if (scanner_.ok() && value == nullptr) scanner_.Fail("an output cannot be absent");
        if (scanner_.ok()) graph.AddOutput(value);
      } else if (scanner_.AcceptWord("metadata")) {
        const std::string key = scanner_.Quoted();
        scanner_.Expect("=");
        graph.metadata[key] = scanner_.Quoted();
      } else if (scanner_.AcceptWord("state")) {
        ParseState(graph);
      } else {
        if (scanner_.AtEnd()) scanner_.Fail("the text ends before its graph's '}'");
        scanner_.Fail(
            "expected input, const, metadata, state, output, a node that begins with a value, or '}'");
      }
    }
    graph_ = around;
  }

  void ParseState(Graph& graph) {
    State state{scanner_.Quoted(), nullptr, nullptr, nullptr};
    scanner_.Expect("=");
    state.input = Operand();
    scanner_.Expect("->");
    state.output = Operand();
    if (scanner_.AcceptWord("from")) {
      const Type type = ParseType();
      scanner_.Expect("=");
      state.initial = ParseData(type);
    }
    if (scanner_.ok()) graph.states.push_back(std::move(state));
  }

  void ParseNode(Graph& graph, int depth) {
    std::vector<std::string> names;
    std::vector<Type> types;
    while (scanner_.ok() && !scanner_.Accept("=")) {
      if (!names.empty()) scanner_.Expect(",");
      names.push_back(NewName());
      types.push_back(ParseType());
      for (size_t i = 0; i + 1 < names.size(); ++i) {
        if (names[i] == names.back()) scanner_.Fail("two values are named '" + names[i] + "'");
      }
    }
    const std::string op_name(scanner_.PlainWord());
    const OpDef* op = FindOp(op_name);
    if (op == nullptr || op->infer == nullptr) scanner_.Fail("there is no operator '" + op_name + "'");
    std::vector<Value*> inputs;
    scanner_.Expect("(");
    while (scanner_.ok() && !scanner_.Accept(")")) {
      if (!inputs.empty()) scanner_.Expect(",");
      inputs.push_back(Operand());
    }
    Attributes attributes;
    if (scanner_.Accept("{")) {
      while (scanner_.ok() && !scanner_.Accept("}")) {
        if (!attributes.empty()) scanner_.Expect(",");
        const std::string name = scanner_.Name();
        scanner_.Expect("=");
        attributes.Set(name, ParseAttribute());
      }
    }
    scanner_.Expect("@");
    const std::string node_name = scanner_.Quoted();
    if (!scanner_.ok()) return;
    Node* node = graph.AddNode(*op, node_name, inputs, names, std::move(attributes));
    if (scanner_.AcceptWord("with")) {
      while (scanner_.ok() && scanner_.Peek() == 'g') {
        auto subgraph = std::make_unique<Graph>("", &graph);
        ParseGraph(*subgraph, depth + 1);
        node->subgraphs.push_back(std::move(subgraph));
      }
    }
    for (size_t i = 0; i < names.size(); ++i) {
      node->output(i)->type = std::move(types[i]);
      if (!values_.emplace(names[i], node->output(i)).second) {
        scanner_.Fail("two values are named '" + names[i] + "'");
      }
    }
  }

  // %name, of a value that is not there yet.
  std::string NewName() {
    scanner_.Expect("%");
    std::string name = scanner_.Name();
    if (scanner_.ok() && name.empty()) scanner_.Fail("a value needs a name");
    if (scanner_.ok() && values_.contains(name)) scanner_.Fail("two values are named '" + name + "'");
    return name;
  }

  // Null if it is absent, and after an error.
  Value* Operand() {
    if (scanner_.Accept("_")) return nullptr;
    scanner_.Expect("%");
    const std::string name = scanner_.Name();
    if (!scanner_.ok()) return nullptr;
    const auto it = values_.find(name);
    if (it != values_.end()) {
      for (const Graph* graph = graph_; graph != nullptr; graph = graph->parent()) {
        if (it->second->graph() == graph) return it->second;
      }
      scanner_.Fail("'%" + name + "' is a value of a subgraph that has ended");
      return nullptr;
    }
    scanner_.Fail("there is no value '%" + name + "' before this line");
    return nullptr;
  }

  Type ParseType() {
    const bool optional = scanner_.Accept("optional(");
    const bool sequence = scanner_.Accept("seq(");
    Type type = ParseTensorType();
    if (sequence) scanner_.Expect(")");
    if (optional) scanner_.Expect(")");
    type.form = optional ? (sequence ? Form::kOptionalSequence : Form::kOptionalTensor)
                         : (sequence ? Form::kSequence : Form::kTensor);
    return type;
  }

  Type ParseTensorType() {
    const std::string name(scanner_.PlainWord());
    Type type;
    type.dtype = DTypeFromName(name);
    if (type.dtype == DType::kUndefined && name != DTypeName(DType::kUndefined)) {
      scanner_.Fail("there is no element type '" + name + "'");
    }
    scanner_.Expect("[");
    if (scanner_.Accept("*")) {
      scanner_.Expect("]");
      return type;
    }
    type.ranked = true;
    while (scanner_.ok() && !scanner_.Accept("]")) {
      if (!type.dims.empty()) scanner_.Expect(",");
      type.dims.push_back(ParseDim());
      if (type.dims.size() > static_cast<size_t>(kMaxRank)) scanner_.Fail("a type has too many dimensions");
    }
    return type;
  }

  int64_t ParseSize() {
    const auto size = scanner_.Number<int64_t>();
    if (size < 0 || size >= Dim::kUnbounded) scanner_.Fail("a dimension is out of range");
    return size;
  }

  Dim ParseDim() {
    const char next = scanner_.Peek();
    if (next >= '0' && next <= '9') return Dim(ParseSize());
    Dim dim;
    if (!scanner_.Accept("?")) {
      dim.symbol = scanner_.Name();
      if (dim.symbol.empty()) scanner_.Fail("a dimension's symbol is empty");
    }
    if (!scanner_.Accept("[")) return dim;
    dim.lo = ParseSize();
    scanner_.Expect("..");
    if (scanner_.Accept("]")) return dim;
    dim.hi = ParseSize();
    scanner_.Expect("]");
    return dim;
  }

  // Elements between brackets, after the opening one.
  template <typename T, typename Read>
  std::vector<T> List(Read read) {
    std::vector<T> list;
    while (scanner_.ok() && !scanner_.Accept("]")) {
      if (!list.empty()) scanner_.Expect(",");
      list.push_back(read());
    }
    return list;
  }

  Attribute ParseAttribute() {
    if (scanner_.Peek() == '"') return scanner_.Quoted();
    if (scanner_.Accept("ints[")) return List<int64_t>([&] { return scanner_.Number<int64_t>(); });
    if (scanner_.Accept("floats[")) return List<double>([&] { return scanner_.Float(); });
    if (scanner_.Accept("strings[")) return List<std::string>([&] { return scanner_.Quoted(); });
    if (scanner_.NextIsFloat()) return scanner_.Float();
    return scanner_.Number<int64_t>();
  }

  // Whether a list has as many elements as the shape.
  bool HasAll(size_t listed, const Shape& shape) {
    if (scanner_.ok() && static_cast<int64_t>(listed) != shape.elements()) {
      scanner_.Fail("a constant of " + shape.ToString() + " has " + std::to_string(listed) + " elements");
    }
    return scanner_.ok();
  }

  template <typename T>
  std::shared_ptr<const Constant> Listed(DType dtype, const Shape& shape) {
    const auto list = List<T>([&] { return scanner_.Number<T>(); });
    if (!HasAll(list.size(), shape)) return nullptr;
    return Constant::Copy(dtype, shape, list.data());
  }

  std::shared_ptr<const Constant> ListedStrings(const Shape& shape) {
    const auto list = List<std::string>([&] { return scanner_.Quoted(); });
    if (!HasAll(list.size(), shape)) return nullptr;
    const std::vector<std::string_view> views(list.begin(), list.end());
    return Constant::Strings(shape, views);
  }

  std::shared_ptr<const Constant> ParseData(const Type& type) {
    if (!scanner_.ok()) return nullptr;
    if (!type.IsStatic() || type.dtype == DType::kUndefined ||
        CheckedElementCount(type.ToShape().dims()) < 0) {
      scanner_.Fail("the type of a constant must be known and not too large");
      return nullptr;
    }
    const Shape shape = type.ToShape();
    if (type.dtype != DType::kString && scanner_.Accept("hex:")) {
      const std::string_view hex = scanner_.HexRun();
      if (hex.size() / 2 != BytesOf(type.dtype, static_cast<uint64_t>(shape.elements())) ||
          hex.size() % 2 != 0) {
        scanner_.Fail("a constant's bytes are more or fewer than its type takes");
        return nullptr;
      }
      auto constant = Constant::Allocate(type.dtype, shape);
      auto* bytes = static_cast<uint8_t*>(constant->mutable_data());
      for (size_t i = 0; i < hex.size() / 2; ++i) {
        bytes[i] = static_cast<uint8_t>(HexDigit(hex[2 * i]) * 16 + HexDigit(hex[2 * i + 1]));
        if (type.dtype == DType::kBool && bytes[i] > 1) scanner_.Fail("a boolean must be 0 or 1");
      }
      return constant;
    }
    if (scanner_.Peek() == '<') {
      scanner_.Fail("the bytes of a constant were left out when this text was printed");
      return nullptr;
    }
    scanner_.Expect("[");
    switch (type.dtype) {
      case DType::kString: return ListedStrings(shape);
      case DType::kF32: return Listed<float>(type.dtype, shape);
      case DType::kF64: return Listed<double>(type.dtype, shape);
      case DType::kI8: return Listed<int8_t>(type.dtype, shape);
      case DType::kU8: return Listed<uint8_t>(type.dtype, shape);
      case DType::kBool: {
        auto constant = Listed<uint8_t>(type.dtype, shape);
        for (int64_t i = 0; constant != nullptr && i < shape.elements(); ++i) {
          if (constant->view().as<uint8_t>()[i] > 1) scanner_.Fail("a boolean must be 0 or 1");
        }
        return constant;
      }
      case DType::kI16: return Listed<int16_t>(type.dtype, shape);
      case DType::kU16: return Listed<uint16_t>(type.dtype, shape);
      case DType::kI32: return Listed<int32_t>(type.dtype, shape);
      case DType::kU32: return Listed<uint32_t>(type.dtype, shape);
      case DType::kI64: return Listed<int64_t>(type.dtype, shape);
      case DType::kU64: return Listed<uint64_t>(type.dtype, shape);
      default: scanner_.Fail("constants of this element type are written as hex:…"); return nullptr;
    }
  }

  Scanner scanner_;
  std::unordered_map<std::string, Value*> values_;
  const Graph* graph_ = nullptr;  // that is being read
};

}  // namespace

Result<std::unique_ptr<Graph>> ParseText(std::string_view text) {
  try {
    return Parser(text).Parse();
  } catch (const std::bad_alloc&) {
    return Error(Code::kOutOfMemory, "there is not enough memory for the graph");
  }
}

}  // namespace whet
