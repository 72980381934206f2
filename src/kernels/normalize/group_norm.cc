#include "kernels/normalize/group_norm.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                      \
  namespace ns {                                                   \
  void GroupNormF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace group_norm {
namespace {

#define WHET_ROW(ns, isa) Row{"group_norm/f32/" #ns, Isa::isa, ns::GroupNormF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kChannelBlock = 64;
constexpr int64_t kLargestBlock = int64_t{1} << 24;

const char* Check(const Params& p) {
  if (p.batch < 0 || p.positions < 0 || p.channels < 0) return "group norm: a size is negative";
  if (p.group < 1 || p.channel_block < 1 || p.channel_block > kLargestBlock || p.channels % p.group != 0 ||
      p.channel_block % p.group != 0) {
    return "group norm: the channels do not divide into groups";
  }
  return nullptr;
}

// A vector store may run over the block.
uint64_t ScratchOf(const Params& p) {
  return 3 * sizeof(float) * static_cast<uint64_t>((p.channel_block + 15) / 16 * 16);
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.batch, CeilDiv(p.channels, p.channel_block)};
  return Product(factors);
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  params->unused = 0;
  params->channel_block = params->group;
  if (params->group > 0 && params->group < kChannelBlock) {
    params->channel_block =
        std::min(kChannelBlock / params->group * params->group, std::max(params->group, params->channels));
  }
  if (const char* problem = Check(*params)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "group norm has more groups than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, ScratchOf(*params)};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "group norm: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 4) return "group norm: needs four operands";
  const int64_t sizes[] = {p.batch, p.positions, p.channels};
  const int64_t strides[] = {p.batch_stride, p.position_stride, 1};
  for (size_t i = 0; i < 4; ++i) {
    const uint64_t bytes = claim.operand_bytes[i];
    if (i >= 2 && bytes == 0) continue;
    const size_t first = i < 2 ? 0 : 2;
    if (!FitsOnce({sizes + first, 3 - first}, {strides + first, 3 - first}, 4, bytes)) {
      return "group norm: an operand is too small";
    }
  }
  if (ScratchOf(p) > claim.scratch_bytes) return "group norm: the scratch is too small";
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "group norm: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace group_norm
}  // namespace whet::kernels
