// The loops of a plain convolution, for references in real numbers and in integers.
#pragma once

#include "base/reference.h"
#include "ops/spatial_common.h"

namespace whet::ops {

// Of x, laid out as input 0 of the context (channels last), and w [O, k1 … kk, C/group], by the attributes of
// the context. For each output position in order: begin(sums) sets the sums of all outputs, the products are
// added, end(sums) takes them. T's arithmetic may wrap.
//
// Weights are first put in the order [group][tap][input channel][output channel], so that the inner loop runs
// over neighbours; of a depthwise convolution, over channels.
template <typename T, typename Begin, typename End>
Status ConvolveReference(ReferenceContext& context, const Shape& ws, const T* x, const T* w, Begin begin,
                         End end) {
  const Shape& xs = context.input(0).shape;
  const Shape& ys = context.output(0).shape;
  WHET_ASSIGN_OR_RETURN(Window window, ReadWindow(context.attributes(), SpatialDims(ws)));
  window.Resolve(SpatialDims(xs));

  const int64_t group = context.attributes().Int("group", 1);
  const int64_t outputs = ws[0];
  const int64_t group_outputs = outputs / group;
  const int64_t group_inputs = ws.back();
  const int64_t channels = xs.back();
  int64_t taps = 1;
  for (int64_t size : window.kernel) taps *= size;
  const bool depthwise = group_inputs == 1 && group_outputs == 1;

  T* packed = context.Scratch<T>(ws.elements()).data();
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t c = 0; c < group_inputs; ++c) {
        const int64_t to = depthwise ? tap * outputs + o
                                     : ((o / group_outputs * taps + tap) * group_inputs + c) * group_outputs +
                                           o % group_outputs;
        packed[to] = w[(o * taps + tap) * group_inputs + c];
      }
    }
  }

  int64_t in_positions = 1;
  for (int64_t size : SpatialDims(xs)) in_positions *= size;
  T* sums = context.Scratch<T>(outputs).data();
  for (int64_t n = 0; n < xs[0]; ++n) {
    const T* image = x + n * in_positions * channels;
    ForPositions(SpatialDims(ys), [&](const int64_t* position, int64_t) {
      begin(sums);
      ForTaps(window, SpatialDims(xs), position, [&](int64_t tap, int64_t offset) {
        const T* pixel = image + offset * channels;
        if (depthwise) {
          const T* weights = packed + tap * outputs;
          for (int64_t o = 0; o < outputs; ++o) sums[o] += pixel[o] * weights[o];
          return;
        }
        for (int64_t g = 0; g < group; ++g) {
          T* sum = sums + g * group_outputs;
          for (int64_t c = 0; c < group_inputs; ++c) {
            const T value = pixel[g * group_inputs + c];
            const T* weights = packed + ((g * taps + tap) * group_inputs + c) * group_outputs;
            for (int64_t o = 0; o < group_outputs; ++o) sum[o] += value * weights[o];
          }
        }
      });
      end(sums);
    });
  }
  return {};
}

}  // namespace whet::ops
