#include "ir/foreign.h"
#include "ir/spelling.h"
#include "ops/elements_common.h"
#include "ops/elementwise_common.h"
#include "ops/elementwise_program_common.h"

namespace whet::ops {
namespace {

Status Infer(InferContext& context) {
  WHET_ASSIGN_OR_RETURN(const auto program,
                        ParseElementProgram(context.attributes().Strings("program"), context.input_count()));
  const std::string_view last = program.back().name;
  const bool truth = last == "Less" || last == "LessOrEqual" || last == "Greater" ||
                     last == "GreaterOrEqual" || last == "Equal" || last == "And" || last == "Or" ||
                     last == "Xor" || last == "Not" || last == "IsNaN";
  WHET_ASSIGN_OR_RETURN(Type type, BroadcastInputs(context, truth ? DType::kBool : DType::kF32));
  context.SetOutput(0, std::move(type));
  return {};
}

Status Reference(ReferenceContext& context) {
  WHET_ASSIGN_OR_RETURN(const auto program,
                        ParseElementProgram(context.attributes().Strings("program"), context.input_count()));
  const TensorView& y = context.output(0);
  std::vector<std::vector<int64_t>> strides;
  for (size_t i = 0; i < context.input_count(); ++i)
    strides.push_back(BroadcastStrides(context.input(i).shape, y.shape));
  std::vector<double> results(program.size());
  int64_t element = 0;
  for (IndexWalk walk(y.shape, strides); !walk.done(); walk.Next(), ++element) {
    for (size_t i = 0; i < program.size(); ++i) {
      double args[3] = {};
      for (size_t k = 0; k < program[i].args.size(); ++k) {
        const ElementArg& arg = program[i].args[k];
        const auto index = static_cast<size_t>(arg.index);
        switch (arg.kind) {
          case ElementArg::Kind::kInput: args[k] = LoadFloat(context.input(index), walk.offset(index)); break;
          case ElementArg::Kind::kResult: args[k] = results[index]; break;
          case ElementArg::Kind::kConstant: args[k] = static_cast<double>(arg.constant); break;
        }
      }
      const ElementFunction* function = FindElementFunction(program[i].name);
      // Rounded after each instruction, as the separate operators would be.
      results[i] = static_cast<double>(static_cast<float>(function->apply(
          args[0], args[1], args[2], static_cast<double>(program[i].p), static_cast<double>(program[i].q))));
    }
    StoreFloat(y, element, results.back());
  }
  return {};
}

// As the separate operators it was made of.
Status ExportOnnx(const Node& node, OnnxSink& sink) {
  WHET_ASSIGN_OR_RETURN(const auto program,
                        ParseElementProgram(node.attributes.Strings("program"), node.inputs().size()));
  const auto scalar = [&](float value) { return sink.Initializer("scalar", Constant::ScalarF32(value)); };
  std::vector<std::string> results;
  for (size_t i = 0; i < program.size(); ++i) {
    const ElementInstruction& instruction = program[i];
    std::vector<std::string> args;
    for (const ElementArg& arg : instruction.args) {
      const auto index = static_cast<size_t>(arg.index);
      switch (arg.kind) {
        case ElementArg::Kind::kInput: args.push_back(sink.NameOf(node.input(index))); break;
        case ElementArg::Kind::kResult: args.push_back(results[index]); break;
        case ElementArg::Kind::kConstant: args.push_back(scalar(arg.constant)); break;
      }
    }
    std::string_view op = instruction.name;
    Attributes attributes;
    const auto p = static_cast<double>(instruction.p);
    const std::string result = i + 1 == program.size() ? sink.NameOf(node.output()) : sink.Fresh("element");
    results.push_back(result);
    const auto write = [&](std::string_view type, std::span<const std::string> in) {
      sink.Node(type, in, std::span(&result, 1), attributes);
    };
    const auto via = [&](std::string_view first, std::span<const std::string> in) {
      const std::string middle = sink.Fresh("element");
      sink.Node(first, in, std::span(&middle, 1), attributes);
      return middle;
    };
    if (op == "Clip") {
      write("Clip", std::vector{args[0], scalar(instruction.p), scalar(instruction.q)});
    } else if (op == "LeakyRelu" || op == "Elu" || op == "Celu" || op == "ThresholdedRelu") {
      attributes.Set("alpha", p);
      write(op, args);
    } else if (op == "HardSigmoid" || op == "Selu") {
      attributes.Set("alpha", p);
      attributes.Set(op == "Selu" ? "gamma" : "beta", static_cast<double>(instruction.q));
      write(op, args);
    } else if (op == "Copy") {
      write("Identity", args);
    } else if (op == "Square") {
      write("Mul", std::vector{args[0], args[0]});
    } else if (op == "Rsqrt") {
      write("Reciprocal", std::vector{via("Sqrt", args)});
    } else if (op == "Silu") {
      write("Mul",
            std::vector{args[0], via("Sigmoid",
                                     std::vector{via("Mul", std::vector{args[0], scalar(instruction.p)})})});
    } else if (op == "Gelu") {
      const std::string erf =
          via("Erf", std::vector{via("Mul", std::vector{args[0], scalar(0.70710678118F)})});
      write("Mul", std::vector{via("Mul", std::vector{args[0], scalar(0.5F)}),
                               via("Add", std::vector{erf, scalar(1)})});
    } else if (op == "GeluTanh") {
      const std::string cube = via("Pow", std::vector{args[0], scalar(3)});
      const std::string inner =
          via("Add", std::vector{args[0], via("Mul", std::vector{cube, scalar(0.044715F)})});
      const std::string tanh = via("Tanh", std::vector{via("Mul", std::vector{inner, scalar(0.79788456F)})});
      write("Mul", std::vector{via("Mul", std::vector{args[0], scalar(0.5F)}),
                               via("Add", std::vector{tanh, scalar(1)})});
    } else if (op == "Mish") {
      write("Mul", std::vector{args[0], via("Tanh", std::vector{via("Softplus", args)})});
    } else {
      write(op, args);  // spelled as in ONNX
    }
  }
  return {};
}

constexpr AttributeDef kAttributes[] = {{"program", AttributeKind::kStrings, true}};

}  // namespace

extern const OpDef op_fused_elementwise;
const OpDef op_fused_elementwise = {
    .name = "FusedElementwise",
    .summary = "A chain of elementwise operators in one loop; made by a pass",
    .min_inputs = 1,
    .max_inputs = 8,
    .attributes = kAttributes,
    .infer = Infer,
    .reference = Reference,
};

extern const OpSpellings spellings_fused_elementwise;
const OpSpellings spellings_fused_elementwise = {
    .to_onnx = ExportOnnx,
};

}  // namespace whet::ops
