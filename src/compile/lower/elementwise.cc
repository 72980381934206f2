#include "kernels/elementwise/elementwise.h"

#include "compile/lower/lower.h"
#include "compile/lower/strides.h"
#include "ops/elementwise_program_common.h"

namespace whet {
namespace {

namespace kernel = kernels::elementwise;
using ops::ElementArg;
using ops::ElementInstruction;

struct NamedOp {
  std::string_view name;
  kernel::Op op;
};
constexpr NamedOp kOps[] = {
    {"Copy", kernel::Op::kCopy},
    {"Neg", kernel::Op::kNeg},
    {"Abs", kernel::Op::kAbs},
    {"Sqrt", kernel::Op::kSqrt},
    {"Rsqrt", kernel::Op::kRsqrt},
    {"Reciprocal", kernel::Op::kReciprocal},
    {"Exp", kernel::Op::kExp},
    {"Log", kernel::Op::kLog},
    {"Sigmoid", kernel::Op::kSigmoid},
    {"Tanh", kernel::Op::kTanh},
    {"Erf", kernel::Op::kErf},
    {"Relu", kernel::Op::kRelu},
    {"LeakyRelu", kernel::Op::kLeakyRelu},
    {"Clip", kernel::Op::kClip},
    {"HardSwish", kernel::Op::kHardSwish},
    {"HardSigmoid", kernel::Op::kHardSigmoid},
    {"Silu", kernel::Op::kSilu},
    {"Gelu", kernel::Op::kGelu},
    {"GeluTanh", kernel::Op::kGeluTanh},
    {"Elu", kernel::Op::kElu},
    {"Selu", kernel::Op::kSelu},
    {"Celu", kernel::Op::kCelu},
    {"Softplus", kernel::Op::kSoftplus},
    {"Softsign", kernel::Op::kSoftsign},
    {"Mish", kernel::Op::kMish},
    {"Round", kernel::Op::kRound},
    {"Floor", kernel::Op::kFloor},
    {"Ceil", kernel::Op::kCeil},
    {"Sign", kernel::Op::kSign},
    {"Square", kernel::Op::kSquare},
    {"Sin", kernel::Op::kSin},
    {"Cos", kernel::Op::kCos},
    {"Not", kernel::Op::kNot},
    {"IsNaN", kernel::Op::kIsNan},
    {"ThresholdedRelu", kernel::Op::kThresholdedRelu},
    {"Add", kernel::Op::kAdd},
    {"Sub", kernel::Op::kSub},
    {"Mul", kernel::Op::kMul},
    {"Div", kernel::Op::kDiv},
    {"Min", kernel::Op::kMin},
    {"Max", kernel::Op::kMax},
    {"Pow", kernel::Op::kPow},
    {"PRelu", kernel::Op::kPRelu},
    {"Less", kernel::Op::kLess},
    {"LessOrEqual", kernel::Op::kLessEqual},
    {"Greater", kernel::Op::kGreater},
    {"GreaterOrEqual", kernel::Op::kGreaterEqual},
    {"Equal", kernel::Op::kEqual},
    {"And", kernel::Op::kAnd},
    {"Or", kernel::Op::kOr},
    {"Xor", kernel::Op::kXor},
    {"Where", kernel::Op::kWhere},
};

const NamedOp* FindKernelOp(std::string_view name) {
  for (const NamedOp& op : kOps) {
    if (op.name == name) return &op;
  }
  return nullptr;
}

bool Program(const Node& node, std::vector<ElementInstruction>* program, std::vector<Value*>* inputs) {
  if (node.Is("FusedElementwise")) {
    auto parsed = ops::ParseElementProgram(node.attributes.Strings("program"), node.inputs().size());
    if (!parsed.ok()) return false;
    *program = std::move(*parsed);
    inputs->assign(node.inputs().begin(), node.inputs().end());
    return true;
  }
  program->resize(1);
  return ops::DescribeElementwise(node, &program->front(), inputs);
}

}  // namespace

Result<bool> LowerElementwise(const Node& node, Lowering& lowering) {
  std::vector<ElementInstruction> program;
  std::vector<Value*> inputs;
  if (!Program(node, &program, &inputs)) return false;
  const Shape shape = node.output()->type.ToShape();
  if (shape.elements() == 0) return false;

  std::vector<float> constants;
  std::vector<kernel::Instruction> instructions;
  for (const ElementInstruction& from : program) {
    const NamedOp* op = FindKernelOp(from.name);
    if (op == nullptr) return false;
    uint8_t args[3] = {};
    for (size_t i = 0; i < from.args.size(); ++i) {
      const ElementArg& arg = from.args[i];
      switch (arg.kind) {
        case ElementArg::Kind::kInput: args[i] = kernel::Input(arg.index); break;
        case ElementArg::Kind::kResult: args[i] = kernel::Result(arg.index); break;
        case ElementArg::Kind::kConstant:
          args[i] = kernel::Constant(static_cast<int>(constants.size()));
          constants.push_back(arg.constant);
          break;
      }
    }
    instructions.push_back({op->op, args[0], args[1], args[2], 0, {}, from.p, from.q});
  }
  std::vector<TensorId> operands = {lowering.TensorOf(node.output())};
  std::vector<kernel::View> views;
  for (const Value* input : inputs) {
    operands.push_back(lowering.TensorOf(input));
    const TensorDraft& tensor = lowering.tensor(operands.back());
    views.push_back({tensor.dtype, StridesTo(tensor, shape)});
  }
  const TensorDraft& output = lowering.tensor(operands[0]);
  std::vector<int64_t> dims(shape.begin(), shape.end());
  std::vector<int64_t> output_strides = StridesTo(output, shape);
  if (dims.empty()) {
    dims.push_back(1);
    output_strides.push_back(1);
    for (kernel::View& view : views) view.strides.push_back(0);
  }
  kernel::Params params{};
  kernels::Choice choice{};
  if (Status status = kernel::Choose(lowering.isa(), dims, {output.dtype, output_strides}, views, constants,
                                     instructions, &params, &choice);
      !status.ok()) {
    return false;
  }
  lowering.AddKernel(node, choice, params, operands);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i]->type == node.output()->type) lowering.MayWriteOver(0, i + 1);
  }
  return true;
}

}  // namespace whet
