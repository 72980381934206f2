#include "kernels/qdepthwise16/qdepthwise16.h"

#include <algorithm>
#include <cstring>

#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                      \
  namespace ns {                                                   \
  void QDepthwise16(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace qdepthwise16 {
namespace {

// Channels computed at once: those of a vector of 16-bit integers.
constexpr int64_t ChannelsAtOnce(int64_t lanes) { return 2 * lanes; }

const char* Check(const Params& p, int64_t at_once) {
  if (const char* problem = qconv16::CheckParams(p)) return problem;
  if (p.groups != 1 || p.cin != p.cout) return "qdepthwise16: every channel has one kernel";
  if (p.m_tile != kPixels || p.copies != 0) return "qdepthwise16: unknown way to add up";
  if (p.n_block % at_once != 0) return "qdepthwise16: blocks of channels are not whole vectors";
  return nullptr;
}

// Bytes of the weights of the channels computed at once.
int64_t BlockWeights(const Params& p, int64_t at_once) { return PairsOf(p) * 4 * at_once; }

template <int kLanes>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "qdepthwise16: params have the wrong size";
  const Params& p = *read;
  constexpr int64_t kAtOnce = ChannelsAtOnce(kLanes);
  if (const char* problem = Check(p, kAtOnce)) return problem;
  const std::optional<int64_t> units = conv::UnitsOf(p);
  if (!units || *units != claim.units) return "qdepthwise16: wrong number of units";
  if (const char* problem = qconv16::CheckOperands(p, claim.operand_bytes)) return problem;
  const int64_t weights[] = {CeilDiv(p.cout, kAtOnce), BlockWeights(p, kAtOnce)};
  const std::optional<int64_t> weight_bytes = Product(weights);
  if (!weight_bytes || static_cast<uint64_t>(*weight_bytes) > claim.operand_bytes[2]) {
    return "qdepthwise16: the weights are too small";
  }
  // All of a vector's channels are read, and more of them than what is readable behind an operand holds.
  if (p.wide != 0 &&
      static_cast<uint64_t>(RoundUp(p.cout, kAtOnce)) > claim.operand_bytes[3] / sizeof(double))
    return "qdepthwise16: the offset is too small";
  if (static_cast<uint64_t>(qdepthwise16::LayOutScratch(p).bytes) > claim.scratch_bytes)
    return "qdepthwise16: scratch is too small";
  return nullptr;
}

#define WHET_ROW(ns, isa, lanes) \
  DepthwiseRow{{"qdepthwise16/i16/" #ns, Isa::isa, ns::QDepthwise16, Validate<lanes>}, lanes},
constexpr DepthwiseRow kRows[] = {WHET_ROW(portable, kPortable, 4)
#if defined(__x86_64__)
                                      WHET_ROW(avx2, kAvx2, 8) WHET_ROW(avx512, kAvx512, 16)
#endif
};
#undef WHET_ROW

const DepthwiseRow& Find(const Row& row) { return RowWithBase(kRows, row); }

}  // namespace

ScratchLayout LayOutScratch(const Params& p) {
  ScratchLayout layout;
  layout.list = 0;
  layout.padding = RoundUp((TapsOf(p) + 1) * kPixels * int64_t{sizeof(void*)}, kAlignment);
  layout.bytes = layout.padding + RoundUp(2 * p.cin + kAlignment, kAlignment);
  return layout;
}

std::span<const DepthwiseRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const DepthwiseRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const DepthwiseRow& row, const qconv16::Weights& weights, Params* p, Choice* choice) {
  const int64_t at_once = ChannelsAtOnce(row.lanes);
  p->m_tile = kPixels;
  p->m_block = 1;
  p->n_block = at_once;
  p->chunk = p->wide = p->copies = 0;
  if (const char* problem = Check(*p, at_once)) return Error(Code::kInvalidArgument, "%s", problem);
  for (int64_t o = 0; o < p->cout; ++o) {
    const auto weight = [&](int64_t i) {
      return int64_t{weights.At(o, i / p->kernel_w, i % p->kernel_w, 0)};
    };
    const auto fit = qconv16::FitOf(*p, weights.bias != nullptr ? weights.bias[o] : 0, TapsOf(*p), weight);
    if (fit == qconv16::Fit::kChunks) return Error(Code::kUnsupported, "the sums may be too large");
    if (fit == qconv16::Fit::kProducts) p->wide = 1;
  }
  if (p->wide != 0) p->chunk = uint32_t{1} << 31;
  // Enough units to balance threads with; what they read of a row should fill lines of the cache.
  constexpr int64_t kUnits = 16;
  const int64_t pixels = p->batch * p->out_h * p->out_w, tiles = CeilDiv(pixels, kPixels);
  p->m_block = CeilDiv(tiles, std::min(tiles, kUnits)) * kPixels;
  const int64_t chunks = CeilDiv(p->cout, at_once);
  const int64_t blocks = std::clamp<int64_t>(kUnits / tiles, 1, chunks);
  p->n_block = CeilDiv(chunks, blocks) * at_once;
  const std::optional<int64_t> units = conv::UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "qdepthwise16: more units than 64 bits count");
  *choice = {&row.base, *units, static_cast<uint64_t>(LayOutScratch(*p).bytes)};
  return OkStatus();
}

Status Choose(Isa isa, const qconv16::Weights& weights, Params* params, Choice* choice) {
  return Choose(BestOf(kRows, isa), weights, params, choice);
}

// [channels at once][pair of taps][vector][lane][element of the pair], 16 bits each.
qconv16::Prepared Prepare(const Row& row, const Params& p, const qconv16::Weights& weights) {
  const DepthwiseRow& tile = Find(row);
  const int64_t at_once = ChannelsAtOnce(tile.lanes);
  const int64_t taps = TapsOf(p), block = BlockWeights(p, at_once);
  qconv16::Prepared prepared;
  prepared.weights.assign(static_cast<size_t>(CeilDiv(p.cout, at_once) * block), 0);
  for (int64_t o = 0; o < p.cout; ++o) {
    // Registers of 128 bits are interleaved by themselves: of 8 successive channels, each vector takes 4.
    const int64_t c = o % at_once;
    const int64_t vector = c % 8 / 4, lane = c / 8 * 4 + c % 4;
    int8_t* of_block = prepared.weights.data() + o / at_once * block;
    int64_t sum = 0;
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int16_t weight = weights.At(o, tap / p.kernel_w, tap % p.kernel_w, 0);
      sum += weight;
      const int64_t at = ((tap / 2 * 2 + vector) * tile.lanes + lane) * 2 + tap % 2;
      std::memcpy(of_block + 2 * at, &weight, sizeof(weight));
    }
    const int64_t bias = weights.bias != nullptr ? weights.bias[o] : 0;
    prepared.AddOffset(p, bias - qconv16::ZeroAsRead(p) * sum);
  }
  if (p.wide != 0) prepared.wide_offset.resize(static_cast<size_t>(RoundUp(p.cout, at_once)));
  return prepared;
}

}  // namespace qdepthwise16
}  // namespace whet::kernels
