#include "kernels/stored/decode.h"

#include "kernels/stored/stored_simd.h"

namespace whet::kernels::WHET_ISA {
namespace {

using stored::Format;

// A panel as wide as so many vectors.
template <Format format, bool kZeros, int kVectors>
void DecodePanel(const stored::Form& form, int64_t k, const uint8_t* from, float* to) {
  constexpr int64_t kPairBytes = PairBytes(format);
  constexpr int64_t kWidth = kVectors * kLanes;
  constexpr int64_t kHeader =
      stored::IsHalf(format) ? 0 : kPanelColumns * (int64_t{sizeof(float)} + (kZeros ? 1 : 0));
  const auto store = [&](const PanelFloats& b) {
    for (int v = 0; v < kVectors; ++v) Store(to + v * kLanes, b.v[v]);
    to += kWidth;
  };
  for (int64_t start = 0; start < k; start += form.group) {
    const StoredGroup group = ReadStoredGroup<format, kZeros>(from);
    from += kHeader;
    int64_t left = k - start < form.group ? k - start : form.group;
    for (; left >= 2; left -= 2, from += kPairBytes) {
      PanelFloats b[2];
      DecodePair<format, kZeros>(group, from, b);
      store(b[0]);
      store(b[1]);
    }
    if (left > 0) {
      store(DecodeOne<format, kZeros>(group, from));
      from += format == Format::kU4 ? kPairBytes : kPairBytes / 2;
    }
  }
}

template <Format format, bool kZeros>
void Decode(const stored::Form& form, int64_t k, int64_t n, const uint8_t* panels, float* to) {
  const int64_t panel_bytes = stored::LayOutPanel(form, k, kPanelColumns).bytes;
  for (; n > kLanes; n -= kPanelColumns, panels += panel_bytes, to += k * kPanelColumns)
    DecodePanel<format, kZeros, 2>(form, k, panels, to);
  if (n > 0) DecodePanel<format, kZeros, 1>(form, k, panels, to);
}

}  // namespace

void DecodePanels(const stored::Form& form, int64_t k, int64_t n, const uint8_t* panels, float* to) {
  const bool zeros = form.has_zeros != 0;
  switch (form.format) {
    case Format::kF16: return Decode<Format::kF16, false>(form, k, n, panels, to);
    case Format::kBf16: return Decode<Format::kBf16, false>(form, k, n, panels, to);
    case Format::kI8:
      return zeros ? Decode<Format::kI8, true>(form, k, n, panels, to)
                   : Decode<Format::kI8, false>(form, k, n, panels, to);
    case Format::kU4:
      return zeros ? Decode<Format::kU4, true>(form, k, n, panels, to)
                   : Decode<Format::kU4, false>(form, k, n, panels, to);
  }
}

}  // namespace whet::kernels::WHET_ISA
