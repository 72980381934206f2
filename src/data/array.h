// A dense tensor that owns its bytes: what files are read into and what models are fed from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "base/dtype.h"
#include "base/status.h"
#include "base/tensor_view.h"

namespace whet::data {

// Row-major; the bytes are aligned to 64. Movable; copies are made with Clone, since they may be large.
class Array {
 public:
  // Zeroed. kInvalidArgument for impossible dimensions, kOutOfMemory if the memory is not there.
  static Result<Array> Create(DType dtype, const Shape& shape);
  static Result<Array> CopyOf(const TensorView& view);

  Array() = default;

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t elements() const { return shape_.elements(); }
  std::span<std::byte> bytes() { return {data_.get(), size_}; }
  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }
  template <typename T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data_.get()), size_ / sizeof(T)};
  }
  template <typename T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data_.get()), size_ / sizeof(T)};
  }
  // The view is only read through where this Array is const.
  TensorView view() const { return {dtype_, shape_, data_.get()}; }

  Result<Array> Clone() const { return CopyOf(view()); }
  // The same bytes under other dimensions of the same element count.
  Status Reshape(const Shape& shape);
  // Each element as another type: numbers by value (integers saturate, floats round to nearest even), to bool
  // by "is not zero".
  Result<Array> ConvertTo(DType dtype) const;

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  DType dtype_ = DType::kUndefined;
  Shape shape_;
  size_t size_ = 0;
  std::unique_ptr<std::byte[], Free> data_;
};

// An Array and the name it has in a file or a model.
struct NamedArray {
  std::string name;
  Array array;
};

// One element as a double, whatever the type; 64-bit integers beyond 2^53 lose precision.
double ElementAsDouble(const TensorView& view, int64_t index);

}  // namespace whet::data
