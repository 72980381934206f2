// The Plan in the making: tensors without addresses, steps in order. Lower functions (compile/lower/) add
// steps; the memory planner then gives every buffer its place.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/isa.h"
#include "base/status.h"
#include "ir/graph.h"
#include "kernels/kernel.h"
#include "plan/plan.h"

namespace whet {

// A piece of memory with one life.
struct Buffer {
  Place place = Place::kArena;
  uint32_t index = 0;  // of input, output, state
  uint64_t bytes = 0;
  uint64_t offset = 0;  // in arena or weights; the planner's work for the arena
  uint32_t first_step = UINT32_MAX;
  uint32_t last_step = 0;
  // The planner may give this buffer the memory of that one, whose life ends in the step in which this one's
  // begins.
  uint32_t may_replace = UINT32_MAX;
};

using TensorId = uint32_t;
inline constexpr TensorId kNoTensor = PlanStep::kAbsent;

struct TensorDraft {
  std::string name;
  DType dtype = DType::kUndefined;
  Shape shape;
  uint32_t buffer = 0;
  uint64_t offset = 0;     // bytes into the buffer
  int64_t row_stride = 0;  // elements
  bool dense() const {
    return shape.rank() == 0 || shape.elements() == 0 || row_stride == shape.back() ||
           shape.elements() == shape.back();
  }
  int64_t rows() const {
    return shape.rank() == 0 || shape.back() == 0 ? 1 : shape.elements() / shape.back();
  }
};

class Lowering {
 public:
  explicit Lowering(Isa isa) : isa_(isa) {}

  Isa isa() const { return isa_; }

  // --- tensors
  // The tensor that a value is. Possibly strided: rows (all but the last dimension) at a distance of
  // row_stride.
  TensorId TensorOf(const Value* value);
  // kNoTensor for an absent value.
  TensorId TensorOrNone(const Value* value) { return value == nullptr ? kNoTensor : TensorOf(value); }
  // The same contents in a dense tensor: the value's own, or a copy made by a step.
  TensorId DenseInput(const Value* value);
  // A dense tensor to write the value's contents to; after the step that does, call FinishOutput, which
  // copies it to its place if that is strided.
  TensorId DenseOutput(const Value* value);
  Status FinishOutput(const Value* value, TensorId written);
  const TensorDraft& tensor(TensorId id) const { return tensors_[id]; }
  // Working memory that lives from its first step to its last.
  TensorId Temporary(DType dtype, const Shape& shape);
  // `bytes` of weights, 64-byte aligned, to be filled in through the pointer before anything else is added.
  TensorId Weights(DType dtype, const Shape& shape, void** data);
  template <typename T>
  TensorId WeightsOf(DType dtype, std::span<const T> values) {
    void* data = nullptr;
    const TensorId id = Weights(dtype, Shape{static_cast<int64_t>(values.size())}, &data);
    std::memcpy(data, values.data(), values.size_bytes());
    return id;
  }
  // A view of a tensor's bytes as another shape, dense; for folding dimensions.
  TensorId Reshaped(TensorId id, const Shape& shape);
  // The part of a tensor that begins `offset` bytes into its buffer, with the tensor's row stride.
  TensorId Piece(TensorId whole, const Shape& shape, uint64_t offset);

  // --- steps
  template <typename Params>
  void AddKernel(const Node& node, const kernels::Choice& choice, const Params& params,
                 std::vector<TensorId> operands, int64_t macs = 0) {
    AddKernelBytes(node, choice, std::as_bytes(std::span(&params, 1)), std::move(operands), macs);
  }
  // The plain reference.
  Status AddReference(const Node& node);
  // Copies contents, whatever the strides.
  Status AddCopy(const Node& node, TensorId from, TensorId to);
  // The last step may write its operand `output` over its operand `input`, if that is not needed any more.
  void MayWriteOver(size_t output, size_t input);

  // --- graph level, for Compile
  Status LowerGraph(const Graph& graph);
  Result<std::shared_ptr<const Plan>> Finish(std::string model_id);

 private:
  struct WeightChunk {
    std::shared_ptr<std::byte> data;
    uint64_t bytes;
    uint64_t offset;
  };

  void AddKernelBytes(const Node& node, const kernels::Choice& choice, std::span<const std::byte> params,
                      std::vector<TensorId> operands, int64_t macs);
  PlanStep& AddStep(const Node& node, PlanStep::Kind kind, std::vector<TensorId> operands);
  uint32_t AddBuffer(Place place, uint32_t index, uint64_t bytes);
  TensorId AddTensor(std::string name, DType dtype, const Shape& shape, uint32_t buffer);
  void Touch(TensorId id);
  TensorId ConstantTensor(const Value* value);
  Status LowerNodes(const Graph& graph);
  Status LowerNode(const Node& node);
  Status LowerIf(const Node& node);
  void PlaceConcats(const Graph& graph);
  bool TryAlias(const Node& node);
  Status CheckStatic(const Graph& graph);

  Isa isa_;
  std::vector<Buffer> buffers_;
  std::vector<TensorDraft> tensors_;
  std::vector<PlanStep> steps_;
  std::vector<PlanPort> inputs_;
  std::vector<PlanPort> outputs_;
  std::vector<PlanState> states_;
  std::unordered_map<const Value*, TensorId> tensor_of_;
  std::unordered_map<const Constant*, TensorId> constants_;
  std::vector<WeightChunk> weights_;
  uint64_t weight_bytes_ = 0;
};

// Adds steps for a node by fast kernels. False if there is none for this case, with nothing added: the node
// then runs on its reference.
using LowerFn = Result<bool> (*)(const Node& node, Lowering& lowering);
LowerFn FindLowering(std::string_view op);

// Gives arena buffers their offsets, greatest first; returns the arena's size. Offsets are multiples of 64.
uint64_t PlanMemory(std::vector<Buffer>& buffers);

}  // namespace whet
