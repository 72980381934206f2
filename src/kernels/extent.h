// Arithmetic for validate functions, whose numbers may come from a hostile file: nothing here overflows.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "kernels/kernel.h"

namespace whet::kernels {

// No size of anything real is larger, and a size this large plus a block cannot overflow.
inline constexpr int64_t kLargestSize = int64_t{1} << 60;

// The product; nothing if it overflows or a factor is negative or above kLargestSize.
inline std::optional<int64_t> Product(std::span<const int64_t> factors) {
  int64_t product = 1;
  for (int64_t factor : factors) {
    if (factor < 0 || factor > kLargestSize || __builtin_mul_overflow(product, factor, &product))
      return std::nullopt;
  }
  return product;
}

// The elements that a strided view touches, relative to its origin.
struct Extent {
  int64_t lowest = 0;
  int64_t highest = -1;  // below lowest: none
};

// Of a view with these sizes and strides (in elements), from origin `offset`; nothing if a number overflows
// or a size is negative or above kLargestSize.
inline std::optional<Extent> ExtentOf(int64_t offset, std::span<const int64_t> sizes,
                                      std::span<const int64_t> strides) {
  Extent extent{offset, offset};
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || sizes[i] > kLargestSize) return std::nullopt;
    if (sizes[i] == 0) return Extent{0, -1};
    int64_t reach = 0;
    int64_t& end = strides[i] < 0 ? extent.lowest : extent.highest;
    if (__builtin_mul_overflow(sizes[i] - 1, strides[i], &reach) ||
        __builtin_add_overflow(end, reach, &end)) {
      return std::nullopt;
    }
  }
  return extent;
}

// Whether the view lies within a buffer of `bytes`.
inline bool Fits(const std::optional<Extent>& extent, int64_t element_bytes, uint64_t bytes) {
  if (!extent) return false;
  if (extent->highest < extent->lowest) return true;
  int64_t end = 0;
  if (extent->lowest < 0 || __builtin_add_overflow(extent->highest, 1, &end)) return false;
  return !__builtin_mul_overflow(end, element_bytes, &end) && static_cast<uint64_t>(end) <= bytes;
}
inline bool Fits(std::span<const int64_t> sizes, std::span<const int64_t> strides, int64_t element_bytes,
                 uint64_t bytes, int64_t offset = 0) {
  return Fits(ExtentOf(offset, sizes, strides), element_bytes, bytes);
}

// As Fits, of a view that names no element twice: an output, or an input that nothing broadcasts. Such a view
// has no more elements than its buffer, so the work on it is bounded by what is really there.
inline bool FitsOnce(std::span<const int64_t> sizes, std::span<const int64_t> strides, int64_t element_bytes,
                     uint64_t bytes) {
  const std::optional<int64_t> elements = Product(sizes);
  return elements && Fits(sizes, strides, element_bytes, bytes) &&
         static_cast<uint64_t>(*elements) <= bytes / static_cast<uint64_t>(element_bytes);
}

// Whether the number of blocks can be had, by kernels too, without overflow.
constexpr bool IsBlock(int64_t block) { return block >= 1 && block <= (int64_t{1} << 40); }

constexpr int64_t CeilDiv(int64_t a, int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }

// The claim's params, copied out because their bytes need not be aligned; nothing if there are too few or too
// many.
template <typename Params>
std::optional<Params> ReadParams(const Claim& claim) {
  if (claim.params.size() != sizeof(Params)) return std::nullopt;
  Params params;
  std::memcpy(&params, claim.params.data(), sizeof(Params));
  return params;
}

}  // namespace whet::kernels
