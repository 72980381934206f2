#include "kernels/quantized/binary.h"

#include <algorithm>
#include <array>

#include "kernels/extent.h"
#include "kernels/isa_list.h"
#include "kernels/quantized/range.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                         \
  namespace ns {                                                      \
  void QuantizedBinary(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace quantized_binary {
namespace {

// The two differ in nothing but their names, by which a profile says what is computed with.
#define WHET_ROW(ns, isa) Row{"binary/8bit/" #ns, Isa::isa, ns::QuantizedBinary, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW
#define WHET_ROW(ns, isa) Row{"binary/16bit/" #ns, Isa::isa, ns::QuantizedBinary, Validate},
constexpr Row kRows16[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kBlock = 8192;  // elements

// One dimension: its size and its stride in every operand.
struct Dim {
  int64_t size;
  std::array<int64_t, 3> stride;
};

// Drops dimensions of one element and merges neighbours that every operand walks as one; at least two are
// left.
std::vector<Dim> Collapse(std::span<const int64_t> dims, std::array<std::span<const int64_t>, 3> strides) {
  std::vector<Dim> merged;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 1) continue;
    const Dim dim{dims[d], {strides[0][d], strides[1][d], strides[2][d]}};
    bool joins = !merged.empty();
    for (size_t i = 0; joins && i < 3; ++i) joins = merged.back().stride[i] == dim.stride[i] * dim.size;
    if (joins) {
      merged.back() = {merged.back().size * dim.size, dim.stride};
    } else {
      merged.push_back(dim);
    }
  }
  while (merged.size() < 2) merged.insert(merged.begin(), Dim{1, {}});
  // Rows of a few elements are not worth the start of a row each: many of these are walked across.
  constexpr int64_t kFew = 4;
  Dim &rows = merged[merged.size() - 2], &columns = merged.back();
  if (columns.size <= kFew && rows.size > 4 * columns.size) std::swap(rows, columns);
  return merged;
}

const char* Check(const Params& p) {
  if (p.op != Op::kAdd && p.op != Op::kMul) return "binary: unknown operator";
  if (!AreTypes(p.a_type, p.y_type) || !AreTypes(p.b_type, p.y_type))
    return "binary: the type is not supported";
  if (!IsZeroPoint(p.a_type, p.a_zero) || !IsZeroPoint(p.b_type, p.b_zero) ||
      !IsZeroPoint(p.y_type, p.y_zero) || !InRange(p.y_type, p.low, p.high)) {
    return "binary: a zero point or bound is out of range";
  }
  if (p.dims < 2 || p.dims > kMaxDims || !IsBlock(p.block_rows) || !IsBlock(p.block_columns)) {
    return "binary: a count or block is out of range";
  }
  return nullptr;
}

// Nothing on overflow.
std::optional<int64_t> UnitsOf(const Params& p) {
  int64_t factors[kMaxDims];
  std::copy_n(p.size, p.dims, factors);
  factors[p.dims - 2] = CeilDiv(factors[p.dims - 2], p.block_rows);
  factors[p.dims - 1] = CeilDiv(factors[p.dims - 1], p.block_columns);
  return Product({factors, static_cast<size_t>(p.dims)});
}

}  // namespace

Status Choose(Isa isa, std::span<const int64_t> dims, std::span<const int64_t> y_strides,
              std::span<const int64_t> a_strides, std::span<const int64_t> b_strides, Params* params,
              Choice* choice) {
  if (y_strides.size() != dims.size() || a_strides.size() != dims.size() || b_strides.size() != dims.size())
    return Error(Code::kInvalidArgument, "binary: the operands' ranks differ from the output's");
  const std::vector<Dim> loops = Collapse(dims, {y_strides, a_strides, b_strides});
  if (loops.size() > kMaxDims) {
    return Error(Code::kUnsupported, "binary: the operands need %zu loops; the limit is %d", loops.size(),
                 kMaxDims);
  }
  params->dims = static_cast<int32_t>(loops.size());
  params->unused = 0;
  std::fill(std::begin(params->size), std::end(params->size), 0);
  for (auto& strides : params->stride) std::fill(std::begin(strides), std::end(strides), 0);
  for (size_t d = 0; d < loops.size(); ++d) {
    params->size[d] = loops[d].size;
    for (size_t i = 0; i < 3; ++i) params->stride[i][d] = loops[d].stride[i];
  }
  params->block_columns = std::clamp<int64_t>(params->size[params->dims - 1], 1, kBlock);
  params->block_rows = std::clamp<int64_t>(kBlock / params->block_columns, 1,
                                           std::max<int64_t>(1, params->size[params->dims - 2]));
  if (const char* problem = Check(*params)) return Error(Code::kUnsupported, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "binary: more elements than 64 bits count");
  *choice = {Is8Bit(params->y_type) ? BestRow(kRows, isa) : BestRow(kRows16, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "binary: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 3) return "binary: needs three operands";
  const auto dims = static_cast<size_t>(p.dims);
  const int64_t bytes = BitsOf(p.y_type) / 8;
  if (!FitsOnce({p.size, dims}, {p.stride[0], dims}, bytes, claim.operand_bytes[0]))
    return "binary: the output is too small";
  for (size_t i : {1u, 2u}) {
    if (!Fits({p.size, dims}, {p.stride[i], dims}, bytes, claim.operand_bytes[i]))
      return "binary: an input is too small";
  }
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "binary: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
  for (const Row& row : kRows16) rows->push_back(&row);
}

}  // namespace quantized_binary
}  // namespace whet::kernels
