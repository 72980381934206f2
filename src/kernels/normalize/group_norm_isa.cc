#include "kernels/normalize/group_norm.h"
#include "kernels/simd/simd.h"

namespace whet::kernels::WHET_ISA {

void GroupNormF32(const Args& args, int64_t begin, int64_t end);

namespace {

using group_norm::Params;

constexpr int64_t kChunk = 128;  // terms that are added up before their sum is added to the others

// sums[c] = sum over the positions of term(x, c) for a block of channels.
template <typename F>
WHET_INLINE void SumOverPositions(const Params& p, const float* in, int64_t channels, float* sums, F term) {
  for (int64_t c = 0; c < channels; c += kLanes) {
    const int64_t lanes = channels - c < kLanes ? channels - c : kLanes;
    F32 total = Zero();
    for (int64_t first = 0; first < p.positions; first += kChunk) {
      const int64_t last = first + kChunk < p.positions ? first + kChunk : p.positions;
      F32 acc = Zero();
      for (int64_t i = first; i < last; ++i)
        acc += term(LoadPartial(in + i * p.position_stride + c, lanes), c);
      total += acc;
    }
    Store(sums + c, total);
  }
}

// Replaces the sums of a group's channels by the group's mean.
void MeanOverGroups(const Params& p, int64_t channels, float* sums) {
  const float count = static_cast<float>(p.positions) * static_cast<float>(p.group);
  for (int64_t c = 0; c < channels; c += p.group) {
    float sum = 0;
    for (int64_t i = 0; i < p.group; ++i) sum += sums[c + i];
    for (int64_t i = 0; i < p.group; ++i) sums[c + i] = sum / count;
  }
}

}  // namespace

void GroupNormF32(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const float* const scale = static_cast<const float*>(args.operands[2]);
  const float* const shift = static_cast<const float*>(args.operands[3]);
  const int64_t blocks = (p.channels + p.channel_block - 1) / p.channel_block;
  const int64_t slot = (p.channel_block + 15) / 16 * 16;
  float* const mean = static_cast<float*>(args.scratch);
  float* const factor = mean + slot;
  float* const offset = factor + slot;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t first = unit % blocks * p.channel_block;
    const int64_t channels = p.channels - first < p.channel_block ? p.channels - first : p.channel_block;
    const int64_t start = unit / blocks * p.batch_stride + first;
    const float* in = static_cast<const float*>(args.operands[1]) + start;
    float* out = static_cast<float*>(args.operands[0]) + start;

    SumOverPositions(p, in, channels, mean, [](F32 x, int64_t) { return x; });
    MeanOverGroups(p, channels, mean);
    SumOverPositions(p, in, channels, factor, [mean](F32 x, int64_t c) {
      const F32 d = x - Load(mean + c);
      return d * d;
    });
    MeanOverGroups(p, channels, factor);
    for (int64_t c = 0; c < channels; ++c) {
      factor[c] = (scale != nullptr ? scale[first + c] : 1.0f) / __builtin_sqrtf(factor[c] + p.epsilon);
      offset[c] = shift != nullptr ? shift[first + c] : 0.0f;
    }
    for (int64_t i = 0; i < p.positions; ++i) {
      const float* x = in + i * p.position_stride;
      float* y = out + i * p.position_stride;
      for (int64_t c = 0; c < channels; c += kLanes) {
        const int64_t lanes = channels - c < kLanes ? channels - c : kLanes;
        const F32 centered = LoadPartial(x + c, lanes) - Load(mean + c);
        StorePartial(y + c, centered * Load(factor + c) + Load(offset + c), lanes);
      }
    }
  }
}

}  // namespace whet::kernels::WHET_ISA
