// What ONNX's operators for one step of training share: arithmetic on values of one element type.
#pragma once

#include "ir/foreign.h"

namespace whet::ops {

struct Arithmetic {
  GraphBuilder& builder;
  DType dtype;

  Value* Number(double x) const { return builder.Scalar(x, dtype, "number"); }
  Value* Add(Value* a, Value* b) const { return builder.Emit("Add", {a, b}); }
  Value* Sub(Value* a, Value* b) const { return builder.Emit("Sub", {a, b}); }
  Value* Mul(Value* a, Value* b) const { return builder.Emit("Mul", {a, b}); }
  Value* Div(Value* a, Value* b) const { return builder.Emit("Div", {a, b}); }
  Value* Sqrt(Value* a) const { return builder.Emit("Sqrt", {a}); }
  Value* Scale(double factor, Value* a) const { return Mul(Number(factor), a); }
};

// Inputs 0 and 1 are the learning rate and the number of the step; then come groups of as many tensors: the
// parameters, their gradients, and `states` groups of state.
struct OptimizerInputs {
  Value* rate;
  Value* step;
  size_t count;

  static Result<OptimizerInputs> Of(const ForeignNode& node, size_t states) {
    const size_t groups = states + 2;
    if (node.inputs.size() <= 2 || (node.inputs.size() - 2) % groups != 0) {
      return Error(Code::kBadFile,
                   "has %zu inputs, which are not the rate, the step and %zu groups of tensors",
                   node.inputs.size(), groups);
    }
    for (const Value* input : node.inputs) {
      if (input == nullptr) return Error(Code::kBadFile, "an input is missing");
    }
    return OptimizerInputs{node.input(0), node.input(1), (node.inputs.size() - 2) / groups};
  }
};

}  // namespace whet::ops
