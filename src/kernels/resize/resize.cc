#include "kernels/resize/resize.h"

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                   \
  namespace ns {                                                \
  void ResizeF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace resize {
namespace {

#define WHET_ROW(ns, isa) Row{"resize/f32/" #ns, Isa::isa, ns::ResizeF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

const char* Check(const Params& p) {
  if (p.batch < 0 || p.channels < 0 || p.out_height < 0 || p.out_width < 0)
    return "resize: a size is negative";
  if (p.height < 1 || p.width < 1 || p.height > INT32_MAX || p.width > INT32_MAX) {
    return "resize: the input's size is out of range";
  }
  if (p.y_taps < 1 || p.x_taps < 1) return "resize: no taps";
  return nullptr;
}

// One row of the input, gaps between pixels included; a vector may run over its end. Nothing on overflow.
std::optional<uint64_t> ScratchOf(const Params& p) {
  if (p.y_taps == 1) return 0;
  int64_t floats = 0;
  if (p.in_pixel_stride < 0 || __builtin_mul_overflow(p.width - 1, p.in_pixel_stride, &floats) ||
      __builtin_add_overflow(floats, p.channels, &floats) || floats > (int64_t{1} << 40)) {
    return std::nullopt;
  }
  return sizeof(float) * static_cast<uint64_t>((floats + 31) / 16 * 16);
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.batch, p.out_height};
  return Product(factors);
}

}  // namespace

Status Choose(Isa isa, const Params& params, Choice* choice) {
  if (const char* problem = Check(params)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(params);
  const std::optional<uint64_t> scratch = ScratchOf(params);
  if (!units || !scratch) return Error(Code::kLimitExceeded, "resize: the image is too large");
  *choice = {BestRow(kRows, isa), *units, *scratch};
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
  const int64_t y_sizes[] = {p.out_height, p.y_taps}, y_strides[] = {p.y_taps, 1};
  const int64_t x_sizes[] = {p.out_width, p.x_taps}, x_strides[] = {p.x_taps, 1};
  if (!FitsOnce(out_sizes, out_strides, 4, claim.operand_bytes[0])) return "resize: the output is too small";
  if (!FitsOnce(in_sizes, in_strides, 4, claim.operand_bytes[1])) return "resize: the input is too small";
  if (!FitsOnce(y_sizes, y_strides, sizeof(Tap), claim.operand_bytes[2]) ||
      !FitsOnce(x_sizes, x_strides, sizeof(Tap), claim.operand_bytes[3])) {
    return "resize: a table of taps is too small";
  }
  const std::optional<uint64_t> scratch = ScratchOf(p);
  if (!scratch || *scratch > claim.scratch_bytes) return "resize: the scratch is too small";
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "resize: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace resize
}  // namespace whet::kernels
