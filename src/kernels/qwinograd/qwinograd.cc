#include "kernels/qwinograd/qwinograd.h"

#include <algorithm>
#include <cstdlib>

#include "kernels/conv/winograd_blocking.h"
#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                   \
  namespace ns {                                                \
  void QWinograd(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_DOT_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace qwinograd {
namespace {

constexpr int64_t kTaps = 9;

const char* Check(const Params& p) {
  if (const char* problem = qconv::CheckParams(p)) return problem;
  if (p.kernel_h != 3 || p.kernel_w != 3 || p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 ||
      p.dilation_w != 1 || p.groups != 1) {
    return "qwinograd: not a 3x3 convolution with stride 1";
  }
  if (p.copies != 0) return "qwinograd: unknown way to read the input";
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {CeilDiv(p.cout, p.n_block), CeilDiv(conv::WinogradTilesOf(p), p.m_block)};
  return Product(factors);
}

template <int kTileM, int kTileN, int kLanes>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "qwinograd: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (p.m_tile < 1 || p.m_tile > kMostTiles || p.m_block != p.m_tile)
    return "qwinograd: more tiles at once than the kernel has";
  if (p.n_block % kTileN != 0) return "qwinograd: blocks of channels are not whole panels";
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "qwinograd: wrong number of units";
  if (const char* problem = qconv::CheckOperands(p, claim.operand_bytes)) return problem;
  if (claim.operand_bytes[5] != 0) return "qwinograd: weights have no zero points";
  const int64_t weights[] = {RoundUp(p.cout, kLanes), RoundUp(p.cin, 2), kTaps};
  const std::optional<int64_t> weight_count = Product(weights);
  if (!weight_count || static_cast<uint64_t>(*weight_count) > claim.operand_bytes[2])
    return "qwinograd: the weights are too small";
  if (static_cast<uint64_t>(LayOutScratch(p, kTileM, kTileN, kLanes).bytes) > claim.scratch_bytes)
    return "qwinograd: scratch is too small";
  return nullptr;
}

#define WHET_ROW(ns, isa, isa_name, m, n, lanes)                                                           \
  TileRow {                                                                                                \
    {"qwinograd/i8/" isa_name "/" #m "x" #n, Isa::isa, ns::QWinograd, Validate<m, n, lanes>}, m, n, lanes, \
        qconv::Elements::kWidened                                                                          \
  }
constexpr TileRow kRows[] = {
    WHET_ROW(portable, kPortable, "portable", 4, 8, 4),
#if defined(__x86_64__)
    WHET_ROW(avx2, kAvx2, "avx2", 6, 16, 8),
    WHET_ROW(avx512, kAvx512, "avx512", 12, 32, 16),
    WHET_ROW(avx512_vnni, kAvx512Vnni, "avx512-vnni", 12, 32, 16),
#elif defined(__aarch64__)
    WHET_ROW(dotprod, kDotprod, "dotprod", 6, 16, 4),
#endif
};
#undef WHET_ROW

const TileRow& Find(const Row& row) { return RowWithBase(kRows, row); }

// Whether this way is clearly faster than qconv's. Times are counted in products that qconv would have done
// meanwhile.
bool IsWorthwhile(const TileRow& row, const Params& p) {
  constexpr double kInput = 6;    // to transform an input at a position
  constexpr double kOutput = 9;   // an output
  constexpr double kWeight = 60;  // a weight, at all positions
  constexpr double kMargin = 1.2;
  // Where the processor multiplies bytes, qconv does twice as many products at once as there are of 16 bits.
  const double pace = row.base.isa == Isa::kAvx512Vnni || row.base.isa == Isa::kDotprod ? 2 : 1;
  const auto tiles = static_cast<double>(conv::WinogradTilesOf(p)),
             pixels = static_cast<double>(p.batch * p.out_h * p.out_w);
  const auto cin = static_cast<double>(RoundUp(p.cin, 2)),
             cout = static_cast<double>(RoundUp(p.cout, row.lanes));
  const auto blocks = static_cast<double>(CeilDiv(conv::WinogradTilesOf(p), p.m_block)),
             n_blocks = static_cast<double>(CeilDiv(p.cout, p.n_block));
  const double positions = static_cast<double>(kPositions) * tiles;
  const double products = positions * pace * cin * cout;
  const double transforms =
      positions * (kInput * cin * n_blocks + kOutput * cout) + blocks * kWeight * cin * cout;
  return kMargin * (products + transforms) < pixels * kTaps * cin * cout;
}

}  // namespace

ScratchLayout LayOutScratch(const Params& p, int tile_m, int tile_n, int lanes) {
  // Positions lie at distances that are not multiples of large powers of 2: else they would share sets of the
  // caches.
  constexpr int64_t kApart = kAlignment;
  ScratchLayout layout;
  layout.pairs = CeilDiv(p.cin, 2);
  layout.row_bytes = RoundUp(p.cin, 2 * lanes) * int64_t{sizeof(int16_t)};
  layout.input_bytes = RoundUp(p.m_tile * layout.row_bytes, kAlignment) + kApart;
  layout.weight_bytes = layout.pairs * tile_n * int64_t{sizeof(int32_t)} + kApart;
  layout.product_bytes = p.m_tile * tile_n * int64_t{sizeof(int32_t)} + kApart;
  int64_t end = 0;
  const auto place = [&](int64_t size) {
    const int64_t at = end;
    end += RoundUp(size, kAlignment);
    return at;
  };
  layout.list = place(tile_m * int64_t{sizeof(void*)});
  layout.taps = place(kPositions * int64_t{sizeof(void*)});
  layout.padding = place(p.cin + kAlignment);
  layout.inputs = place(kPositions * layout.input_bytes);
  layout.weights = place(kPositions * layout.weight_bytes);
  layout.products = place(kPositions * layout.product_bytes);
  layout.sums = place(kTile * kTile * p.m_tile * tile_n * int64_t{sizeof(int32_t)});
  layout.bytes = end;
  return layout;
}

std::span<const TileRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const TileRow& row : kRows) rows->push_back(&row.base);
}

bool SumsFit(const Params& p, const qconv::Weights& weights) {
  for (int64_t o = 0; weights.zero != nullptr && o < p.cout; ++o) {
    if (weights.zero[o] != (weights.type == DType::kU8 ? 128 : 0)) return false;
  }
  const int64_t largest = p.input == DType::kI8 ? 128 : 255;
  for (int64_t o = 0; o < p.cout; ++o) {
    int64_t sum = 0;
    for (int64_t tap = 0; tap < kTaps; ++tap) {
      for (int64_t i = 0; i < p.cin; ++i) sum += std::abs(int{weights.At(o, tap / 3, tap % 3, i)});
    }
    if (sum * largest >= int64_t{1} << 25) return false;
  }
  return true;
}

Status Choose(const TileRow& row, Params* p, Choice* choice) {
  p->m_tile = p->m_block = p->n_block = 1;
  p->copies = 0;
  p->unused = 0;
  if (const char* problem = Check(*p)) return Error(Code::kUnsupported, "%s", problem);
  conv::CutWinogradTiles({row.tile_m, row.tile_n, int64_t{sizeof(int16_t)}, 12}, p);
  const std::optional<int64_t> units = UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "qwinograd: more units than 64 bits count");
  *choice = {&row.base, *units,
             static_cast<uint64_t>(LayOutScratch(*p, row.tile_m, row.tile_n, row.lanes).bytes)};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) {
  const TileRow& best = BestOf(kRows, isa);
  WHET_RETURN_IF_ERROR(qwinograd::Choose(best, params, choice));
  if (!IsWorthwhile(best, *params)) return Error(Code::kUnsupported, "qwinograd: not faster than qconv");
  return OkStatus();
}

// [panel][pair of input channels][vector][tap][column][input channel of the pair]
qconv::Prepared Prepare(const Row& row, const Params& p, const qconv::Weights& weights, bool fixed_zero) {
  const TileRow& tile = Find(row);
  const int64_t pairs = CeilDiv(p.cin, 2);
  qconv::Prepared prepared;
  prepared.weights.assign(static_cast<size_t>(RoundUp(p.cout, tile.lanes) * 2 * pairs * kTaps), 0);
  prepared.Resize(p.cout);
  for (int64_t o = 0; o < p.cout; ++o) {
    const int64_t panel = o / tile.tile_n * tile.tile_n;
    const int64_t vectors = CeilDiv(std::min<int64_t>(tile.tile_n, p.cout - panel), tile.lanes);
    const int64_t vector = (o - panel) / tile.lanes, lane = (o - panel) % tile.lanes;
    int8_t* to = prepared.weights.data() + panel * 2 * pairs * kTaps;
    uint32_t sum = 0;
    for (int64_t tap = 0; tap < kTaps; ++tap) {
      for (int64_t i = 0; i < p.cin; ++i) {
        const int8_t weight = weights.At(o, tap / 3, tap % 3, i);
        sum += static_cast<uint32_t>(int32_t{weight});
        to[(((i / 2 * vectors + vector) * kTaps + tap) * tile.lanes + lane) * 2 + i % 2] = weight;
      }
    }
    prepared.SetChannel(weights, o, kTaps * p.cin, sum, p.input_zero, fixed_zero);
  }
  return prepared;
}

}  // namespace qwinograd
}  // namespace whet::kernels
