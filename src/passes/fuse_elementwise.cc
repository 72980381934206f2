#include <algorithm>

#include "ops/elementwise_program_common.h"
#include "passes/match.h"
#include "passes/pass_list.h"

namespace whet {
namespace {

using ops::ElementArg;
using ops::ElementInstruction;

// What the kernel can take (kernels/elementwise/elementwise.h).
constexpr size_t kMaxInputs = 7;
constexpr size_t kMaxInstructions = 24;
constexpr size_t kMaxConstants = 14;

struct Program {
  std::vector<ElementInstruction> instructions;
  std::vector<Value*> inputs;
};

bool Describe(const Node& node, Program* program) {
  if (node.Is("FusedElementwise")) {
    auto parsed = ops::ParseElementProgram(node.attributes.Strings("program"), node.inputs().size());
    if (!parsed.ok()) return false;
    program->instructions = std::move(*parsed);
    program->inputs.assign(node.inputs().begin(), node.inputs().end());
    return true;
  }
  program->instructions.resize(1);
  return ops::DescribeElementwise(node, &program->instructions[0], &program->inputs);
}

size_t InputIndex(Program& program, Value* value) {
  const auto it = std::find(program.inputs.begin(), program.inputs.end(), value);
  if (it != program.inputs.end()) return static_cast<size_t>(it - program.inputs.begin());
  program.inputs.push_back(value);
  return program.inputs.size() - 1;
}

// `last` with its input `value` computed by `first` instead of read.
Program Merge(const Program& first, const Program& last, const Value* value) {
  Program merged;
  const auto append = [&](const Program& part, int shift, int replaced) {
    for (ElementInstruction instruction : part.instructions) {
      for (ElementArg& arg : instruction.args) {
        if (arg.kind == ElementArg::Kind::kResult) arg.index += shift;
        if (arg.kind != ElementArg::Kind::kInput) continue;
        Value* input = part.inputs[static_cast<size_t>(arg.index)];
        if (input == value && replaced >= 0) {
          arg.kind = ElementArg::Kind::kResult;
          arg.index = replaced;
        } else {
          arg.index = static_cast<int>(InputIndex(merged, input));
        }
      }
      merged.instructions.push_back(std::move(instruction));
    }
  };
  append(first, 0, -1);
  const int results = static_cast<int>(first.instructions.size());
  append(last, results, results - 1);
  return merged;
}

bool Fits(const Program& program) {
  size_t constants = 0;
  for (const ElementInstruction& instruction : program.instructions) {
    for (const ElementArg& arg : instruction.args)
      constants += arg.kind == ElementArg::Kind::kConstant ? 1 : 0;
  }
  return program.inputs.size() <= kMaxInputs && program.instructions.size() <= kMaxInstructions &&
         constants <= kMaxConstants;
}

Result<bool> Rewrite(Graph& graph, Node& node) {
  Program program;
  if (!Describe(node, &program)) return false;
  bool changed = false;
  for (bool again = true; again;) {
    again = false;
    for (Value* input : program.inputs) {
      Node* producer = input->producer();
      if (producer == nullptr || input->graph() != &graph || OnlyReader(input) == nullptr) continue;
      // A smaller intermediate would be computed again for every element that it is broadcast to.
      if (!(input->type.dims == node.output()->type.dims)) continue;
      Program first;
      if (!Describe(*producer, &first)) continue;
      Program merged = Merge(first, program, input);
      if (!Fits(merged)) continue;
      // The producer's other inputs are needed here too; they are computed before it, so also before this
      // node.
      program = std::move(merged);
      again = changed = true;
      break;
    }
  }
  if (!changed) return false;
  std::vector<std::string> lines;
  for (const ElementInstruction& instruction : program.instructions)
    lines.push_back(PrintElementInstruction(instruction));
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.name());
  Value* y = builder.Emit("FusedElementwise", program.inputs, {{"program", std::move(lines)}});
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// Chains of elementwise operators whose intermediate values nobody else reads become one loop over the
// elements.
Result<int> FuseElementwise(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
