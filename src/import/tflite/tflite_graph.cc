#include "import/tflite/tflite_graph.h"

#include <algorithm>
#include <unordered_set>

#include "import/tflite/tflite_options.h"
#include "ir/evaluate.h"
#include "ir/infer.h"
#include "ops/onnx_dtype_common.h"
#include "tflite_schema_generated.h"

namespace whet {

namespace fb = tflite_fb;

namespace {

constexpr size_t kMaxDepth = 32;

std::string Place(const std::string& name, const std::string& type) {
  return "node '" + name + "' (" + type + ")";
}

void CollectOutputs(const Graph& graph, std::unordered_set<const Value*>* outputs) {
  outputs->insert(graph.outputs().begin(), graph.outputs().end());
  for (const State& state : graph.states) outputs->insert(state.output);
  for (const auto& node : graph.nodes()) {
    for (const auto& subgraph : node->subgraphs) CollectOutputs(*subgraph, outputs);
  }
}

// Nodes that nothing reads: what was left behind by weights that were put in another order.
void RemoveUnusedNodes(Graph& graph, const std::unordered_set<const Value*>& live) {
  const std::vector<Node*> nodes = graph.NodeList();
  for (size_t i = nodes.size(); i-- > 0;) {
    for (const auto& subgraph : nodes[i]->subgraphs) RemoveUnusedNodes(*subgraph, live);
    const auto outputs = nodes[i]->outputs();
    const bool used = std::any_of(outputs.begin(), outputs.end(), [&](const Value* output) {
      return output != nullptr && (!output->uses().empty() || live.contains(output));
    });
    if (!used) graph.RemoveNode(nodes[i]);
  }
}

}  // namespace

TfliteGraphImporter::TfliteGraphImporter(TfliteFile& file, const TfliteImportOptions& options) : file_(file) {
  for (const OpDef* def : AllOps()) {
    for (const TfliteSpelling& spelling : SpellingsOf(*def).tflite)
      spellings_.try_emplace(spelling.builtin, def, &spelling);
  }
  // Honest files call a subgraph from a few places at most.
  most_operators_ = 256;
  for (const fb::SubGraph* subgraph : *file.model().subgraphs()) {
    if (subgraph->operators() != nullptr) most_operators_ += size_t{8} * subgraph->operators()->size();
  }
  most_operators_ = std::min(most_operators_, options.max_operators);
}

void TfliteGraphImporter::NoteUnsupported(const Operator& op, std::string reason) {
  for (Unsupported& known : unsupported_) {
    if (known.type == op.type && known.version == op.version && known.reason == reason) {
      known.nodes.push_back(op.name);
      return;
    }
  }
  unsupported_.push_back({op.type, op.version, std::move(reason), {op.name}});
}

Status TfliteGraphImporter::UnsupportedError() const {
  std::string text = "the model needs what Whet cannot do:";
  for (const Unsupported& entry : unsupported_) {
    text += Format("\n  %s (version %d), %zu %s: ", entry.type.c_str(), entry.version, entry.nodes.size(),
                   entry.nodes.size() == 1 ? "time" : "times");
    if (!entry.reason.empty()) text += entry.reason + "; ";
    constexpr size_t kListed = 5;
    for (size_t i = 0; i < std::min(kListed, entry.nodes.size()); ++i) {
      text += (i > 0 ? ", '" : "at '") + entry.nodes[i] + "'";
    }
    if (entry.nodes.size() > kListed) text += ", …";
  }
  return {Code::kUnsupported, std::move(text)};
}

Result<std::unique_ptr<Graph>> TfliteGraphImporter::Import(int64_t index) {
  WHET_ASSIGN_OR_RETURN(const fb::SubGraph* subgraph, file_.Subgraph(index));
  auto graph = std::make_unique<Graph>(subgraph->name() ? subgraph->name()->str() : "main");
  main_ = graph.get();
  active_ = {index};
  WHET_RETURN_IF_ERROR(CheckTensors(*subgraph));
  Frame frame{.subgraph = *subgraph, .graph = graph.get(), .main = true};
  const size_t tensors = subgraph->tensors() ? subgraph->tensors()->size() : 0;
  frame.values.resize(tensors);
  frame.reals.resize(tensors);
  frame.handles.resize(tensors);
  frame.variables.resize(tensors);
  for (size_t i = 0; subgraph->inputs() != nullptr && i < subgraph->inputs()->size(); ++i) {
    const auto t = static_cast<uint32_t>(subgraph->inputs()->Get(static_cast<uint32_t>(i)));
    const fb::Tensor& tensor = *subgraph->tensors()->Get(t);
    WHET_ASSIGN_OR_RETURN(Type type, TfliteFile::TypeOf(tensor));
    if (type.dtype == DType::kUndefined) {
      return Error(Code::kUnsupported, "input '%s' is of type %s",
                   tensor.name() ? tensor.name()->c_str() : "", fb::EnumNameTensorType(tensor.type()));
    }
    if (frame.values[t] != nullptr) return Error(Code::kBadFile, "tensor %u is an input twice", t);
    frame.values[t] = graph->AddInput(tensor.name() ? tensor.name()->str() : "input", std::move(type));
  }
  WHET_RETURN_IF_ERROR(ImportOperators(frame));
  if (!unsupported_.empty()) return UnsupportedError();
  for (size_t i = 0; subgraph->outputs() != nullptr && i < subgraph->outputs()->size(); ++i) {
    const int32_t t = subgraph->outputs()->Get(static_cast<uint32_t>(i));
    auto value = Read(frame, t);
    if (!value.ok()) return value.TakeStatus().At("output " + std::to_string(i));
    graph->AddOutput(*value);
  }
  WHET_RETURN_IF_ERROR(AddStates(*graph, frame));
  std::unordered_set<const Value*> live;
  CollectOutputs(*graph, &live);
  RemoveUnusedNodes(*graph, live);
  graph->RemoveUnusedConstants();
  return graph;
}

Result<std::vector<Value*>> TfliteGraphImporter::ImportSubgraph(int64_t index, Graph* graph,
                                                                std::span<Value* const> inputs) {
  WHET_ASSIGN_OR_RETURN(const fb::SubGraph* subgraph, file_.Subgraph(index));
  if (std::find(active_.begin(), active_.end(), index) != active_.end()) {
    return Error(Code::kBadFile, "subgraph %lld calls itself", static_cast<long long>(index));
  }
  if (active_.size() >= kMaxDepth) {
    return Error(Code::kLimitExceeded, "subgraphs call each other more than %zu deep", kMaxDepth);
  }
  const size_t wanted = subgraph->inputs() ? subgraph->inputs()->size() : 0;
  if (wanted != inputs.size()) {
    return Error(Code::kBadFile, "subgraph %lld takes %zu inputs but is given %zu",
                 static_cast<long long>(index), wanted, inputs.size());
  }
  active_.push_back(index);
  WHET_RETURN_IF_ERROR(CheckTensors(*subgraph));
  Frame frame{.subgraph = *subgraph, .graph = graph};
  const size_t tensors = subgraph->tensors() ? subgraph->tensors()->size() : 0;
  frame.values.resize(tensors);
  frame.reals.resize(tensors);
  frame.handles.resize(tensors);
  frame.variables.resize(tensors);
  for (size_t i = 0; i < wanted; ++i) {
    frame.values[static_cast<size_t>(subgraph->inputs()->Get(static_cast<uint32_t>(i)))] = inputs[i];
  }
  Status status = ImportOperators(frame);
  if (!status.ok()) return std::move(status).At("subgraph " + std::to_string(index));
  std::vector<Value*> outputs;
  for (size_t i = 0; subgraph->outputs() != nullptr && i < subgraph->outputs()->size(); ++i) {
    WHET_ASSIGN_OR_RETURN(Value * output, Read(frame, subgraph->outputs()->Get(static_cast<uint32_t>(i))));
    outputs.push_back(output);
  }
  active_.pop_back();
  return outputs;
}

Status TfliteGraphImporter::ImportOperators(Frame& frame) {
  if (frame.subgraph.operators() == nullptr) return {};
  size_t i = 0;
  for (const fb::Operator* op : *frame.subgraph.operators()) {
    if (++operators_ > most_operators_) {
      return Error(
          Code::kLimitExceeded,
          "the model has more than %zu operators, those of subgraphs counted wherever they are called",
          most_operators_);
    }
    WHET_ASSIGN_OR_RETURN(auto type, file_.OperatorName(*op));
    std::string name;
    if (op->outputs() != nullptr && op->outputs()->size() > 0) {
      const int32_t t = op->outputs()->Get(0);
      const auto* tensors = frame.subgraph.tensors();
      if (t >= 0 && tensors != nullptr && static_cast<uint32_t>(t) < tensors->size() &&
          tensors->Get(static_cast<uint32_t>(t))->name() != nullptr) {
        name = tensors->Get(static_cast<uint32_t>(t))->name()->str();
      }
    }
    if (name.empty()) name = type.first + "_" + std::to_string(i);
    ++i;
    const Operator named{*op, std::move(type.first), type.second, std::move(name)};
    Status status = ImportOperator(frame, named);
    if (status.ok()) continue;
    if (status.code() != Code::kUnsupported) return std::move(status).At(Place(named.name, named.type));
    // Go on with placeholders, so that one error can name all that is unsupported.
    NoteUnsupported(named, std::string(status.what()));
    for (size_t k = 0; op->outputs() != nullptr && k < op->outputs()->size(); ++k) {
      const int32_t t = op->outputs()->Get(static_cast<uint32_t>(k));
      if (t < 0 || static_cast<size_t>(t) >= frame.values.size()) continue;
      auto placeholder = TfliteFile::TypeOf(*frame.subgraph.tensors()->Get(static_cast<uint32_t>(t)));
      if (placeholder.ok())
        frame.values[static_cast<size_t>(t)] = main_->AddInput("unsupported", *placeholder);
    }
  }
  return {};
}

Status TfliteGraphImporter::ImportOperator(Frame& frame, const Operator& op) {
  const auto bytes_of = [](const auto* vector) { return vector ? uint64_t{vector->size()} : 0; };
  WHET_RETURN_IF_ERROR(file_.Spend(op.name.size() + bytes_of(op.op.custom_options()) +
                                   4 * (bytes_of(op.op.inputs()) + bytes_of(op.op.outputs()))));
  for (const auto* list : {op.op.inputs(), op.op.outputs()}) {
    for (uint32_t i = 0; list != nullptr && i < list->size(); ++i) {
      const int32_t t = list->Get(i);
      if (t < -1 || t >= static_cast<int64_t>(frame.values.size())) {
        return Error(Code::kBadFile, "refers to tensor %d, but the subgraph has %zu", t, frame.values.size());
      }
    }
  }
  WHET_ASSIGN_OR_RETURN(const bool done, ImportControl(frame, op));
  if (done) return {};
  return ImportSpelled(frame, op);
}

Status TfliteGraphImporter::ImportSpelled(Frame& frame, const Operator& op) {
  const auto it = spellings_.find(op.type);
  if (it == spellings_.end()) return Error(Code::kUnsupported, "%s", "");
  ForeignNode node;
  node.op_type = op.type;
  node.name = op.name;
  node.version = op.version;
  node.attributes = ReadTfliteOptions(op.op);
  for (const auto& [name, value] : node.attributes) {
    if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
      WHET_RETURN_IF_ERROR(file_.Spend(4 * ints->size()));
    }
  }
  // CAST takes integers for what they are, whatever they stand for.
  const bool raw = op.type == "CAST";
  for (uint32_t i = 0; op.op.inputs() != nullptr && i < op.op.inputs()->size(); ++i) {
    const int32_t t = op.op.inputs()->Get(i);
    Value* input = nullptr;
    if (t >= 0) {
      auto value = raw ? Read(frame, t) : ReadReal(frame, t);
      if (!value.ok()) return value.TakeStatus().At("input " + std::to_string(i));
      input = *value;
    }
    node.inputs.push_back(input);
  }
  const uint32_t outputs = op.op.outputs() ? op.op.outputs()->size() : 0;
  for (uint32_t i = 0; i < outputs; ++i) {
    const int32_t t = op.op.outputs()->Get(i);
    if (t < 0) {
      node.output_names.emplace_back();
      node.output_types.emplace_back();
      continue;
    }
    const fb::Tensor& tensor = *frame.subgraph.tensors()->Get(static_cast<uint32_t>(t));
    WHET_ASSIGN_OR_RETURN(Type type, TfliteFile::TypeOf(tensor));
    WHET_ASSIGN_OR_RETURN(const TfliteQuantization quantization, file_.QuantizationOf(tensor));
    const bool small_integer = IsInteger(type.dtype) && BitsOf(type.dtype) <= 16;
    if (!raw && !quantization.scales.empty() && small_integer) type.dtype = DType::kF32;
    node.output_names.push_back(tensor.name() ? tensor.name()->str() : op.name);
    if (node.output_names.back().empty()) node.output_names.back() = op.name;
    node.output_types.push_back(std::move(type));
  }
  WHET_RETURN_IF_ERROR(RunImport(frame, node, *it->second.first, *it->second.second));
  for (uint32_t i = 0; i < outputs; ++i) {
    if (node.HasOutput(i)) WHET_RETURN_IF_ERROR(Write(frame, op.op.outputs()->Get(i), node.results[i]));
  }
  for (const auto& [input, value] : node.variables) {
    const int32_t t = op.op.inputs()->Get(static_cast<uint32_t>(input));
    if (t < 0 || frame.variables[static_cast<size_t>(t)] == nullptr) continue;
    Value* next = value;
    if (frame.variables[static_cast<size_t>(t)]->type.dtype != next->type.dtype) {
      WHET_ASSIGN_OR_RETURN(next,
                            Quantize(frame, *frame.subgraph.tensors()->Get(static_cast<uint32_t>(t)), next));
    }
    frame.variables[static_cast<size_t>(t)] = next;
    frame.reals[static_cast<size_t>(t)] = nullptr;
  }
  return {};
}

Status TfliteGraphImporter::RunImport(Frame& frame, ForeignNode& node, const OpDef& def,
                                      const TfliteSpelling& spelling) {
  const Node* last = frame.graph->nodes().empty() ? nullptr : frame.graph->nodes().back().get();
  const int needed = spelling.import != nullptr ? spelling.inputs : std::max(1, def.min_inputs);
  for (int i = 0; i < needed; ++i) {
    if (!node.HasInput(static_cast<size_t>(i))) return Error(Code::kBadFile, "input %d is missing", i);
  }
  if (node.output_names.empty() || !node.HasOutput(0)) return Error(Code::kBadFile, "has no output");
  if (spelling.import == nullptr &&
      (def.max_inputs >= 0 && node.inputs.size() > static_cast<size_t>(def.max_inputs))) {
    return Error(Code::kBadFile, "has %zu inputs; it takes %d", node.inputs.size(), def.max_inputs);
  }
  GraphBuilder builder(*frame.graph);
  builder.SetNodeName(node.name);
  if (spelling.import != nullptr) {
    WHET_RETURN_IF_ERROR(spelling.import(node, builder));
  } else {
    Attributes kept;
    for (const auto& [name, value] : node.attributes) {
      const bool known = std::any_of(def.attributes.begin(), def.attributes.end(),
                                     [&](const AttributeDef& attribute) { return attribute.name == name; });
      if (known) kept.Set(name, value);
    }
    node.results = builder.EmitNode(def.name, node.inputs, node.output_names.size(), std::move(kept),
                                    std::move(node.subgraphs));
  }
  for (size_t i = 0; builder.ok() && i < node.output_names.size(); ++i) {
    if (!node.HasOutput(i)) continue;
    if (i >= node.results.size() || node.results[i] == nullptr) {
      return Error(Code::kUnsupported, "its output %zu is not computed", i);
    }
    const DType declared = node.output_types[i].dtype;
    Value*& result = node.results[i];
    // Indices and shapes are i64 in the Graph and often i32 in the file.
    if (result->type.dtype != declared && IsInteger(result->type.dtype) && IsInteger(declared)) {
      result = builder.Emit("Cast", {result}, {{"to", ops::OnnxFromDType(declared)}});
    }
  }
  WHET_RETURN_IF_ERROR(builder.TakeStatus());
  FoldSmallIntegers(*frame.graph, last, node.results);
  for (size_t i = 0; i < node.output_names.size(); ++i) {
    if (node.HasOutput(i)) WHET_RETURN_IF_ERROR(Refine(node.output_types[i], *node.results[i]));
  }
  return {};
}

}  // namespace whet
