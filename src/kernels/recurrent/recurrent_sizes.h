// The checks that the validate functions of LSTM and GRU share.
#pragma once

#include "kernels/extent.h"
#include "kernels/recurrent/pack.h"

namespace whet::kernels::recurrent {

inline constexpr int64_t kLargestHidden = int64_t{1} << 20;

template <typename Params>
bool SizesInRange(const Params& p) {
  return p.steps >= 0 && p.batch >= 0 && p.hidden >= 1 && p.hidden <= kLargestHidden;
}

inline uint64_t ScratchBytes(int64_t hidden, int64_t vectors) {
  return static_cast<uint64_t>((hidden + kUnits - 1) / kUnits * kUnits * vectors) * sizeof(float);
}

// [steps][batch][width]
template <typename Params>
bool SequenceFits(const Params& p, int64_t width, int64_t step_stride, int64_t batch_stride, uint64_t bytes,
                  bool optional) {
  if (optional && bytes == 0) return true;
  const int64_t sizes[] = {p.steps, p.batch, width};
  const int64_t strides[] = {step_stride, batch_stride, 1};
  return FitsOnce(sizes, strides, sizeof(float), bytes);
}

// [batch, hidden] or absent
template <typename Params>
bool StateFits(const Params& p, uint64_t bytes) {
  const int64_t sizes[] = {p.batch, p.hidden};
  const int64_t strides[] = {p.hidden, 1};
  return bytes == 0 || FitsOnce(sizes, strides, sizeof(float), bytes);
}

inline bool WeightsFit(int64_t gates, int64_t hidden, uint64_t bytes) {
  return static_cast<uint64_t>(PackedSize(gates, hidden)) * sizeof(float) <= bytes;
}

}  // namespace whet::kernels::recurrent
