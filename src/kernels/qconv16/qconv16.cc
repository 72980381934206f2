#include "kernels/qconv16/qconv16.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                 \
  namespace ns {                                              \
  void QConv16(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_DOT_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace qconv16 {
namespace {

using conv::PixelsFit;

constexpr size_t kOperands = 6;
constexpr int64_t kGroup = 2;  // elements whose products the inner loop adds up at once

template <int kTileM, int kTileN, int kLanes>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "qconv16: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = CheckParams(p)) return problem;
  if (p.m_tile < 1 || p.m_tile > kTileM) return "qconv16: more pixels at once than the kernel has";
  if (p.n_block % kTileN != 0) return "qconv16: blocks of channels are not whole panels";
  if (p.copies == 0 && p.input == DType::kU16)
    return "qconv16: the kernel cannot read such an input in place";

  const std::optional<int64_t> units = conv::UnitsOf(p);
  if (!units || *units != claim.units) return "qconv16: wrong number of units";
  if (const char* problem = CheckOperands(p, claim.operand_bytes)) return problem;
  const ScratchLayout layout = LayOutScratch(p, kTileN);
  const int64_t weights[] = {p.groups, RoundUp(p.cout, kLanes), layout.segments,
                             RoundUp(layout.length, kGroup)};
  const std::optional<int64_t> weight_count = Product(weights);
  if (!weight_count || static_cast<uint64_t>(*weight_count) > claim.operand_bytes[2])
    return "qconv16: the weights are too small";
  if (static_cast<uint64_t>(layout.bytes) > claim.scratch_bytes) return "qconv16: scratch is too small";
  return nullptr;
}

#define WHET_ROW(ns, isa, isa_name, m, n, lanes)                                                       \
  TileRow {                                                                                            \
    {"qconv16/i16/" isa_name "/" #m "x" #n, Isa::isa, ns::QConv16, Validate<m, n, lanes>}, m, n, lanes \
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

}  // namespace

const char* CheckParams(const Params& p) {
  if (const char* problem = conv::CheckGeometry(p)) return problem;
  if (!Is16Bit(p.input)) return "qconv16: the input's type is not supported";
  const bool is_signed = p.output == DType::kI16 || p.output == DType::kI8;
  const bool integers = Is16Bit(p.output) || Is8Bit(p.output);
  if (!integers && p.output != DType::kF32) return "qconv16: the output's type is not supported";
  if (p.copies > 1 || p.wide > 1) return "qconv16: unknown way to read the input or to add up";
  if (p.wide != 0 && (p.chunk < 2 || p.chunk % 2 != 0)) return "qconv16: a chunk is out of range";
  const int32_t zero_low = p.input == DType::kI16 ? -32768 : 0;
  if (p.input_zero < zero_low || p.input_zero > zero_low + 65535)
    return "qconv16: the input's zero point is out of range";
  if (!integers) return nullptr;
  const int32_t span = Is16Bit(p.output) ? 65535 : 255, least = is_signed ? -(span + 1) / 2 : 0;
  for (int32_t value : {p.output_zero, p.low, p.high}) {
    if (value < least || value > least + span) return "qconv16: a zero point or bound is out of range";
  }
  return p.low > p.high ? "qconv16: the bounds are no range" : nullptr;
}

const char* CheckOperands(const Params& p, std::span<const uint64_t> bytes) {
  if (bytes.size() != kOperands) return "qconv16: needs six operands";
  const int64_t in_pixels = p.batch * p.in_h * p.in_w;
  const int64_t out_pixels = p.batch * p.out_h * p.out_w;
  if (!PixelsFit(out_pixels, p.groups, p.cout, p.out_stride, BitsOf(p.output) / 8, bytes[0])) {
    return "qconv16: the output is too small";
  }
  if (!PixelsFit(in_pixels, p.groups, p.cin, p.in_stride, 2, bytes[1]))
    return "qconv16: the input is too small";
  const auto vector_fits = [&](size_t operand, int64_t element_bytes) {
    return PixelsFit(1, p.groups, p.cout, 0, element_bytes, bytes[operand]);
  };
  if (!vector_fits(3, p.wide != 0 ? 8 : 4)) return "qconv16: the offset is too small";
  if (!vector_fits(4, 4)) return "qconv16: the multiplier is too small";
  if (bytes[5] != 0 && (p.output != DType::kF32 || !vector_fits(5, 4)))
    return "qconv16: the bias does not fit";
  return nullptr;
}

ScratchLayout LayOutScratch(const Params& p, int tile_n) {
  constexpr int64_t kSlack = kAlignment;  // copies are made by whole vectors
  const bool copies = p.copies != 0;
  ScratchLayout layout;
  layout.taps = p.kernel_h * p.kernel_w;
  layout.segments = copies ? 1 : layout.taps;
  layout.length = copies ? layout.taps * p.cin : p.cin;
  layout.row_bytes = copies ? RoundUp(2 * RoundUp(layout.length, kGroup) + kSlack, kAlignment) : 0;
  int64_t end = 0;
  const auto place = [&](int64_t size) {
    const int64_t at = end;
    end += RoundUp(size, kAlignment);
    return at;
  };
  layout.list = place(layout.taps * p.m_tile * int64_t{sizeof(void*)});
  layout.rows = place(p.m_tile * int64_t{sizeof(void*)});
  layout.padding = place(2 * p.cin + kSlack);
  layout.copies = place(layout.row_bytes * p.m_tile + kSlack);
  layout.sums = place(p.m_tile * tile_n * int64_t{sizeof(int32_t)});
  layout.totals = place(p.wide != 0 ? p.m_tile * tile_n * int64_t{sizeof(double)} : 0);
  layout.bytes = end;
  return layout;
}

std::span<const TileRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const TileRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const TileRow& row, const Weights& weights, Params* p, Choice* choice) {
  p->m_block = p->n_block = 1;
  p->chunk = p->wide = p->copies = 0;
  if (const char* problem = CheckParams(*p)) return Error(Code::kInvalidArgument, "%s", problem);
  const int64_t taps = p->kernel_h * p->kernel_w, k = taps * p->cin;
  Fit fit = Fit::kAll;  // of all channels
  for (int64_t o = 0; o < p->groups * p->cout && fit != Fit::kChunks; ++o) {
    const auto weight = [&](int64_t i) {
      return int64_t{weights.At(o, i / p->cin / p->kernel_w, i / p->cin % p->kernel_w, i % p->cin)};
    };
    fit = std::max(fit, FitOf(*p, weights.bias != nullptr ? weights.bias[o] : 0, k, weight));
  }
  p->wide = fit == Fit::kAll ? 0 : 1;
  if (fit == Fit::kProducts) p->chunk = uint32_t{1} << 31;
  if (fit == Fit::kChunks) p->chunk = kChunk;
  const conv::Geometry& g = *p;
  const Blocking blocking =
      ChooseBlocking(g.groups, g.batch * g.out_h * g.out_w, g.cout, CeilDiv(k, 4), row.tile_m, row.tile_n);
  p->m_tile = blocking.m_tile;
  p->m_block = blocking.m_block;
  p->n_block = blocking.n_block;
  // Short segments, and those that do not end with a group, cost more than a copy.
  constexpr int64_t kFewChannels = 16;
  const bool many_short = taps > 1 && (p->cin < kFewChannels || p->cin % kGroup != 0);
  p->copies = p->input == DType::kU16 || many_short ? 1 : 0;
  const std::optional<int64_t> units = conv::UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "qconv16: more units than 64 bits count");
  *choice = {&row.base, *units, static_cast<uint64_t>(LayOutScratch(*p, row.tile_n).bytes)};
  return OkStatus();
}

Status Choose(Isa isa, const Weights& weights, Params* params, Choice* choice) {
  return Choose(BestOf(kRows, isa), weights, params, choice);
}

Prepared Prepare(const Row& row, const Params& p, const Weights& weights) {
  const TileRow& tile = Find(row);
  const ScratchLayout layout = LayOutScratch(p, tile.tile_n);
  const int64_t length = RoundUp(layout.length, kGroup);
  const int64_t k = layout.taps * p.cin;
  const int64_t zero = ZeroAsRead(p);
  Prepared prepared;
  prepared.weights.assign(
      static_cast<size_t>(p.groups * RoundUp(p.cout, tile.lanes) * layout.segments * length), 0);
  int8_t* panel = prepared.weights.data();
  for (int64_t g = 0; g < p.groups; ++g) {
    for (int64_t first = 0; first < p.cout; first += tile.tile_n) {
      const int64_t columns = std::min<int64_t>(tile.tile_n, p.cout - first);
      const int64_t width = RoundUp(columns, tile.lanes);
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t o = g * p.cout + first + j;
        int64_t sum = 0;
        for (int64_t index = 0; index < k; ++index) {
          const int64_t tap = index / p.cin;
          const int8_t weight = weights.At(o, tap / p.kernel_w, tap % p.kernel_w, index % p.cin);
          sum += weight;
          const int64_t position = index / layout.length * length + index % layout.length;
          panel[(position / kGroup * width + j) * kGroup + position % kGroup] = weight;
        }
        prepared.AddOffset(p, (weights.bias != nullptr ? weights.bias[o] : 0) - zero * sum);
      }
      panel += width * layout.segments * length;
    }
  }
  return prepared;
}

}  // namespace qconv16
}  // namespace whet::kernels
