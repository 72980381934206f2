// Element types of tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace whet {

// The numbers are written to files and are part of the C ABI; append, never renumber.
enum class DType : uint8_t {
  kUndefined = 0,
  kF32 = 1,
  kF16 = 2,
  kBF16 = 3,
  kF64 = 4,
  kI8 = 5,
  kU8 = 6,
  kI16 = 7,
  kU16 = 8,
  kI32 = 9,
  kU32 = 10,
  kI64 = 11,
  kU64 = 12,
  kBool = 13,  // one byte, 0 or 1
  kI4 = 14,    // two in a byte, the first in the low half
  kU4 = 15,    // likewise
  // std::string_view: the characters stand elsewhere and belong to whoever owns the tensor, so that elements
  // are moved about like any others. Never in a Plan.
  kString = 16,
};
inline constexpr int kDTypeCount = 17;
// Those below are what a Plan's tensors can be.
inline constexpr int kPlanDTypeCount = 16;

constexpr int BitsOf(DType type) {
  switch (type) {
    case DType::kUndefined: return 0;
    case DType::kI4:
    case DType::kU4: return 4;
    case DType::kI8:
    case DType::kU8:
    case DType::kBool: return 8;
    case DType::kF16:
    case DType::kBF16:
    case DType::kI16:
    case DType::kU16: return 16;
    case DType::kF32:
    case DType::kI32:
    case DType::kU32: return 32;
    case DType::kF64:
    case DType::kI64:
    case DType::kU64: return 64;
    case DType::kString: return 8 * sizeof(std::string_view);
  }
  return 0;
}

// Bytes that `count` elements take; 4-bit types round up to whole bytes.
constexpr uint64_t BytesOf(DType type, uint64_t count) {
  return (count * static_cast<uint64_t>(BitsOf(type)) + 7) / 8;
}

constexpr bool IsFloat(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16 || type == DType::kF64;
}
constexpr bool IsSignedInteger(DType type) {
  return type == DType::kI8 || type == DType::kI16 || type == DType::kI32 || type == DType::kI64 ||
         type == DType::kI4;
}
constexpr bool IsUnsignedInteger(DType type) {
  return type == DType::kU8 || type == DType::kU16 || type == DType::kU32 || type == DType::kU64 ||
         type == DType::kU4;
}
constexpr bool IsInteger(DType type) { return IsSignedInteger(type) || IsUnsignedInteger(type); }
// What quantized activations are.
constexpr bool Is8Bit(DType type) { return type == DType::kI8 || type == DType::kU8; }
constexpr bool Is16Bit(DType type) { return type == DType::kI16 || type == DType::kU16; }

// "f32", "i64", "bool", "string", …; the spelling of the text form and of the command line.
std::string_view DTypeName(DType type);
// kUndefined if the name is not one of DTypeName's.
DType DTypeFromName(std::string_view name);

// IEEE half and bfloat16, round to nearest even, NaN stays NaN.
float F16ToF32(uint16_t bits);
uint16_t F32ToF16(float value);
float BF16ToF32(uint16_t bits);
uint16_t F32ToBF16(float value);

}  // namespace whet
