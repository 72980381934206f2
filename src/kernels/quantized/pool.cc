#include "kernels/quantized/pool.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"
#include "kernels/quantized/range.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                       \
  namespace ns {                                                    \
  void QuantizedPool(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace quantized_pool {
namespace {

// The two differ in nothing but their names, by which a profile says what is computed with.
#define WHET_ROW(ns, isa) Row{"pool/8bit/" #ns, Isa::isa, ns::QuantizedPool, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW
#define WHET_ROW(ns, isa) Row{"pool/16bit/" #ns, Isa::isa, ns::QuantizedPool, Validate},
constexpr Row kRows16[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

// So that the sum of a window fits an i32.
constexpr int64_t LargestWindow(DType type) { return int64_t{1} << (Is16Bit(type) ? 15 : 23); }

const char* Check(const Params& p) {
  if (const char* problem = pool::CheckWindow(p.window)) return problem;
  if (!AreTypes(p.in_type, p.out_type)) return "pool: the type is not supported";
  if (p.window.mode == pool::Mode::kMax) {
    return p.in_type == p.out_type ? nullptr : "pool: a maximum does not change the type";
  }
  const int64_t area =
      std::min(p.window.kernel_height, p.window.height) * std::min(p.window.kernel_width, p.window.width);
  if (area > LargestWindow(p.in_type)) return "pool: the window is too large for a sum of 32 bits";
  if (!IsZeroPoint(p.in_type, p.x_zero) || !IsZeroPoint(p.out_type, p.y_zero) ||
      !InRange(p.out_type, p.low, p.high)) {
    return "pool: a zero point or bound is out of range";
  }
  return nullptr;
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  params->window.unused = 0;
  std::fill(std::begin(params->unused), std::end(params->unused), uint8_t{0});
  pool::ChooseBlock(&params->window);
  if (const char* problem = Check(*params)) return Error(Code::kUnsupported, "%s", problem);
  const std::optional<int64_t> units = pool::UnitsOf(params->window);
  if (!units) return Error(Code::kLimitExceeded, "pool: the output has more rows than 64 bits count");
  *choice = {Is8Bit(params->in_type) ? BestRow(kRows, isa) : BestRow(kRows16, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "pool: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 2) return "pool: needs two operands";
  if (const char* problem = pool::CheckOperands(p.window, BitsOf(p.in_type) / 8, claim.operand_bytes[0],
                                                claim.operand_bytes[1])) {
    return problem;
  }
  const std::optional<int64_t> units = pool::UnitsOf(p.window);
  if (!units || *units != claim.units) return "pool: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
  for (const Row& row : kRows16) rows->push_back(&row);
}

}  // namespace quantized_pool
}  // namespace whet::kernels
