#include "kernels/stored/stored.h"

#include <algorithm>
#include <cstring>

#include "kernels/extent.h"

namespace whet::kernels::stored {

const char* CheckForm(const Form& form, int64_t k) {
  if (form.group < 1 || form.group > k) return "stored weights: the groups are out of range";
  if (static_cast<uint32_t>(form.format) > 3 || form.has_zeros > 1)
    return "stored weights: unknown form of weights";
  if (form.format == Format::kU4 && form.group % 2 != 0 && form.group != k)
    return "stored weights: groups of an odd length";
  if (IsHalf(form.format) && (form.group != k || form.has_zeros != 0))
    return "stored weights: floats have no groups";
  return nullptr;
}

PanelLayout LayOutPanel(const Form& form, int64_t k, int columns) {
  const auto bytes_of = [&](int64_t rows) -> int64_t {
    switch (form.format) {
      case Format::kI8: return rows * columns;
      case Format::kU4: return CeilDiv(rows, 2) * columns;
      default: return 2 * rows * columns;
    }
  };
  PanelLayout layout;
  layout.groups = CeilDiv(k, form.group);
  layout.scales = IsHalf(form.format) ? 0 : columns * int64_t{sizeof(float)};
  layout.zeros = form.has_zeros != 0 ? columns : 0;
  layout.weights = bytes_of(form.group);
  layout.last_weights = bytes_of(k - (layout.groups - 1) * form.group);
  layout.bytes = layout.groups * (layout.scales + layout.zeros) + (layout.groups - 1) * layout.weights +
                 layout.last_weights;
  return layout;
}

std::optional<int64_t> PackedBytes(const Form& form, int64_t k, int64_t n, int columns) {
  // Scales and zeros of groups of one are the most that a weight can have beside it.
  const int64_t most[] = {k, columns, 8};
  if (!Product(most)) return std::nullopt;
  const int64_t panels[] = {CeilDiv(n, columns), LayOutPanel(form, k, columns).bytes};
  return Product(panels);
}

std::vector<uint8_t> Pack(const Form& form, int64_t k, int64_t n, int panel_columns, const Weights& weights) {
  const int64_t columns = panel_columns;
  const PanelLayout layout = LayOutPanel(form, k, panel_columns);
  std::vector<uint8_t> packed(static_cast<size_t>(*PackedBytes(form, k, n, panel_columns)), 0);
  uint8_t* to = packed.data();
  for (int64_t first = 0; first < n; first += columns) {
    const int64_t width = std::min(columns, n - first);
    for (int64_t g = 0; g < layout.groups; ++g) {
      const auto at = static_cast<size_t>(g * n + first);
      if (layout.scales > 0)
        std::memcpy(to, weights.scales.data() + at, static_cast<size_t>(width) * sizeof(float));
      to += layout.scales;
      for (int64_t j = 0; layout.zeros > 0 && j < width; ++j)
        to[j] = static_cast<uint8_t>(weights.zeros[at + static_cast<size_t>(j)]);
      to += layout.zeros;
      const int64_t end = std::min(k, (g + 1) * form.group);
      for (int64_t p = g * form.group; p < end; ++p) {
        const auto from = static_cast<size_t>(p * n + first);
        const int64_t step = p - g * form.group;
        for (int64_t j = 0; j < width; ++j) {
          const size_t element = from + static_cast<size_t>(j);
          if (IsHalf(form.format)) {
            std::memcpy(to + 2 * (step * columns + j), &weights.halves[element], sizeof(uint16_t));
          } else if (form.format == Format::kI8) {
            to[step * columns + j] = static_cast<uint8_t>(weights.integers[element]);
          } else {
            const int nibble = weights.integers[element] & 0xf;
            to[step / 2 * columns + j] |= static_cast<uint8_t>(step % 2 == 0 ? nibble : nibble << 4);
          }
        }
      }
      to += g + 1 < layout.groups ? layout.weights : layout.last_weights;
    }
  }
  return packed;
}

}  // namespace whet::kernels::stored
