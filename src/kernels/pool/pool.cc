#include "kernels/pool/pool.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                 \
  namespace ns {                                              \
  void PoolF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace pool {
namespace {

#define WHET_ROW(ns, isa) Row{"pool/f32/" #ns, Isa::isa, ns::PoolF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

// Below so many rows, threads share the channels of a row.
constexpr int64_t kFewRows = 8;
constexpr int64_t kChannelBlock = 64;

// What is wrong with one spatial dimension, or null. Positions inside the padded image must be far from
// overflow.
const char* CheckDimension(int64_t size, int64_t out, int64_t kernel, int64_t stride, int64_t dilation,
                           int64_t pad_before, int64_t pad_after) {
  constexpr int64_t kLimit = int64_t{1} << 31;
  for (int64_t value : {size, out, pad_before, pad_after}) {
    if (value < 0 || value > kLimit) return "pool: a size or padding is out of range";
  }
  for (int64_t value : {kernel, stride, dilation}) {
    if (value < 1 || value > kLimit) return "pool: a kernel size, stride or dilation is out of range";
  }
  return nullptr;
}

}  // namespace

std::optional<int64_t> UnitsOf(const Params& params) {
  const int64_t factors[] = {params.batch, params.out_height, CeilDiv(params.channels, params.channel_block)};
  return Product(factors);
}

const char* CheckWindow(const Params& p) {
  if (p.mode < Mode::kMax || p.mode > Mode::kAverageIncludingPad) return "pool: unknown mode";
  if (p.batch < 0 || p.channels < 0 || !IsBlock(p.channel_block)) return "pool: a size is out of range";
  if (const char* problem = CheckDimension(p.height, p.out_height, p.kernel_height, p.stride_height,
                                           p.dilation_height, p.pad_top, p.pad_bottom)) {
    return problem;
  }
  return CheckDimension(p.width, p.out_width, p.kernel_width, p.stride_width, p.dilation_width, p.pad_left,
                        p.pad_right);
}

const char* CheckOperands(const Params& p, int64_t element_bytes, uint64_t out_bytes, uint64_t in_bytes) {
  const int64_t out_sizes[] = {p.batch, p.out_height, p.out_width, p.channels};
  const int64_t out_strides[] = {p.out_batch_stride, p.out_row_stride, p.out_pixel_stride, 1};
  const int64_t in_sizes[] = {p.batch, p.height, p.width, p.channels};
  const int64_t in_strides[] = {p.in_batch_stride, p.in_row_stride, p.in_pixel_stride, 1};
  if (!FitsOnce(out_sizes, out_strides, element_bytes, out_bytes)) return "pool: the output is too small";
  if (!FitsOnce(in_sizes, in_strides, element_bytes, in_bytes)) return "pool: the input is too small";
  return nullptr;
}

void ChooseBlock(Params* params) {
  params->channel_block = std::max<int64_t>(1, params->channels);
  if (params->batch * params->out_height < kFewRows) {
    params->channel_block = std::min(params->channel_block, kChannelBlock);
  }
}

Status Choose(Isa isa, Params* params, Choice* choice) {
  params->unused = 0;
  ChooseBlock(params);
  if (const char* problem = CheckWindow(*params)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "pool: the output has more rows than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "pool: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = CheckWindow(p)) return problem;
  if (claim.operand_bytes.size() != 2) return "pool: needs two operands";
  if (const char* problem = CheckOperands(p, 4, claim.operand_bytes[0], claim.operand_bytes[1]))
    return problem;
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "pool: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace pool
}  // namespace whet::kernels
