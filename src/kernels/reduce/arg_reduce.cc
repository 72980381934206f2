#include "kernels/reduce/arg_reduce.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                      \
  namespace ns {                                                   \
  void ArgReduceF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace arg_reduce {
namespace {

#define WHET_ROW(ns, isa) Row{"arg_reduce/f32/" #ns, Isa::isa, ns::ArgReduceF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kInnerBlock = 64;

const char* Check(const Params& p) {
  if (p.smallest < 0 || p.smallest > 1 || p.last < 0 || p.last > 1) return "arg reduce: unknown kind";
  if (p.index_type != DType::kI32 && p.index_type != DType::kI64)
    return "arg reduce: indices must be i32 or i64";
  if (p.outer < 0 || p.inner < 0 || !IsBlock(p.inner_block) || p.axis < 1 || p.axis > INT32_MAX) {
    return "arg reduce: a size is out of range";
  }
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.outer, CeilDiv(p.inner, p.inner_block)};
  return Product(factors);
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  std::fill(std::begin(params->unused), std::end(params->unused), uint8_t{0});
  params->inner_block = std::clamp<int64_t>(params->inner, 1, kInnerBlock);
  if (const char* problem = Check(*params)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "arg reduce has more outputs than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "arg reduce: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 2) return "arg reduce: needs two operands";
  const int64_t out_factors[] = {p.outer, p.inner}, in_factors[] = {p.outer, p.axis, p.inner};
  const std::optional<int64_t> outputs = Product(out_factors), inputs = Product(in_factors);
  const int64_t one = 1;
  if (!outputs || !inputs ||
      !Fits({&*outputs, 1}, {&one, 1}, BitsOf(p.index_type) / 8, claim.operand_bytes[0]) ||
      !Fits({&*inputs, 1}, {&one, 1}, 4, claim.operand_bytes[1])) {
    return "arg reduce: an operand is too small";
  }
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "arg reduce: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace arg_reduce
}  // namespace whet::kernels
