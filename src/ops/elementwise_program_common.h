// Elementwise operators as instructions of a short program, so that a chain of them can run as one loop.
//
// The operator FusedElementwise carries such a program in its attribute "program", one string an instruction:
//
//   "Mul(x0, x1)"         inputs of the node are x0, x1 …
//   "Add(%0, 0.5)"        results of earlier instructions are %0, %1 …; numbers are constants
//   "Clip(%1; 0, 6)"      what follows the semicolon are the instruction's own parameters
//
// The last instruction's result is the output.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace whet::ops {

struct ElementArg {
  enum class Kind : uint8_t { kInput, kResult, kConstant } kind = Kind::kInput;
  int index = 0;  // of the input or the instruction
  float constant = 0;
  bool operator==(const ElementArg&) const = default;
};

struct ElementInstruction {
  std::string_view name;  // of ElementFunctions
  std::vector<ElementArg> args;
  float p = 0;
  float q = 0;
};

// What an instruction name means.
struct ElementFunction {
  std::string_view name;
  int args;
  int parameters;
  double (*apply)(double a, double b, double c, double p, double q);
};
// Null if there is none of that name.
const ElementFunction* FindElementFunction(std::string_view name);

std::string PrintElementInstruction(const ElementInstruction& instruction);
// Checks names, counts, and that arguments refer to inputs below `inputs` and to earlier instructions.
Result<std::vector<ElementInstruction>> ParseElementProgram(std::span<const std::string> program,
                                                            size_t inputs);

// A single elementwise node as one instruction over its inputs (their positions in `used`: an input that is a
// constant scalar becomes a constant argument). False if the node is none, or of types that programs do not
// take: inputs and output must be f32, or bool where the operator is about truth.
bool DescribeElementwise(const Node& node, ElementInstruction* instruction, std::vector<Value*>* used);

}  // namespace whet::ops
