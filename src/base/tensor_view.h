// A view of a dense tensor: who owns the bytes is the holder's business, never the view's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "base/dtype.h"

namespace whet {

inline constexpr int kMaxRank = 8;

// The concrete dimensions of a tensor. Rank 0 is a scalar (one element).
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  // At most kMaxRank dimensions; callers check what comes from outside.
  explicit Shape(std::span<const int64_t> dims) : rank_(static_cast<int>(dims.size())) {
    for (int i = 0; i < rank_; ++i) dims_[i] = dims[static_cast<size_t>(i)];
  }

  int rank() const { return rank_; }
  int64_t operator[](int i) const { return dims_[i]; }
  int64_t& operator[](int i) { return dims_[i]; }
  int64_t back() const { return dims_[rank_ - 1]; }
  const int64_t* begin() const { return dims_; }
  const int64_t* end() const { return dims_ + rank_; }
  std::span<const int64_t> dims() const { return {dims_, static_cast<size_t>(rank_)}; }
  void push_back(int64_t dim) { dims_[rank_++] = dim; }
  // Product of all dimensions; does not check for overflow (see CheckedElementCount).
  int64_t elements() const {
    int64_t count = 1;
    for (int64_t dim : dims()) count *= dim;
    return count;
  }
  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int i = 0; i < rank_; ++i) {
      if (dims_[i] != other.dims_[i]) return false;
    }
    return true;
  }
  // "1x3x224x224"; "scalar" for rank 0.
  std::string ToString() const;

 private:
  int64_t dims_[kMaxRank] = {};
  int rank_ = 0;
};

// The element count of dimensions from outside, or -1 if one is negative, there are more than kMaxRank of
// them, or the product exceeds 2^40.
int64_t CheckedElementCount(std::span<const int64_t> dims);

// Row-major and dense; `data` is aligned to at least its element's size.
struct TensorView {
  DType dtype = DType::kUndefined;
  Shape shape;
  void* data = nullptr;

  int64_t elements() const { return shape.elements(); }
  uint64_t bytes() const { return BytesOf(dtype, static_cast<uint64_t>(shape.elements())); }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

}  // namespace whet
