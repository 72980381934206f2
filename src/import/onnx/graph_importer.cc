#include "import/onnx/graph_importer.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <charconv>

#include "import/onnx/node_order.h"
#include "ir/infer.h"
#include "ir/verify.h"

namespace whet {
namespace {

constexpr int kMaxCallDepth = 64;

// Fields of newer definitions than Debian's.
constexpr int kNodeOverloadField = 8;
constexpr int kFunctionAttributeProtoField = 11;
constexpr int kFunctionOverloadField = 13;

std::string NormalDomain(const std::string& domain) { return domain == "ai.onnx" ? std::string() : domain; }

// The last string that an unknown field of that number holds.
std::string UnknownString(const google::protobuf::Message& message, int field) {
  std::string text;
  const auto& unknown = message.GetReflection()->GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    const auto& entry = unknown.field(i);
    if (entry.number() == field && entry.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED) {
      text = entry.length_delimited();
    }
  }
  return text;
}

std::string FunctionKey(const std::string& domain, const std::string& name, const std::string& overload) {
  return NormalDomain(domain) + ':' + name + ':' + overload;
}

std::string PlaceOf(const ForeignNode& node) { return "node '" + node.name + "' (" + node.op_type + ")"; }

// Which of OpDef::subgraphs an attribute is; -1 if none.
int SubgraphIndex(std::string_view attribute) {
  if (attribute == "then_branch" || attribute == "body") return 0;
  if (attribute == "else_branch") return 1;
  return -1;
}

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
    for (const OnnxSpelling& spelling : op->onnx) {
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
  SettleNames();
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

namespace {

// "conv1:2" -> "conv1"; empty if there is no number.
std::string WithoutNumber(std::string_view name) {
  const size_t colon = name.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == name.size()) return {};
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::all_of(name.begin() + static_cast<ptrdiff_t>(colon) + 1, name.end(), is_digit)) return {};
  return std::string(name.substr(0, colon));
}

// Several nodes that came from one of the file are told apart by numbers.
void NumberNodes(Graph& graph, std::set<std::string>& names, std::unordered_map<std::string, int>& uses) {
  for (const auto& node : graph.nodes()) {
    if (!names.insert(node->name()).second) {
      int& number = uses[node->name()];
      std::string name;
      do {
        name = node->name() + ':' + std::to_string(++number);
      } while (!names.insert(name).second);
      node->set_name(std::move(name));
    }
    for (const auto& subgraph : node->subgraphs) NumberNodes(*subgraph, names, uses);
  }
}

std::string NameByUse(const Use& use) { return use.node->name() + '/' + std::to_string(use.input); }

std::string NameByOutput(const Node& node, const Value* value) {
  const auto outputs = node.outputs();
  return node.name() + "/out" +
         std::to_string(std::find(outputs.begin(), outputs.end(), value) - outputs.begin());
}

constexpr uint64_t kMaxMergedBytes = 256;

// A graph's small constants, in the order in which they are first read.
void CollectSmallConstants(const Graph& graph, const Graph& at, std::set<Value*>& seen,
                           std::vector<Value*>* order) {
  for (const auto& node : at.nodes()) {
    for (Value* input : node->inputs()) {
      if (input != nullptr && input->IsConstant() && input->graph() == &graph &&
          input->constant()->bytes() <= kMaxMergedBytes && seen.insert(input).second) {
        order->push_back(input);
      }
    }
    for (const auto& subgraph : node->subgraphs) CollectSmallConstants(graph, *subgraph, seen, order);
  }
}

// Of equal small constants that import functions made, one is enough. Those with a name in the file stay.
void MergeConstants(Graph& graph, const std::unordered_map<Value*, std::string>& claims) {
  std::map<std::string, Value*> kept;
  const auto key = [](const Value* value) {
    const Constant& constant = *value->constant();
    std::string text(DTypeName(constant.dtype()));
    text += constant.shape().ToString() + ':';
    return text.append(static_cast<const char*>(constant.view().data), static_cast<size_t>(constant.bytes()));
  };
  std::set<Value*> seen;
  std::vector<Value*> small;
  CollectSmallConstants(graph, graph, seen, &small);
  for (Value* value : small) {
    if (claims.contains(value)) kept.emplace(key(value), value);
  }
  for (Value* value : small) {
    if (claims.contains(value)) continue;
    const auto [it, is_new] = kept.emplace(key(value), value);
    if (!is_new) graph.ReplaceAllUses(value, it->second);
  }
}

}  // namespace

// Rename gave a value another name than the file's where one of the importer's own making stood in the way,
// or where sibling subgraphs use one name; the former gives way now. And what was made of a constant that is
// no longer there, such as weights in another layout, takes over its name.
void OnnxGraphImporter::SettleNames() {
  std::set<std::string> node_names;
  std::unordered_map<std::string, int> node_uses;
  NumberNodes(*graph_, node_names, node_uses);
  std::vector<Value*> values;
  std::unordered_map<std::string, Value*> holders;
  const auto visit = [&](const auto& self, Graph& graph) -> void {
    MergeConstants(graph, claims_);
    graph.RemoveUnusedConstants();
    for (Value* value : graph.values()) {
      values.push_back(value);
      holders[value->name()] = value;
    }
    for (const auto& node : graph.nodes()) {
      for (const auto& subgraph : node->subgraphs) self(self, *subgraph);
    }
  };
  visit(visit, *graph_);
  const auto rename = [&](Value* value, const std::string& name) {
    holders.erase(value->name());
    value->graph()->Rename(value, name);
    holders[value->name()] = value;
  };
  for (Value* value : values) {
    const auto claim = claims_.find(value);
    if (claim == claims_.end() || claim->second == value->name()) continue;
    const std::string wanted = claim->second;
    if (const auto holder = holders.find(wanted); holder != holders.end()) {
      if (claims_.contains(holder->second)) continue;
      rename(holder->second, wanted + ":inner");
    }
    rename(value, wanted);
  }
  // What the importer made gets names that depend on nothing but the nodes', so that a Graph that is written
  // and read again has the same. All are freed before any is given anew.
  std::unordered_map<Value*, std::string> old_names;
  for (Value* value : values) {
    if (claims_.contains(value)) continue;
    old_names[value] = value->name();
    rename(value, "\x01");
  }
  for (Value* value : values) {
    const auto old_name = old_names.find(value);
    if (old_name == old_names.end()) continue;
    if (value->IsConstant()) {
      std::string base = WithoutNumber(old_name->second);
      while (!base.empty() && (!file_names_.contains(base) || holders.contains(base))) {
        base = WithoutNumber(base);
      }
      rename(value, !base.empty()           ? base
                    : value->uses().empty() ? old_name->second
                                            : NameByUse(value->uses()[0]));
    } else if (const Node* node = value->producer(); node != nullptr) {
      const bool is_first = node->output(0) == value;
      rename(value, is_first && !holders.contains(node->name()) ? node->name() : NameByOutput(*node, value));
    }
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

// --- nodes

Status OnnxGraphImporter::ImportNode(onnx::NodeProto& proto, Scope& scope) {
  if (++nodes_ > options_.max_nodes) {
    return Error(Code::kLimitExceeded, "the model has more than %zu nodes once its functions are inlined",
                 options_.max_nodes);
  }
  ForeignNode node;
  node.op_type = proto.op_type();
  node.domain = NormalDomain(proto.domain());
  node.name = proto.name();
  for (const std::string& output : proto.output()) {
    if (node.name.empty()) node.name = output;
  }
  node.name = scope.prefix + (node.name.empty() ? node.op_type : node.name);
  const auto opset = scope.opsets->find(node.domain);
  // What Whet wrote numbers the nodes that came from one; they go by its name until they are numbered again.
  if (std::string root = WithoutNumber(node.name); exported_ && node_roots_.contains(root)) {
    node.name = std::move(root);
  } else {
    node_roots_.insert(node.name);
  }
  // A model need not import the domains of its own functions.
  node.version = opset != scope.opsets->end() ? opset->second : 1;

  bool poisoned = false;
  for (const std::string& name : proto.input()) {
    const Binding* binding = name.empty() ? nullptr : Find(scope, name);
    if (binding == nullptr && !name.empty()) {
      return Error(Code::kBadFile, "reads '%s', which nothing in the model defines", name.c_str())
          .At(PlaceOf(node));
    }
    node.inputs.push_back(binding != nullptr ? binding->value : nullptr);
    poisoned = poisoned || (binding != nullptr && binding->poisoned);
  }
  while (!node.inputs.empty() && node.inputs.back() == nullptr) node.inputs.pop_back();
  for (const std::string& name : proto.output()) {
    node.output_names.push_back(name);
    const auto declared = name.empty() ? scope.declared.end() : scope.declared.find(name);
    node.output_types.push_back(declared != scope.declared.end() ? ReadType(declared->second->type(), nullptr)
                                                                 : Type());
  }
  while (!node.output_names.empty() && node.output_names.back().empty()) {
    node.output_names.pop_back();
    node.output_types.pop_back();
  }

  const std::string key =
      FunctionKey(proto.domain(), proto.op_type(), UnknownString(proto, kNodeOverloadField));
  const auto function = functions_.find(key);
  if (function != functions_.end()) {
    Status status = ImportCall(proto, *function->second, node, poisoned, scope);
    if (!status.ok()) return std::move(status).At(PlaceOf(node));
  } else {
    bool spoiled = false;
    for (auto& attribute : *proto.mutable_attribute()) {
      const size_t unsupported = unsupported_count_;
      Status status = ReadAttribute(attribute, attribute.name(), scope.call != nullptr, node, scope);
      spoiled = spoiled || unsupported_count_ > unsupported;  // in a subgraph
      if (status.ok()) continue;
      if (status.code() != Code::kUnsupported) return std::move(status).At(PlaceOf(node));
      NoteUnsupported(node.op_type + ": " + std::string(status.what()), node.name);
      spoiled = true;
    }
    if (spoiled) {
      poisoned = true;
    } else if (node.op_type == "Constant" && node.domain.empty()) {
      return ImportConstantNode(node, scope);
    }
    if (FindSpelling(node).op == nullptr) {
      NoteUnsupported(node.op_type + " of " + (node.domain.empty() ? "ai.onnx" : node.domain) + " opset " +
                          std::to_string(node.version),
                      node.name);
      poisoned = true;
    }
    if (!poisoned) {
      Status status = Build(node, scope);
      // What a failed builder returned lives no longer than it.
      if (!status.ok()) node.results.clear();
      if (status.code() == Code::kUnsupported) {
        NoteUnsupported(node.op_type + ": " + std::string(status.what()), node.name);
        poisoned = true;
      } else if (!status.ok()) {
        return status.where().find(node.name) == std::string_view::npos ? std::move(status).At(PlaceOf(node))
                                                                        : std::move(status);
      }
    }
  }

  for (size_t i = 0; i < node.output_names.size(); ++i) {
    if (!node.HasOutput(i)) continue;
    Value* result = i < node.results.size() ? node.results[i] : nullptr;
    // A function's node may have failed for want of support without failing the function.
    const bool lost = result == nullptr && (poisoned || function != functions_.end());
    if (result == nullptr && !lost) {
      return Error(Code::kBadFile, "has an output '%s', which the operator does not give",
                   node.output_names[i].c_str())
          .At(PlaceOf(node));
    }
    Status status = Bind(scope, node.output_names[i], {result, lost});
    if (!status.ok()) return std::move(status).At(PlaceOf(node));
  }
  return {};
}

Status OnnxGraphImporter::Build(ForeignNode& node, Scope& scope) {
  if (node.output_names.empty()) return {};
  const auto [op, spelling] = FindSpelling(node);
  const auto required =
      static_cast<size_t>(spelling->min_inputs >= 0 ? spelling->min_inputs : op->min_inputs);
  for (size_t i = 0; i < required; ++i) {
    if (!node.HasInput(i)) {
      return Error(Code::kBadFile, "input %zu is missing; the operator needs %zu", i, required);
    }
  }
  if (op->subgraphs > 0) {
    node.subgraphs.resize(static_cast<size_t>(op->subgraphs));
    for (const auto& subgraph : node.subgraphs) {
      if (subgraph == nullptr) return Error(Code::kBadFile, "a subgraph of the operator is missing");
    }
  }
  GraphBuilder builder(*scope.graph);
  builder.SetNodeName(node.name);
  if (spelling->import != nullptr) {
    WHET_RETURN_IF_ERROR(spelling->import(node, builder));
    return builder.TakeStatus();
  }
  return ImportOneToOne(*op, node, builder);
}

Status OnnxGraphImporter::ImportOneToOne(const OpDef& op, ForeignNode& node, GraphBuilder& builder) {
  if (op.infer == nullptr) {
    return Error(Code::kInternal, "operator %s has neither an import function nor a meaning",
                 std::string(op.name).c_str());
  }
  if (op.max_inputs >= 0 && node.inputs.size() > static_cast<size_t>(op.max_inputs)) {
    return Error(Code::kBadFile, "has %zu inputs but the operator takes at most %d", node.inputs.size(),
                 op.max_inputs);
  }
  if (op.max_outputs >= 0 && node.output_names.size() > static_cast<size_t>(op.max_outputs)) {
    return Error(Code::kBadFile, "has %zu outputs but the operator gives at most %d",
                 node.output_names.size(), op.max_outputs);
  }
  for (const auto& entry : node.attributes) {
    const auto def = std::find_if(op.attributes.begin(), op.attributes.end(),
                                  [&](const AttributeDef& d) { return d.name == entry.name; });
    if (def == op.attributes.end()) {
      return Error(Code::kBadFile, "has an attribute '%s', which the operator does not know",
                   entry.name.c_str());
    }
    if (entry.value.index() != static_cast<size_t>(def->kind)) {
      return Error(Code::kBadFile, "attribute '%s' must be of kind %s", entry.name.c_str(),
                   std::string(AttributeKindName(def->kind)).c_str());
    }
  }
  for (const AttributeDef& def : op.attributes) {
    if (def.required && !node.attributes.Has(def.name)) {
      return Error(Code::kBadFile, "attribute '%s' is missing", std::string(def.name).c_str());
    }
  }
  if (!node.tensors.empty()) {
    return Error(Code::kUnsupported, "a tensor as attribute '%s'", node.tensors.begin()->first.c_str());
  }
  const size_t outputs = std::max(node.output_names.size(), static_cast<size_t>(std::max(op.min_outputs, 0)));
  node.results =
      builder.EmitNode(op.name, node.inputs, outputs, std::move(node.attributes), std::move(node.subgraphs));
  return builder.TakeStatus();
}

Status OnnxGraphImporter::ImportConstantNode(const ForeignNode& node, Scope& scope) {
  if (node.output_names.empty()) return {};
  std::shared_ptr<const Constant> constant;
  if (const auto it = node.tensors.find("value"); it != node.tensors.end()) {
    constant = it->second;
  } else if (node.attributes.Has("value_float")) {
    constant = Constant::ScalarF32(static_cast<float>(node.attributes.Float("value_float")));
  } else if (node.attributes.Has("value_int")) {
    const int64_t value = node.attributes.Int("value_int");
    constant = Constant::Copy(DType::kI64, Shape{}, &value);
  } else if (node.attributes.Has("value_ints")) {
    constant = Constant::Ints(node.attributes.Ints("value_ints"));
  } else if (node.attributes.Has("value_floats")) {
    const auto values = node.attributes.Floats("value_floats");
    const std::vector<float> floats(values.begin(), values.end());
    constant = Constant::Vector(DType::kF32, std::span<const float>(floats));
  } else if (node.attributes.Has("value_string")) {
    const std::string_view value = node.attributes.String("value_string");
    constant = Constant::Strings(Shape{}, std::span(&value, 1));
  } else if (node.attributes.Has("value_strings")) {
    const auto values = node.attributes.Strings("value_strings");
    const std::vector<std::string_view> views(values.begin(), values.end());
    constant = Constant::Strings(Shape{static_cast<int64_t>(views.size())}, views);
  } else {
    return Error(Code::kBadFile, "has no value").At(PlaceOf(node));
  }
  return Bind(scope, node.output_names[0],
              {scope.graph->AddConstant(scope.prefix + node.output_names[0], std::move(constant)), false});
}

// --- functions

Result<OnnxGraphImporter::CallAttributes> OnnxGraphImporter::ResolveCall(const onnx::NodeProto& proto,
                                                                         const onnx::FunctionProto& function,
                                                                         const Scope& scope) {
  CallAttributes attributes;
  if (const auto it = function_defaults_.find(&function); it != function_defaults_.end()) {
    for (const auto& attribute : it->second) attributes[attribute->name()] = attribute.get();
  }
  for (const auto& attribute : proto.attribute()) {
    if (attribute.ref_attr_name().empty()) {
      attributes[attribute.name()] = &attribute;
      continue;
    }
    if (scope.call == nullptr) {
      return Error(Code::kBadFile, "attribute '%s' refers to a function's attribute outside of a function",
                   attribute.name().c_str());
    }
    const auto it = scope.call->find(attribute.ref_attr_name());
    if (it != scope.call->end()) attributes[attribute.name()] = it->second;
  }
  return attributes;
}

Status OnnxGraphImporter::ImportCall(const onnx::NodeProto& proto, const onnx::FunctionProto& function,
                                     ForeignNode& node, bool poisoned, Scope& scope) {
  if (call_depth_ >= kMaxCallDepth) {
    return Error(Code::kLimitExceeded, "functions call each other more than %d deep", kMaxCallDepth);
  }
  if (node.inputs.size() > static_cast<size_t>(function.input_size()) ||
      node.output_names.size() > static_cast<size_t>(function.output_size())) {
    return Error(Code::kBadFile, "is a call of function '%s' with more inputs or outputs than it has",
                 function.name().c_str());
  }
  nodes_ += static_cast<size_t>(function.input_size());  // binding them is work too
  WHET_ASSIGN_OR_RETURN(const CallAttributes attributes, ResolveCall(proto, function, scope));
  Scope inner{scope.graph, nullptr, &function_opsets_.at(&function), &attributes, node.name + "/", {}, {}};
  for (int i = 0; i < function.input_size(); ++i) {
    const Binding argument{poisoned ? nullptr : node.input(static_cast<size_t>(i)), poisoned};
    if (!inner.bindings.emplace(function.input(i), argument).second) {
      return Error(Code::kBadFile, "function '%s' has two inputs named '%s'", function.name().c_str(),
                   function.input(i).c_str());
    }
  }
  // The messages are shared by all calls; nothing is taken out of them (see ReadAttribute).
  auto& body = const_cast<onnx::FunctionProto&>(function);
  WHET_ASSIGN_OR_RETURN(const std::vector<int> order, OrderOnnxNodes(function.node()));
  ++call_depth_;
  for (const int i : order) {
    Status status = ImportNode(*body.mutable_node(i), inner);
    if (!status.ok()) {
      --call_depth_;
      return status;
    }
  }
  --call_depth_;
  for (size_t i = 0; i < node.output_names.size(); ++i) {
    const std::string& name = function.output(static_cast<int>(i));
    const Binding* binding = Find(inner, name);
    if (binding == nullptr) {
      return Error(Code::kBadFile, "the output '%s' of function '%s' is computed by no node", name.c_str(),
                   function.name().c_str());
    }
    node.SetResult(i, binding->value);
    // The call's own name for it is the better one.
    if (binding->value != nullptr && node.HasOutput(i)) {
      const auto claim = claims_.find(binding->value);
      if (claim != claims_.end() && claim->second == inner.prefix + name) claims_.erase(claim);
    }
  }
  return {};
}

// --- attributes

Status OnnxGraphImporter::ReadAttribute(onnx::AttributeProto& proto, const std::string& name,
                                        bool in_function, ForeignNode& node, Scope& scope) {
  if (!proto.ref_attr_name().empty()) {
    if (scope.call == nullptr) {
      return Error(Code::kBadFile, "attribute '%s' refers to a function's attribute outside of a function",
                   name.c_str());
    }
    const auto it = scope.call->find(proto.ref_attr_name());
    if (it == scope.call->end()) return {};  // not given and without default: as if it were not written
    if (it->second->has_g()) return Error(Code::kUnsupported, "a graph as a function's attribute");
    return ReadAttribute(const_cast<onnx::AttributeProto&>(*it->second), name, true, node, scope);
  }
  auto type = proto.type();
  if (type == onnx::AttributeProto::UNDEFINED) {  // the oldest files leave it out
    if (proto.has_f()) type = onnx::AttributeProto::FLOAT;
    if (proto.has_i()) type = onnx::AttributeProto::INT;
    if (proto.has_s()) type = onnx::AttributeProto::STRING;
    if (proto.has_t()) type = onnx::AttributeProto::TENSOR;
    if (proto.has_g()) type = onnx::AttributeProto::GRAPH;
    if (proto.floats_size() > 0) type = onnx::AttributeProto::FLOATS;
    if (proto.ints_size() > 0) type = onnx::AttributeProto::INTS;
    if (proto.strings_size() > 0) type = onnx::AttributeProto::STRINGS;
    if (proto.has_tp()) type = onnx::AttributeProto::TYPE_PROTO;
  }
  switch (type) {
    case onnx::AttributeProto::FLOAT: node.attributes.Set(name, static_cast<double>(proto.f())); return {};
    case onnx::AttributeProto::INT: node.attributes.Set(name, proto.i()); return {};
    case onnx::AttributeProto::STRING: node.attributes.Set(name, proto.s()); return {};
    case onnx::AttributeProto::FLOATS:
      node.attributes.Set(name, std::vector<double>(proto.floats().begin(), proto.floats().end()));
      return {};
    case onnx::AttributeProto::INTS:
      node.attributes.Set(name, std::vector<int64_t>(proto.ints().begin(), proto.ints().end()));
      return {};
    case onnx::AttributeProto::STRINGS:
      node.attributes.Set(name, std::vector<std::string>(proto.strings().begin(), proto.strings().end()));
      return {};
    case onnx::AttributeProto::TENSOR: {
      WHET_ASSIGN_OR_RETURN(node.tensors[name], TakeTensor(*proto.mutable_t(), !in_function));
      return {};
    }
    case onnx::AttributeProto::GRAPH: {
      const int index = SubgraphIndex(name);
      if (index < 0) return Error(Code::kUnsupported, "a graph as attribute '%s'", name.c_str());
      WHET_ASSIGN_OR_RETURN(auto subgraph, ReadSubgraph(*proto.mutable_g(), node, scope));
      if (node.subgraphs.size() <= static_cast<size_t>(index)) {
        node.subgraphs.resize(static_cast<size_t>(index) + 1);
      }
      node.subgraphs[static_cast<size_t>(index)] = std::move(subgraph);
      return {};
    }
    case onnx::AttributeProto::TYPE_PROTO: {
      std::string what;
      node.types[name] = ReadType(proto.tp(), &what);
      if (what.empty()) return {};
      return Error(Code::kUnsupported, "%s as attribute '%s'", what.c_str(), name.c_str());
    }
    default: return Error(Code::kUnsupported, "the kind of attribute '%s'", name.c_str());
  }
}

Result<std::unique_ptr<Graph>> OnnxGraphImporter::ReadSubgraph(onnx::GraphProto& proto,
                                                               const ForeignNode& node, Scope& scope) {
  // What the operator will give the subgraph, as far as it is certain: exporters often leave these types out,
  // yet import functions need to know.
  std::vector<Type> types;
  const auto add_inputs = [&](size_t first, bool elements) {
    for (size_t i = first; i < node.inputs.size(); ++i) {
      types.emplace_back();
      if (!node.HasInput(i)) continue;
      const Type& given = node.inputs[i]->type;
      const bool element = elements && given.form == Form::kSequence;
      types.back() = Type::Unranked(given.dtype).As(element ? Form::kTensor : given.form);
    }
  };
  if (node.op_type == "Loop") {
    types = {Type(DType::kI64, {}), Type(DType::kBool, {})};
    add_inputs(2, false);
  } else if (node.op_type == "Scan") {
    add_inputs(node.version == 8 ? 1 : 0, false);
  } else if (node.op_type == "SequenceMap") {
    add_inputs(0, true);
  }
  auto graph = std::make_unique<Graph>(proto.name(), scope.graph);
  Scope inner{graph.get(), &scope, scope.opsets, scope.call, scope.prefix, {}, {}};
  Status status = ImportGraph(proto, inner, types);
  if (!status.ok()) return std::move(status).At("subgraph '" + proto.name() + "'");
  return graph;
}

}  // namespace whet
