#include "kernels/qconv/qconv.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                               \
  namespace ns {                                            \
  void QConv(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_DOT_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace qconv {
namespace {

using conv::PixelsFit;

constexpr size_t kOperands = 10;

int64_t OutputBytes(DType output) { return output == DType::kF32 || output == DType::kI32 ? 4 : 1; }

template <int kTileM, int kTileN, int kLanes, Elements kElements>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "qconv: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = CheckParams(p)) return problem;
  if (p.m_tile < 1 || p.m_tile > kTileM) return "qconv: more pixels at once than the kernel has";
  if (p.n_block % kTileN != 0) return "qconv: blocks of channels are not whole panels";
  if (p.copies == 0 && (kElements == Elements::kWidened || ShiftOf(kElements, p.input) != 0)) {
    return "qconv: the kernel cannot read such an input in place";
  }

  const std::optional<int64_t> units = conv::UnitsOf(p);
  if (!units || *units != claim.units) return "qconv: wrong number of units";
  if (const char* problem = CheckOperands(p, claim.operand_bytes)) return problem;
  const ScratchLayout layout = LayOutScratch(p, kElements, kTileN);
  const int64_t weights[] = {p.groups, RoundUp(p.cout, kLanes), layout.segments,
                             RoundUp(layout.length, GroupOf(kElements))};
  const std::optional<int64_t> weight_count = Product(weights);
  if (!weight_count || static_cast<uint64_t>(*weight_count) > claim.operand_bytes[2])
    return "qconv: the weights are too small";
  if (static_cast<uint64_t>(layout.bytes) > claim.scratch_bytes) return "qconv: scratch is too small";
  return nullptr;
}

#define WHET_ROW(ns, isa, isa_name, m, n, lanes, elements)                                                   \
  TileRow {                                                                                                  \
    {"qconv/i8/" isa_name "/" #m "x" #n, Isa::isa, ns::QConv, Validate<m, n, lanes, Elements::elements>}, m, \
        n, lanes, Elements::elements                                                                         \
  }
constexpr TileRow kRows[] = {
    WHET_ROW(portable, kPortable, "portable", 4, 8, 4, kWidened),
#if defined(__x86_64__)
    WHET_ROW(avx2, kAvx2, "avx2", 6, 16, 8, kWidened),
    WHET_ROW(avx512, kAvx512, "avx512", 12, 32, 16, kWidened),
    WHET_ROW(avx512_vnni, kAvx512Vnni, "avx512-vnni", 12, 32, 16, kUnsigned),
#elif defined(__aarch64__)
    WHET_ROW(dotprod, kDotprod, "dotprod", 6, 16, 4, kSigned),
#endif
};
#undef WHET_ROW

const TileRow& Find(const Row& row) { return RowWithBase(kRows, row); }

}  // namespace

int64_t GroupOf(Elements elements) { return elements == Elements::kWidened ? 2 : 4; }

int32_t ShiftOf(Elements elements, DType input) {
  if (elements == Elements::kUnsigned && input == DType::kI8) return 128;
  if (elements == Elements::kSigned && input == DType::kU8) return -128;
  return 0;
}

const char* CheckParams(const Params& p) {
  if (const char* problem = conv::CheckGeometry(p)) return problem;
  if (p.input != DType::kI8 && p.input != DType::kU8) return "qconv: the input's type is not supported";
  if (p.output != DType::kI8 && p.output != DType::kU8 && p.output != DType::kI32 &&
      p.output != DType::kF32) {
    return "qconv: the output's type is not supported";
  }
  if (p.copies > 1) return "qconv: unknown way to read the input";
  for (int32_t value : {p.input_zero, p.output_zero, p.low, p.high}) {
    if (value < -128 || value > 255) return "qconv: a zero point or bound is out of range";
  }
  const bool is_signed = p.output == DType::kI8;
  const bool bounded = OutputBytes(p.output) == 1;
  if (bounded && (p.low < (is_signed ? -128 : 0) || p.high > (is_signed ? 127 : 255) || p.low > p.high)) {
    return "qconv: the bounds are not of the output's type";
  }
  return nullptr;
}

const char* CheckOperands(const Params& p, std::span<const uint64_t> bytes) {
  if (bytes.size() != kOperands) return "qconv: needs ten operands";
  const int64_t in_pixels = p.batch * p.in_h * p.in_w;
  const int64_t out_pixels = p.batch * p.out_h * p.out_w;
  if (!PixelsFit(out_pixels, p.groups, p.cout, p.out_stride, OutputBytes(p.output), bytes[0])) {
    return "qconv: the output is too small";
  }
  if (!PixelsFit(in_pixels, p.groups, p.cin, p.in_stride, 1, bytes[1]))
    return "qconv: the input is too small";
  const auto vector_fits = [&](size_t operand) {
    return PixelsFit(1, p.groups, p.cout, 0, 4, bytes[operand]);
  };
  if (!vector_fits(3)) return "qconv: the offset is too small";
  if (p.output != DType::kI32 && !vector_fits(4)) return "qconv: the multiplier is too small";
  if (bytes[5] != 0 && !vector_fits(5)) return "qconv: the weights' zero points are too small";
  if (bytes[6] != 0 && (p.output != DType::kF32 || !vector_fits(6))) return "qconv: the bias does not fit";
  if ((bytes[7] != 0) != (bytes[8] != 0)) return "qconv: an input's zero point needs the weights' sums";
  if (bytes[8] != 0 && !vector_fits(8)) return "qconv: the weights' sums are too small";
  if (bytes[9] != 0 && (p.output != DType::kF32 || bytes[9] < 4))
    return "qconv: the input's scale does not fit";
  return nullptr;
}

ScratchLayout LayOutScratch(const Params& p, Elements elements, int tile_n) {
  constexpr int64_t kSlack = kAlignment;  // copies are made by whole vectors
  const bool copies = p.copies != 0;
  ScratchLayout layout;
  layout.taps = p.kernel_h * p.kernel_w;
  layout.channels = p.cin;
  layout.segments = copies ? 1 : layout.taps;
  layout.length = copies ? layout.taps * p.cin : p.cin;
  const int64_t group = GroupOf(elements);
  layout.row_bytes = copies ? RoundUp(RoundUp(layout.length, group) * (4 / group) + kSlack, kAlignment) : 0;
  int64_t end = 0;
  const auto place = [&](int64_t size) {
    const int64_t at = end;
    end += RoundUp(size, kAlignment);
    return at;
  };
  layout.list = place(layout.taps * p.m_tile * int64_t{sizeof(void*)});
  layout.rows = place(p.m_tile * int64_t{sizeof(void*)});
  layout.padding = place(p.cin + kSlack);
  layout.copies = place(layout.row_bytes * p.m_tile + kSlack);
  layout.sums = place(p.m_tile * tile_n * int64_t{sizeof(int32_t)});
  layout.input_sums = place(p.m_tile * int64_t{sizeof(int32_t)});
  layout.bytes = end;
  return layout;
}

std::span<const TileRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const TileRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const TileRow& row, Params* p, Choice* choice) {
  p->m_block = p->n_block = 1;
  p->unused = 0;
  p->copies = 0;
  if (const char* problem = CheckParams(*p)) return Error(Code::kInvalidArgument, "%s", problem);

  const int64_t taps = p->kernel_h * p->kernel_w;
  const int64_t groups_of_k = CeilDiv(taps * p->cin, 4);  // a sum's work and bytes are those of so many f32
  const conv::Geometry& g = *p;
  const Blocking blocking =
      ChooseBlocking(g.groups, g.batch * g.out_h * g.out_w, g.cout, groups_of_k, row.tile_m, row.tile_n);
  p->m_tile = blocking.m_tile;
  p->m_block = blocking.m_block;
  p->n_block = blocking.n_block;
  // Short segments, and those that do not end with a group, cost more than a copy.
  constexpr int64_t kFewChannels = 32;
  const bool many_short = taps > 1 && (p->cin < kFewChannels || p->cin % 4 != 0);
  p->copies = row.elements == Elements::kWidened || ShiftOf(row.elements, p->input) != 0 || many_short;
  const std::optional<int64_t> units = conv::UnitsOf(*p);
  if (!units) return Error(Code::kLimitExceeded, "qconv: more units than 64 bits count");
  *choice = {&row.base, *units, static_cast<uint64_t>(LayOutScratch(*p, row.elements, row.tile_n).bytes)};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) { return Choose(BestOf(kRows, isa), params, choice); }

void Prepared::Resize(int64_t channels) {
  offset.resize(static_cast<size_t>(channels));
  weight_sums.resize(static_cast<size_t>(channels));
}

void Prepared::SetChannel(const Weights& given, int64_t o, int64_t k, uint32_t sum, int32_t input_zero,
                          bool fixed_zero) {
  const auto at = static_cast<size_t>(o);
  const int32_t zero = (given.zero != nullptr ? given.zero[o] : 0) - (given.type == DType::kU8 ? 128 : 0);
  if (zero != 0 && weight_zero.empty()) weight_zero.assign(offset.size(), 0);
  if (!weight_zero.empty()) weight_zero[at] = zero;
  const uint32_t difference = sum - static_cast<uint32_t>(k) * static_cast<uint32_t>(zero);
  uint32_t start = given.bias != nullptr ? static_cast<uint32_t>(given.bias[o]) : 0;
  if (fixed_zero) start -= static_cast<uint32_t>(input_zero) * difference;
  offset[at] = static_cast<int32_t>(start);
  weight_sums[at] = static_cast<int32_t>(difference);
}

Prepared Prepare(const Row& row, const Params& p, const Weights& weights, bool fixed_zero) {
  const TileRow& tile = Find(row);
  const ScratchLayout layout = LayOutScratch(p, tile.elements, tile.tile_n);
  const int64_t group = GroupOf(tile.elements);
  const int64_t length = RoundUp(layout.length, group);
  const int64_t k = layout.taps * p.cin;
  Prepared prepared;
  prepared.weights.assign(
      static_cast<size_t>(p.groups * RoundUp(p.cout, tile.lanes) * layout.segments * length), 0);
  prepared.Resize(p.groups * p.cout);
  int8_t* panel = prepared.weights.data();
  for (int64_t g = 0; g < p.groups; ++g) {
    for (int64_t first = 0; first < p.cout; first += tile.tile_n) {
      const int64_t columns = std::min<int64_t>(tile.tile_n, p.cout - first);
      const int64_t width = RoundUp(columns, tile.lanes);
      for (int64_t j = 0; j < columns; ++j) {
        const int64_t o = g * p.cout + first + j;
        uint32_t sum = 0;
        for (int64_t index = 0; index < k; ++index) {
          const int64_t tap = index / p.cin;
          const int8_t weight = weights.At(o, tap / p.kernel_w, tap % p.kernel_w, index % p.cin);
          sum += static_cast<uint32_t>(int32_t{weight});
          const int64_t position = index / layout.length * length + index % layout.length;
          panel[(position / group * width + j) * group + position % group] = weight;
        }
        prepared.SetChannel(weights, o, k, sum, p.input_zero + ShiftOf(tile.elements, p.input), fixed_zero);
      }
      panel += width * layout.segments * length;
    }
  }
  return prepared;
}

}  // namespace qconv
}  // namespace whet::kernels
