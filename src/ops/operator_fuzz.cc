// Every operator's shape inference and reference on inputs that may not go together and attributes that make
// no sense: an error, or outputs that are as inference says, also when it knows less of the inputs.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ir/evaluate.h"
#include "ir/infer.h"
#include "ops/random_node.h"

namespace {

using namespace whet;  // NOLINT

std::string SymbolOf(int64_t size) { return Format("S%lld", static_cast<long long>(size)); }

Dim Blur(ops::ByteDraw& draw, int64_t size) {
  switch (draw.Byte() % 4) {
    case 0: return Dim(size);
    case 1: return Dim(size - std::min<int64_t>(size, draw.Int(0, 2)), size + draw.Int(0, 2));
    case 2: return Dim::Symbol(SymbolOf(size));
    default: return Dim();
  }
}

void CheckWithin(const ops::RandomNode& random, const Type& known, const TensorView& actual) {
  bool within = known.dtype == actual.dtype && (!known.ranked || known.rank() == actual.shape.rank());
  for (int i = 0; within && i < known.rank(); ++i) {
    const Dim& dim = known.dims[static_cast<size_t>(i)];
    within = actual.shape[i] >= dim.lo && actual.shape[i] <= dim.hi &&
             (dim.symbol.empty() || dim.symbol == SymbolOf(actual.shape[i]));
  }
  if (within) return;
  ops::FailNode(random, "was inferred as " + ToString(known) + " but is " +
                            ToString(Type::Of(actual.dtype, actual.shape.dims())));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ops::ByteDraw draw(data, size);
  const auto random = ops::DrawNode(draw, true);
  if (random == nullptr) return 0;
  EvaluateOptions options;
  options.max_tensor_bytes = 1 << 18;
  const auto outputs = EvaluateNode(*random->node, random->values, options);
  if (!outputs.ok()) {
    if (outputs.status().code() == Code::kInternal) ops::FailNode(*random, outputs.status().ToString());
    return 0;
  }
  std::vector<Type> types;
  std::vector<const TensorView*> values;
  for (const TensorPtr& input : random->values) {
    Type type;
    if (input != nullptr) {
      type = Type::Of(input->dtype(), input->shape().dims());
      for (Dim& dim : type.dims) dim = Blur(draw, dim.lo);
    }
    types.push_back(std::move(type));
    values.push_back(input != nullptr && draw.OneIn(2) ? &input->view() : nullptr);
  }
  std::vector<const Type*> pointers;
  for (size_t i = 0; i < types.size(); ++i) {
    // A known value has a known shape.
    if (values[i] != nullptr) types[i] = Type::Of(values[i]->dtype, values[i]->shape.dims());
    pointers.push_back(random->values[i] != nullptr ? &types[i] : nullptr);
  }
  const auto known = InferTypes(*random->node, pointers, values);
  if (!known.ok()) {
    // These inputs are possible: they have just been computed with. Some must be known, though.
    if (known.status().code() != Code::kUnsupported) ops::FailNode(*random, known.status().ToString());
    return 0;
  }
  for (size_t i = 0; i < known->size(); ++i) CheckWithin(*random, (*known)[i], (*outputs)[i]->view());
  return 0;
}
