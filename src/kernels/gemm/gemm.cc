#include "kernels/gemm/gemm.h"

#include <algorithm>

#include "kernels/extent.h"
#include "kernels/gemm/blocking.h"
#include "kernels/gemm/pack.h"
#include "kernels/isa_list.h"

namespace whet::kernels {

#define WHET_DECLARE(ns, isa)                                 \
  namespace ns {                                              \
  void GemmF32(const Args& args, int64_t begin, int64_t end); \
  }
WHET_FOR_EACH_ISA(WHET_DECLARE)
#undef WHET_DECLARE

namespace gemm {
namespace {

const char* Check(const Params& p) {
  constexpr int64_t kLimit = int64_t{1} << 40;
  for (int64_t size : {p.m, p.n, p.k, p.batch[0], p.batch[1], p.batch[2]}) {
    if (size < 1 || size > kLimit) return "gemm: a dimension is out of range";
  }
  if (p.m_block < 1 || p.m_block > kLimit || p.n_block < 1 || p.n_block > 2 * kLimit) {
    return "gemm: a block size is out of range";
  }
  if (static_cast<uint32_t>(p.b_form) > 3 || p.pack_b > 1) return "gemm: unknown form of B";
  if (p.b_form == BForm::kStored) {
    if (p.pack_b == 0) return "gemm: a stored B must be packed";
    if (p.batch[0] != 1 || p.batch[1] != 1 || p.batch[2] != 1) return "gemm: a stored B is for one product";
    return stored::CheckForm(p.stored, p.k);
  }
  if (p.b_form == BForm::kTransposed && p.pack_b == 0) return "gemm: a transposed B must be packed";
  if (p.b_form == BForm::kPacked && p.pack_b != 0) return "gemm: B is packed twice";
  return nullptr;
}

std::optional<int64_t> UnitsOf(const Params& p) {
  const int64_t factors[] = {p.batch[0], p.batch[1], p.batch[2], CeilDiv(p.n, p.n_block),
                             CeilDiv(p.m, p.m_block)};
  return Product(factors);
}

std::optional<int64_t> ScratchBytesOf(const Params& p, int lanes) {
  if (p.pack_b == 0) return 0;
  const int64_t factors[] = {RoundUp(std::min(p.n, p.n_block), lanes), p.k, int64_t{sizeof(float)}};
  return Product(factors);
}

// Whether a batch of rows x columns matrices lies within `bytes`.
bool MatricesFit(const Params& p, int64_t rows, int64_t columns, int64_t ld,
                 const int64_t (&stride)[kBatchDims], uint64_t bytes) {
  const int64_t sizes[] = {p.batch[0], p.batch[1], p.batch[2], rows, columns};
  const int64_t strides[] = {stride[0], stride[1], stride[2], ld, 1};
  return Fits(sizes, strides, sizeof(float), bytes);
}

template <int kTileM, int kTileN, int kLanes>
const char* Validate(const Claim& claim) {
  const std::optional<Params> read = ReadParams<Params>(claim);
  if (!read) return "gemm: params have the wrong size";
  const Params& p = *read;
  if (const char* problem = Check(p)) return problem;
  if (p.m_tile < 1 || p.m_tile > kTileM) return "gemm: more rows at once than the kernel has";
  if (p.n_block % kTileN != 0) return "gemm: blocks of columns are not whole panels";
  if (claim.operand_bytes.size() != 6) return "gemm: needs six operands";
  const uint64_t* bytes = claim.operand_bytes.data();

  const std::optional<int64_t> units = UnitsOf(p);
  if (!units || *units != claim.units) return "gemm: wrong number of units";
  if (!MatricesFit(p, p.m, p.n, p.ldc, p.c_stride, bytes[0])) return "gemm: C is too small";
  if (!MatricesFit(p, p.m, p.k, p.lda, p.a_stride, bytes[1])) return "gemm: A is too small";
  const int64_t padded_n = RoundUp(p.n, kLanes);
  const auto b_fits = [&] {
    switch (p.b_form) {
      case BForm::kPacked: return MatricesFit(p, p.k, padded_n, padded_n, p.b_stride, bytes[2]);
      case BForm::kRowMajor: return MatricesFit(p, p.k, p.n, p.ldb, p.b_stride, bytes[2]);
      case BForm::kTransposed: return MatricesFit(p, p.n, p.k, p.ldb, p.b_stride, bytes[2]);
      case BForm::kStored: break;
    }
    const std::optional<int64_t> size = stored::PackedBytes(p.stored, p.k, p.n, kTileN);
    return size && static_cast<uint64_t>(*size) <= bytes[2];
  };
  if (!b_fits()) return "gemm: B is too small";
  const uint64_t vector_bytes = static_cast<uint64_t>(p.n) * sizeof(float);
  if (bytes[3] != 0 && bytes[3] < vector_bytes) return "gemm: the bias is too small";
  if (bytes[4] != 0 && !MatricesFit(p, p.m, p.n, p.ldr, p.r_stride, bytes[4])) {
    return "gemm: the residual is too small";
  }
  if (bytes[5] != 0 && bytes[5] < vector_bytes) return "gemm: the slope is too small";
  const std::optional<int64_t> scratch = ScratchBytesOf(p, kLanes);
  if (!scratch || static_cast<uint64_t>(*scratch) > claim.scratch_bytes) return "gemm: scratch is too small";
  return CheckEpilogue(p.epilogue, bytes[4] != 0, bytes[5] != 0);
}

#define WHET_ROW(ns, isa, m, n, lanes) \
  TileRow { {"gemm/f32/" #ns "/" #m "x" #n, Isa::isa, ns::GemmF32, Validate<m, n, lanes>}, m, n, lanes }
constexpr TileRow kRows[] = {
    WHET_ROW(portable, kPortable, 4, 8, 4),
#if defined(__x86_64__)
    WHET_ROW(avx2, kAvx2, 6, 16, 8),
    WHET_ROW(avx512, kAvx512, 12, 32, 16),
#endif
};
#undef WHET_ROW

const TileRow& Find(const Row& row) { return RowWithBase(kRows, row); }

}  // namespace

std::span<const TileRow> Rows() { return kRows; }

void AppendRows(std::vector<const Row*>* rows) {
  for (const TileRow& row : kRows) rows->push_back(&row.base);
}

Status Choose(const TileRow& row, Params* p, Choice* choice) {
  const bool is_stored = p->b_form == BForm::kStored;
  p->pack_b = is_stored || p->b_form == BForm::kTransposed;
  p->m_block = p->n_block = 1;
  if (const char* problem = Check(*p)) return Error(Code::kInvalidArgument, "%s", problem);
  const std::optional<int64_t> batches = Product(p->batch);
  if (!batches) return Error(Code::kLimitExceeded, "gemm: the batch has more matrices than 64 bits count");

  const Blocking blocking = ChooseBlocking(*batches, p->m, p->n, p->k, row.tile_m, row.tile_n, is_stored);
  p->m_tile = blocking.m_tile;
  p->m_block = blocking.m_block;
  p->n_block = blocking.n_block;
  // Reading B in place costs little while few tiles would share a packed panel.
  if (p->b_form == BForm::kRowMajor && p->m > 2 * row.tile_m) p->pack_b = 1;
  // Every unit packs its columns, so let it do all rows.
  if (p->pack_b != 0 && !is_stored) p->m_block = RoundUp(p->m, p->m_tile);

  const std::optional<int64_t> units = UnitsOf(*p);
  const std::optional<int64_t> scratch = ScratchBytesOf(*p, row.lanes);
  if (!units || !scratch) return Error(Code::kLimitExceeded, "gemm: the product is too large for 64 bits");
  *choice = {&row.base, *units, static_cast<uint64_t>(*scratch)};
  return OkStatus();
}

Status Choose(Isa isa, Params* params, Choice* choice) { return Choose(BestOf(kRows, isa), params, choice); }

int64_t PackedSize(const Row& row, int64_t k, int64_t n) { return PackedPanelsSize(Find(row).lanes, k, n); }

void Pack(const Row& row, int64_t k, int64_t n, const float* b, int64_t step_k, int64_t step_n,
          float* packed) {
  const TileRow& tile = Find(row);
  PackPanels(tile.tile_n, tile.lanes, k, n, b, step_k, step_n, packed);
}

std::vector<uint8_t> PackStored(const Row& row, const Params& p, const stored::Weights& weights) {
  return stored::Pack(p.stored, p.k, p.n, Find(row).tile_n, weights);
}

}  // namespace gemm
}  // namespace whet::kernels
