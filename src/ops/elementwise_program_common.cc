#include "ops/elementwise_program_common.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace whet::ops {
namespace {

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

#define WHET_UNARY(name, expression) \
  {name, 1, 0, [](double a, double, double, double, double) -> double { return expression; }}
#define WHET_UNARY_P(name, count, expression)                                                     \
  {name, 1, count,                                                                                \
   [](double a, double, double, [[maybe_unused]] double p, [[maybe_unused]] double q) -> double { \
     return expression;                                                                           \
   }}
#define WHET_BINARY(name, expression) \
  {name, 2, 0, [](double a, double b, double, double, double) -> double { return expression; }}

constexpr ElementFunction kFunctions[] = {
    WHET_UNARY("Copy", a),
    WHET_UNARY("Neg", -a),
    WHET_UNARY("Abs", std::fabs(a)),
    WHET_UNARY("Sqrt", std::sqrt(a)),
    WHET_UNARY("Rsqrt", 1 / std::sqrt(a)),
    WHET_UNARY("Reciprocal", 1 / a),
    WHET_UNARY("Exp", std::exp(a)),
    WHET_UNARY("Log", std::log(a)),
    WHET_UNARY("Sigmoid", Sigmoid(a)),
    WHET_UNARY("Tanh", std::tanh(a)),
    WHET_UNARY("Erf", std::erf(a)),
    WHET_UNARY("Relu", a < 0 ? 0 : a),
    WHET_UNARY_P("LeakyRelu", 1, a < 0 ? p * a : a),
    WHET_UNARY_P("Clip", 2, a < p ? p : (a > q ? q : a)),
    WHET_UNARY("HardSwish", a* std::clamp(a / 6 + 0.5, 0.0, 1.0)),
    WHET_UNARY_P("HardSigmoid", 2, std::clamp(p* a + q, 0.0, 1.0)),
    WHET_UNARY_P("Silu", 1, a* Sigmoid(p* a)),
    WHET_UNARY("Gelu", 0.5 * a * (1 + std::erf(a / std::sqrt(2.0)))),
    WHET_UNARY("GeluTanh", 0.5 * a * (1 + std::tanh(0.7978845608028654 * (a + 0.044715 * a * a * a)))),
    WHET_UNARY_P("Elu", 1, a < 0 ? p * std::expm1(a) : a),
    WHET_UNARY_P("Selu", 2, q*(a < 0 ? p * std::expm1(a) : a)),
    WHET_UNARY_P("Celu", 1, std::max(0.0, a) + std::min(0.0, p* std::expm1(a / p))),
    WHET_UNARY("Softplus", a > 0 ? a + std::log1p(std::exp(-a)) : std::log1p(std::exp(a))),
    WHET_UNARY("Softsign", a / (1 + std::fabs(a))),
    WHET_UNARY("Mish", a* std::tanh(a > 0 ? a + std::log1p(std::exp(-a)) : std::log1p(std::exp(a)))),
    WHET_UNARY("Round", std::nearbyint(a)),
    WHET_UNARY("Floor", std::floor(a)),
    WHET_UNARY("Ceil", std::ceil(a)),
    WHET_UNARY("Sign", std::isnan(a) ? a : (a > 0) - (a < 0)),
    WHET_UNARY("Square", a* a),
    WHET_UNARY("Sin", std::sin(a)),
    WHET_UNARY("Cos", std::cos(a)),
    WHET_UNARY("Not", a == 0),
    WHET_UNARY("IsNaN", std::isnan(a)),
    WHET_UNARY_P("ThresholdedRelu", 1, a > p ? a : 0),
    WHET_BINARY("Add", a + b),
    WHET_BINARY("Sub", a - b),
    WHET_BINARY("Mul", a* b),
    WHET_BINARY("Div", a / b),
    WHET_BINARY("Min", std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b)),
    WHET_BINARY("Max", std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b)),
    WHET_BINARY("Pow", std::pow(a, b)),
    WHET_BINARY("PRelu", a < 0 ? b * a : a),
    WHET_BINARY("Less", a < b),
    WHET_BINARY("LessOrEqual", a <= b),
    WHET_BINARY("Greater", a > b),
    WHET_BINARY("GreaterOrEqual", a >= b),
    WHET_BINARY("Equal", a == b),
    WHET_BINARY("And", a != 0 && b != 0),
    WHET_BINARY("Or", a != 0 || b != 0),
    WHET_BINARY("Xor", (a != 0) != (b != 0)),
    {"Where", 3, 0, [](double a, double b, double c, double, double) { return a != 0 ? b : c; }},
};

// Operators whose node form differs in name or carries attributes.
struct Spelling {
  std::string_view op;
  std::string_view function;
  const char* p = nullptr;  // attributes that are the parameters
  double p_default = 0;
  const char* q = nullptr;
  double q_default = 0;
};
constexpr Spelling kSpellings[] = {
    {"LeakyRelu", "LeakyRelu", "alpha", 0.01},
    {"HardSigmoid", "HardSigmoid", "alpha", 0.2, "beta", 0.5},
    {"Silu", "Silu", "alpha", 1},
    {"Swish", "Silu", "alpha", 1},
    {"Elu", "Elu", "alpha", 1},
    {"Selu", "Selu", "alpha", 1.67326319217681884765625, "gamma", 1.05070102214813232421875},
    {"Celu", "Celu", "alpha", 1},
    {"ThresholdedRelu", "ThresholdedRelu", "alpha", 1},
};

bool IsConstantScalar(const Value* value, float* scalar) {
  if (!value->IsConstant() || value->type.dtype != DType::kF32 || value->constant()->view().elements() != 1)
    return false;
  *scalar = value->constant()->view().as<float>()[0];
  return true;
}

void SkipSpaces(std::string_view* text) {
  while (!text->empty() && text->front() == ' ') text->remove_prefix(1);
}

bool TakeNumber(std::string_view* text, float* number) {
  SkipSpaces(text);
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  SkipSpaces(text);
  return true;
}

bool TakeArg(std::string_view* text, ElementArg* arg) {
  SkipSpaces(text);
  if (text->empty()) return false;
  const char first = text->front();
  if (first != 'x' && first != '%') {
    arg->kind = ElementArg::Kind::kConstant;
    return TakeNumber(text, &arg->constant);
  }
  arg->kind = first == 'x' ? ElementArg::Kind::kInput : ElementArg::Kind::kResult;
  text->remove_prefix(1);
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), arg->index);
  if (error != std::errc() || arg->index < 0) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  SkipSpaces(text);
  return true;
}

bool Take(std::string_view* text, char c) {
  if (text->empty() || text->front() != c) return false;
  text->remove_prefix(1);
  return true;
}

bool ParseInstruction(std::string_view text, ElementInstruction* instruction) {
  const size_t open = text.find('(');
  if (open == std::string_view::npos) return false;
  const ElementFunction* function = FindElementFunction(text.substr(0, open));
  if (function == nullptr) return false;
  instruction->name = function->name;
  text.remove_prefix(open + 1);
  for (int i = 0; i < function->args; ++i) {
    ElementArg arg;
    if ((i > 0 && !Take(&text, ',')) || !TakeArg(&text, &arg)) return false;
    instruction->args.push_back(arg);
  }
  if (function->parameters > 0 && (!Take(&text, ';') || !TakeNumber(&text, &instruction->p))) return false;
  if (function->parameters > 1 && (!Take(&text, ',') || !TakeNumber(&text, &instruction->q))) return false;
  return text == ")";
}

}  // namespace

const ElementFunction* FindElementFunction(std::string_view name) {
  const auto* it = std::find_if(std::begin(kFunctions), std::end(kFunctions),
                                [&](const ElementFunction& function) { return function.name == name; });
  return it != std::end(kFunctions) ? it : nullptr;
}

std::string PrintElementInstruction(const ElementInstruction& instruction) {
  const auto number = [](float value) {
    char buffer[32];
    const auto [end, error] =
        std::to_chars(buffer, buffer + sizeof(buffer), value);  // shortest that reads back
    return std::string(buffer, error == std::errc() ? end : buffer);
  };
  std::string text(instruction.name);
  text += '(';
  for (size_t i = 0; i < instruction.args.size(); ++i) {
    const ElementArg& arg = instruction.args[i];
    if (i > 0) text += ", ";
    switch (arg.kind) {
      case ElementArg::Kind::kInput: text += 'x' + std::to_string(arg.index); break;
      case ElementArg::Kind::kResult: text += '%' + std::to_string(arg.index); break;
      case ElementArg::Kind::kConstant: text += number(arg.constant); break;
    }
  }
  const ElementFunction* function = FindElementFunction(instruction.name);
  if (function->parameters > 0) text += "; " + number(instruction.p);
  if (function->parameters > 1) text += ", " + number(instruction.q);
  return text + ')';
}

Result<std::vector<ElementInstruction>> ParseElementProgram(std::span<const std::string> program,
                                                            size_t inputs) {
  std::vector<ElementInstruction> instructions;
  if (program.empty()) return Error(Code::kBadFile, "the elementwise program is empty");
  for (const std::string& line : program) {
    ElementInstruction instruction;
    bool good = ParseInstruction(line, &instruction);
    for (const ElementArg& arg : instruction.args) {
      if (arg.kind == ElementArg::Kind::kInput) good = good && static_cast<size_t>(arg.index) < inputs;
      if (arg.kind == ElementArg::Kind::kResult)
        good = good && static_cast<size_t>(arg.index) < instructions.size();
    }
    if (!good) return Error(Code::kBadFile, "'%s' is no elementwise instruction", line.c_str());
    instructions.push_back(std::move(instruction));
  }
  return instructions;
}

bool DescribeElementwise(const Node& node, ElementInstruction* instruction, std::vector<Value*>* used) {
  const std::string_view op = node.op_name();
  if (node.outputs().size() != 1 || node.inputs().empty()) return false;
  for (Value* input : node.inputs()) {
    if (input == nullptr) return false;
  }
  const auto is = [&](const Value* value, DType type) { return value->type.dtype == type; };
  std::vector<Value*> inputs(node.inputs().begin(), node.inputs().end());
  *instruction = {};
  if (op == "Clip") {
    const float infinity = std::numeric_limits<float>::infinity();
    instruction->p = -infinity;
    instruction->q = infinity;
    if (inputs.size() > 1 && !IsConstantScalar(inputs[1], &instruction->p)) return false;
    if (inputs.size() > 2 && !IsConstantScalar(inputs[2], &instruction->q)) return false;
    inputs.resize(1);
  }
  std::string_view name = op;
  const auto* spelling = std::find_if(std::begin(kSpellings), std::end(kSpellings),
                                      [&](const Spelling& s) { return s.op == op; });
  if (spelling != std::end(kSpellings)) {
    name = spelling->function;
    instruction->p = static_cast<float>(node.attributes.Float(spelling->p, spelling->p_default));
    if (spelling->q)
      instruction->q = static_cast<float>(node.attributes.Float(spelling->q, spelling->q_default));
  }
  if (op == "Gelu" && node.attributes.String("approximate") == "tanh") name = "GeluTanh";
  const ElementFunction* function = FindElementFunction(name);
  if (function == nullptr || static_cast<size_t>(function->args) != inputs.size()) return false;
  if (op == "FusedElementwise" || op == "Copy") return false;

  const bool compares = op == "Less" || op == "LessOrEqual" || op == "Greater" || op == "GreaterOrEqual" ||
                        op == "Equal" || op == "IsNaN";
  const bool logic = op == "And" || op == "Or" || op == "Xor" || op == "Not";
  if (!is(node.output(), compares || logic ? DType::kBool : DType::kF32)) return false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool wants_bool = logic || (op == "Where" && i == 0);
    if (!is(inputs[i], wants_bool ? DType::kBool : DType::kF32)) return false;
  }
  instruction->name = function->name;
  used->clear();
  for (Value* input : inputs) {
    ElementArg arg;
    if (IsConstantScalar(input, &arg.constant)) {
      arg.kind = ElementArg::Kind::kConstant;
    } else {
      const auto it = std::find(used->begin(), used->end(), input);
      arg.index = static_cast<int>(it - used->begin());
      if (it == used->end()) used->push_back(input);
    }
    instruction->args.push_back(arg);
  }
  return !used->empty();
}

}  // namespace whet::ops
