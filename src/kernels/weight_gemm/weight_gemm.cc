#include "kernels/weight_gemm/weight_gemm.h"

#include <algorithm>

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
  if (const char* problem = stored::CheckForm(p.form, p.k)) return problem;
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
  const std::optional<int64_t> b = stored::PackedBytes(p.form, p.k, p.n, kColumns);
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
  const int64_t enough = CeilDiv(kUnitBytes, stored::LayOutPanel(p->form, p->k, row.columns).bytes);
  p->n_block = std::min(std::max(CeilDiv(panels, kUnits), enough), panels) * row.columns;
  *choice = {&row.base, CeilDiv(p->n, p->n_block), 0};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) { return Choose(BestOf(kRows, isa), params, choice); }

std::vector<uint8_t> Pack(const Row& row, const Params& p, const stored::Weights& weights) {
  const PanelRow& panel_row = RowWithBase(kRows, row);
  return stored::Pack(p.form, p.k, p.n, panel_row.columns, weights);
}

}  // namespace weight_gemm
}  // namespace whet::kernels
