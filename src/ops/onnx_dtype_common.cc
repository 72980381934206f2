#include "ops/onnx_dtype_common.h"

namespace whet::ops {
namespace {

struct Row {
  DType dtype;
  int64_t number;
};
constexpr Row kRows[] = {
    {DType::kF32, 1},  {DType::kU8, 2},    {DType::kI8, 3},   {DType::kU16, 4},
    {DType::kI16, 5},  {DType::kI32, 6},   {DType::kI64, 7},  {DType::kString, 8},
    {DType::kBool, 9}, {DType::kF16, 10},  {DType::kF64, 11}, {DType::kU32, 12},
    {DType::kU64, 13}, {DType::kBF16, 16}, {DType::kU4, 21},  {DType::kI4, 22},
};

}  // namespace

DType DTypeFromOnnx(int64_t number) {
  for (const Row& row : kRows) {
    if (row.number == number) return row.dtype;
  }
  return DType::kUndefined;
}

int64_t OnnxFromDType(DType dtype) {
  for (const Row& row : kRows) {
    if (row.dtype == dtype) return row.number;
  }
  return 0;
}

Result<DType> DTypeAttribute(const Attributes& attributes, DType fallback) {
  if (!attributes.Has("dtype")) return fallback;
  const DType dtype = DTypeFromOnnx(attributes.Int("dtype"));
  if (dtype == DType::kUndefined) {
    return Error(Code::kUnsupported, "ONNX element type %lld",
                 static_cast<long long>(attributes.Int("dtype")));
  }
  return dtype;
}

}  // namespace whet::ops
