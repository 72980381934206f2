// What the operators that draw random numbers share. The numbers depend on the attribute `seed` alone, so
// that a run can be repeated; without a seed they are those of a fixed one. Uniform numbers are those that
// NumPy's RandomState draws for the seed, which ONNX's tests of Dropout ask for.
#pragma once

#include <cstdint>
#include <random>

#include "ir/op_def.h"

namespace whet::ops {

class RandomSequence {
 public:
  explicit RandomSequence(const Attributes& attributes);
  // In [0, 1).
  double Uniform();
  // Of mean 0 and standard deviation 1.
  double Normal();

 private:
  std::mt19937 state_;
};

// Output 0 has the shape of the attribute `shape`, or that of input 0, and the type of the attribute `dtype`.
Status InferRandomShape(InferContext& context);
Status InferRandomLike(InferContext& context);

Status NormalReference(ReferenceContext& context);
Status UniformReference(ReferenceContext& context);

}  // namespace whet::ops
