// The signature of an operator's plain reference implementation.
//
// It stands in base because both the operators (who write references) and the runtime (who runs them when no
// fast kernel exists) use it, and the runtime sees no Graph.
#pragma once

#include <cstddef>
#include <span>

#include "base/attributes.h"
#include "base/status.h"
#include "base/tensor_view.h"

namespace whet {

// What a reference is given. Inputs that are absent have dtype kUndefined. Outputs have their dtype and shape
// set and memory of that size, except that for an output whose size depends on the data, `shape` is an upper
// bound at first: the reference calls SetOutputShape before it writes.
class ReferenceContext {
 public:
  ReferenceContext(const Attributes& attributes, std::span<const TensorView> inputs,
                   std::span<TensorView> outputs)
      : attributes_(attributes), inputs_(inputs), outputs_(outputs) {}
  virtual ~ReferenceContext() = default;

  const Attributes& attributes() const { return attributes_; }
  size_t input_count() const { return inputs_.size(); }
  size_t output_count() const { return outputs_.size(); }
  bool HasInput(size_t i) const { return i < inputs_.size() && inputs_[i].dtype != DType::kUndefined; }
  bool HasOutput(size_t i) const { return i < outputs_.size() && outputs_[i].dtype != DType::kUndefined; }
  const TensorView& input(size_t i) const { return inputs_[i]; }
  const TensorView& output(size_t i) const { return outputs_[i]; }

  // Sets the real shape of an output whose size depends on the data; may move its memory. Fails where memory
  // was planned and the shape needs more of it.
  virtual Status SetOutputShape(size_t i, const Shape& shape) = 0;

  // 64-byte aligned working memory, alive until the reference returns; never null. Successive calls return
  // distinct memory.
  virtual void* Scratch(size_t bytes) = 0;
  template <typename T>
  std::span<T> Scratch(int64_t count) {
    return {static_cast<T*>(Scratch(static_cast<size_t>(count) * sizeof(T))), static_cast<size_t>(count)};
  }

 protected:
  const Attributes& attributes_;
  std::span<const TensorView> inputs_;
  std::span<TensorView> outputs_;
};

using ReferenceFn = Status (*)(ReferenceContext& context);

// A reference that a Plan can name ("reference/Conv").
struct ReferenceRow {
  std::string_view op;
  ReferenceFn run;
};

}  // namespace whet
