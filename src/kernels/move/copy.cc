#include "kernels/move/copy.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                              \
  namespace ns {                                           \
  void Copy(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace copy {
namespace {

#define WHET_ROW(ns, isa) Row{"copy/any/" #ns, Isa::isa, ns::Copy, Validate},
constexpr Row kRows[] = {WHET_FOR_EACH_ISA(WHET_ROW)};
#undef WHET_ROW

constexpr int64_t kBlockBytes = 16384;
// A transposed block is this high and wide where it can be: both sides then stay in the L1 cache and few
// pages.
constexpr int64_t kTransposeSide = 64;

struct Dim {
  int64_t size, dst, src;
};

bool ElementBytesAllowed(int64_t bytes) { return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8; }

// In the order in which the output lies in memory, without dimensions of one, neighbours merged.
std::vector<Dim> Collapse(std::vector<Dim> dims) {
  std::erase_if(dims, [](const Dim& dim) { return dim.size == 1; });
  std::stable_sort(dims.begin(), dims.end(), [](const Dim& a, const Dim& b) { return a.dst > b.dst; });
  std::vector<Dim> merged;
  for (const Dim& dim : dims) {
    if (!merged.empty() && merged.back().dst == dim.dst * dim.size &&
        merged.back().src == dim.src * dim.size) {
      merged.back() = {merged.back().size * dim.size, dim.dst, dim.src};
    } else {
      merged.push_back(dim);
    }
  }
  return merged;
}

// Takes short runs that are contiguous on both sides for one larger element.
void WidenElements(std::vector<Dim>* dims, int64_t* src_offset, int* element_bytes) {
  while (!dims->empty() && dims->back().dst == 1 && dims->back().src == 1) {
    const int64_t run = dims->back().size;
    // As much of the run as makes an element of 8 bytes or less that everything is a multiple of.
    int64_t factor = 0;
    for (int64_t f = 8 / *element_bytes; f > 1 && factor == 0; f /= 2) {
      const bool fits = run == f && *src_offset % f == 0 &&
                        std::all_of(dims->begin(), dims->end() - 1,
                                    [f](const Dim& dim) { return dim.dst % f == 0 && dim.src % f == 0; });
      if (fits) factor = f;
    }
    if (factor == 0) return;
    dims->pop_back();
    for (Dim& dim : *dims) {
      dim.dst /= factor;
      dim.src /= factor;
    }
    *src_offset /= factor;
    *element_bytes *= static_cast<int>(factor);
    *dims = Collapse(std::move(*dims));
  }
}

std::optional<int64_t> UnitsOf(const Params& params) {
  int64_t factors[kMaxDims];
  std::copy_n(params.size, params.dims, factors);
  factors[params.dims - 2] = CeilDiv(factors[params.dims - 2], params.block_rows);
  factors[params.dims - 1] = CeilDiv(factors[params.dims - 1], params.block_columns);
  return Product({factors, static_cast<size_t>(params.dims)});
}

}  // namespace

Status Choose(Isa isa, int element_bytes, std::span<const int64_t> sizes,
              std::span<const int64_t> dst_strides, std::span<const int64_t> src_strides, int64_t src_offset,
              Params* params, Choice* choice) {
  if (!ElementBytesAllowed(element_bytes) || sizes.size() != dst_strides.size() ||
      sizes.size() != src_strides.size()) {
    return Error(Code::kInvalidArgument, "copy of elements of %d bytes with %zu, %zu and %zu dimensions",
                 element_bytes, sizes.size(), dst_strides.size(), src_strides.size());
  }
  std::vector<Dim> dims;
  for (size_t i = 0; i < sizes.size(); ++i) dims.push_back({sizes[i], dst_strides[i], src_strides[i]});
  dims = Collapse(std::move(dims));
  WidenElements(&dims, &src_offset, &element_bytes);

  // A transpose: what is contiguous in the source becomes the rows, what is in the output the columns.
  if (dims.size() > 2 && dims.back().src != 1) {
    const auto contiguous =
        std::find_if(dims.begin(), dims.end(), [](const Dim& dim) { return dim.src == 1; });
    if (contiguous != dims.end()) std::rotate(contiguous, contiguous + 1, dims.end() - 1);
  }
  while (dims.size() < 2) dims.insert(dims.begin(), Dim{1, 0, 0});
  if (dims.size() > kMaxDims) {
    return Error(Code::kUnsupported, "copy needs %zu loops; the limit is %d", dims.size(), kMaxDims);
  }

  *params = {};
  params->element_bytes = element_bytes;
  params->dims = static_cast<int32_t>(dims.size());
  params->src_offset = src_offset;
  for (size_t i = 0; i < dims.size(); ++i) {
    params->size[i] = dims[i].size;
    params->dst_stride[i] = dims[i].dst;
    params->src_stride[i] = dims[i].src;
  }
  const int64_t rows = std::max<int64_t>(1, dims[dims.size() - 2].size);
  const int64_t columns = std::max<int64_t>(1, dims.back().size);
  const int64_t block = kBlockBytes / element_bytes;
  if (dims.back().src == 1) {
    params->block_columns = std::min(columns, block);
    params->block_rows = std::clamp<int64_t>(block / params->block_columns, 1, rows);
  } else {
    // Multiples of the side of any tile.
    params->block_columns = std::min(columns, std::max(kTransposeSide, block / rows / 16 * 16));
    params->block_rows = std::min(rows, std::max(kTransposeSide, block / columns / 16 * 16));
  }
  const std::optional<int64_t> units = UnitsOf(*params);
  if (!units) return Error(Code::kLimitExceeded, "copy has more elements than 64 bits count");
  *choice = {BestRow(kRows, isa), *units, 0};
  return OkStatus();
}

const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "copy: params have the wrong size";
  const Params& p = *read;
  if (!ElementBytesAllowed(p.element_bytes)) return "copy: element size is not 1, 2, 4 or 8";
  if (p.dims < 2 || p.dims > kMaxDims) return "copy: wrong number of dimensions";
  if (claim.operand_bytes.size() != 2) return "copy: needs two operands";
  const std::span<const int64_t> sizes(p.size, static_cast<size_t>(p.dims));
  if (!FitsOnce(sizes, {p.dst_stride, sizes.size()}, p.element_bytes, claim.operand_bytes[0])) {
    return "copy: the output is too small";
  }
  if (!Fits(sizes, {p.src_stride, sizes.size()}, p.element_bytes, claim.operand_bytes[1], p.src_offset)) {
    return "copy: the input is too small";
  }
  if (!IsBlock(p.block_rows) || !IsBlock(p.block_columns)) return "copy: the block is out of range";
  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "copy: wrong number of units";
  return nullptr;
}

void AppendRows(std::vector<const Row*>* rows) {
  for (const Row& row : kRows) rows->push_back(&row);
}

}  // namespace copy
}  // namespace whet::kernels
