// How an operator writes itself as TFLite operators, and how it stands in TFLite's quantized models.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace whet {

class GraphBuilder;

// Where an operator's TfliteForm::write writes. Operands are tensors of the TFLite subgraph.
//
// One function writes both an operator on reals and its quantized form: `Of` and `Result` give the tensor of
// reals, or of the integers that stand for them where the exporter writes the node as a quantized operator.
class TfliteSink {
 public:
  using Tensor = int32_t;
  static constexpr Tensor kAbsent = -1;
  virtual ~TfliteSink() = default;

  // Whether the node at hand is written as a quantized operator.
  virtual bool quantized() const = 0;
  // The tensor of a value that the node reads; kAbsent for null.
  virtual Tensor Of(const Value* value) = 0;
  // The tensor of the node's output i, the fused activation included.
  virtual Tensor Result(const Node& node, size_t i = 0) = 0;
  // The option fused_activation_function of the node's last operator: "NONE", "RELU", …
  virtual std::string_view activation() const = 0;

  // Shapes, axes and indices, which the Graph has as i64 and TFLite wants as i32: a constant, or a CAST.
  virtual Tensor Ints(const Value* value) = 0;
  virtual Tensor Ints(std::span<const int64_t> values) = 0;
  Tensor Ints(std::initializer_list<int64_t> values) {
    return Ints(std::span(values.begin(), values.size()));
  }
  virtual Tensor Int(int64_t value) = 0;  // of no dimension
  virtual Tensor IntMatrix(std::span<const int64_t> values, int64_t rows, int64_t columns) = 0;
  // A constant that is not a value of the Graph.
  virtual Tensor Constant(std::string_view base, std::shared_ptr<const whet::Constant> constant) = 0;

  // Weights in another order of their dimensions: constants, or constants that are dequantized or converted.
  virtual Tensor Weights(const Value* value, std::span<const int64_t> perm) = 0;
  Tensor Weights(const Value* value, std::initializer_list<int64_t> perm) {
    return Weights(value, std::span(perm.begin(), perm.size()));
  }
  // The bias of the product of x and w: in a quantized operator, integers of the scale that TFLite demands.
  virtual Tensor Bias(const Value* bias, const Value* x, const Value* w) = 0;
  // A constant of reals as the operator that reads `like` takes it: in a quantized operator, integers of
  // like's scale, saturated.
  virtual Tensor ConstantLike(const Value* constant, const Value* like) = 0;

  // A new tensor.
  virtual Tensor Fresh(std::string_view base, const Type& type) = 0;
  // `options` by the names of the operator's table of options in the schema; an enumerator by its name.
  virtual void Operator(std::string_view builtin, std::span<const Tensor> inputs,
                        std::span<const Tensor> outputs, const Attributes& options = {}) = 0;
  void Operator(std::string_view builtin, std::initializer_list<Tensor> inputs,
                std::initializer_list<Tensor> outputs, const Attributes& options = {}) {
    Operator(builtin, std::span(inputs.begin(), inputs.size()), std::span(outputs.begin(), outputs.size()),
             options);
  }
};

// What TFLite's 8-bit quantization specification asks of an operator's scales.
enum class TfliteScales : uint8_t {
  kNone,        // there is no quantized form
  kAny,         // those of inputs and outputs are free
  kEqual,       // all are the same, and the values may be new ones (averages)
  kMoved,       // all are the same, and the outputs' values are among the inputs'
  kUnit,        // the output's is 1/256 with zero point -128; in 16 bits 1/32768
  kSymmetric,   // the output's is 1/128 with zero point 0; in 16 bits 1/32768
  kLogSoftmax,  // the output's is 16/256 with zero point 127
};

// How an operator is written.
struct TfliteForm {
  // Rewrites the node, which TFLite cannot express as it is, as other operators of the Graph, whose results
  // go to `results`; leaves `results` empty where there is nothing to rewrite. Called until that is so.
  Status (*expand)(const Node& node, GraphBuilder& builder, std::vector<Value*>& results) = nullptr;
  // Null: one operator of the first TFLite spelling that has no import function, with the same inputs,
  // outputs and options.
  Status (*write)(const Node& node, TfliteSink& sink) = nullptr;
  TfliteScales scales = TfliteScales::kNone;
  // Bit i: input i is no tensor of the quantized operator's: a bias, a bound, a size.
  uint32_t unquantized_inputs = 0;
  // The operator's options have fused_activation_function.
  bool activation = false;
};

}  // namespace whet
