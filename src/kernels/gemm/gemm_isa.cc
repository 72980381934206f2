#include "kernels/gemm/gemm.h"

#include "kernels/gemm/tile.h"
#include "kernels/gemm/tile_shapes.h"
#include "kernels/simd/transpose.h"
#include "kernels/stored/decode.h"

namespace whet::kernels::WHET_ISA {
namespace {

// Packs columns [0, n) of a k x n matrix, as PackPanels does.
template <int kVectors>
void PackRowMajor(const float* b, int64_t ldb, int64_t k, int64_t n, float* packed) {
  constexpr int64_t kTileN = kVectors * kLanes;
  for (int64_t first = 0; first < n; first += kTileN) {
    const int64_t columns = n - first < kTileN ? n - first : kTileN;
    const int64_t width = (columns + kLanes - 1) / kLanes * kLanes;
    for (int64_t p = 0; p < k; ++p) {
      const float* row = b + p * ldb + first;
      for (int64_t j = 0; j < width; j += kLanes) {
        const int64_t left = columns - j;
        Store(packed + j, left >= kLanes ? Load(row + j) : LoadPartial(row + j, left));
      }
      packed += width;
    }
  }
}

// Packs rows [0, n) of an n x k matrix as the columns that they are of B.
template <int kVectors>
void PackTransposed(const float* b, int64_t ldb, int64_t k, int64_t n, float* packed) {
  constexpr int64_t kTileN = kVectors * kLanes;
  for (int64_t first = 0; first < n; first += kTileN) {
    const int64_t columns = n - first < kTileN ? n - first : kTileN;
    const int64_t width = (columns + kLanes - 1) / kLanes * kLanes;
    for (int64_t j = 0; j < width; j += kLanes) {
      const float* row = b + (first + j) * ldb;
      const int64_t rows = columns - j < kLanes ? columns - j : kLanes;
      for (int64_t p = 0; p < k; p += kLanes) {
        const int64_t left = k - p < kLanes ? k - p : kLanes;
        F32 block[kLanes];
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          block[i] = i < rows ? LoadPartial(row + i * ldb + p, left) : Zero();
        }
        Transpose(block);
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          if (i < left) Store(packed + (p + i) * width + j, block[i]);
        }
      }
    }
    packed += k * width;
  }
}

template <int kRows, int kVectors>
void Run(const Args& args, int64_t begin, int64_t end) {
  static constexpr Tiles<kRows, kVectors, true> kPackedTiles;
  static constexpr Tiles<kRows, kVectors, false> kInPlaceTiles;
  constexpr int64_t kTileN = kVectors * kLanes;
  const gemm::Params& p = *static_cast<const gemm::Params*>(args.params);
  auto* c = static_cast<float*>(args.operands[0]);
  const auto* a = static_cast<const float*>(args.operands[1]);
  const auto* b = static_cast<const float*>(args.operands[2]);
  const auto* bias = static_cast<const float*>(args.operands[3]);
  const auto* residual = static_cast<const float*>(args.operands[4]);
  const auto* slope = static_cast<const float*>(args.operands[5]);
  auto* scratch = static_cast<float*>(args.scratch);

  const int64_t m_blocks = (p.m + p.m_block - 1) / p.m_block;
  const int64_t n_blocks = (p.n + p.n_block - 1) / p.n_block;
  const bool in_place = p.b_form == gemm::BForm::kRowMajor && p.pack_b == 0;
  const auto& tiles = in_place ? kInPlaceTiles.fn : kPackedTiles.fn;
  const int64_t stored_panel =
      p.b_form == gemm::BForm::kStored ? stored::LayOutPanel(p.stored, p.k, kTileN).bytes : 0;
  int64_t packed_unit = -1;  // (batch, block of columns) that is in scratch

  const float* rows[kRows];
  TileArgs tile;
  tile.a = rows;
  tile.segments = 1;
  tile.length = p.k;
  tile.ldb = p.ldb;
  tile.ldc = p.ldc;
  tile.ldr = p.ldr;
  tile.epilogue = &p.epilogue;
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t column_unit = unit / m_blocks;
    const int64_t n0 = column_unit % n_blocks * p.n_block;
    const int64_t n1 = n0 + p.n_block < p.n ? n0 + p.n_block : p.n;
    const int64_t m0 = unit % m_blocks * p.m_block;
    const int64_t m1 = m0 + p.m_block < p.m ? m0 + p.m_block : p.m;
    int64_t index = column_unit / n_blocks;
    const float* a_matrix = a;
    const float* b_matrix = b;
    const float* r_matrix = residual;
    float* c_matrix = c;
    for (int d = gemm::kBatchDims - 1; d >= 0; --d) {
      const int64_t i = index % p.batch[d];
      index /= p.batch[d];
      a_matrix += i * p.a_stride[d];
      b_matrix += i * p.b_stride[d];
      c_matrix += i * p.c_stride[d];
      if (residual != nullptr) r_matrix += i * p.r_stride[d];
    }

    const float* panels = b_matrix;
    if (p.pack_b != 0) {
      if (packed_unit != column_unit) {
        if (p.b_form == gemm::BForm::kStored) {
          static_assert(kTileN == 2 * kLanes, "stored weights lie in panels of two vectors");
          const auto* stored_panels = static_cast<const uint8_t*>(args.operands[2]);
          DecodePanels(p.stored, p.k, n1 - n0, stored_panels + n0 / kTileN * stored_panel, scratch);
        } else if (p.b_form == gemm::BForm::kTransposed) {
          PackTransposed<kVectors>(b_matrix + n0 * p.ldb, p.ldb, p.k, n1 - n0, scratch);
        } else {
          PackRowMajor<kVectors>(b_matrix + n0, p.ldb, p.k, n1 - n0, scratch);
        }
        packed_unit = column_unit;
      }
      panels = scratch;
    } else if (!in_place) {
      panels += n0 * p.k;
    } else {
      panels += n0;
    }
    const int64_t panel_step = in_place ? kTileN : kTileN * p.k;

    for (int64_t i = m0; i < m1; i += p.m_tile) {
      const int64_t count = m1 - i < p.m_tile ? m1 - i : p.m_tile;
      for (int64_t r = 0; r < count; ++r) rows[r] = a_matrix + (i + r) * p.lda;
      tile.rows = count;
      tile.b = panels;
      for (int64_t j = n0; j < n1; j += kTileN) {
        tile.columns = n1 - j < kTileN ? n1 - j : kTileN;
        tile.c = c_matrix + i * p.ldc + j;
        tile.bias = bias != nullptr ? bias + j : nullptr;
        tile.slope = slope != nullptr ? slope + j : nullptr;
        tile.residual = residual != nullptr ? r_matrix + i * p.ldr + j : nullptr;
        tiles[(tile.columns - 1) / kLanes][count - 1](tile);
        tile.b += panel_step;
      }
    }
  }
}

}  // namespace

void GemmF32(const Args& args, int64_t begin, int64_t end) { Run<kTileRows, kTileVectors>(args, begin, end); }

}  // namespace whet::kernels::WHET_ISA
