#include "data/random.h"

#include <cstddef>

namespace whet::data {

uint64_t RandomBits(uint64_t seed, uint64_t index) {
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;
  uint64_t z = (seed * kGolden + index + 1) * kGolden;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

Result<Array> RandomArray(DType dtype, const Shape& shape, uint64_t seed) {
  WHET_ASSIGN_OR_RETURN(Array array, Array::Create(dtype, shape));
  const TensorView view = array.view();
  const auto count = static_cast<uint64_t>(view.elements());
  // 4-bit types and all whose every pattern is a value are filled byte by byte.
  if (dtype == DType::kI4 || dtype == DType::kU4 || dtype == DType::kI8 || dtype == DType::kU8) {
    for (size_t i = 0; i < array.bytes().size(); ++i) {
      array.bytes()[i] = static_cast<std::byte>(RandomBits(seed, i) >> 56);
    }
    return array;
  }
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t bits = RandomBits(seed, i);
    const float unit = static_cast<float>(bits >> 40) * 0x1p-23f - 1.0f;
    const uint64_t digit = (bits >> 32) * 10 >> 32;
    switch (dtype) {
      case DType::kF32: view.as<float>()[i] = unit; break;
      case DType::kF16: view.as<uint16_t>()[i] = F32ToF16(unit); break;
      case DType::kBF16: view.as<uint16_t>()[i] = F32ToBF16(unit); break;
      case DType::kF64: view.as<double>()[i] = static_cast<double>(unit); break;
      case DType::kBool: view.as<uint8_t>()[i] = static_cast<uint8_t>(bits >> 63); break;
      case DType::kI16:
      case DType::kU16: view.as<uint16_t>()[i] = static_cast<uint16_t>(digit); break;
      case DType::kI32:
      case DType::kU32: view.as<uint32_t>()[i] = static_cast<uint32_t>(digit); break;
      default: view.as<uint64_t>()[i] = digit; break;
    }
  }
  return array;
}

}  // namespace whet::data
