#include "kernels/convert/convert.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                 \
  namespace ns {                                              \
  void Convert(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace convert {
namespace {

#define WHET_ROW(ns, isa) Row{"convert/any/" #ns, Isa::isa, ns::Convert, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kBlock = 4096;
constexpr int64_t kLargestBlock = int64_t{1} << 31;

bool SupportsWithF32(DType type) {
  switch (type) {
    case DType::kF16:
    case DType::kBF16:
    case DType::kF64:
    case DType::kI8:
    case DType::kU8:
    case DType::kI16:
    case DType::kU16:
    case DType::kI32:
    case DType::kI64:
    case DType::kBool: return true;
    default: return false;
  }
}

bool IsPlainInteger(DType type) { return type == DType::kI32 || type == DType::kI64 || type == DType::kBool; }

}  // namespace

bool Supports(DType from, DType to) {
  if (from == DType::kF32) return SupportsWithF32(to);
  if (to == DType::kF32) return SupportsWithF32(from);
  return from != to && IsPlainInteger(from) && IsPlainInteger(to);
}

Status Choose(Isa isa, DType from, DType to, int64_t elements, Params* params, Choice* choice) {
  if (!Supports(from, to) || elements < 0) {
    return Error(Code::kUnsupported, "no kernel converts %lld elements of %s to %s",
                 static_cast<long long>(elements), std::string(DTypeName(from)).c_str(),
                 std::string(DTypeName(to)).c_str());
  }
  *params = {from, to, {}, elements, kBlock};
  *choice = {BestRow(kRows, isa), CeilDiv(elements, kBlock), 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "convert: params have the wrong size";
  const Params& p = *read;
  if (!Supports(p.from, p.to)) return "convert: the types are not supported";
  if (p.elements < 0 || p.block < 1 || p.block > kLargestBlock) return "convert: a size is out of range";
  if (claim.operand_bytes.size() != 2) return "convert: needs two operands";
  const int64_t one = 1;
  if (!Fits({&p.elements, 1}, {&one, 1}, BitsOf(p.to) / 8, claim.operand_bytes[0]) ||
      !Fits({&p.elements, 1}, {&one, 1}, BitsOf(p.from) / 8, claim.operand_bytes[1])) {
    return "convert: an operand is too small";
  }
  if (CeilDiv(p.elements, p.block) != claim.units) return "convert: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace convert
}  // namespace whet::kernels
