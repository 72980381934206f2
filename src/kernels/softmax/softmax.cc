#include "kernels/softmax/softmax.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                    \
  namespace ns {                                                 \
  void SoftmaxF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace softmax {
namespace {

#define WHET_ROW(ns, isa) Row{"softmax/f32/" #ns, Isa::isa, ns::SoftmaxF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kInnerBlock = 64;

const char* Check(const Params& p) {
  if (p.logarithm != 0 && p.logarithm != 1) return "softmax: unknown kind";
  if (p.outer < 0 || p.axis < 0 || p.inner < 0 || !IsBlock(p.inner_block))
    return "softmax: a size is out of range";
  if (p.inner == 1 && p.axis > 1 && p.axis_stride != 1) return "softmax: a row is not contiguous";
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.outer, CeilDiv(p.inner, p.inner_block)};
  return Product(factors);
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  params->inner_block = std::clamp<int64_t>(params->inner, 1, kInnerBlock);
  if (const char* problem = Check(*params)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "softmax has more rows than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "softmax: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 2) return "softmax: needs two operands";
  const int64_t sizes[] = {p.outer, p.axis, p.inner};
  const int64_t strides[] = {p.outer_stride, p.axis_stride, 1};
  for (uint64_t bytes : claim.operand_bytes) {
    if (!FitsOnce(sizes, strides, 4, bytes)) return "softmax: an operand is too small";
  }
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "softmax: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace softmax
}  // namespace whet::kernels
