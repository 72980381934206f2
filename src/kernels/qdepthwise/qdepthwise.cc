#include "kernels/qdepthwise/qdepthwise.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                    \
  namespace ns {                                                 \
  void QDepthwise(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_DOT_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace qdepthwise {
namespace {

using qconv::Elements;

// Channels computed at once: a group of taps fills a vector with so many channels' elements.
int64_t ChannelsAtOnce(Elements elements, int64_t lanes) { return lanes * qconv::GroupOf(elements); }

const char* Check(const Params& p, int64_t at_once) {
  if (const char* problem = qconv::CheckParams(p)) return problem;
  if (p.groups != 1 || p.cin != p.cout) return "qdepthwise: every channel has one kernel";
  if (p.m_tile != kTilePixels || p.copies != 0) return "qdepthwise: unknown way to read the input";
  if (p.n_block % at_once != 0) return "qdepthwise: blocks of channels are not whole vectors";
  return nullptr;
}

template <int kLanes, Elements kElements>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "qdepthwise: params have the wrong size";
  const Params& p = *read;
  const int64_t at_once = ChannelsAtOnce(kElements, kLanes);
  if (const char* problem = Check(p, at_once)) return problem;
  const std::optional<int64_t> units = conv::UnitsOf(p);
  if (!units || *units != claim.units) return "qdepthwise: wrong number of units";
  if (const char* problem = qconv::CheckOperands(p, claim.operand_bytes)) return problem;
  const ScratchLayout layout = qdepthwise::LayOutScratch(p, kElements, kLanes);
  const int64_t weights[] = {RoundUp(p.cout, at_once), layout.taps};
  const std::optional<int64_t> weight_count = Product(weights);
  if (!weight_count || static_cast<uint64_t>(*weight_count) > claim.operand_bytes[2]) {
    return "qdepthwise: the weights are too small";
  }
  if (static_cast<uint64_t>(layout.bytes) > claim.scratch_bytes) return "qdepthwise: scratch is too small";
  return nullptr;
}

#define WHET_ROW(ns, isa, isa_name, lanes, elements)                                                   \
  DepthwiseRow {                                                                                       \
    {"qdepthwise/i8/" isa_name, Isa::isa, ns::QDepthwise, Validate<lanes, Elements::elements>}, lanes, \
        Elements::elements                                                                             \
  }
constexpr DepthwiseRow kRows[] = {
    WHET_ROW(portable, kPortable, "portable", 4, kWidened),
#if defined(__x86_64__)
    WHET_ROW(avx2, kAvx2, "avx2", 8, kWidened),
    WHET_ROW(avx512, kAvx512, "avx512", 16, kWidened),
    WHET_ROW(avx512_vnni, kAvx512Vnni, "avx512-vnni", 16, kUnsigned),
#elif defined(__aarch64__)
    WHET_ROW(dotprod, kDotprod, "dotprod", 4, kSigned),
#endif
};
#undef WHET_ROW

const DepthwiseRow& Find(const Row& row) {
  return *std::find_if(std::begin(kRows), std::end(kRows),
                       [&](const DepthwiseRow& r) { return &r.base == &row; });
}

}  // namespace

ScratchLayout LayOutScratch(const Params& p, Elements elements, int lanes) {
  ScratchLayout layout;
  layout.taps = RoundUp(p.kernel_h * p.kernel_w, qconv::GroupOf(elements));
  int64_t end = 0;
  const auto place = [&](int64_t size) {
    const int64_t at = end;
    end += RoundUp(size, kAlignment);
    return at;
  };
  layout.list = place(layout.taps * kTilePixels * int64_t{sizeof(void*)});
  layout.padding = place(p.cin + kAlignment);
  layout.sums = place(kTilePixels * ChannelsAtOnce(elements, lanes) * int64_t{sizeof(int32_t)});
  layout.bytes = end;
  return layout;
}

std::span<const DepthwiseRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const DepthwiseRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const DepthwiseRow& row, Params* p, Choice* choice) {
  const int64_t at_once = ChannelsAtOnce(row.elements, row.lanes);
  p->m_tile = p->m_block = kTilePixels;
  p->n_block = at_once;
  p->copies = 0;
  p->unused = 0;
  if (const char* problem = Check(*p, at_once)) return Error(Code::kInvalidArgument, "%s", problem);
  // The list of pointers serves all channels of a unit; the weights of these should stay in the L1 cache.
  constexpr int64_t kBlockWeights = 8192;
  const int64_t taps = p->kernel_h * p->kernel_w;
  const int64_t all = CeilDiv(p->cout, at_once);
  const int64_t vectors = std::clamp<int64_t>(kBlockWeights / taps / at_once, 1, all);
  const int64_t blocks = CeilDiv(all, vectors);
  p->n_block = CeilDiv(all, blocks) * at_once;
  // Enough units to balance threads with.
  constexpr int64_t kUnits = 32;
  const int64_t tiles = CeilDiv(p->batch * p->out_h * p->out_w, kTilePixels);
  p->m_block = CeilDiv(tiles, std::clamp<int64_t>(kUnits / blocks, 1, tiles)) * kTilePixels;
  const std::optional<int64_t> units = conv::UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "qdepthwise: more units than 64 bits count");
  *choice = {&row.base, *units,
             static_cast<uint64_t>(qdepthwise::LayOutScratch(*p, row.elements, row.lanes).bytes)};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) {
  const DepthwiseRow* best = nullptr;
  for (const DepthwiseRow& row : kRows) {
    if (row.base.isa <= isa && (best == nullptr || row.base.isa > best->base.isa)) best = &row;
  }
  return Choose(*best, params, choice);
}

qconv::Prepared Prepare(const Row& row, const Params& p, const qconv::Weights& weights, bool fixed_zero) {
  const DepthwiseRow& tile = Find(row);
  const int64_t group = qconv::GroupOf(tile.elements);
  const int64_t at_once = ChannelsAtOnce(tile.elements, tile.lanes);
  const int64_t taps = p.kernel_h * p.kernel_w;
  const int64_t padded = RoundUp(taps, group);
  qconv::Prepared prepared;
  prepared.weights.assign(static_cast<size_t>(RoundUp(p.cout, at_once) * padded), 0);
  prepared.Resize(p.cout);
  // Registers of 128 bits are interleaved by themselves: of `span` successive channels, each vector takes 4.
  constexpr int64_t kSmallLanes = 4;
  const int64_t span = kSmallLanes * group;
  for (int64_t o = 0; o < p.cout; ++o) {
    const int64_t c = o % at_once;
    const int64_t vector = c % span / kSmallLanes;
    const int64_t lane = c / span * kSmallLanes + c % kSmallLanes;
    int8_t* block = prepared.weights.data() + o / at_once * at_once * padded;
    uint32_t sum = 0;
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int8_t weight = weights.At(o, tap / p.kernel_w, tap % p.kernel_w, 0);
      sum += static_cast<uint32_t>(int32_t{weight});
      block[((tap / group * group + vector) * tile.lanes + lane) * group + tap % group] = weight;
    }
    prepared.SetChannel(weights, o, taps, sum, p.input_zero + qconv::ShiftOf(tile.elements, p.input),
                        fixed_zero);
  }
  return prepared;
}

}  // namespace qdepthwise
}  // namespace whet::kernels
