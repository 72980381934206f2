#include "ops/elements_common.h"

#include <cstring>
#include <string_view>

namespace whet::ops {
namespace {

int64_t LoadNibble(const TensorView& view, int64_t i) {
  const uint8_t byte = view.as<uint8_t>()[i / 2];
  const int nibble = i % 2 == 0 ? byte & 15 : byte >> 4;
  return view.dtype == DType::kI4 && nibble >= 8 ? nibble - 16 : nibble;
}

void StoreNibble(const TensorView& view, int64_t i, int64_t value) {
  uint8_t& byte = view.as<uint8_t>()[i / 2];
  const auto nibble = static_cast<uint8_t>(value & 15);
  byte = static_cast<uint8_t>(i % 2 == 0 ? (byte & 0xf0) | nibble : (byte & 0x0f) | (nibble << 4));
}

}  // namespace

double LoadFloat(const TensorView& view, int64_t i) {
  switch (view.dtype) {
    case DType::kF32: return static_cast<double>(view.as<float>()[i]);
    case DType::kF64: return view.as<double>()[i];
    case DType::kF16: return static_cast<double>(F16ToF32(view.as<uint16_t>()[i]));
    case DType::kBF16: return static_cast<double>(BF16ToF32(view.as<uint16_t>()[i]));
    case DType::kU64: return static_cast<double>(view.as<uint64_t>()[i]);
    default: return static_cast<double>(LoadInt(view, i));
  }
}

int64_t LoadInt(const TensorView& view, int64_t i) {
  switch (view.dtype) {
    case DType::kI8: return view.as<int8_t>()[i];
    case DType::kBool:
    case DType::kU8: return view.as<uint8_t>()[i];
    case DType::kI16: return view.as<int16_t>()[i];
    case DType::kU16: return view.as<uint16_t>()[i];
    case DType::kI32: return view.as<int32_t>()[i];
    case DType::kU32: return view.as<uint32_t>()[i];
    case DType::kI64: return view.as<int64_t>()[i];
    case DType::kU64: return static_cast<int64_t>(view.as<uint64_t>()[i]);
    case DType::kI4:
    case DType::kU4: return LoadNibble(view, i);
    case DType::kUndefined:
    case DType::kString: return 0;
    default: {
      // The bounds are the largest doubles inside i64's range; NaN becomes 0.
      const double value = LoadFloat(view, i);
      if (!(value > -0x1p63)) return std::isnan(value) ? 0 : INT64_MIN;
      return value < 0x1p63 ? static_cast<int64_t>(value) : INT64_MAX;
    }
  }
}

void StoreFloat(const TensorView& view, int64_t i, double value) {
  switch (view.dtype) {
    case DType::kF32: view.as<float>()[i] = static_cast<float>(value); break;
    case DType::kF64: view.as<double>()[i] = value; break;
    case DType::kF16: view.as<uint16_t>()[i] = F32ToF16(static_cast<float>(value)); break;
    case DType::kBF16: view.as<uint16_t>()[i] = F32ToBF16(static_cast<float>(value)); break;
    case DType::kBool: view.as<uint8_t>()[i] = value != 0; break;
    case DType::kU64:
      if (value >= 0x1p63) {
        view.as<uint64_t>()[i] = value < 0x1p64 ? static_cast<uint64_t>(value) : UINT64_MAX;
        break;
      }
      [[fallthrough]];
    default: {
      const TensorView wide{DType::kF64, Shape{}, &value};
      StoreInt(view, i, LoadInt(wide, 0));
    }
  }
}

void StoreInt(const TensorView& view, int64_t i, int64_t value) {
  switch (view.dtype) {
    case DType::kI8: view.as<int8_t>()[i] = static_cast<int8_t>(value); break;
    case DType::kU8: view.as<uint8_t>()[i] = static_cast<uint8_t>(value); break;
    case DType::kBool: view.as<uint8_t>()[i] = value != 0; break;
    case DType::kI16: view.as<int16_t>()[i] = static_cast<int16_t>(value); break;
    case DType::kU16: view.as<uint16_t>()[i] = static_cast<uint16_t>(value); break;
    case DType::kI32: view.as<int32_t>()[i] = static_cast<int32_t>(value); break;
    case DType::kU32: view.as<uint32_t>()[i] = static_cast<uint32_t>(value); break;
    case DType::kI64: view.as<int64_t>()[i] = value; break;
    case DType::kU64: view.as<uint64_t>()[i] = static_cast<uint64_t>(value); break;
    case DType::kI4:
    case DType::kU4: StoreNibble(view, i, value); break;
    case DType::kUndefined:
    case DType::kString: break;
    default: StoreFloat(view, i, static_cast<double>(value));
  }
}

int CompareElements(const TensorView& a, int64_t i, const TensorView& b, int64_t j) {
  if (a.dtype == DType::kString) {
    const int order = a.as<std::string_view>()[i].compare(b.as<std::string_view>()[j]);
    return int{order > 0} - int{order < 0};
  }
  if (a.dtype == DType::kU64) {
    const uint64_t x = a.as<uint64_t>()[i];
    const uint64_t y = b.as<uint64_t>()[j];
    return int{x > y} - int{x < y};
  }
  if (!IsFloat(a.dtype)) {
    const int64_t x = LoadInt(a, i);
    const int64_t y = LoadInt(b, j);
    return int{x > y} - int{x < y};
  }
  const double x = LoadFloat(a, i);
  const double y = LoadFloat(b, j);
  if (std::isnan(x) || std::isnan(y)) return int{std::isnan(x)} - int{std::isnan(y)};
  return int{x > y} - int{x < y};
}

void CopyElement(const TensorView& from, int64_t i, const TensorView& to, int64_t j) {
  const int bits = BitsOf(from.dtype);
  if (bits == 4) {
    StoreNibble(to, j, LoadNibble(from, i));
    return;
  }
  const auto size = static_cast<size_t>(bits / 8);
  std::memcpy(to.as<char>() + static_cast<size_t>(j) * size, from.as<char>() + static_cast<size_t>(i) * size,
              size);
}

void CopyElements(const TensorView& from, int64_t i, const TensorView& to, int64_t j, int64_t count) {
  const int bits = BitsOf(from.dtype);
  if (bits == 4) {
    for (int64_t k = 0; k < count; ++k) StoreNibble(to, j + k, LoadNibble(from, i + k));
    return;
  }
  const int64_t size = bits / 8;
  if (count > 0)
    std::memcpy(to.as<char>() + j * size, from.as<char>() + i * size, static_cast<size_t>(count * size));
}

std::vector<int64_t> IntsOf(const TensorView& view) {
  std::vector<int64_t> values(static_cast<size_t>(view.elements()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = LoadInt(view, static_cast<int64_t>(i));
  return values;
}

IndexWalk::IndexWalk(const Shape& shape, std::vector<std::vector<int64_t>> strides)
    : shape_(shape), index_(shape), strides_(std::move(strides)), offsets_(strides_.size(), 0) {
  for (int d = 0; d < shape_.rank(); ++d) {
    index_[d] = 0;
    if (shape_[d] == 0) done_ = true;
  }
}

void IndexWalk::Next() {
  for (int d = shape_.rank() - 1; d >= 0; --d) {
    const auto axis = static_cast<size_t>(d);
    if (++index_[d] < shape_[d]) {
      for (size_t k = 0; k < offsets_.size(); ++k) offsets_[k] += strides_[k][axis];
      return;
    }
    for (size_t k = 0; k < offsets_.size(); ++k) offsets_[k] -= strides_[k][axis] * (shape_[d] - 1);
    index_[d] = 0;
  }
  done_ = true;
}

std::vector<int64_t> StridesOf(const Shape& shape) {
  std::vector<int64_t> strides(static_cast<size_t>(shape.rank()));
  int64_t stride = 1;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    strides[static_cast<size_t>(d)] = stride;
    stride *= shape[d];
  }
  return strides;
}

std::vector<int64_t> BroadcastStrides(const Shape& shape, const Shape& to) {
  const std::vector<int64_t> own = StridesOf(shape);
  std::vector<int64_t> strides(static_cast<size_t>(to.rank()), 0);
  const int shift = to.rank() - shape.rank();
  for (int d = 0; d < shape.rank(); ++d) {
    if (shape[d] != 1) strides[static_cast<size_t>(d + shift)] = own[static_cast<size_t>(d)];
  }
  return strides;
}

}  // namespace whet::ops
