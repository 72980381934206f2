#include "kernels/quantized/prelu.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"
#include "kernels/quantized/range.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                        \
  namespace ns {                                                     \
  void QuantizedPRelu(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace quantized_prelu {
namespace {

// The two differ in nothing but their names, by which a profile says what is computed with.
#define WHET_ROW(ns, isa) Row{"prelu/8bit/" #ns, Isa::isa, ns::QuantizedPRelu, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW
#define WHET_ROW(ns, isa) Row{"prelu/16bit/" #ns, Isa::isa, ns::QuantizedPRelu, Validate},
constexpr Row kRows16[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kBlock = 16384;  // elements

const char* Check(const Params& p) {
  if (!AreTypes(p.x_type, p.y_type)) return "prelu: the type is not supported";
  if (!IsZeroPoint(p.x_type, p.x_zero) || !IsZeroPoint(p.y_type, p.y_zero) ||
      !InRange(p.y_type, p.low, p.high))
    return "prelu: a zero point or bound is out of range";
  if (p.rows < 0 || p.channels < 1 || p.channels > kLargestSize || !IsBlock(p.block_rows))
    return "prelu: a size is out of range";
  return nullptr;
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  std::fill(std::begin(params->unused), std::end(params->unused), uint8_t{0});
  params->block_rows = std::max<int64_t>(1, kBlock / std::max<int64_t>(1, params->channels));
  if (const char* problem = Check(*params)) return Error(Code::kUnsupported, "%s", problem);
  *choice = {Is8Bit(params->x_type) ? BestRow(kRows, isa) : BestRow(kRows16, isa),
             CeilDiv(params->rows, params->block_rows), 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "prelu: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 3) return "prelu: needs three operands";
  const int64_t bytes = BitsOf(p.x_type) / 8;
  const int64_t sizes[] = {p.rows, p.channels};
  const int64_t y[] = {p.y_stride, 1}, x[] = {p.x_stride, 1};
  if (!FitsOnce(sizes, y, bytes, claim.operand_bytes[0])) return "prelu: the output is too small";
  if (!FitsOnce(sizes, x, bytes, claim.operand_bytes[1])) return "prelu: the input is too small";
  if (static_cast<uint64_t>(p.channels) > claim.operand_bytes[2] / sizeof(float))
    return "prelu: the slopes are too small";
  if (claim.units != CeilDiv(p.rows, p.block_rows)) return "prelu: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
  for (const Row& row : kRows16) rows->push_back(&row);
}

}  // namespace quantized_prelu
}  // namespace whet::kernels
