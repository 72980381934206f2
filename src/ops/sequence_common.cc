#include "ops/sequence_common.h"

#include "ops/elements_common.h"
#include "ops/onnx_dtype_common.h"
#include "ops/spatial_common.h"
#include "ops/subgraph_common.h"

namespace whet::ops {
namespace {

constexpr size_t kMaxKnownChanges = 1024;
constexpr size_t kMaxKnownElements = 4096;

Result<size_t> CheckedPosition(int64_t position, size_t limit) {
  const auto size = static_cast<int64_t>(limit);
  const int64_t at = position < 0 ? position + size : position;
  if (at >= 0 && at < size) return static_cast<size_t>(at);
  return Error(Code::kBadFile, "position %lld of a sequence, where there are %zu",
               static_cast<long long>(position), limit);
}

Result<size_t> InsertionPoint(int64_t position, size_t size) {
  const int64_t at = position < 0 ? position + static_cast<int64_t>(size) : position;
  if (at >= 0 && at <= static_cast<int64_t>(size)) return static_cast<size_t>(at);
  return Error(Code::kBadFile, "position %lld of a sequence with %zu", static_cast<long long>(position),
               size);
}

// The one element of input `i`, a position.
Result<int64_t> ReadPosition(const Node& node, const GraphEvaluator& evaluator, size_t i) {
  const TensorPtr tensor = evaluator.Input(node, i);
  if (tensor != nullptr && tensor->view().elements() == 1) return LoadInt(tensor->view(), 0);
  return Error(Code::kInvalidArgument, "a position must have one element, not be %s",
               ToString(evaluator.InputDatum(node, i)).c_str());
}

}  // namespace

std::optional<std::vector<Value*>> KnownElements(const Value* sequence) {
  std::vector<const Node*> changes;  // the last first
  const Node* producer = sequence->producer();
  for (; producer != nullptr && (producer->Is("SequenceInsert") || producer->Is("SequenceErase"));
       producer = producer->input(0)->producer()) {
    if (changes.size() == kMaxKnownChanges) return {};
    changes.push_back(producer);
  }
  if (producer == nullptr || !(producer->Is("SequenceConstruct") || producer->Is("SequenceEmpty"))) return {};
  if (producer->inputs().size() > kMaxKnownElements) return {};
  std::vector<Value*> elements(producer->inputs().begin(), producer->inputs().end());
  for (auto it = changes.rbegin(); it != changes.rend(); ++it) {
    const Node& change = **it;
    const bool insert = change.Is("SequenceInsert");
    const size_t limit = elements.size() + size_t{insert};
    if (limit == 0) return {};
    size_t at = limit - 1;
    if (const Value* given = change.input(insert ? 2 : 1); given != nullptr) {
      std::vector<int64_t> position;
      if (!ConstantInts(given, &position) || position.size() != 1) return {};
      auto checked =
          insert ? InsertionPoint(position[0], elements.size()) : CheckedPosition(position[0], limit);
      if (!checked.ok()) return {};  // the run will say so
      at = *checked;
    }
    if (insert) {
      elements.insert(elements.begin() + static_cast<int64_t>(at), change.input(1));
    } else {
      elements.erase(elements.begin() + static_cast<int64_t>(at));
    }
  }
  return elements;
}

Result<std::optional<size_t>> KnownPosition(const ForeignNode& node, size_t i, size_t limit,
                                            size_t fallback) {
  if (!node.HasInput(i)) return std::optional(fallback);
  std::vector<int64_t> position;
  if (!ConstantInts(node.input(i), &position)) return std::optional<size_t>();
  if (position.size() != 1) {
    return Error(Code::kBadFile, "a position has %zu elements; it must have one", position.size());
  }
  WHET_ASSIGN_OR_RETURN(const size_t at, CheckedPosition(position[0], limit));
  return std::optional(at);
}

Status SetSequence(ForeignNode& node, GraphBuilder& builder, std::span<Value* const> elements,
                   const Type& type) {
  node.SetResult(0, elements.empty()
                        ? builder.Emit("SequenceEmpty", {}, {{"dtype", OnnxFromDType(type.dtype)}})
                        : builder.Emit("SequenceConstruct", elements));
  return builder.TakeStatus();
}

Status EmitSame(std::string_view op, ForeignNode& node, GraphBuilder& builder) {
  node.SetResult(0, builder.Emit(op, std::span<Value* const>(node.inputs), std::move(node.attributes)));
  return builder.TakeStatus();
}

Status ExportSame(const Node& node, OnnxSink& sink) {
  std::vector<std::string> inputs, outputs;
  for (const Value* value : node.inputs()) inputs.push_back(sink.NameOf(value));
  for (const Value* value : node.outputs()) outputs.push_back(sink.NameOf(value));
  sink.Node(node.op_name(), inputs, outputs, node.attributes);
  return {};
}

Status RequireSequence(const InferContext& context, size_t i) {
  const Type& type = context.input(i);
  if (type.form == Form::kSequence) return {};
  return Error(Code::kBadFile, "input %zu is %s; it must be a sequence", i, ToString(type).c_str());
}

Result<Type> JoinElements(const Type& a, const Type& b) {
  if (!b.IsTensor()) {
    return Error(Code::kBadFile, "a sequence cannot hold %s, only tensors", ToString(b).c_str());
  }
  if (a.dtype != b.dtype) {
    return Error(Code::kBadFile, "a sequence cannot hold both %s and %s",
                 ToString(a.As(Form::kTensor)).c_str(), ToString(b).c_str());
  }
  return JoinTypes(a.As(Form::kTensor), b);
}

Result<Datum> SequenceInput(const Node& node, const GraphEvaluator& evaluator, size_t i) {
  Datum datum = evaluator.InputDatum(node, i);
  if (datum.IsSequence()) return datum;
  return Error(Code::kInvalidArgument, "input %zu must be a sequence but is %s", i, ToString(datum).c_str());
}

Result<size_t> PositionInput(const Node& node, const GraphEvaluator& evaluator, size_t i, size_t limit,
                             size_t fallback) {
  if (node.input(i) == nullptr) return fallback;
  WHET_ASSIGN_OR_RETURN(const int64_t position, ReadPosition(node, evaluator, i));
  return CheckedPosition(position, limit);
}

Result<size_t> InsertionInput(const Node& node, const GraphEvaluator& evaluator, size_t i, size_t size) {
  if (node.input(i) == nullptr) return size;
  WHET_ASSIGN_OR_RETURN(const int64_t position, ReadPosition(node, evaluator, i));
  return InsertionPoint(position, size);
}

}  // namespace whet::ops
