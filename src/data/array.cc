#include "data/array.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace whet::data {
namespace {

constexpr size_t kAlignment = 64;

// Rounds to nearest even, saturates, and turns NaN into 0.
template <typename T>
T ToInteger(double value) {
  if (std::isnan(value)) return 0;
  value = std::nearbyint(value);
  if (value <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  if (value >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

int Nibble(const TensorView& view, int64_t index) {
  const uint8_t byte = view.as<const uint8_t>()[index / 2];
  return index % 2 == 0 ? byte & 15 : byte >> 4;
}

void StoreNibble(const TensorView& view, int64_t index, int value) {
  uint8_t& byte = view.as<uint8_t>()[index / 2];
  const unsigned bits = static_cast<unsigned>(value) & 15u;
  byte = static_cast<uint8_t>(index % 2 == 0 ? (byte & 0xf0u) | bits : (byte & 0x0fu) | (bits << 4));
}

void StoreDouble(const TensorView& view, int64_t i, double value) {
  switch (view.dtype) {
    case DType::kUndefined:
    case DType::kString: return;
    case DType::kF32: view.as<float>()[i] = static_cast<float>(value); return;
    case DType::kF16: view.as<uint16_t>()[i] = F32ToF16(static_cast<float>(value)); return;
    case DType::kBF16: view.as<uint16_t>()[i] = F32ToBF16(static_cast<float>(value)); return;
    case DType::kF64: view.as<double>()[i] = value; return;
    case DType::kI8: view.as<int8_t>()[i] = ToInteger<int8_t>(value); return;
    case DType::kU8: view.as<uint8_t>()[i] = ToInteger<uint8_t>(value); return;
    case DType::kI16: view.as<int16_t>()[i] = ToInteger<int16_t>(value); return;
    case DType::kU16: view.as<uint16_t>()[i] = ToInteger<uint16_t>(value); return;
    case DType::kI32: view.as<int32_t>()[i] = ToInteger<int32_t>(value); return;
    case DType::kU32: view.as<uint32_t>()[i] = ToInteger<uint32_t>(value); return;
    case DType::kI64: view.as<int64_t>()[i] = ToInteger<int64_t>(value); return;
    case DType::kU64: view.as<uint64_t>()[i] = ToInteger<uint64_t>(value); return;
    case DType::kBool: view.as<uint8_t>()[i] = value != 0 ? 1 : 0; return;
    case DType::kI4: StoreNibble(view, i, std::clamp<int>(ToInteger<int8_t>(value), -8, 7)); return;
    case DType::kU4: StoreNibble(view, i, std::min<int>(ToInteger<uint8_t>(value), 15)); return;
  }
}

bool Is64BitInteger(DType dtype) { return dtype == DType::kI64 || dtype == DType::kU64; }

}  // namespace

double ElementAsDouble(const TensorView& view, int64_t i) {
  switch (view.dtype) {
    case DType::kUndefined:
    case DType::kString: return 0;
    case DType::kF32: return static_cast<double>(view.as<const float>()[i]);
    case DType::kF16: return static_cast<double>(F16ToF32(view.as<const uint16_t>()[i]));
    case DType::kBF16: return static_cast<double>(BF16ToF32(view.as<const uint16_t>()[i]));
    case DType::kF64: return view.as<const double>()[i];
    case DType::kI8: return view.as<const int8_t>()[i];
    case DType::kU8: return view.as<const uint8_t>()[i];
    case DType::kI16: return view.as<const int16_t>()[i];
    case DType::kU16: return view.as<const uint16_t>()[i];
    case DType::kI32: return view.as<const int32_t>()[i];
    case DType::kU32: return view.as<const uint32_t>()[i];
    case DType::kI64: return static_cast<double>(view.as<const int64_t>()[i]);
    case DType::kU64: return static_cast<double>(view.as<const uint64_t>()[i]);
    case DType::kBool: return view.as<const uint8_t>()[i] != 0 ? 1 : 0;
    case DType::kI4: {
      const int bits = Nibble(view, i);
      return bits >= 8 ? bits - 16 : bits;
    }
    case DType::kU4: return Nibble(view, i);
  }
  return 0;
}

Result<Array> Array::Create(DType dtype, const Shape& shape) {
  if (dtype == DType::kUndefined) return Error(Code::kInvalidArgument, "the element type is undefined");
  if (dtype == DType::kString) return Error(Code::kUnsupported, "arrays hold numbers, not strings");
  const int64_t count = CheckedElementCount(shape.dims());
  if (count < 0) {
    return Error(Code::kInvalidArgument, "the shape %s is negative or too large", shape.ToString().c_str());
  }
  Array array;
  array.dtype_ = dtype;
  array.shape_ = shape;
  array.size_ = static_cast<size_t>(BytesOf(dtype, static_cast<uint64_t>(count)));
  if (array.size_ > 0) {
    const size_t rounded = (array.size_ + kAlignment - 1) / kAlignment * kAlignment;
    array.data_.reset(static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded)));
    if (array.data_ == nullptr) {
      return Error(Code::kOutOfMemory, "there are no %zu bytes of memory for a tensor of shape %s", rounded,
                   shape.ToString().c_str());
    }
    std::memset(array.data_.get(), 0, rounded);
  }
  return array;
}

Result<Array> Array::CopyOf(const TensorView& view) {
  WHET_ASSIGN_OR_RETURN(Array array, Create(view.dtype, view.shape));
  if (array.size_ > 0) std::memcpy(array.data_.get(), view.data, array.size_);
  return array;
}

Status Array::Reshape(const Shape& shape) {
  if (CheckedElementCount(shape.dims()) != elements()) {
    return Error(Code::kInvalidArgument, "a tensor of shape %s cannot be taken for %s",
                 shape_.ToString().c_str(), shape.ToString().c_str());
  }
  shape_ = shape;
  return {};
}

Result<Array> Array::ConvertTo(DType dtype) const {
  if (dtype == dtype_) return Clone();
  WHET_ASSIGN_OR_RETURN(Array result, Create(dtype, shape_));
  const TensorView from = view();
  const TensorView to = result.view();
  const int64_t count = elements();
  // A double does not hold every 64-bit integer, so these are converted without one.
  if (dtype_ == DType::kI64 && Is64BitInteger(dtype)) {
    for (int64_t i = 0; i < count; ++i) {
      to.as<uint64_t>()[i] = static_cast<uint64_t>(std::max<int64_t>(from.as<int64_t>()[i], 0));
    }
    return result;
  }
  if (dtype_ == DType::kU64 && Is64BitInteger(dtype)) {
    constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
    for (int64_t i = 0; i < count; ++i) {
      to.as<int64_t>()[i] = static_cast<int64_t>(std::min(from.as<uint64_t>()[i], kMax));
    }
    return result;
  }
  for (int64_t i = 0; i < count; ++i) StoreDouble(to, i, ElementAsDouble(from, i));
  return result;
}

}  // namespace whet::data
