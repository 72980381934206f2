// A TFLite file in memory: verified, with its tensors as types and constants.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "ir/graph.h"

namespace whet::tflite_fb {
struct Model;
struct SubGraph;
struct Tensor;
struct Operator;
struct SparsityParameters;
}  // namespace whet::tflite_fb

namespace whet {

// How the integers of a tensor stand for reals: real = scale * (integer - zero_point).
struct TfliteQuantization {
  std::vector<float> scales;         // one, or one for each index of `axis`
  std::vector<int64_t> zero_points;  // as many
  int axis = 0;
};

class TfliteFile {
 public:
  // Verifies the structure; `bytes` must stay alive with `owner` (null: they are copied).
  static Result<TfliteFile> Parse(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);

  const tflite_fb::Model& model() const { return *model_; }
  // Error if there is no such subgraph.
  Result<const tflite_fb::SubGraph*> Subgraph(int64_t index) const;
  // The operator's name ("CONV_2D", "CUSTOM:Name") and version.
  Result<std::pair<std::string, int>> OperatorName(const tflite_fb::Operator& op) const;

  // The declared type; dimensions that the file leaves open are unknown.
  static Result<Type> TypeOf(const tflite_fb::Tensor& tensor);
  // Null if the tensor holds no constant. Sparse ones are expanded.
  Result<std::shared_ptr<const Constant>> ConstantOf(const tflite_fb::Tensor& tensor);
  // No scales if the tensor is not quantized.
  Result<TfliteQuantization> QuantizationOf(const tflite_fb::Tensor& tensor);
  // Counts what is copied out of the file. An honest file's parts are copied a few times at most; one whose
  // tables refer to the same parts again and again would unfold to any size.
  Status Spend(uint64_t bytes);

  // The bytes of a buffer; empty for the sentinel and for those without data.
  Result<std::span<const std::byte>> Buffer(uint32_t index) const;

 private:
  TfliteFile() = default;
  Result<std::shared_ptr<const Constant>> Expand(const tflite_fb::Tensor& tensor, DType dtype,
                                                 const Shape& shape, std::span<const std::byte> bytes);

  std::shared_ptr<const void> owner_;
  std::span<const std::byte> bytes_;
  const tflite_fb::Model* model_ = nullptr;
  // Buffers that stand unaligned in the file, copied.
  std::map<std::pair<const std::byte*, size_t>, std::shared_ptr<const Constant>> aligned_;
  uint64_t aligned_bytes_ = 0;
  std::map<const tflite_fb::Tensor*, std::shared_ptr<const Constant>> expanded_;
  uint64_t expanded_bytes_ = 0;
  uint64_t spent_ = 0;
};

// Writes the tensor whose nonzero values are `values` into `dense`, which is zero and of that shape.
Status ExpandSparse(const tflite_fb::SparsityParameters& sparsity, DType dtype, const Shape& shape,
                    std::span<const std::byte> values, std::byte* dense);

}  // namespace whet
