#include "kernels/weight_gemm/weight_gemm.h"

#include <algorithm>
#include <cstring>

#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                    \
  namespace ns {                                                 \
  void WeightGemm(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace weight_gemm {
namespace {

const char* Check(const Params& p) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  if (p.m < 1 || p.m > kMostRows) return "weight_gemm: too many rows";
  if (p.n < 1 || p.n > kLimit || p.k < 1 || p.k > kLimit) return "weight_gemm: a dimension is out of range";
  if (p.group < 1 || p.group > p.k) return "weight_gemm: the groups are out of range";
  if (static_cast<uint32_t>(p.format) > 2 || p.has_zeros > 1) return "weight_gemm: unknown form of weights";
  if (p.format == Format::kU4 && p.group % 2 != 0 && p.group != p.k)
    return "weight_gemm: groups of an odd length";
  if (p.n_block < 1 || p.n_block > 2 * kLimit) return "weight_gemm: a block size is out of range";
  return nullptr;
}

template <int kColumns>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "weight_gemm: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (p.n_block % kColumns != 0) return "weight_gemm: blocks of columns are not whole panels";
  if (claim.units != CeilDiv(p.n, p.n_block)) return "weight_gemm: wrong number of units";
  if (claim.operand_bytes.size() != 6) return "weight_gemm: needs six operands";
  const uint64_t* bytes = claim.operand_bytes.data();
  const auto fits = [&](int64_t columns, int64_t ld, uint64_t available) {
    const int64_t sizes[] = {p.m, columns}, strides[] = {ld, 1};
    return Fits(sizes, strides, sizeof(float), available);
  };
  if (!fits(p.n, p.ldc, bytes[0])) return "weight_gemm: C is too small";
  if (!fits(p.k, p.lda, bytes[1])) return "weight_gemm: A is too small";
  const int64_t panels[] = {CeilDiv(p.n, kColumns), LayOutPanel(p, kColumns).bytes};
  const std::optional<int64_t> b = Product(panels);
  if (!b || static_cast<uint64_t>(*b) > bytes[2]) return "weight_gemm: B is too small";
  const uint64_t vector_bytes = static_cast<uint64_t>(p.n) * sizeof(float);
  if (bytes[3] != 0 && bytes[3] < vector_bytes) return "weight_gemm: the bias is too small";
  if (bytes[4] != 0 && !fits(p.n, p.ldr, bytes[4])) return "weight_gemm: the residual is too small";
  if (bytes[5] != 0 && bytes[5] < vector_bytes) return "weight_gemm: the slope is too small";
  return CheckEpilogue(p.epilogue, bytes[4] != 0, bytes[5] != 0);
}

#define WHET_ROW(ns, isa, columns) \
  PanelRow { {"weight_gemm/f32/" #ns, Isa::isa, ns::WeightGemm, Validate<columns>}, columns }
constexpr PanelRow kRows[] = {
    WHET_ROW(portable, kPortable, 8),
#if defined(__x86_64__)
    WHET_ROW(avx2, kAvx2, 16),
    WHET_ROW(avx512, kAvx512, 32),
#endif
};
#undef WHET_ROW

}  // namespace

std::span<const PanelRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const PanelRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const PanelRow& row, Params* p, Choice* choice) {
  p->n_block = row.columns;
  if (const char* problem = Check(*p)) return Error(Code::kUnsupported, "%s", problem);
  // Units to balance threads with, of bytes enough to be worth their start.
  constexpr int64_t kUnits = 32, kUnitBytes = 32 << 10;
  const int64_t panels = CeilDiv(p->n, row.columns);
  const int64_t enough = CeilDiv(kUnitBytes, LayOutPanel(*p, row.columns).bytes);
  p->n_block = std::min(std::max(CeilDiv(panels, kUnits), enough), panels) * row.columns;
  *choice = {&row.base, CeilDiv(p->n, p->n_block), 0};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) {
  const PanelRow* best = nullptr;
  for (const PanelRow& row : kRows) {
    if (row.base.isa <= isa && (best == nullptr || row.base.isa > best->base.isa)) best = &row;
  }
  return Choose(*best, params, choice);
}

PanelLayout LayOutPanel(const Params& p, int columns) {
  const auto bytes_of = [&](int64_t k) -> int64_t {
    switch (p.format) {
      case Format::kF16: return 2 * k * columns;
      case Format::kI8: return k * columns;
      default: return CeilDiv(k, 2) * columns;
    }
  };
  PanelLayout layout;
  layout.groups = CeilDiv(p.k, p.group);
  layout.scales = p.format == Format::kF16 ? 0 : columns * int64_t{sizeof(float)};
  layout.zeros = p.has_zeros != 0 ? columns : 0;
  layout.weights = bytes_of(p.group);
  layout.last_weights = bytes_of(p.k - (layout.groups - 1) * p.group);
  layout.bytes = layout.groups * (layout.scales + layout.zeros) + (layout.groups - 1) * layout.weights +
                 layout.last_weights;
  return layout;
}

std::vector<uint8_t> Pack(const Row& row, const Params& p, const Weights& weights) {
  const PanelRow& panel_row =
      *std::find_if(std::begin(kRows), std::end(kRows), [&](const PanelRow& r) { return &r.base == &row; });
  const int64_t columns = panel_row.columns;
  const PanelLayout layout = LayOutPanel(p, panel_row.columns);
  std::vector<uint8_t> packed(static_cast<size_t>(CeilDiv(p.n, columns) * layout.bytes), 0);
  uint8_t* to = packed.data();
  for (int64_t first = 0; first < p.n; first += columns) {
    const int64_t width = std::min(columns, p.n - first);
    for (int64_t g = 0; g < layout.groups; ++g) {
      const auto at = static_cast<size_t>(g * p.n + first);
      if (layout.scales > 0)
        std::memcpy(to, weights.scales.data() + at, static_cast<size_t>(width) * sizeof(float));
      to += layout.scales;
      for (int64_t j = 0; layout.zeros > 0 && j < width; ++j)
        to[j] = static_cast<uint8_t>(weights.zeros[at + static_cast<size_t>(j)]);
      to += layout.zeros;
      const int64_t end = std::min(p.k, (g + 1) * p.group);
      for (int64_t k = g * p.group; k < end; ++k) {
        const auto from = static_cast<size_t>(k * p.n + first);
        const int64_t step = k - g * p.group;
        for (int64_t j = 0; j < width; ++j) {
          const size_t element = from + static_cast<size_t>(j);
          if (p.format == Format::kF16) {
            std::memcpy(to + 2 * (step * columns + j), &weights.halves[element], sizeof(uint16_t));
          } else if (p.format == Format::kI8) {
            to[step * columns + j] = static_cast<uint8_t>(weights.integers[element]);
          } else {
            const int nibble = weights.integers[element] & 0xf;
            to[step / 2 * columns + j] |= static_cast<uint8_t>(step % 2 == 0 ? nibble : nibble << 4);
          }
        }
      }
      to += g + 1 < layout.groups ? layout.weights : layout.last_weights;
    }
  }
  return packed;
}

}  // namespace weight_gemm
}  // namespace whet::kernels
