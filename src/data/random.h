// Random tensors that are the same on every machine for the same seed.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "data/array.h"

namespace whet::data {

// Element i is made from bits(i) = mix(seed * 0x9e3779b97f4a7c15 + i + 1), where mix is the SplitMix64 step
// (z *= the golden ratio; z ^= z >> 30; z *= 0xbf58476d1ce4e5b9; z ^= z >> 27; z *= 0x94d049bb133111eb;
// z ^= z >> 31), so any element can be made without the others.
uint64_t RandomBits(uint64_t seed, uint64_t index);

// Floats are uniform over [-1, 1) in steps of 2^-23; i8 and u8 over all their values; 4-bit types too; bool
// over {0, 1}; wider integers over [0, 10), so that they serve as indices and token numbers of real models.
Result<Array> RandomArray(DType dtype, const Shape& shape, uint64_t seed);

}  // namespace whet::data
