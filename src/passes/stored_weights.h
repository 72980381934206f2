// Products and convolutions by constant weights that kernels read as they are stored, so that a Plan takes no
// more memory than the model does.
#pragma once

#include <cstdint>
#include <optional>

#include "ir/graph.h"

namespace whet {

enum class StoredUse : uint8_t {
  kNot,          // as floats it is faster
  kInRegisters,  // few rows: what bounds them is the bytes of the weights
  kByBlocks,     // blocks of weights become floats in a cache, for many rows
};

// Of a product of so many rows by k x n weights.
StoredUse UseOfStored(int64_t rows, int64_t k, int64_t n);

// The weights of a MatMul, or of a Conv without groups: the matrix of k = height x width x channels rows and
// n output channels, as DequantizeLinear has them.
struct StoredWeights {
  const Node* dequantize;
  StoredUse use;
  int64_t rows;     // of the left matrix, or output pixels
  int64_t k, n;     // of the weights
  bool transposed;  // the integers are n x k
  int64_t group;    // k that share a scale
  // Where scale and zero point of a group and column lie.
  int64_t ScaleIndex(int64_t g, int64_t column) const;

  bool single;       // one scale for all
  int64_t channels;  // successive k that blocks divide: all, or those of a convolution's tap
  int64_t block;     // as the model has them; `group` is smaller where one would reach into the next tap
};

// Of a MatMul or Conv whose weights are dequantized from constants: i8, u8, i4 or u4, with scales by column,
// by block of successive k, or one for all. Nothing if kernels do not take them so.
std::optional<StoredWeights> StoredWeightsOf(const Node& node);

// Of an LSTM whose recurrent weights, i8 without zero points and with a scale a row (or one for all), a
// kernel multiplies as integers: the DequantizeLinear that makes them floats for others. Null if floats are
// faster, or the layer is of a kind that the kernel does not have.
const Node* StoredRecurrentOf(const Node& node);

// Of an LSTM or GRU: the kinds that kernels have. Default activations, no clipping, peepholes or coupled
// gates, sequences of full length, batches second, and biases that are constant.
bool IsPlainRecurrent(const Node& node);

// Whether all readers of a DequantizeLinear take its integers so; it then has nothing to do.
bool StaysStored(const Node& dequantize);

// Whether a reader's result is only normalized or scaled by constants, which weights that are floats can take
// in.
bool WouldTakeScale(const Node& dequantize);

// Of a Conv: each output pixel is made of the input pixel at the same place.
bool IsPointwise(const Node& conv);

}  // namespace whet
