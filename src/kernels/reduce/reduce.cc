#include "kernels/reduce/reduce.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                   \
  namespace ns {                                                \
  void ReduceF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace reduce {
namespace {

#define WHET_ROW(ns, isa) Row{"reduce/f32/" #ns, Isa::isa, ns::ReduceF32, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kInnerBlock = 64;

struct Dim {
  int64_t size, stride;
  bool reduced;
};

std::optional<int64_t> UnitsOf(const Params& p) {
  const std::optional<int64_t> outer = Product({p.kept_size, static_cast<size_t>(p.kept_dims)});
  if (!outer) return std::nullopt;
  const int64_t factors[] = {*outer, CeilDiv(p.inner, p.inner_block)};
  return Product(factors);
}

}  // namespace

Status Choose(Isa isa, Op op, std::span<const int64_t> sizes, std::span<const int64_t> in_strides,
              const std::vector<bool>& reduce, Params* params, Choice* choice) {
  if (sizes.size() != in_strides.size() || sizes.size() != reduce.size()) {
    return Error(Code::kInvalidArgument, "reduce: %zu dimensions but %zu strides and %zu flags", sizes.size(),
                 in_strides.size(), reduce.size());
  }
  std::vector<Dim> merged;
  for (size_t d = 0; d < sizes.size(); ++d) {
    const Dim dim{sizes[d], in_strides[d], reduce[d]};
    if (dim.size == 1) continue;
    if (!merged.empty() && merged.back().reduced == dim.reduced &&
        merged.back().stride == dim.stride * dim.size) {
      merged.back() = {merged.back().size * dim.size, dim.stride, dim.reduced};
    } else {
      merged.push_back(dim);
    }
  }
  std::vector<Dim> kept, reduced;
  for (const Dim& dim : merged) (dim.reduced ? reduced : kept).push_back(dim);
  std::stable_sort(reduced.begin(), reduced.end(),
                   [](const Dim& a, const Dim& b) { return a.stride > b.stride; });
  *params = {};
  params->op = op;
  params->inner = 1;
  if (!kept.empty() && kept.back().stride == 1) {
    params->inner = kept.back().size;
    kept.pop_back();
  }
  if (reduced.empty()) reduced.push_back({1, 1, true});
  if (kept.size() > kMaxDims || reduced.size() > kMaxDims) {
    return Error(Code::kUnsupported, "reduce needs %zu and %zu loops; the limit is %d each", kept.size(),
                 reduced.size(), kMaxDims);
  }
  params->kept_dims = static_cast<int32_t>(kept.size());
  params->reduced_dims = static_cast<int32_t>(reduced.size());
  for (size_t i = 0; i < kept.size(); ++i) {
    params->kept_size[i] = kept[i].size;
    params->kept_stride[i] = kept[i].stride;
  }
  for (size_t i = 0; i < reduced.size(); ++i) {
    params->reduced_size[i] = reduced[i].size;
    params->reduced_stride[i] = reduced[i].stride;
  }
  params->horizontal = params->inner == 1 && reduced.back().stride == 1 ? 1 : 0;
  params->inner_block = std::clamp<int64_t>(params->inner, 1, kInnerBlock);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "reduce has more outputs than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "reduce: params have the wrong size";
  const Params& p = *read;
  if (p.op < Op::kSum || static_cast<int>(p.op) >= kOpCount) return "reduce: unknown operator";
  if (p.kept_dims < 0 || p.kept_dims > kMaxDims || p.reduced_dims < 1 || p.reduced_dims > kMaxDims) {
    return "reduce: wrong number of dimensions";
  }
  if (p.inner < 0 || !IsBlock(p.inner_block)) return "reduce: a size is out of range";
  if (p.horizontal != 0 && (p.inner != 1 || p.reduced_stride[p.reduced_dims - 1] != 1)) {
    return "reduce: a row is not contiguous";
  }
  if (claim.operand_bytes.size() != 2) return "reduce: needs two operands";
  const size_t kept = static_cast<size_t>(p.kept_dims), reduced = static_cast<size_t>(p.reduced_dims);
  int64_t sizes[2 * kMaxDims + 1], strides[2 * kMaxDims + 1];
  std::copy_n(p.kept_size, kept, sizes);
  std::copy_n(p.kept_stride, kept, strides);
  sizes[kept] = p.inner;
  strides[kept] = 1;
  const std::optional<int64_t> outputs = Product({sizes, kept + 1});
  const int64_t one = 1;
  if (!outputs || !Fits({&*outputs, 1}, {&one, 1}, 4, claim.operand_bytes[0]))
    return "reduce: the output is too small";
  std::copy_n(p.reduced_size, reduced, sizes + kept + 1);
  std::copy_n(p.reduced_stride, reduced, strides + kept + 1);
  const size_t all = kept + 1 + reduced;
  if (!Product({p.reduced_size, reduced}) ||
      !FitsOnce({sizes, all}, {strides, all}, 4, claim.operand_bytes[1])) {
    return "reduce: the input is too small";
  }
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "reduce: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace reduce
}  // namespace whet::kernels
