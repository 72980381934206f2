#include "kernels/quantized/softmax_8bit.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"
#include "kernels/quantized/range.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                     \
  namespace ns {                                                  \
  void Softmax8Bit(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace softmax_8bit {
namespace {

#define WHET_ROW(ns, isa) Row{"softmax/8bit/" #ns, Isa::isa, ns::Softmax8Bit, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kLongestAxis = int64_t{1} << 28;  // times 2^22 an i64 still holds

const char* Check(const Params& p) {
  if (!Is8Bit(p.in_type) || !Is8Bit(p.out_type)) return "softmax: the type is not supported";
  if (!IsZeroPoint(p.out_type, p.y_zero) || !InRange(p.out_type, p.low, p.high))
    return "softmax: a zero point or bound is out of range";
  if (p.outer < 0 || p.inner < 0 || p.axis < 1 || p.axis > kLongestAxis)
    return "softmax: a size is out of range";
  return nullptr;
}

// Nothing on overflow.
std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.outer, p.inner};
  return Product(factors);
}

// A vector store may run over the end of the line.
uint64_t ScratchOf(const Params& p) { return static_cast<uint64_t>(p.axis + 16) * 4; }

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  std::fill(std::begin(params->unused), std::end(params->unused), uint8_t{0});
  params->unused_too = 0;
  if (const char* problem = Check(*params)) return Error(Code::kUnsupported, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "softmax: more lines than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, ScratchOf(*params)};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "softmax: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 3) return "softmax: needs three operands";
  const int64_t factors[] = {p.outer, p.axis, p.inner};
  const std::optional<int64_t> elements = Product(factors);
  for (size_t i : {0u, 1u}) {
    if (!elements || static_cast<uint64_t>(*elements) > claim.operand_bytes[i])
      return "softmax: an operand is too small";
  }
  if (claim.operand_bytes[2] < 256 * 4) return "softmax: the table is too small";
  if (claim.scratch_bytes < ScratchOf(p)) return "softmax: the scratch is too small";
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "softmax: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace softmax_8bit
}  // namespace whet::kernels
