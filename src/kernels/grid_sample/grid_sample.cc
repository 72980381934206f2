#include "kernels/grid_sample/grid_sample.h"

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                       \
  namespace ns {                                                    \
  void GridSampleF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace grid_sample {
namespace {

#define WHET_ROW(ns, isa) Row{"grid_sample/f32/" #ns, Isa::isa, ns::GridSampleF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

const char* Check(const Params& p) {
  if (p.mode > Mode::kNearest) return "grid_sample: unknown mode";
  if (p.border > Border::kReflect) return "grid_sample: unknown border";
  if (p.align_corners > 1) return "grid_sample: unknown coordinates";
  if (p.batch < 0 || p.channels < 0 || p.points < 0) return "grid_sample: a size is negative";
  if (p.height < 1 || p.width < 1 || p.height > INT32_MAX || p.width > INT32_MAX) {
    return "grid_sample: the image's size is out of range";
  }
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.batch, CeilDiv(p.points, kPoints)};
  return Product(factors);
}

}  // namespace

Status Choose(Isa isa, const Params& params, Choice* choice) {
  if (const char* problem = Check(params)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(params);
  if (!units) return Error(Code::kLimitExceeded, "grid_sample: more points than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "grid_sample: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 3) return "grid_sample: needs three operands";
  const auto pixels_fit = [&](int64_t pixels, int64_t stride, uint64_t bytes) {
    const int64_t image[] = {p.batch, pixels};
    const std::optional<int64_t> all = Product(image);
    if (!all || stride < 0) return false;
    const int64_t sizes[] = {*all, p.channels}, strides[] = {stride, 1};
    return FitsOnce(sizes, strides, sizeof(float), bytes);
  };
  const int64_t image[] = {p.height, p.width};
  const std::optional<int64_t> pixels = Product(image);
  if (!pixels_fit(p.points, p.out_pixel_stride, claim.operand_bytes[0])) {
    return "grid_sample: the output is too small";
  }
  if (!pixels || !pixels_fit(*pixels, p.in_pixel_stride, claim.operand_bytes[1])) {
    return "grid_sample: the image is too small";
  }
  const int64_t sizes[] = {p.batch, p.points, 2};
  const std::optional<int64_t> coordinates = Product(sizes);
  if (!coordinates || static_cast<uint64_t>(*coordinates) > claim.operand_bytes[2] / sizeof(float)) {
    return "grid_sample: the grid is too small";
  }
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "grid_sample: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace grid_sample
}  // namespace whet::kernels
