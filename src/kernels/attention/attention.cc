#include "kernels/attention/attention.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                      \
  namespace ns {                                                   \
  void AttentionF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace attention {
namespace {

// So many keys' scores with a block of queries stay in the first-level cache.
constexpr int64_t kKeyBlock = 144;
constexpr int64_t kKeyBlockStep = 12;

const char* Check(const Params& p) {
  for (int64_t size : {p.batch, p.heads, p.kv_heads, p.queries, p.keys, p.size, p.value_size}) {
    if (size < 1 || size > kLargestSize) return "attention: a size is out of range";
  }
  if (p.heads % p.kv_heads != 0) return "attention: heads do not divide into groups";
  if (p.causal != 0 && p.causal != 1) return "attention: unknown kind of mask";
  if (p.causal_offset < 0 || p.causal_offset > kLargestSize || !IsBlock(p.key_block))
    return "attention: a size is out of range";
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p, int64_t query_block) {
  const int64_t factors[] = {p.batch, p.heads, CeilDiv(p.queries, query_block)};
  return Product(factors);
}

// The queries, the scores and the mask of a block of keys, the average so far, and per query the largest
// score, the sum and the correction.
std::optional<int64_t> ScratchOf(const Params& p, int64_t query_block) {
  const int64_t sizes[] = {p.size, p.value_size, p.key_block, p.key_block, 3};
  int64_t rows = 0;
  for (int64_t size : sizes) {
    if (__builtin_add_overflow(rows, size, &rows)) return std::nullopt;
  }
  const int64_t factors[] = {rows, query_block, static_cast<int64_t>(sizeof(float))};
  return Product(factors);
}

bool IsInside(int64_t batch, int64_t heads, int64_t rows, int64_t columns, const Strides& strides,
              uint64_t bytes) {
  const int64_t sizes[] = {batch, heads, rows, columns};
  const int64_t distances[] = {strides.batch, strides.head, strides.row, 1};
  return FitsOnce(sizes, distances, sizeof(float), bytes);
}

template <Isa isa>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "attention: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 5) return "attention: needs five operands";
  const auto bytes = claim.operand_bytes;
  if (!IsInside(p.batch, p.heads, p.queries, p.value_size, p.y, bytes[0]) ||
      !IsInside(p.batch, p.heads, p.queries, p.size, p.query, bytes[1]) ||
      !IsInside(p.batch, p.kv_heads, p.keys, p.size, p.key, bytes[2]) ||
      !IsInside(p.batch, p.kv_heads, p.keys, p.value_size, p.value, bytes[3])) {
    return "attention: an operand is too small";
  }
  if (bytes[4] != 0) {
    const int64_t sizes[] = {p.batch, p.heads, p.queries, p.keys};
    const int64_t strides[] = {p.mask.batch, p.mask.head, p.mask.row, p.mask_key};
    if (!Fits(sizes, strides, sizeof(float), bytes[4])) return "attention: the mask is too small";
  }
  const std::optional<int64_t> units = UnitsOf(p, QueryBlock(isa));
  if (!units || *units != claim.units) return "attention: wrong number of units";
  const std::optional<int64_t> scratch = ScratchOf(p, QueryBlock(isa));
  if (!scratch || static_cast<uint64_t>(*scratch) > claim.scratch_bytes)
    return "attention: scratch is too small";
  return nullptr;
}

#define WHET_ROW(ns, isa) Row{"attention/f32/" #ns, Isa::isa, ns::AttentionF32, Validate<Isa::isa>},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  const Row* row = BestRow(kRows, isa);
  const int64_t blocks = CeilDiv(std::clamp<int64_t>(params->keys, 1, kLargestSize), kKeyBlock);
  const int64_t even = CeilDiv(std::clamp<int64_t>(params->keys, 1, kLargestSize), blocks);
  params->key_block = CeilDiv(even, kKeyBlockStep) * kKeyBlockStep;
  if (const char* problem = Check(*params)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params, QueryBlock(row->isa));
  const std::optional<int64_t> scratch = ScratchOf(*params, QueryBlock(row->isa));
  if (!units || !scratch) return Error(Code::kLimitExceeded, "attention is larger than 64 bits count");
  *choice = {row, *units, static_cast<uint64_t>(*scratch)};
  return OkStatus();
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace attention
}  // namespace whet::kernels
