#include "kernels/quantized/table.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                    \
  namespace ns {                                                 \
  void LookUp8Bit(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace table {
namespace {

#define WHET_ROW(ns, isa) Row{"table/8bit/" #ns, Isa::isa, ns::LookUp8Bit, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kBlock = 16384;

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {CeilDiv(p.rows, p.block_rows), CeilDiv(p.columns, p.block_columns)};
  return Product(factors);
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  Params& p = *params;
  if (p.rows < 0 || p.columns < 0) return Error(Code::kInvalidArgument, "table: a size is negative");
  int64_t elements = 0;
  if (__builtin_mul_overflow(p.rows, p.columns, &elements) || elements > kLargestSize) {
    return Error(Code::kLimitExceeded, "table: more elements than 64 bits count");
  }
  if (p.in_stride == p.columns && p.out_stride == p.columns) {
    p = {1, elements, elements, elements, 0, 0};
  }
  p.block_columns = std::clamp<int64_t>(p.columns, 1, kBlock);
  p.block_rows = std::clamp<int64_t>(kBlock / p.block_columns, 1, std::max<int64_t>(1, p.rows));
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units) return Error(Code::kLimitExceeded, "table: more elements than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "table: params have the wrong size";
  const Params& p = *read;
  if (p.rows < 0 || p.columns < 0) return "table: a size is negative";
  if (!IsBlock(p.block_rows) || !IsBlock(p.block_columns)) return "table: a block is out of range";
  if (claim.operand_bytes.size() != 3) return "table: needs three operands";
  const int64_t sizes[] = {p.rows, p.columns};
  const int64_t out[] = {p.out_stride, 1}, in[] = {p.in_stride, 1};
  if (!FitsOnce(sizes, out, 1, claim.operand_bytes[0])) return "table: the output is too small";
  if (!FitsOnce(sizes, in, 1, claim.operand_bytes[1])) return "table: the input is too small";
  if (claim.operand_bytes[2] < 256) return "table: the table is too small";
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "table: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace table
}  // namespace whet::kernels
