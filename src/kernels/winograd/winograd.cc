#include "kernels/winograd/winograd.h"

#include <algorithm>

#include "kernels/conv/winograd_blocking.h"
#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                     \
  namespace ns {                                                  \
  void WinogradF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace winograd {
namespace {

constexpr int64_t kTaps = 9;

const char* Check(const Params& p) {
  if (const char* problem = conv::CheckGeometry(p)) return problem;
  if (p.kernel_h != 3 || p.kernel_w != 3 || p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 ||
      p.dilation_w != 1 || p.groups != 1) {
    return "winograd: not a 3x3 convolution with stride 1";
  }
  if (p.segments != conv::Segments::kTaps || p.is_stored != 0) return "winograd: unknown form of weights";
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {CeilDiv(p.cout, p.n_block), CeilDiv(conv::WinogradTilesOf(p), p.m_block)};
  return Product(factors);
}

bool FloatsFit(int64_t pixels, int64_t channels, int64_t stride, uint64_t bytes) {
  return conv::PixelsFit(pixels, 1, channels, stride, sizeof(float), bytes);
}

template <int kTileM, int kTileN, int kLanes>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "winograd: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (p.m_tile < 1 || p.m_tile > kMostTiles || p.m_block != p.m_tile)
    return "winograd: more tiles at once than the kernel has";
  if (p.n_block % kTileN != 0) return "winograd: blocks of channels are not whole panels";
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "winograd: wrong number of units";
  if (claim.operand_bytes.size() != 6) return "winograd: needs six operands";
  const uint64_t* bytes = claim.operand_bytes.data();
  const int64_t out_pixels = p.batch * p.out_h * p.out_w;
  if (!FloatsFit(out_pixels, p.cout, p.out_stride, bytes[0])) return "winograd: the output is too small";
  if (!FloatsFit(p.batch * p.in_h * p.in_w, p.cin, p.in_stride, bytes[1]))
    return "winograd: the input is too small";
  const int64_t weights[] = {RoundUp(p.cout, kLanes), p.cin, kTaps, int64_t{sizeof(float)}};
  const std::optional<int64_t> weight_bytes = Product(weights);
  if (!weight_bytes || static_cast<uint64_t>(*weight_bytes) > bytes[2])
    return "winograd: the weights are too small";
  if (bytes[3] != 0 && !FloatsFit(1, p.cout, 0, bytes[3])) return "winograd: the bias is too small";
  if (bytes[4] != 0 && !FloatsFit(out_pixels, p.cout, p.residual_stride, bytes[4]))
    return "winograd: the residual is too small";
  if (bytes[5] != 0 && !FloatsFit(1, p.cout, 0, bytes[5])) return "winograd: the slope is too small";
  if (static_cast<uint64_t>(LayOutScratch(p, kTileM, kTileN, kLanes).bytes) > claim.scratch_bytes)
    return "winograd: scratch is too small";
  return CheckEpilogue(p.epilogue, bytes[4] != 0, bytes[5] != 0);
}

#define WHET_ROW(ns, isa, m, n, lanes)                                                                 \
  TileRow {                                                                                            \
    {"winograd/f32/" #ns "/" #m "x" #n, Isa::isa, ns::WinogradF32, Validate<m, n, lanes>}, m, n, lanes \
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

// Whether this way is clearly faster than conv's. Times are counted in products that conv would have done
// meanwhile.
bool IsWorthwhile(const TileRow& row, const Params& p) {
  constexpr double kInput = 8;    // to transform an input at a position
  constexpr double kOutput = 12;  // an output
  constexpr double kMargin = 1.2;
  // A weight, at all positions: stores, which longer vectors do not speed up as they do products.
  const double weight = row.lanes == 16 ? 280 : 150;
  const auto tiles = static_cast<double>(conv::WinogradTilesOf(p)),
             pixels = static_cast<double>(p.batch * p.out_h * p.out_w);
  const auto cin = static_cast<double>(p.cin), cout = static_cast<double>(RoundUp(p.cout, row.lanes));
  const auto blocks = static_cast<double>(CeilDiv(conv::WinogradTilesOf(p), p.m_block)),
             n_blocks = static_cast<double>(CeilDiv(p.cout, p.n_block));
  const double positions = static_cast<double>(kPositions) * tiles;
  const double transforms =
      positions * (kInput * cin * n_blocks + kOutput * cout) + blocks * weight * cin * cout;
  return kMargin * (positions * cin * cout + transforms) < pixels * kTaps * cin * cout;
}

}  // namespace

ScratchLayout LayOutScratch(const Params& p, int tile_m, int tile_n, int lanes) {
  // Positions lie at distances that are not multiples of large powers of 2: else they would share sets of the
  // caches.
  constexpr int64_t kApart = kAlignment / int64_t{sizeof(float)};
  ScratchLayout layout;
  layout.row = RoundUp(p.cin, lanes);
  layout.input_step = RoundUp(p.m_tile * layout.row, kApart) + kApart;
  layout.weight_step = p.cin * tile_n + kApart;
  layout.product_step = p.m_tile * tile_n + kApart;
  int64_t end = 0;
  const auto place = [&](int64_t size) {
    const int64_t at = end;
    end += RoundUp(size, kAlignment);
    return at;
  };
  const auto floats = [&](int64_t count) { return place(count * int64_t{sizeof(float)}); };
  layout.list = place(tile_m * int64_t{sizeof(void*)});
  layout.taps = place(kPositions * int64_t{sizeof(void*)});
  layout.padding = floats(p.cin + kApart);
  layout.inputs = floats(kPositions * layout.input_step);
  layout.weights = floats(kPositions * layout.weight_step);
  layout.products = floats(kPositions * layout.product_step);
  layout.bytes = end;
  return layout;
}

std::span<const TileRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const TileRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const TileRow& row, Params* p, Choice* choice) {
  p->m_tile = p->m_block = p->n_block = 1;
  p->segments = conv::Segments::kTaps;
  if (const char* problem = Check(*p)) return Error(Code::kUnsupported, "%s", problem);
  conv::CutWinogradTiles({row.tile_m, row.tile_n, int64_t{sizeof(float)}, 16}, p);
  const std::optional<int64_t> units = UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "winograd: more units than 64 bits count");
  *choice = {&row.base, *units,
             static_cast<uint64_t>(LayOutScratch(*p, row.tile_m, row.tile_n, row.lanes).bytes)};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) {
  const TileRow& best = BestOf(kRows, isa);
  WHET_RETURN_IF_ERROR(winograd::Choose(best, params, choice));
  if (!IsWorthwhile(best, *params)) return Error(Code::kUnsupported, "winograd: not faster than conv");
  return OkStatus();
}

int64_t PackedSize(const Row& row, const Params& p) {
  return RoundUp(p.cout, Find(row).lanes) * p.cin * kTaps;
}

// [panel][input channel][vector][tap][lane]
void Pack(const Row& row, const Params& p, const float* weights, const int64_t (&steps)[4], float* packed) {
  const TileRow& tile = Find(row);
  std::fill_n(packed, winograd::PackedSize(row, p), 0.0f);
  for (int64_t o = 0; o < p.cout; ++o) {
    const int64_t panel = o / tile.tile_n * tile.tile_n;
    const int64_t vectors = CeilDiv(std::min<int64_t>(tile.tile_n, p.cout - panel), tile.lanes);
    const int64_t vector = (o - panel) / tile.lanes, lane = (o - panel) % tile.lanes;
    float* to = packed + panel * p.cin * kTaps + lane;
    for (int64_t i = 0; i < p.cin; ++i) {
      for (int64_t tap = 0; tap < kTaps; ++tap) {
        to[((i * vectors + vector) * kTaps + tap) * tile.lanes] =
            weights[o * steps[0] + tap / 3 * steps[1] + tap % 3 * steps[2] + i * steps[3]];
      }
    }
  }
}

}  // namespace winograd
}  // namespace whet::kernels
