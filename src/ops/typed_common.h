// Whole tensors as arrays of one arithmetic type: references that are loops over float, double or i64 read
// f32 (or f64, i64) in place and everything else through a converted copy.
#pragma once

#include <cstdint>
#include <type_traits>

#include "base/reference.h"
#include "ops/elements_common.h"

namespace whet::ops {

template <typename T>
inline constexpr DType kDTypeOf = std::is_same_v<T, float>     ? DType::kF32
                                  : std::is_same_v<T, double>  ? DType::kF64
                                  : std::is_same_v<T, int64_t> ? DType::kI64
                                                               : DType::kUndefined;

// The elements of `view` as T; null if it is absent.
template <typename T>
const T* ArrayOf(ReferenceContext& context, const TensorView& view) {
  if (view.dtype == DType::kUndefined) return nullptr;
  if (view.dtype == kDTypeOf<T>) return view.as<T>();
  const int64_t count = view.elements();
  T* values = context.Scratch<T>(count).data();
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_integral_v<T>) {
      values[i] = LoadInt(view, i);
    } else {
      values[i] = static_cast<T>(LoadFloat(view, i));
    }
  }
  return values;
}
template <typename T>
const T* InputArray(ReferenceContext& context, size_t i) {
  return i < context.input_count() ? ArrayOf<T>(context, context.input(i)) : nullptr;
}

// Where to write output i as T; StoreArray then rounds it to the output's type if that is another. Null if
// the output is absent.
template <typename T>
T* OutputArray(ReferenceContext& context, size_t i) {
  if (!context.HasOutput(i)) return nullptr;
  const TensorView& view = context.output(i);
  return view.dtype == kDTypeOf<T> ? view.as<T>() : context.Scratch<T>(view.elements()).data();
}
template <typename T>
void StoreArray(ReferenceContext& context, size_t i, const T* values) {
  if (values == nullptr || context.output(i).dtype == kDTypeOf<T>) return;
  const TensorView& view = context.output(i);
  for (int64_t k = 0; k < view.elements(); ++k) {
    if constexpr (std::is_integral_v<T>) {
      StoreInt(view, k, values[k]);
    } else {
      StoreFloat(view, k, static_cast<double>(values[k]));
    }
  }
}

// sum + a b. Integers wrap.
template <typename T>
T MultiplyAdd(T sum, T a, T b) {
  using Wide = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
  return static_cast<T>(static_cast<Wide>(sum) + static_cast<Wide>(a) * static_cast<Wide>(b));
}

// In eight interleaved sums, so that the compiler may use vectors. Integers wrap.
template <typename T>
T DotProduct(const T* a, const T* b, int64_t count) {
  using Sum = std::conditional_t<std::is_integral_v<T>, uint64_t, T>;
  const auto product = [&](int64_t k) { return static_cast<Sum>(a[k]) * static_cast<Sum>(b[k]); };
  Sum sums[8] = {};
  int64_t k = 0;
  for (; k + 8 <= count; k += 8) {
    for (int64_t j = 0; j < 8; ++j) sums[j] += product(k + j);
  }
  for (; k < count; ++k) sums[k % 8] += product(k);
  const Sum sum = ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7]));
  return static_cast<T>(sum);
}

}  // namespace whet::ops
