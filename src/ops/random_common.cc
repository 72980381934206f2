#include "ops/random_common.h"

#include <cmath>
#include <numbers>

#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"

namespace whet::ops {

namespace {

// ONNX's seeds are floats; one that is no integer of 64 bits, or not even a number, is taken as LoadInt takes
// it.
int64_t SeedOf(const Attributes& attributes) {
  double seed = attributes.Float("seed", 0);
  return attributes.Int("seed", LoadInt({DType::kF64, Shape{}, &seed}, 0));
}

}  // namespace

RandomSequence::RandomSequence(const Attributes& attributes)
    : state_(static_cast<uint32_t>(SeedOf(attributes))) {}

double RandomSequence::Uniform() {
  // 53 bits of two draws.
  const uint32_t high = static_cast<uint32_t>(state_()) >> 5;
  const uint32_t low = static_cast<uint32_t>(state_()) >> 6;
  return (static_cast<double>(high) * 0x1p26 + static_cast<double>(low)) * 0x1p-53;
}

double RandomSequence::Normal() {
  // Box and Muller's transform; 1 - u is never 0.
  const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
  return radius * std::cos(2 * std::numbers::pi * Uniform());
}

Status InferRandomShape(InferContext& context) {
  WHET_ASSIGN_OR_RETURN(const DType dtype, DTypeAttribute(context.attributes(), DType::kF32));
  const auto shape = context.attributes().Ints("shape");
  if (shape.size() > kMaxRank || CheckedElementCount(shape) < 0) {
    return Error(Code::kBadFile, "the attribute `shape` is not the shape of a tensor");
  }
  context.SetOutput(0, Type::Of(dtype, shape));
  return {};
}

Status InferRandomLike(InferContext& context) {
  Type type = context.input(0);
  WHET_ASSIGN_OR_RETURN(type.dtype, DTypeAttribute(context.attributes(), type.dtype));
  context.SetOutput(0, std::move(type));
  return {};
}

Status NormalReference(ReferenceContext& context) {
  const TensorView& y = context.output(0);
  const double mean = context.attributes().Float("mean", 0);
  const double scale = context.attributes().Float("scale", 1);
  RandomSequence random(context.attributes());
  for (int64_t i = 0; i < y.elements(); ++i) StoreFloat(y, i, mean + scale * random.Normal());
  return {};
}

Status UniformReference(ReferenceContext& context) {
  const TensorView& y = context.output(0);
  const double low = context.attributes().Float("low", 0);
  const double high = context.attributes().Float("high", 1);
  RandomSequence random(context.attributes());
  for (int64_t i = 0; i < y.elements(); ++i) StoreFloat(y, i, low + (high - low) * random.Uniform());
  return {};
}

}  // namespace whet::ops
