#include "kernels/move/gather.h"

#include <algorithm>
#include <cstring>

#include "kernels/extent.h"

namespace whet::kernels::gather {
namespace {

constexpr int64_t kBlockBytes = 16384;

template <typename Index>
void Gather(const Params& p, char* output, const char* data, const Index* indices, int64_t begin,
            int64_t end) {
  end = std::min(end * p.block, p.outer * p.indices);
  for (int64_t at = begin * p.block; at < end; ++at) {
    const int64_t outer = at / p.indices, i = at % p.indices;
    int64_t index = indices[i];
    if (index < 0) index += p.slices;
    index = std::clamp<int64_t>(index, 0, p.slices - 1);
    char* const to = output + outer * p.out_outer_stride + i * p.out_index_stride;
    const char* const from = data + outer * p.data_outer_stride + index * p.data_slice_stride;
    if (p.inner_bytes == 4) {
      std::memcpy(to, from, 4);
    } else if (p.inner_bytes == 8) {
      std::memcpy(to, from, 8);
    } else {
      std::memcpy(to, from, static_cast<size_t>(p.inner_bytes));
    }
  }
}

void Run(const Args& args, int64_t begin, int64_t end) {
  const Params& p = *static_cast<const Params*>(args.params);
  char* const output = static_cast<char*>(args.operands[0]);
  const char* const data = static_cast<const char*>(args.operands[1]);
  if (p.index_type == DType::kI32) {
    Gather(p, output, data, static_cast<const int32_t*>(args.operands[2]), begin, end);
  } else {
    Gather(p, output, data, static_cast<const int64_t*>(args.operands[2]), begin, end);
  }
}

constexpr Row kRow{"gather/any/portable", Isa::kPortable, Run, Validate};

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.outer, p.indices};
  const std::optional<int64_t> all = Product(factors);
  if (!all || *all > INT64_MAX - p.block) return std::nullopt;
  return CeilDiv(*all, p.block);
}

const char* Check(const Params& p) {
  if (p.index_type != DType::kI32 && p.index_type != DType::kI64) return "gather: indices must be i32 or i64";
  if (p.outer < 0 || p.indices < 0 || p.inner_bytes < 0 || p.slices < 0) return "gather: a size is negative";
  if (p.slices == 0 && p.outer > 0 && p.indices > 0) return "gather: there is no slice to take";
  constexpr int64_t kLargestBlock = int64_t{1} << 31;
  if (p.block < 1 || p.block > kLargestBlock) return "gather: the block is out of range";
  return nullptr;
}

}  // namespace

Status Choose(Isa isa, Params* params, Choice* choice) {
  std::fill(std::begin(params->unused), std::end(params->unused), uint8_t{0});
  params->block = std::max<int64_t>(1, kBlockBytes / std::max<int64_t>(16, params->inner_bytes));
  if (const char* problem = Check(*params)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units || isa < kRow.isa) return Error(Code::kLimitExceeded, "gather: more slices than 64 bits count");
  *choice = {&kRow, *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "gather: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (claim.operand_bytes.size() != 3) return "gather: needs three operands";
  const int64_t out_sizes[] = {p.outer, p.indices, p.inner_bytes};
  const int64_t out_strides[] = {p.out_outer_stride, p.out_index_stride, 1};
  const int64_t data_sizes[] = {p.outer, p.slices, p.inner_bytes};
  const int64_t data_strides[] = {p.data_outer_stride, p.data_slice_stride, 1};
  const int64_t index_sizes[] = {p.indices};
  const int64_t index_strides[] = {1};
  if (!FitsOnce(out_sizes, out_strides, 1, claim.operand_bytes[0])) return "gather: the output is too small";
  if (!Fits(data_sizes, data_strides, 1, claim.operand_bytes[1])) return "gather: the data are too small";
  if (!Fits(index_sizes, index_strides, BitsOf(p.index_type) / 8, claim.operand_bytes[2])) {
    return "gather: the indices are too small";
  }
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "gather: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) { rows->push_back(&kRow); }

}  // namespace whet::kernels::gather
