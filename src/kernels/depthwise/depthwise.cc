#include "kernels/depthwise/depthwise.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                      \
  namespace ns {                                                   \
  void DepthwiseF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace depthwise {
namespace {

// The weights of a block of channels, and the input under a tile of pixels, should stay in the L1 cache.
constexpr int64_t kBlockWeights = 4096;
constexpr int64_t kMaxBlock = 256;
constexpr int64_t kMinBlock = 64;

int64_t PackedChannels(int64_t channels) { return CeilDiv(channels, kChannelGrain) * kChannelGrain; }

// Sizes are bounded such that positions do not overflow.
const char* Check(const Params& p) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  for (int64_t size : {p.batch, p.in_h, p.in_w, p.out_h, p.out_w, p.channels}) {
    if (size < 1 || size > kLimit) return "depthwise: a size is out of range";
  }
  constexpr int64_t kKernelLimit = 1 << 12;
  for (int64_t size : {p.kernel_h, p.kernel_w}) {
    if (size < 1 || size > kKernelLimit) return "depthwise: a kernel size is out of range";
  }
  for (int64_t size : {p.stride_h, p.stride_w, p.dilation_h, p.dilation_w}) {
    if (size < 1 || size > kLimit / kKernelLimit) return "depthwise: a stride or dilation is out of range";
  }
  for (int64_t pad : {p.pad_top, p.pad_left}) {
    if (pad < 0 || pad > kLimit) return "depthwise: padding is out of range";
  }
  if (p.channel_block < 1 || p.channel_block % kChannelGrain != 0 || p.channel_block > 2 * kLimit) {
    return "depthwise: the block of channels is out of range";
  }
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.batch, CeilDiv(p.channels, p.channel_block), p.out_h};
  return Product(factors);
}

bool ImagesFit(const Params& p, int64_t height, int64_t width, int64_t stride, uint64_t bytes) {
  const int64_t pixels[] = {p.batch, height, width};
  const std::optional<int64_t> count = Product(pixels);
  if (!count) return false;
  const int64_t sizes[] = {*count, p.channels};
  const int64_t strides[] = {stride, 1};
  return stride >= 0 && Fits(sizes, strides, sizeof(float), bytes);
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "depthwise: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 6) return "depthwise: needs six operands";
  const uint64_t* bytes = claim.operand_bytes.data();
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "depthwise: wrong number of units";
  if (!ImagesFit(p, p.out_h, p.out_w, p.out_stride, bytes[0])) return "depthwise: the output is too small";
  if (!ImagesFit(p, p.in_h, p.in_w, p.in_stride, bytes[1])) return "depthwise: the input is too small";
  const uint64_t weight_bytes = static_cast<uint64_t>(PackedSize(p)) * sizeof(float);
  if (bytes[2] < weight_bytes) return "depthwise: the weights are too small";
  const uint64_t vector_bytes = static_cast<uint64_t>(p.channels) * sizeof(float);
  if (bytes[3] != 0 && bytes[3] < vector_bytes) return "depthwise: the bias is too small";
  if (bytes[4] != 0 && !ImagesFit(p, p.out_h, p.out_w, p.residual_stride, bytes[4])) {
    return "depthwise: the residual is too small";
  }
  if (bytes[5] != 0 && bytes[5] < vector_bytes) return "depthwise: the slope is too small";
  return CheckEpilogue(p.epilogue, bytes[4] != 0, bytes[5] != 0);
}

#define WHET_ROW(ns, isa) Row{"depthwise/f32/" #ns, Isa::isa, ns::DepthwiseF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

}  // namespace

int64_t PackedSize(const Params& p) { return p.kernel_h * p.kernel_w * PackedChannels(p.channels); }

void Pack(const Params& p, const float* weights, const int64_t (&steps)[3], float* packed) {
  for (int64_t first = 0; first < p.channels; first += kChannelGrain) {
    const int64_t channels = std::min(kChannelGrain, p.channels - first);
    for (int64_t y = 0; y < p.kernel_h; ++y) {
      for (int64_t x = 0; x < p.kernel_w; ++x, packed += kChannelGrain) {
        const float* tap = weights + first * steps[0] + y * steps[1] + x * steps[2];
        for (int64_t c = 0; c < channels; ++c) packed[c] = tap[c * steps[0]];
        std::fill(packed + channels, packed + kChannelGrain, 0.0f);
      }
    }
  }
}

Status Choose(Isa isa, Params* p, Choice* choice) {
  p->channel_block = kChannelGrain;
  if (const char* problem = Check(*p)) return Error(Code::kInvalidArgument, "%s", problem);
  // Equal blocks; more of them where there are few rows to balance threads with.
  constexpr int64_t kEnoughUnits = 16;
  const int64_t rows = std::min(p->batch * p->out_h, kEnoughUnits);
  const int64_t largest = std::clamp(kBlockWeights / (p->kernel_h * p->kernel_w), kMinBlock, kMaxBlock);
  const int64_t blocks = std::max(CeilDiv(p->channels, largest),
                                  std::min(CeilDiv(kEnoughUnits, rows), CeilDiv(p->channels, kMinBlock)));
  p->channel_block = PackedChannels(CeilDiv(p->channels, blocks));
  const std::optional<int64_t> units = UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "depthwise: more units than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, 0};
  return OkStatus();
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace depthwise
}  // namespace whet::kernels
