#include "kernels/quantized/resize_8bit.h"

#include <algorithm>
#include <cmath>

#include "kernels/extent.h"
#include "kernels/isa_list.h"
#include "kernels/quantized/range.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                    \
  namespace ns {                                                 \
  void Resize8Bit(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace resize_8bit {
namespace {

#define WHET_ROW(ns, isa) Row{"resize/8bit/" #ns, Isa::isa, ns::Resize8Bit, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

const char* Check(const Params& p) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  if (p.batch < 0 || p.channels < 0 || p.channels > kLimit) return "resize: a size is out of range";
  for (int64_t size : {p.height, p.width, p.out_height, p.out_width}) {
    if (size < 1 || size >= kLimit) return "resize: a size is out of range";
  }
  if (!Is8Bit(p.in_type) || !Is8Bit(p.out_type)) return "resize: the type is not supported";
  if (p.nearest > 1) return "resize: unknown interpolation";
  if (p.nearest == 1) return p.in_type == p.out_type ? nullptr : "resize: nearest does not change the type";
  if (!IsZeroPoint(p.in_type, p.x_zero) || !IsZeroPoint(p.out_type, p.y_zero) ||
      !InRange(p.out_type, p.low, p.high)) {
    return "resize: a zero point or bound is out of range";
  }
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.batch, p.out_height};
  return Product(factors);
}

// Bytes; nothing on overflow. A vector store may run over the end of the row.
std::optional<int64_t> ScratchOf(const Params& p) {
  if (p.nearest == 1) return 0;
  const int64_t factors[] = {p.width, p.channels};
  const std::optional<int64_t> row = Product(factors);
  if (!row || *row > kLargestSize) return std::nullopt;
  return (*row + 16) * 4;
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  params->unused = 0;
  if (const char* problem = Check(*params)) return Error(Code::kUnsupported, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params), scratch = ScratchOf(*params);
  if (!units || !scratch) return Error(Code::kLimitExceeded, "resize: more elements than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, static_cast<uint64_t>(*scratch)};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "resize: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 4) return "resize: needs four operands";
  const int64_t out_sizes[] = {p.batch, p.out_height, p.out_width, p.channels};
  const int64_t out_strides[] = {p.out_batch_stride, p.out_row_stride, p.out_pixel_stride, 1};
  const int64_t in_sizes[] = {p.batch, p.height, p.width, p.channels};
  const int64_t in_strides[] = {p.in_batch_stride, p.in_row_stride, p.in_pixel_stride, 1};
  if (!FitsOnce(out_sizes, out_strides, 1, claim.operand_bytes[0])) return "resize: the output is too small";
  if (!FitsOnce(in_sizes, in_strides, 1, claim.operand_bytes[1])) return "resize: the input is too small";
  if (static_cast<uint64_t>(p.out_height) > claim.operand_bytes[2] / sizeof(Tap) ||
      static_cast<uint64_t>(p.out_width) > claim.operand_bytes[3] / sizeof(Tap)) {
    return "resize: the taps are too few";
  }
  const std::optional<int64_t> scratch = ScratchOf(p), units = UnitsOf(p);
  if (!scratch || static_cast<uint64_t>(*scratch) > claim.scratch_bytes)
    return "resize: the scratch is too small";
  if (!units || *units != claim.units) return "resize: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

std::vector<Tap> AxisTable(const resize::Axis& axis) {
  int64_t count = 0;
  const std::vector<resize::Tap> real = resize::AxisTable(axis, &count);
  if (count < 1 || count > 2) return {};
  std::vector<Tap> taps;
  const auto last = static_cast<int32_t>(axis.size - 1);
  for (size_t i = 0; i < real.size(); i += static_cast<size_t>(count)) {
    const int32_t first = std::clamp(real[i].index, 0, last);
    Tap tap{first, 0};
    if (count == 2) {
      const int32_t second = std::clamp(real[i + 1].index, 0, last);
      const auto weight =
          static_cast<int32_t>(std::lround(static_cast<double>(real[i + 1].weight) * (1 << kWeightBits)));
      if (second != first) tap.weight = std::clamp(weight, 0, 1 << kWeightBits);
    }
    taps.push_back(tap);
  }
  return taps;
}

}  // namespace resize_8bit
}  // namespace whet::kernels
