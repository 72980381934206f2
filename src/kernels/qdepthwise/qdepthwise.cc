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

// Channels computed at once: those of a vector of bytes.
constexpr int64_t ChannelsAtOnce(int64_t lanes) { return 4 * lanes; }

const char* Check(const Params& p, int64_t at_once) {
  if (const char* problem = qconv::CheckParams(p)) return problem;
  if (p.groups != 1 || p.cin != p.cout) return "qdepthwise: every channel has one kernel";
  if (p.m_tile != kStrip || p.copies != 0) return "qdepthwise: unknown way to read the input";
  if (p.n_block % at_once != 0) return "qdepthwise: blocks of channels are not whole vectors";
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {CeilDiv(p.cout, p.n_block), CeilDiv(p.batch * p.out_h, p.m_block)};
  return Product(factors);
}

// Bytes of the weights of the channels computed at once.
int64_t BlockWeights(const Params& p, int parts, int64_t at_once) {
  return parts * p.kernel_w * QuadsOf(p) * 4 * at_once;
}

template <int kLanes, int kParts>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "qdepthwise: params have the wrong size";
  const Params& p = *read;
  constexpr int64_t kAtOnce = ChannelsAtOnce(kLanes);
  if (const char* problem = Check(p, kAtOnce)) return problem;
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "qdepthwise: wrong number of units";
  if (const char* problem = qconv::CheckOperands(p, claim.operand_bytes)) return problem;
  const int64_t weights[] = {CeilDiv(p.cout, kAtOnce), BlockWeights(p, kParts, kAtOnce)};
  const std::optional<int64_t> weight_count = Product(weights);
  if (!weight_count || static_cast<uint64_t>(*weight_count) > claim.operand_bytes[2]) {
    return "qdepthwise: the weights are too small";
  }
  if (static_cast<uint64_t>(qdepthwise::LayOutScratch(p, kLanes).bytes) > claim.scratch_bytes)
    return "qdepthwise: scratch is too small";
  return nullptr;
}

#define WHET_ROW(ns, isa, isa_name, lanes, elements, parts)                               \
  DepthwiseRow {                                                                          \
    {"qdepthwise/i8/" isa_name, Isa::isa, ns::QDepthwise, Validate<lanes, parts>}, lanes, \
        Elements::elements, parts                                                         \
  }
constexpr DepthwiseRow kRows[] = {
    WHET_ROW(portable, kPortable, "portable", 4, kUnsigned, 1),
#if defined(__x86_64__)
    WHET_ROW(avx2, kAvx2, "avx2", 8, kUnsigned, 2),
    WHET_ROW(avx512, kAvx512, "avx512", 16, kUnsigned, 2),
    WHET_ROW(avx512_vnni, kAvx512Vnni, "avx512-vnni", 16, kUnsigned, 1),
#elif defined(__aarch64__)
    WHET_ROW(dotprod, kDotprod, "dotprod", 4, kSigned, 1),
#endif
};
#undef WHET_ROW

const DepthwiseRow& Find(const Row& row) { return RowWithBase(kRows, row); }

// A pair of weights, and what is left for the second part: nothing, if DotQuads is exact for them.
struct Pair {
  int first, second;
};
void SplitPair(Pair* pair, Pair* rest) {
  const int positive = std::max(pair->first, 0) + std::max(pair->second, 0);
  const int negative = std::min(pair->first, 0) + std::min(pair->second, 0);
  if (positive <= 128 && negative >= -128) return;
  *rest = {pair->first / 2, pair->second / 2};
  *pair = {pair->first - rest->first, pair->second - rest->second};
}

}  // namespace

ScratchLayout LayOutScratch(const Params& p, int lanes) {
  ScratchLayout layout;
  layout.columns = (kStrip - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
  int64_t end = 0;
  const auto place = [&](int64_t size) {
    const int64_t at = end;
    end += RoundUp(size, kAlignment);
    return at;
  };
  const int64_t at_once = ChannelsAtOnce(lanes);
  layout.padding = place(p.cin + kAlignment);
  layout.quads = place(layout.columns * QuadsOf(p) * 4 * at_once);
  layout.sums = place(kStrip * at_once * int64_t{sizeof(int32_t)});
  layout.bytes = end;
  return layout;
}

std::span<const DepthwiseRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const DepthwiseRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const DepthwiseRow& row, Params* p, Choice* choice) {
  const int64_t at_once = ChannelsAtOnce(row.lanes);
  p->m_tile = kStrip;
  p->m_block = 1;
  p->n_block = at_once;
  p->copies = 0;
  p->unused = 0;
  if (const char* problem = Check(*p, at_once)) return Error(Code::kInvalidArgument, "%s", problem);
  // Enough units to balance threads with; what they read of a row should fill lines of the cache.
  constexpr int64_t kUnits = 16;
  const int64_t rows = p->batch * p->out_h;
  p->m_block = CeilDiv(rows, std::min(rows, kUnits));
  const int64_t chunks = CeilDiv(p->cout, at_once);
  const int64_t blocks = std::clamp<int64_t>(kUnits / rows, 1, chunks);
  p->n_block = CeilDiv(chunks, blocks) * at_once;
  const std::optional<int64_t> units = UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "qdepthwise: more units than 64 bits count");
  *choice = {&row.base, *units, static_cast<uint64_t>(qdepthwise::LayOutScratch(*p, row.lanes).bytes)};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) { return Choose(BestOf(kRows, isa), params, choice); }

// [channels at once][part][kernel column][quad][vector][lane][element of the quad]
qconv::Prepared Prepare(const Row& row, const Params& p, const qconv::Weights& weights, bool fixed_zero) {
  const DepthwiseRow& tile = Find(row);
  const int64_t at_once = ChannelsAtOnce(tile.lanes);
  const int64_t quads = QuadsOf(p);
  const int64_t block = BlockWeights(p, tile.parts, at_once);
  qconv::Prepared prepared;
  prepared.weights.assign(static_cast<size_t>(CeilDiv(p.cout, at_once) * block), 0);
  prepared.Resize(p.cout);
  for (int64_t o = 0; o < p.cout; ++o) {
    // Registers of 128 bits are interleaved by themselves: of 16 successive channels, each vector takes 4.
    const int64_t c = o % at_once;
    const int64_t vector = c % 16 / 4;
    const int64_t lane = c / 16 * 4 + c % 4;
    const int64_t shares = SharesOf(std::min(at_once, p.cout - (o - c)), at_once);
    const int64_t lanes_of_share = tile.lanes / shares;
    int8_t* of_block = prepared.weights.data() + o / at_once * block;
    uint32_t sum = 0;
    for (int64_t x = 0; x < p.kernel_w; ++x) {
      for (int64_t q = 0; q < quads; ++q) {
        int8_t* to = of_block + (((x * quads + q) * 4 + vector) * tile.lanes + lane) * 4;
        int8_t* rest_to = to + block / tile.parts;
        for (int64_t i = 0; i < 4; i += 2) {
          const auto at = [&](int64_t y) { return y < p.kernel_h ? int{weights.At(o, y, x, 0)} : 0; };
          Pair pair{at(RowOfQuad(quads, q, i)), at(RowOfQuad(quads, q, i + 1))};
          sum += static_cast<uint32_t>(pair.first + pair.second);
          if (tile.parts == 2) {
            Pair rest{0, 0};
            SplitPair(&pair, &rest);
            rest_to[i] = static_cast<int8_t>(rest.first);
            rest_to[i + 1] = static_cast<int8_t>(rest.second);
          }
          to[i] = static_cast<int8_t>(pair.first);
          to[i + 1] = static_cast<int8_t>(pair.second);
        }
        for (int64_t share = 1; share < shares; ++share) {
          std::copy_n(to, 4, to + share * lanes_of_share * 4);
          if (tile.parts == 2) std::copy_n(rest_to, 4, rest_to + share * lanes_of_share * 4);
        }
      }
    }
    prepared.SetChannel(weights, o, p.kernel_h * p.kernel_w, sum,
                        p.input_zero + qconv::ShiftOf(tile.elements, p.input), fixed_zero);
  }
  return prepared;
}

}  // namespace qdepthwise
}  // namespace whet::kernels
