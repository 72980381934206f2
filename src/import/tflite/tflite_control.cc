// The operators that are about the file's own structure rather than arithmetic: subgraphs, variables, and the
// borders between integers and reals.

#include <algorithm>

#include "import/tflite/tflite_graph.h"
#include "import/tflite/tflite_options.h"
#include "ir/evaluate.h"
#include "ops/onnx_dtype_common.h"
#include "tflite_schema_generated.h"

namespace whet {

namespace fb = tflite_fb;

namespace {

// What an init subgraph may compute at most; real ones hold constants.
constexpr uint64_t kMaxInitialBytes = uint64_t{1} << 28;
constexpr int64_t kMaxInitialIterations = 1 << 16;

size_t InputCount(const fb::Operator& op) { return op.inputs() ? op.inputs()->size() : 0; }
size_t OutputCount(const fb::Operator& op) { return op.outputs() ? op.outputs()->size() : 0; }

// Outputs of a subgraph are values of its own.
Status AddOutputs(Graph& graph, std::span<Value* const> outputs) {
  GraphBuilder builder(graph);
  for (Value* output : outputs) {
    graph.AddOutput(output->producer() != nullptr && output->graph() == &graph
                        ? output
                        : builder.Emit("Identity", {output}));
  }
  return builder.TakeStatus();
}

// Whether a value can be of both types.
bool Overlap(const Type& a, const Type& b) {
  if (a.dtype != b.dtype) return false;
  if (!a.ranked || !b.ranked) return true;
  return std::equal(a.dims.begin(), a.dims.end(), b.dims.begin(), b.dims.end(),
                    [](const Dim& x, const Dim& y) { return x.lo <= y.hi && y.lo <= x.hi; });
}

}  // namespace

Result<bool> TfliteGraphImporter::ImportControl(Frame& frame, const Operator& op) {
  const auto done = [](Status status) -> Result<bool> {
    if (!status.ok()) return status;
    return true;
  };
  if (op.type == "DEQUANTIZE" || op.type == "QUANTIZE" || op.type == "DENSIFY") {
    if (InputCount(op.op) != 1 || OutputCount(op.op) != 1)
      return Error(Code::kBadFile, "takes one input and gives one output");
    const int32_t to = op.op.outputs()->Get(0);
    if (to < 0) return true;
    if (op.type == "DENSIFY") {  // sparse constants are expanded when they are read
      WHET_ASSIGN_OR_RETURN(Value * value, Read(frame, op.op.inputs()->Get(0)));
      return done(Write(frame, to, value));
    }
    WHET_ASSIGN_OR_RETURN(Value * value, ReadReal(frame, op.op.inputs()->Get(0)));
    if (op.type == "DEQUANTIZE") {
      const fb::Tensor& tensor = *frame.subgraph.tensors()->Get(static_cast<uint32_t>(to));
      WHET_ASSIGN_OR_RETURN(const Type declared, TfliteFile::TypeOf(tensor));
      if (IsFloat(value->type.dtype) && IsFloat(declared.dtype) && value->type.dtype != declared.dtype) {
        GraphBuilder builder(*frame.graph);
        builder.SetNodeName(op.name);
        value = builder.Emit("Cast", {value}, {{"to", ops::OnnxFromDType(declared.dtype)}});
        WHET_RETURN_IF_ERROR(builder.TakeStatus());
      }
    }
    return done(Write(frame, to, value));
  }
  if (op.type == "IF") return done(ImportIf(frame, op, ReadTfliteOptions(op.op)));
  if (op.type == "WHILE") return done(ImportWhile(frame, op, ReadTfliteOptions(op.op)));
  if (op.type == "CALL_ONCE") return done(ImportCallOnce(ReadTfliteOptions(op.op)));
  if (op.type == "VAR_HANDLE" || op.type == "READ_VARIABLE" || op.type == "ASSIGN_VARIABLE") {
    return done(ImportVariable(frame, op, ReadTfliteOptions(op.op)));
  }
  return false;
}

Result<std::vector<Value*>> TfliteGraphImporter::RawInputs(Frame& frame, const Operator& op, size_t first) {
  std::vector<Value*> values;
  for (size_t i = first; i < InputCount(op.op); ++i) {
    WHET_ASSIGN_OR_RETURN(Value * value, Read(frame, op.op.inputs()->Get(static_cast<uint32_t>(i))));
    values.push_back(value);
  }
  return values;
}

Status TfliteGraphImporter::SetRawResults(Frame& frame, const Operator& op, std::span<Value* const> results) {
  for (size_t i = 0; i < OutputCount(op.op); ++i) {
    const int32_t t = op.op.outputs()->Get(static_cast<uint32_t>(i));
    if (t < 0) continue;
    if (i >= results.size())
      return Error(Code::kBadFile, "has %zu outputs but its subgraph gives %zu", OutputCount(op.op),
                   results.size());
    WHET_ASSIGN_OR_RETURN(const Type declared,
                          TfliteFile::TypeOf(*frame.subgraph.tensors()->Get(static_cast<uint32_t>(t))));
    WHET_RETURN_IF_ERROR(Refine(declared, *results[i]));
    WHET_RETURN_IF_ERROR(Write(frame, t, results[i]));
  }
  return {};
}

Status TfliteGraphImporter::ImportIf(Frame& frame, const Operator& op, const Attributes& options) {
  if (InputCount(op.op) < 1) return Error(Code::kBadFile, "has no condition");
  WHET_ASSIGN_OR_RETURN(Value * condition, Read(frame, op.op.inputs()->Get(0)));
  WHET_ASSIGN_OR_RETURN(const std::vector<Value*> operands, RawInputs(frame, op, 1));
  std::vector<std::unique_ptr<Graph>> branches;
  for (const char* option : {"then_subgraph_index", "else_subgraph_index"}) {
    const int64_t index = options.Int(option);
    auto branch = std::make_unique<Graph>(op.name + (branches.empty() ? ":then" : ":else"), frame.graph);
    WHET_ASSIGN_OR_RETURN(const std::vector<Value*> outputs, ImportSubgraph(index, branch.get(), operands));
    WHET_RETURN_IF_ERROR(AddOutputs(*branch, outputs));
    branches.push_back(std::move(branch));
  }
  GraphBuilder builder(*frame.graph);
  builder.SetNodeName(op.name);
  const size_t count = std::min(branches[0]->outputs().size(), branches[1]->outputs().size());
  const std::vector<Value*> results = builder.EmitNode("If", {&condition, 1}, count, {}, std::move(branches));
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  return SetRawResults(frame, op, results);
}

// A Loop tests its condition at the end of its body, so the condition's subgraph is imported twice: before
// the loop and at the end of the body.
Status TfliteGraphImporter::ImportWhile(Frame& frame, const Operator& op, const Attributes& options) {
  const int64_t cond_index = options.Int("cond_subgraph_index");
  const int64_t body_index = options.Int("body_subgraph_index");
  WHET_ASSIGN_OR_RETURN(const std::vector<Value*> initial, RawInputs(frame, op, 0));
  WHET_ASSIGN_OR_RETURN(const std::vector<Value*> first, ImportSubgraph(cond_index, frame.graph, initial));
  WHET_ASSIGN_OR_RETURN(const fb::SubGraph* body_subgraph, file_.Subgraph(body_index));
  const size_t body_inputs = body_subgraph->inputs() ? body_subgraph->inputs()->size() : 0;
  if (first.size() != 1 || body_inputs != initial.size()) {
    return Error(Code::kBadFile,
                 "its condition gives %zu values (not 1), or its body takes %zu values (not %zu)",
                 first.size(), body_inputs, initial.size());
  }
  WHET_RETURN_IF_ERROR(CheckTensors(*body_subgraph));
  auto body = std::make_unique<Graph>(op.name + ":body", frame.graph);
  body->AddInput(op.name + ":iteration", Type(DType::kI64, {}));
  body->AddInput(op.name + ":condition", Type(DType::kBool, {}));
  std::vector<Value*> carried;
  for (size_t i = 0; i < initial.size(); ++i) {
    const auto t = static_cast<uint32_t>(body_subgraph->inputs()->Get(static_cast<uint32_t>(i)));
    WHET_ASSIGN_OR_RETURN(Type type, TfliteFile::TypeOf(*body_subgraph->tensors()->Get(t)));
    type.dtype = initial[i]->type.dtype;
    carried.push_back(body->AddInput(initial[i]->name(), std::move(type)));
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<Value*> next, ImportSubgraph(body_index, body.get(), carried));
  if (next.size() != initial.size()) {
    return Error(Code::kBadFile, "its body gives %zu values but carries %zu", next.size(), initial.size());
  }
  WHET_ASSIGN_OR_RETURN(std::vector<Value*> outputs, ImportSubgraph(cond_index, body.get(), next));
  outputs.insert(outputs.end(), next.begin(), next.end());
  WHET_RETURN_IF_ERROR(AddOutputs(*body, outputs));
  std::vector<Value*> inputs = {nullptr, first[0]};
  inputs.insert(inputs.end(), initial.begin(), initial.end());
  std::vector<std::unique_ptr<Graph>> subgraphs;
  subgraphs.push_back(std::move(body));
  GraphBuilder builder(*frame.graph);
  builder.SetNodeName(op.name);
  const std::vector<Value*> results =
      builder.EmitNode("Loop", inputs, initial.size(), {}, std::move(subgraphs));
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  return SetRawResults(frame, op, results);
}

Status TfliteGraphImporter::ImportVariable(Frame& frame, const Operator& op, const Attributes& options) {
  if (op.type == "VAR_HANDLE") {
    if (OutputCount(op.op) != 1 || op.op.outputs()->Get(0) < 0)
      return Error(Code::kBadFile, "gives no handle");
    std::string key(options.String("container"));
    if (!key.empty()) key += '/';
    key += options.String("shared_name");
    frame.handles[static_cast<size_t>(op.op.outputs()->Get(0))] = "variable:" + key;
    return {};
  }
  const int32_t handle = InputCount(op.op) > 0 ? op.op.inputs()->Get(0) : -1;
  if (handle < 0 || frame.handles[static_cast<size_t>(handle)].empty()) {
    return Error(Code::kUnsupported, "a variable whose handle was not made in the same subgraph");
  }
  const std::string& key = frame.handles[static_cast<size_t>(handle)];
  Variable& variable = variables_[key];
  if (op.type == "READ_VARIABLE") {
    if (OutputCount(op.op) != 1 || op.op.outputs()->Get(0) < 0)
      return Error(Code::kBadFile, "gives no value");
    const int32_t to = op.op.outputs()->Get(0);
    if (initializing_ != nullptr) {
      const auto it = initializing_->find(key);
      if (it == initializing_->end())
        return Error(Code::kUnsupported, "a variable that is read before it has a value");
      return Write(frame, to, it->second);
    }
    if (variable.now == nullptr) {
      WHET_ASSIGN_OR_RETURN(Type type,
                            TfliteFile::TypeOf(*frame.subgraph.tensors()->Get(static_cast<uint32_t>(to))));
      if (variable.initial != nullptr)
        type = Type::Of(variable.initial->dtype(), variable.initial->shape().dims());
      if (!type.IsStatic() || type.dtype == DType::kUndefined)
        return Error(Code::kUnsupported, "a variable of open shape");
      variable.input = main_->AddInput(key.substr(sizeof("variable:") - 1), std::move(type));
      variable.now = variable.input;
    }
    return Write(frame, to, variable.now);
  }
  if (InputCount(op.op) < 2) return Error(Code::kBadFile, "has no value to assign");
  WHET_ASSIGN_OR_RETURN(Value * value, Read(frame, op.op.inputs()->Get(1)));
  if (initializing_ != nullptr) {
    (*initializing_)[key] = value;
    return {};
  }
  if (!frame.main) return Error(Code::kUnsupported, "a variable that is assigned within a subgraph");
  variable.now = value;
  return {};
}

Status TfliteGraphImporter::ImportCallOnce(const Attributes& options) {
  if (initializing_ != nullptr) return Error(Code::kUnsupported, "a CALL_ONCE within another's subgraph");
  Graph graph("init");
  std::map<std::string, Value*> assigned;
  initializing_ = &assigned;
  const size_t unsupported_before = unsupported_.size();
  auto outputs = ImportSubgraph(options.Int("init_subgraph_index"), &graph, {});
  initializing_ = nullptr;
  if (!outputs.ok()) return outputs.TakeStatus();
  if (unsupported_.size() > unsupported_before) return {};  // reported at the end
  for (const auto& [key, value] : assigned) graph.AddOutput(value);
  EvaluateOptions limits;
  limits.max_tensor_bytes = kMaxInitialBytes;
  limits.max_iterations = kMaxInitialIterations;
  GraphEvaluator evaluator(limits);
  WHET_ASSIGN_OR_RETURN(std::vector<TensorPtr> values, evaluator.Run(graph, {}));
  size_t i = 0;
  for (const auto& [key, value] : assigned) variables_[key].initial = std::move(values[i++]);
  return {};
}

Status TfliteGraphImporter::AddStates(Graph& graph, Frame& frame) {
  const auto add = [&](Value* input, Value* output, TensorPtr initial) -> Status {
    const bool initial_fits =
        initial == nullptr || Overlap(input->type, Type::Of(initial->dtype(), initial->shape().dims()));
    if (!Overlap(input->type, output->type) || !initial_fits) {
      return Error(Code::kBadFile, "variable '%s' is %s but is assigned %s", input->name().c_str(),
                   ToString(input->type).c_str(), ToString(output->type).c_str());
    }
    graph.states.push_back({input->name(), input, output, std::move(initial)});
    return {};
  };
  for (const auto& [key, variable] : variables_) {
    if (variable.input != nullptr) WHET_RETURN_IF_ERROR(add(variable.input, variable.now, variable.initial));
  }
  for (size_t t = 0; t < frame.variables.size(); ++t) {
    if (frame.variables[t] != nullptr)
      WHET_RETURN_IF_ERROR(add(frame.values[t], frame.variables[t], nullptr));
  }
  return {};
}

}  // namespace whet
