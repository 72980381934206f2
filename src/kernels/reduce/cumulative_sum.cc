#include "kernels/reduce/cumulative_sum.h"

#include <algorithm>

#include "kernels/extent.h"

namespace whet::kernels::cumulative_sum {
namespace {

constexpr int64_t kInnerBlock = 64;

// The compiler turns the loop over inner into vector code; along the axis each sum needs the one before it.
void Run(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  const int64_t blocks = CeilDiv(p.inner, p.inner_block);
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t first = unit % blocks * p.inner_block;
    const int64_t n = std::min(p.inner_block, p.inner - first);
    const int64_t at = unit / blocks * p.axis * p.inner + first;
    const float* in = static_cast<const float*>(args.operands[1]) + at;
    float* out = static_cast<float*>(args.operands[0]) + at;
    float sums[kInnerBlock] = {};
    for (int64_t i = 0; i < p.axis; ++i) {
      const int64_t row = (p.reverse != 0 ? p.axis - 1 - i : i) * p.inner;
      for (int64_t c = 0; c < n; ++c) {
        const float before = sums[c];
        sums[c] += in[row + c];
        out[row + c] = p.exclusive != 0 ? before : sums[c];
      }
    }
  }
}

constexpr Row kRow{"cumulative_sum/f32/portable", Isa::kPortable, Run, Validate};

const char* Check(const Params& p) {
  if (p.exclusive < 0 || p.exclusive > 1 || p.reverse < 0 || p.reverse > 1)
    return "cumulative sum: unknown kind";
  if (p.outer < 0 || p.axis < 0 || p.inner < 0 || p.inner_block < 1 || p.inner_block > kInnerBlock) {
    return "cumulative sum: a size is out of range";
  }
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.outer, CeilDiv(p.inner, p.inner_block)};
  return Product(factors);
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  params->inner_block = std::clamp<int64_t>(params->inner, 1, kInnerBlock);
  const std::optional<int64_t> units = UnitsOf(*params);
  const char* problem = Check(*params);
  if (problem == nullptr && (!units || isa < kRow.isa))
    problem = "cumulative sum: more rows than 64 bits count";
  if (problem != nullptr) return Error(Code::kInvalidArgument, "%s", problem);
  *choice = {&kRow, *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "cumulative sum: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 2) return "cumulative sum: needs two operands";
  const int64_t factors[] = {p.outer, p.axis, p.inner};
  const std::optional<int64_t> elements = Product(factors);
  const int64_t one = 1;
  for (uint64_t bytes : claim.operand_bytes) {
    if (!elements || !Fits({&*elements, 1}, {&one, 1}, 4, bytes))
      return "cumulative sum: an operand is too small";
  }
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "cumulative sum: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) { rows->push_back(&kRow); }

}  // namespace whet::kernels::cumulative_sum
