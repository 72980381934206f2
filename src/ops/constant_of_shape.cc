#include "ir/foreign.h"
#include "ir/spelling.h"

namespace whet::ops {
namespace {

Status Import(ForeignNode& node, GraphBuilder& builder) {
  std::shared_ptr<const Constant> value = Constant::ScalarF32(0);
  if (const auto it = node.tensors.find("value"); it != node.tensors.end()) {
    if (it->second->view().elements() != 1) return node.Unsupported("a value that is not one element");
    value = Constant::Copy(it->second->dtype(), Shape{}, it->second->view().data);
  }
  node.SetResult(0, builder.Emit("Expand", {builder.Const(std::move(value), "fill"), node.input(0)}));
  return builder.TakeStatus();
}

constexpr OnnxSpelling kOnnx[] = {{"ConstantOfShape", 9, 1 << 20, "", Import}};

}  // namespace

extern const OpDef op_constant_of_shape;
const OpDef op_constant_of_shape = {
    .name = "ConstantOfShape",
    .summary = "A tensor of the given shape, filled with one value",
    .min_inputs = 1,
    .max_inputs = 1,
};

extern const OpSpellings spellings_constant_of_shape;
const OpSpellings spellings_constant_of_shape = {
    .onnx = kOnnx,
};

}  // namespace whet::ops
