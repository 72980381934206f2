#include "kernels/quantized/quantize.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                  \
  namespace ns {                                               \
  void Quantize(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace quantize {
namespace {

#define WHET_ROW(ns, isa) Row{"quantize/f32/" #ns, Isa::isa, ns::Quantize, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kBlock = 4096;
constexpr int64_t kLargestBlock = int64_t{1} << 31;

bool IsSupported(DType type, bool inverse) {
  return type == DType::kI8 || type == DType::kU8 || type == DType::kI16 || type == DType::kU16 ||
         (inverse && type == DType::kI32);
}

const char* Check(const Params& p) {
  if (p.inverse > 1 || !IsSupported(p.type, p.inverse == 1)) return "quantize: the type is not supported";
  if (p.outer < 0 || p.channels < 0 || p.inner < 0) return "quantize: a size is negative";
  if (p.block < 1 || p.block > kLargestBlock) return "quantize: the block is out of range";
  return nullptr;
}

// Rows times blocks of their elements.
std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t columns[] = {p.outer, CeilDiv(p.channels, p.block)};
  const int64_t rows[] = {p.outer, p.channels, CeilDiv(p.inner, p.block)};
  if (p.inner == 1) return Product(columns);
  return Product(rows);
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  std::fill(std::begin(params->unused), std::end(params->unused), uint8_t{0});
  params->block = kBlock;
  if (const char* problem = Check(*params)) return Error(Code::kUnsupported, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "quantize: more elements than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "quantize: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 4) return "quantize: needs four operands";
  const int64_t factors[] = {p.outer, p.channels, p.inner};
  const std::optional<int64_t> elements = Product(factors);
  const int64_t one = 1;
  const int64_t integer = BitsOf(p.type) / 8;
  const auto holds = [&](int64_t count, int64_t bytes, size_t operand) {
    return Fits({&count, 1}, {&one, 1}, bytes, claim.operand_bytes[operand]);
  };
  if (!elements || !holds(*elements, p.inverse != 0 ? 4 : integer, 0) ||
      !holds(*elements, p.inverse != 0 ? integer : 4, 1) || !holds(p.channels, 4, 2) ||
      (claim.operand_bytes[3] != 0 && !holds(p.channels, integer, 3))) {
    return "quantize: an operand is too small";
  }
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "quantize: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace quantize
}  // namespace whet::kernels
