#include "import/onnx/graph_importer.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <charconv>

#include "import/onnx/function_key.h"
#include "import/onnx/node_order.h"
#include "import/onnx/value_names.h"
#include "ir/infer.h"
#include "ir/verify.h"

namespace whet {
namespace {

// "2..16" or "2..", as the exporter notes bounds; anything else says nothing of the size.
void ReadBounds(std::string_view text, Dim* dim) {
  if (text.empty() || dim->known()) return;
  const char* end = text.data() + text.size();
  int64_t lo = 0;
  int64_t hi = Dim::kUnbounded;
  auto [at, error] = std::from_chars(text.data(), end, lo);
  if (error != std::errc() || !std::string_view(at, static_cast<size_t>(end - at)).starts_with("..")) return;
  at += 2;
  if (at != end) {
    const auto [last, bad] = std::from_chars(at, end, hi);
    if (bad != std::errc() || last != end) return;
  }
  if (lo < 0 || hi < lo || hi > Dim::kUnbounded) return;
  dim->lo = lo;
  dim->hi = hi;
}

// What any of the graphs gives out.
void CollectOutputs(const Graph& graph, std::unordered_set<const Value*>* outputs) {
  outputs->insert(graph.outputs().begin(), graph.outputs().end());
  for (const auto& node : graph.nodes()) {
    for (const auto& subgraph : node->subgraphs) CollectOutputs(*subgraph, outputs);
  }
}

// Where the Graph had a value only channels last, the exporter added one with this ending; the transposes of
// import functions have taken its place, so that nobody reads it.
void RemoveAddedTransposes(Graph& graph) {
  for (Node* node : graph.NodeList()) {
    for (const auto& subgraph : node->subgraphs) RemoveAddedTransposes(*subgraph);
    if (node->Is("Transpose") && node->output()->name().ends_with(":channels_first") &&
        node->output()->uses().empty() && !graph.IsLive(node->output())) {
      graph.RemoveNode(node);
    }
  }
}

}  // namespace

Result<std::unique_ptr<Graph>> OnnxGraphImporter::Import() {
  WHET_RETURN_IF_ERROR(ReadOpsets());
  WHET_RETURN_IF_ERROR(IndexFunctions());
  exported_ = model_.producer_name() == "whet";
  for (const OpDef* op : AllOps()) {
    for (const OnnxSpelling& spelling : SpellingsOf(*op).onnx) {
      spellings_[NormalDomain(std::string(spelling.domain)) + ':' + std::string(spelling.op_type)].push_back(
          {op, &spelling});
    }
  }
  graph_ = std::make_unique<Graph>(model_.graph().name());
  Scope scope{graph_.get(), nullptr, &opsets_, nullptr, {}, {}, {}};
  WHET_RETURN_IF_ERROR(ImportGraph(*model_.mutable_graph(), scope, {}));
  if (!unsupported_.empty()) return UnsupportedError();
  std::unordered_set<const Value*> given_out;
  CollectOutputs(*graph_, &given_out);
  RemoveUnusedSequences(*graph_, given_out);
  WHET_RETURN_IF_ERROR(KeepOutputNames(model_.graph(), scope));
  if (exported_) RemoveAddedTransposes(*graph_);
  SettleNames(*graph_, claims_, file_names_);
  for (const auto& entry : model_.metadata_props()) graph_->metadata[entry.key()] = entry.value();
  WHET_RETURN_IF_ERROR(VerifyGraph(*graph_));
  return std::move(graph_);
}

// Sequences whose tensors were all taken where they are made have served.
void OnnxGraphImporter::RemoveUnusedSequences(Graph& graph,
                                              const std::unordered_set<const Value*>& given_out) {
  const std::vector<Node*> nodes = graph.NodeList();
  for (auto it = nodes.rbegin(); it != nodes.rend(); ++it) {
    Node* node = *it;
    for (const auto& subgraph : node->subgraphs) RemoveUnusedSequences(*subgraph, given_out);
    if (!node->subgraphs.empty() || node->output() == nullptr ||
        node->output()->type.form != Form::kSequence) {
      continue;
    }
    if (!node->output()->uses().empty() || given_out.contains(node->output())) continue;
    claims_.erase(node->output());
    graph.RemoveNode(node);
  }
}

Status OnnxGraphImporter::ReadOpsets() {
  for (const auto& entry : model_.opset_import()) {
    const std::string domain = NormalDomain(entry.domain());
    if (domain.empty() && entry.version() > kNewestOnnxOpset) {
      return Error(Code::kUnsupported,
                   "the model uses opset %lld of ONNX; up to %d is supported, so export it for an older one",
                   static_cast<long long>(entry.version()), kNewestOnnxOpset);
    }
    opsets_[domain] = static_cast<int>(std::clamp<int64_t>(entry.version(), 0, 1 << 20));
  }
  // Files older than IR version 3 do not say.
  if (model_.ir_version() < 3) opsets_.emplace("", 1);
  return {};
}

Status OnnxGraphImporter::IndexFunctions() {
  for (auto& function : *model_.mutable_functions()) {
    const std::string overload = UnknownString(function, kFunctionOverloadField);
    const std::string key = FunctionKey(function.domain(), function.name(), overload);
    if (!functions_.emplace(key, &function).second) {
      return Error(Code::kBadFile, "the model defines function '%s' twice", function.name().c_str());
    }
    Opsets& opsets = function_opsets_[&function];
    opsets = opsets_;
    for (const auto& entry : function.opset_import()) {
      opsets[NormalDomain(entry.domain())] =
          static_cast<int>(std::clamp<int64_t>(entry.version(), 0, 1 << 20));
    }
    const auto& unknown = function.GetReflection()->GetUnknownFields(function);
    for (int i = 0; i < unknown.field_count(); ++i) {
      const auto& field = unknown.field(i);
      if (field.number() != kFunctionAttributeProtoField ||
          field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
        continue;
      }
      auto attribute = std::make_unique<onnx::AttributeProto>();
      if (!attribute->ParsePartialFromString(field.length_delimited())) {
        return Error(Code::kBadFile, "a default attribute of function '%s' is damaged",
                     function.name().c_str());
      }
      function_defaults_[&function].push_back(std::move(attribute));
    }
  }
  return {};
}

OnnxGraphImporter::Spelling OnnxGraphImporter::FindSpelling(const ForeignNode& node) const {
  const auto it = spellings_.find(node.domain + ':' + node.op_type);
  if (it == spellings_.end()) return {};
  for (const Spelling& entry : it->second) {
    if (node.version >= entry.spelling->since && node.version <= entry.spelling->until) return entry;
  }
  return {};
}

// --- names

const OnnxGraphImporter::Binding* OnnxGraphImporter::Find(const Scope& scope, const std::string& name) const {
  for (const Scope* at = &scope; at != nullptr; at = at->outer) {
    if (const auto it = at->bindings.find(name); it != at->bindings.end()) return &it->second;
  }
  return nullptr;
}

Status OnnxGraphImporter::Bind(Scope& scope, const std::string& name, Binding binding) {
  if (!scope.bindings.emplace(name, binding).second) {
    return Error(Code::kBadFile, "the name '%s' is defined twice; every value needs a name of its own",
                 name.c_str());
  }
  if (binding.value != nullptr) {
    RefineByDeclaration(scope, name, binding.value);
    Claim(binding.value, scope.prefix + name);
  }
  return {};
}

void OnnxGraphImporter::Claim(Value* value, const std::string& name) {
  file_names_.insert(name);
  if (!claims_.emplace(value, name).second || value->name() == name) return;
  value->graph()->Rename(value, name);
}

// A file's own shapes are often left over from before it was made dynamic, so only a missing rank is
// believed.
void OnnxGraphImporter::RefineByDeclaration(const Scope& scope, const std::string& name, Value* value) const {
  // Of a sequence the file may mean any of its tensors.
  if (!value->type.IsTensor() || (value->type.ranked && value->type.dtype != DType::kUndefined)) return;
  const auto it = scope.declared.find(name);
  if (it == scope.declared.end()) return;
  const Type declared = ReadType(it->second->type(), nullptr);
  if (!declared.IsTensor()) return;
  if (value->type.dtype == DType::kUndefined) value->type.dtype = declared.dtype;
  if (!value->type.ranked && declared.ranked && declared.dtype != DType::kUndefined) {
    value->type.ranked = true;
    value->type.dims.resize(declared.dims.size());
  }
}

// An output that is another name of a value (which an identity left behind) becomes a value of its own.
Status OnnxGraphImporter::KeepOutputNames(const onnx::GraphProto& proto, Scope& scope) {
  GraphBuilder builder(*scope.graph);
  for (int i = 0; i < proto.output_size(); ++i) {
    const std::string& name = proto.output(i).name();
    Value* value = scope.graph->outputs()[static_cast<size_t>(i)];
    if (const auto claim = claims_.find(value); claim == claims_.end() || claim->second == name) continue;
    builder.SetNodeName(name);
    Value* copy = builder.Emit("Identity", {value});
    if (!builder.ok()) return builder.TakeStatus();
    Claim(copy, name);
    scope.graph->SetOutput(static_cast<size_t>(i), copy);
  }
  return {};
}

// --- what is unsupported

void OnnxGraphImporter::NoteUnsupported(const std::string& what, const std::string& node_name) {
  unsupported_[what].push_back(node_name);
  ++unsupported_count_;
}

Status OnnxGraphImporter::UnsupportedError() const {
  constexpr size_t kMaxNames = 4;
  std::string text = "the model uses what Whet does not support: ";
  bool first = true;
  for (const auto& [what, nodes] : unsupported_) {
    if (!first) text += "; ";
    first = false;
    text += what + " (" + std::to_string(nodes.size()) + (nodes.size() == 1 ? " node: " : " nodes: ");
    for (size_t i = 0; i < std::min(nodes.size(), kMaxNames); ++i) {
      text += (i > 0 ? ", '" : "'") + nodes[i] + "'";
    }
    text += nodes.size() > kMaxNames ? ", …)" : ")";
  }
  text += ". `whet ops` lists what is supported; export the model without these";
  return {Code::kUnsupported, std::move(text)};
}

// --- graphs

Type OnnxGraphImporter::ReadType(const onnx::TypeProto& whole, std::string* what) {
  const bool optional = whole.has_optional_type();
  const onnx::TypeProto& content = optional ? whole.optional_type().elem_type() : whole;
  const bool sequence = content.has_sequence_type();
  const onnx::TypeProto& proto = sequence ? content.sequence_type().elem_type() : content;
  Type type;
  std::string unsupported;
  if (!proto.has_tensor_type()) {
    unsupported = proto.has_sequence_type()        ? "a sequence of sequences"
                  : proto.has_map_type()           ? "a map"
                  : proto.has_optional_type()      ? "an optional value within another or a sequence"
                  : proto.has_sparse_tensor_type() ? "a sparse tensor"
                  : optional || sequence           ? "a sequence or an optional value of no type"
                                                   : "";
  } else {
    const auto& tensor = proto.tensor_type();
    type.dtype = DTypeOfOnnx(tensor.elem_type());
    if (type.dtype == DType::kUndefined && tensor.elem_type() != 0) {
      unsupported = "a tensor of element type " + OnnxTypeName(tensor.elem_type());
    }
    if (tensor.has_shape() && tensor.shape().dim_size() > kMaxRank) {
      unsupported = "a tensor of " + std::to_string(tensor.shape().dim_size()) + " dimensions";
      type.dtype = DType::kUndefined;
    } else if (tensor.has_shape()) {
      type.ranked = true;
      for (const auto& dim : tensor.shape().dim()) {
        // Some exporters write -1 for a dimension that they do not know.
        if (dim.has_dim_value() && dim.dim_value() >= 0 && dim.dim_value() < Dim::kUnbounded) {
          type.dims.emplace_back(dim.dim_value());
        } else if (dim.has_dim_param() && !dim.dim_param().empty()) {
          type.dims.push_back(Dim::Symbol(dim.dim_param()));
        } else {
          type.dims.emplace_back();
        }
        ReadBounds(dim.denotation(), &type.dims.back());
        // The tensors of a sequence need not agree on what a symbol stands for.
        if (sequence) type.dims.back().symbol.clear();
      }
    }
  }
  type.form = optional ? (sequence ? Form::kOptionalSequence : Form::kOptionalTensor)
                       : (sequence ? Form::kSequence : Form::kTensor);
  if (what != nullptr) *what = std::move(unsupported);
  return type;
}

Status OnnxGraphImporter::ImportInputs(const onnx::GraphProto& proto, Scope& scope,
                                       std::span<const Type> input_types) {
  std::set<std::string_view> initialized;
  for (const auto& tensor : proto.initializer()) initialized.insert(tensor.name());
  for (int i = 0; i < proto.input_size(); ++i) {
    const auto& input = proto.input(i);
    if (initialized.contains(input.name())) continue;  // a default that could be overridden; taken as fixed
    std::string what;
    Type type = ReadType(input.type(), &what);
    if (!what.empty()) {
      NoteUnsupported("the input type: " + what, input.name());
      WHET_RETURN_IF_ERROR(Bind(scope, input.name(), {nullptr, true}));
      continue;
    }
    if (type.dtype == DType::kUndefined && static_cast<size_t>(i) < input_types.size()) {
      const Type& given = input_types[static_cast<size_t>(i)];
      type.dtype = given.dtype;
      type.form = given.form;
    }
    // What a subgraph is given may change its size from one iteration to the next, whatever the file
    // declares.
    if (!input_types.empty() && type.IsTensor()) {
      std::fill(type.dims.begin(), type.dims.end(), Dim());
    } else if (!input_types.empty()) {
      type = Type::Unranked(type.dtype).As(type.form);
    }
    if (type.dtype == DType::kUndefined && scope.outer == nullptr) {
      return Error(Code::kBadFile, "input '%s' has no element type", input.name().c_str());
    }
    WHET_RETURN_IF_ERROR(
        Bind(scope, input.name(), {scope.graph->AddInput(input.name(), std::move(type)), false}));
  }
  return {};
}

Result<std::shared_ptr<const Constant>> OnnxGraphImporter::TakeTensor(onnx::TensorProto& proto,
                                                                      bool read_once) {
  if (read_once) return tensors_.Take(proto);
  auto& shared = shared_tensors_[&proto];
  if (shared == nullptr) {
    WHET_ASSIGN_OR_RETURN(shared, tensors_.Take(proto));
  }
  return shared;
}

Status OnnxGraphImporter::ImportInitializers(onnx::GraphProto& proto, Scope& scope) {
  for (auto& tensor : *proto.mutable_initializer()) {
    const std::string name = tensor.name();
    auto constant = TakeTensor(tensor, scope.call == nullptr);
    if (constant.ok()) {
      WHET_RETURN_IF_ERROR(Bind(scope, name, {scope.graph->AddConstant(name, std::move(*constant)), false}));
      continue;
    }
    Status status = constant.TakeStatus();
    if (status.code() != Code::kUnsupported) return std::move(status).At("initializer '" + name + "'");
    NoteUnsupported(std::string(status.what()), name);
    WHET_RETURN_IF_ERROR(Bind(scope, name, {nullptr, true}));
  }
  for (const auto& tensor : proto.sparse_initializer()) {
    const std::string& name = tensor.values().name();
    NoteUnsupported("a sparse initializer", name);
    WHET_RETURN_IF_ERROR(Bind(scope, name, {nullptr, true}));
  }
  return {};
}

Status OnnxGraphImporter::ImportGraph(onnx::GraphProto& proto, Scope& scope,
                                      std::span<const Type> input_types) {
  for (const auto& info : proto.value_info()) scope.declared.emplace(info.name(), &info);
  for (const auto& info : proto.output()) scope.declared.emplace(info.name(), &info);
  WHET_RETURN_IF_ERROR(ImportInputs(proto, scope, input_types));
  WHET_RETURN_IF_ERROR(ImportInitializers(proto, scope));
  WHET_ASSIGN_OR_RETURN(const std::vector<int> order, OrderOnnxNodes(proto.node()));
  for (const int i : order) WHET_RETURN_IF_ERROR(ImportNode(*proto.mutable_node(i), scope));
  for (const auto& output : proto.output()) {
    const Binding* binding = Find(scope, output.name());
    if (binding == nullptr) {
      return Error(Code::kBadFile, "the graph's output '%s' is computed by no node", output.name().c_str());
    }
    if (binding->poisoned) continue;
    if (binding->value == nullptr) {
      return Error(Code::kBadFile, "the graph's output '%s' is an absent input", output.name().c_str());
    }
    scope.graph->AddOutput(binding->value);
  }
  return {};
}

}  // namespace whet
