#include "kernels/conv_transpose/conv_transpose.h"

#include <algorithm>

#include "kernels/conv_transpose/phase.h"
#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/gemm/pack.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                          \
  namespace ns {                                                       \
  void ConvTransposeF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace conv_transpose {
namespace {

// Sizes are bounded such that positions, and the size of scratch, do not overflow.
const char* Check(const Params& p) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  for (int64_t size : {p.batch, p.in_h, p.in_w, p.out_h, p.out_w, p.groups, p.cin, p.cout}) {
    if (size < 1 || size > kLimit) return "conv_transpose: a size is out of range";
  }
  constexpr int64_t kKernelLimit = 1 << 12;
  for (int64_t size : {p.kernel_h, p.kernel_w, p.stride_h, p.stride_w, p.dilation_h, p.dilation_w}) {
    if (size < 1 || size > kKernelLimit)
      return "conv_transpose: a kernel size, stride or dilation is out of range";
  }
  for (int64_t pad : {p.pad_top, p.pad_left}) {
    if (pad < 0 || pad > kLimit) return "conv_transpose: padding is out of range";
  }
  if (p.n_block < 1 || p.n_block > 2 * kLimit) return "conv_transpose: the block of channels is out of range";
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.groups, CeilDiv(p.cout, p.n_block), p.batch, p.out_h};
  return Product(factors);
}

int64_t ScratchBytesOf(const Params& p) {
  return p.kernel_h * p.kernel_w * p.m_tile * int64_t{sizeof(float*)} + p.cin * int64_t{sizeof(float)};
}

bool ImagesFit(const Params& p, int64_t height, int64_t width, int64_t channels, int64_t stride,
               uint64_t bytes) {
  const int64_t pixels[] = {p.batch, height, width};
  const std::optional<int64_t> count = Product(pixels);
  if (!count) return false;
  const int64_t sizes[] = {*count, p.groups, channels};
  const int64_t strides[] = {stride, channels, 1};
  return stride >= 0 && Fits(sizes, strides, sizeof(float), bytes);
}

template <int kTileM, int kTileN, int kLanes>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "conv_transpose: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (p.m_tile < 1 || p.m_tile > kTileM) return "conv_transpose: more pixels at once than the kernel has";
  if (p.n_block % kTileN != 0) return "conv_transpose: blocks of channels are not whole panels";
  if (claim.operand_bytes.size() != 6) return "conv_transpose: needs six operands";
  const uint64_t* bytes = claim.operand_bytes.data();
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "conv_transpose: wrong number of units";
  if (!ImagesFit(p, p.out_h, p.out_w, p.cout, p.out_stride, bytes[0])) {
    return "conv_transpose: the output is too small";
  }
  if (!ImagesFit(p, p.in_h, p.in_w, p.cin, p.in_stride, bytes[1]))
    return "conv_transpose: the input is too small";
  const int64_t weights[] = {p.groups, RoundUp(p.cout, kLanes), p.kernel_h, p.kernel_w, p.cin};
  const std::optional<int64_t> weight_count = Product(weights);
  if (!weight_count || static_cast<uint64_t>(*weight_count) > bytes[2] / sizeof(float)) {
    return "conv_transpose: the weights are too small";
  }
  const uint64_t channels = static_cast<uint64_t>(p.groups) * static_cast<uint64_t>(p.cout);
  if (bytes[3] != 0 && bytes[3] / sizeof(float) < channels) return "conv_transpose: the bias is too small";
  if (bytes[4] != 0 && !ImagesFit(p, p.out_h, p.out_w, p.cout, p.residual_stride, bytes[4])) {
    return "conv_transpose: the residual is too small";
  }
  if (bytes[5] != 0 && bytes[5] / sizeof(float) < channels) return "conv_transpose: the slope is too small";
  if (static_cast<uint64_t>(ScratchBytesOf(p)) > claim.scratch_bytes) {
    return "conv_transpose: scratch is too small";
  }
  return CheckEpilogue(p.epilogue, bytes[4] != 0, bytes[5] != 0);
}

#define WHET_ROW(ns, isa, m, n, lanes)                                                                      \
  TileRow {                                                                                                 \
    {"conv_transpose/f32/" #ns "/" #m "x" #n, Isa::isa, ns::ConvTransposeF32, Validate<m, n, lanes>}, m, n, \
        lanes                                                                                               \
  }
constexpr TileRow kRows[] = {
    WHET_ROW(portable, kPortable, 4, 8, 4),
#if defined(__x86_64__)
    WHET_ROW(avx2, kAvx2, 6, 16, 8),
    WHET_ROW(avx512, kAvx512, 12, 32, 16),
#endif
};
#undef WHET_ROW

const TileRow& Find(const Row& row) { return RowWithBase(kRows, row); }

}  // namespace

std::span<const TileRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const TileRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const TileRow& row, Params* p, Choice* choice) {
  p->n_block = 1;
  if (const char* problem = Check(*p)) return Error(Code::kInvalidArgument, "%s", problem);
  // Equal tiles of the pixels that one row has of one phase.
  const int64_t pixels = CeilDiv(p->out_w, p->stride_w);
  p->m_tile = CeilDiv(pixels, CeilDiv(pixels, row.tile_m));
  // The weights of a phase are read again for every row; a block of them should stay in the L2 cache.
  constexpr int64_t kFloatsOfWeights = 128 << 10;
  const int64_t k = CeilDiv(p->kernel_h, p->stride_h) * p->kernel_w * p->cin;
  const int64_t panels = CeilDiv(p->cout, row.tile_n);
  p->n_block = std::clamp<int64_t>(kFloatsOfWeights / k / row.tile_n, 1, panels) * row.tile_n;
  const std::optional<int64_t> units = UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "conv_transpose: more units than 64 bits count");
  *choice = {&row.base, *units, static_cast<uint64_t>(ScratchBytesOf(*p))};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) { return Choose(BestOf(kRows, isa), params, choice); }

int64_t PackedSize(const Row& row, const Params& p) {
  return p.groups * PackedPanelsSize(Find(row).lanes, p.kernel_h * p.kernel_w * p.cin, p.cout);
}

void Pack(const Row& row, const Params& p, const float* weights, const int64_t (&steps)[5], float* packed) {
  const TileRow& tile = Find(row);
  std::vector<float> matrix;  // of one phase: [taps][cin][cout]
  for (int64_t g = 0; g < p.groups; ++g) {
    for (int64_t py = 0; py < p.stride_h; ++py) {
      const PhaseTaps rows = TapsOf(py, p.kernel_h, p.stride_h, p.dilation_h, p.pad_top);
      for (int64_t px = 0; px < p.stride_w; ++px) {
        const PhaseTaps columns = TapsOf(px, p.kernel_w, p.stride_w, p.dilation_w, p.pad_left);
        matrix.clear();
        for (int64_t t = 0; t < rows.count * columns.count; ++t) {
          const int64_t y = rows.first + t / columns.count * rows.step;
          const int64_t x = columns.first + t % columns.count * columns.step;
          for (int64_t i = 0; i < p.cin; ++i) {
            const float* from = weights + g * steps[0] + i * steps[1] + y * steps[2] + x * steps[3];
            for (int64_t o = 0; o < p.cout; ++o) matrix.push_back(from[o * steps[4]]);
          }
        }
        const int64_t k = rows.count * columns.count * p.cin;
        PackPanels(tile.tile_n, tile.lanes, k, p.cout, matrix.data(), p.cout, 1, packed);
        packed += PackedPanelsSize(tile.lanes, k, p.cout);
      }
    }
  }
}

}  // namespace conv_transpose
}  // namespace whet::kernels
