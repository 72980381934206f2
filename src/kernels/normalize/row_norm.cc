#include "kernels/normalize/row_norm.h"

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                    \
  namespace ns {                                                 \
  void RowNormF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace row_norm {
namespace {

#define WHET_ROW(ns, isa) Row{"row_norm/f32/" #ns, Isa::isa, ns::RowNormF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

const char* Check(const Params& p) {
  if (p.kind < Kind::kLayer || p.kind > Kind::kL2Plus) return "row norm: unknown kind";
  if (p.rows < 0 || p.size < 0) return "row norm: a size is negative";
  return nullptr;
}

}  // namespace

Status Choose(Isa isa, const Params& params, Choice* choice) {
  if (const char* problem = Check(params)) return Error(Code::kInvalidArgument, "%s", problem);
  *choice = {BestRow(kRows, isa), params.rows, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "row norm: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 4) return "row norm: needs four operands";
  const int64_t sizes[] = {p.rows, p.size};
  const int64_t out_strides[] = {p.out_stride, 1}, in_strides[] = {p.in_stride, 1};
  if (!FitsOnce(sizes, out_strides, 4, claim.operand_bytes[0])) return "row norm: the output is too small";
  if (!FitsOnce(sizes, in_strides, 4, claim.operand_bytes[1])) return "row norm: the input is too small";
  for (size_t i : {2, 3}) {
    const uint64_t bytes = claim.operand_bytes[i];
    if (bytes != 0 && !FitsOnce({sizes + 1, 1}, {in_strides + 1, 1}, 4, bytes)) {
      return "row norm: scale or shift is too small";
    }
  }
  if (p.rows != claim.units) return "row norm: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace row_norm
}  // namespace whet::kernels
