#include "kernels/conv/conv.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/gemm/pack.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                 \
  namespace ns {                                              \
  void ConvF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace conv {
namespace {

bool KernelRowsAreContiguous(const Params& p) {
  return p.dilation_w == 1 && p.groups == 1 && p.in_stride == p.cin;
}

// The products of a sum.
int64_t DepthOf(const Params& p) { return p.kernel_h * p.kernel_w * p.cin; }

const char* Check(const Params& p) {
  if (const char* problem = CheckGeometry(p)) return problem;
  if (static_cast<uint32_t>(p.segments) > 1) return "conv: unknown kind of segments";
  if (p.segments == Segments::kKernelRows && !KernelRowsAreContiguous(p)) {
    return "conv: kernel rows are not contiguous";
  }
  if (p.is_stored > 1) return "conv: unknown form of weights";
  if (p.is_stored != 0) {
    if (p.groups != 1) return "conv: stored weights are for convolutions without groups";
    return stored::CheckForm(p.stored, DepthOf(p));
  }
  return nullptr;
}

bool FloatsFit(int64_t pixels, int64_t groups, int64_t channels, int64_t stride, uint64_t bytes) {
  return PixelsFit(pixels, groups, channels, stride, sizeof(float), bytes);
}

template <int kTileM, int kTileN, int kLanes>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "conv: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (p.m_tile < 1 || p.m_tile > kTileM) return "conv: more pixels at once than the kernel has";
  if (p.n_block % kTileN != 0) return "conv: blocks of channels are not whole panels";
  if (claim.operand_bytes.size() != 6) return "conv: needs six operands";
  const uint64_t* bytes = claim.operand_bytes.data();

  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "conv: wrong number of units";
  const int64_t in_pixels = p.batch * p.in_h * p.in_w;
  const int64_t out_pixels = p.batch * p.out_h * p.out_w;
  if (!FloatsFit(out_pixels, p.groups, p.cout, p.out_stride, bytes[0]))
    return "conv: the output is too small";
  if (!FloatsFit(in_pixels, p.groups, p.cin, p.in_stride, bytes[1])) return "conv: the input is too small";
  const int64_t floats[] = {p.groups, RoundUp(p.cout, kLanes), DepthOf(p), int64_t{sizeof(float)}};
  const std::optional<int64_t> weights =
      p.is_stored != 0 ? stored::PackedBytes(p.stored, DepthOf(p), p.cout, kTileN) : Product(floats);
  if (!weights || static_cast<uint64_t>(*weights) > bytes[2]) return "conv: the weights are too small";
  if (bytes[3] != 0 && !FloatsFit(1, p.groups, p.cout, 0, bytes[3])) return "conv: the bias is too small";
  if (bytes[4] != 0 && !FloatsFit(out_pixels, p.groups, p.cout, p.residual_stride, bytes[4])) {
    return "conv: the residual is too small";
  }
  if (bytes[5] != 0 && !FloatsFit(1, p.groups, p.cout, 0, bytes[5])) return "conv: the slope is too small";
  if (static_cast<uint64_t>(LayOutScratch(p).bytes) > claim.scratch_bytes)
    return "conv: scratch is too small";
  return CheckEpilogue(p.epilogue, bytes[4] != 0, bytes[5] != 0);
}

#define WHET_ROW(ns, isa, m, n, lanes) \
  TileRow { {"conv/f32/" #ns "/" #m "x" #n, Isa::isa, ns::ConvF32, Validate<m, n, lanes>}, m, n, lanes }
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

ScratchLayout LayOutScratch(const Params& p) {
  const bool rows = p.segments == Segments::kKernelRows;
  ScratchLayout layout;
  layout.segments = rows ? p.kernel_h : p.kernel_h * p.kernel_w;
  layout.length = rows ? p.kernel_w * p.cin : p.cin;
  layout.list = 0;
  layout.zeros = layout.segments * p.m_tile * int64_t{sizeof(float*)};
  layout.copies = layout.zeros + layout.length * int64_t{sizeof(float)};
  layout.panels = RoundUp(
      layout.copies + (rows ? layout.segments * p.m_tile * layout.length * int64_t{sizeof(float)} : 0),
      kAlignment);
  constexpr int64_t kMostLanes = 16;
  const int64_t block = RoundUp(std::min(p.cout, p.n_block), kMostLanes) * DepthOf(p);
  layout.bytes = layout.panels + (p.is_stored != 0 ? block * int64_t{sizeof(float)} : 0);
  return layout;
}

std::span<const TileRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const TileRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const TileRow& row, Params* p, Choice* choice) {
  p->m_block = p->n_block = 1;
  p->segments = Segments::kTaps;
  if (const char* problem = Check(*p)) return Error(Code::kInvalidArgument, "%s", problem);

  const int64_t k = DepthOf(*p);
  if (p->is_stored != 0 && !stored::PackedBytes(p->stored, k, p->cout, row.tile_n))
    return Error(Code::kLimitExceeded, "conv: the weights are too large for 64 bits");
  const Blocking blocking = ChooseBlocking(p->groups, p->batch * p->out_h * p->out_w, p->cout, k, row.tile_m,
                                           row.tile_n, p->is_stored != 0);
  p->m_tile = blocking.m_tile;
  p->m_block = blocking.m_block;
  p->n_block = blocking.n_block;
  // A segment costs some cycles to begin, a kernel row in the padding a copy of it.
  constexpr int64_t kFewChannels = 32;
  if (KernelRowsAreContiguous(*p) && p->kernel_w > 1 && p->cin <= kFewChannels) {
    p->segments = Segments::kKernelRows;
  }
  const std::optional<int64_t> units = UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "conv: more units than 64 bits count");
  *choice = {&row.base, *units, static_cast<uint64_t>(LayOutScratch(*p).bytes)};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) { return Choose(BestOf(kRows, isa), params, choice); }

int64_t PackedSize(const Row& row, const Params& p) {
  return p.groups * PackedPanelsSize(Find(row).lanes, DepthOf(p), p.cout);
}

void Pack(const Row& row, const Params& p, const float* weights, const int64_t (&steps)[4], float* packed) {
  const TileRow& tile = Find(row);
  const int64_t k = DepthOf(p);
  std::vector<float> matrix(static_cast<size_t>(k * p.cout));  // [k][cout]
  for (int64_t g = 0; g < p.groups; ++g) {
    float* to = matrix.data();
    for (int64_t y = 0; y < p.kernel_h; ++y) {
      for (int64_t x = 0; x < p.kernel_w; ++x) {
        for (int64_t i = 0; i < p.cin; ++i) {
          const float* from = weights + g * p.cout * steps[0] + y * steps[1] + x * steps[2] + i * steps[3];
          for (int64_t o = 0; o < p.cout; ++o) *to++ = from[o * steps[0]];
        }
      }
    }
    PackPanels(tile.tile_n, tile.lanes, k, p.cout, matrix.data(), p.cout, 1, packed);
    packed += PackedPanelsSize(tile.lanes, k, p.cout);
  }
}

std::vector<uint8_t> PackStored(const Row& row, const Params& p, const stored::Weights& weights) {
  return stored::Pack(p.stored, DepthOf(p), p.cout, Find(row).tile_n, weights);
}

}  // namespace conv
}  // namespace whet::kernels
