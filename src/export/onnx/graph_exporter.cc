#include "export/onnx/graph_exporter.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstring>

#include "export/onnx/lower.h"
#include "export/onnx/messages.h"
#include "ir/builder.h"
#include "ir/spelling.h"

namespace whet {
namespace {

std::vector<int64_t> ToFirst(int rank) {
  std::vector<int64_t> perm = {0, rank - 1};
  for (int i = 1; i + 1 < rank; ++i) perm.push_back(i);
  return perm;
}

std::vector<int64_t> ToLast(int rank) {
  std::vector<int64_t> perm = {0};
  for (int i = 2; i < rank; ++i) perm.push_back(i);
  perm.push_back(1);
  return perm;
}

bool IsPerm(const Node& node, std::vector<int64_t> (*make)(int rank)) {
  if (!node.Is("Transpose")) return false;
  const auto perm = node.attributes.Ints("perm");
  return perm.size() >= 3 && std::ranges::equal(perm, make(static_cast<int>(perm.size())));
}

// "conv1:2" -> "conv1"; a name without a number stays.
std::string WithoutNumber(const std::string& name) {
  const size_t colon = name.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == name.size()) return name;
  for (size_t i = colon + 1; i < name.size(); ++i) {
    if (name[i] < '0' || name[i] > '9') return name;
  }
  return name.substr(0, colon);
}

// Weights that are stored as integers or in half precision, and become reals here.
bool StoresWeights(const Node& node) {
  const bool widens = node.Is("DequantizeLinear") || node.Is("Cast");
  return widens && node.input(0)->IsConstant() && node.attributes.Int("block_size") == 0;
}

// The newest spelling with the same inputs, outputs and attributes; null if there is none.
const OnnxSpelling* PlainSpelling(const OpDef& op) {
  const OnnxSpelling* plain = nullptr;
  for (const OnnxSpelling& spelling : SpellingsOf(op).onnx) {
    if (spelling.import == nullptr && (plain == nullptr || spelling.since > plain->since)) plain = &spelling;
  }
  return plain;
}

bool Equal(const Constant& a, const Constant& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && a.bytes() > 0 && a.dtype() != DType::kString &&
         std::memcmp(a.view().data, b.view().data, static_cast<size_t>(a.bytes())) == 0;
}

// The elements of an i64 vector; empty if it is something else.
std::vector<int64_t> PermutationOf(const Constant* constant) {
  if (constant == nullptr || constant->dtype() != DType::kI64 || constant->shape().rank() != 1) return {};
  const auto* data = constant->view().as<int64_t>();
  return {data, data + constant->view().elements()};
}

template <typename Visit>
void ForEachGraph(const Graph& graph, Visit visit) {
  visit(graph);
  for (const auto& node : graph.nodes()) {
    for (const auto& subgraph : node->subgraphs) ForEachGraph(*subgraph, visit);
  }
}

// The names by which an operator's subgraphs go in ONNX.
const char* SubgraphName(const Node& node, size_t i) {
  if (!node.Is("If")) return "body";
  return i == 0 ? "then_branch" : "else_branch";
}

}  // namespace

OnnxGraphExporter::~OnnxGraphExporter() = default;

// --- names

std::string OnnxGraphExporter::Fresh(std::string_view base) {
  std::string name(base);
  for (int i = 1; values_.contains(name) || fresh_.contains(name); ++i) {
    name = std::string(base) + ':' + std::to_string(i);
  }
  fresh_.insert(name);
  return name;
}

// What came of one node of the file goes by its name and a number.
void OnnxGraphExporter::NumberNodes(onnx::GraphProto& graph) {
  for (auto& node : *graph.mutable_node()) {
    const std::string root = node.name();
    int& uses = node_name_uses_[root];
    std::string name = root;
    // A number may make it the name of another.
    while (!root.empty() && uses++ > 0) {
      name = root + ':' + std::to_string(uses - 1);
      if (!node_roots_.contains(name)) break;
    }
    node.set_name(name);
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) NumberNodes(*attribute.mutable_g());
    }
  }
}

std::string OnnxGraphExporter::Resolve(const Source& source) {
  return source.value != nullptr ? NameOf(source.value) : source.name;
}

std::string OnnxGraphExporter::NameOf(const Value* value) {
  if (value == nullptr) return {};
  if (value->IsConstant() && !initializers_by_name_.contains(value->name())) {
    initializers_.push_back({value->name(), value->constant(), value->graph(), {}});
    initializers_by_name_.emplace(value->name(), &initializers_.back());
  }
  if (const auto it = pending_.find(value); it != pending_.end()) {
    const Pending pending = std::move(it->second);
    pending_.erase(it);
    EmitTranspose(*value->graph(), Resolve(pending.source), value->name(), pending);
  }
  return value->name();
}

// --- constants

std::string OnnxGraphExporter::AddDerived(std::string_view base, std::shared_ptr<const Constant> constant,
                                          const Graph* graph, std::string better_name) {
  std::string name = Fresh(base);
  initializers_.push_back({name, std::move(constant), graph, std::move(better_name)});
  initializers_by_name_.emplace(name, &initializers_.back());
  return name;
}

std::string OnnxGraphExporter::Initializer(std::string_view base, std::shared_ptr<const Constant> constant) {
  // Named after a constant of the Graph, it is that one in another form.
  const auto it = values_.find(base);
  const bool replaces = it != values_.end() && it->second->IsConstant();
  return AddDerived(base, std::move(constant), current_, replaces ? it->first : std::string());
}

bool OnnxGraphExporter::Fold(std::string_view op_type, std::span<const std::string> inputs,
                             const std::string& output, const Attributes& attributes) {
  if ((op_type != "Transpose" && op_type != "Reshape" && op_type != "Gather") || !fresh_.contains(output)) {
    return false;
  }
  Graph scratch;
  GraphBuilder builder(scratch);
  std::vector<Value*> values;
  for (const std::string& input : inputs) {
    const auto it = initializers_by_name_.find(input);
    if (it == initializers_by_name_.end()) return false;
    values.push_back(scratch.AddConstant("c", it->second->constant));
  }
  Value* result = op_type == "Transpose"
                      ? builder.EmitFolded(op_type, {values.at(0)}, attributes)
                      : builder.EmitFolded(op_type, {values.at(0), values.at(1)}, attributes);
  if (!builder.ok() || !result->IsConstant()) return false;
  const struct Initializer& from = *initializers_by_name_.find(inputs[0])->second;
  initializers_.push_back(
      {output, result->constant(), from.graph, from.better_name.empty() ? from.name : from.better_name});
  initializers_by_name_.emplace(output, &initializers_.back());
  return true;
}

bool OnnxGraphExporter::Cancel(std::string_view op_type, std::span<const std::string> inputs,
                               const std::string& output, const Attributes& attributes) {
  if ((op_type != "Transpose" && op_type != "Gather") || !fresh_.contains(output)) return false;
  const auto it = values_.find(inputs[0]);
  const whet::Node* producer = it != values_.end() ? it->second->producer() : nullptr;
  if (producer == nullptr || producer->op_name() != op_type) return false;
  std::vector<int64_t> outer;
  std::vector<int64_t> inner;
  if (op_type == "Transpose") {
    const auto a = attributes.Ints("perm");
    const auto b = producer->attributes.Ints("perm");
    outer.assign(a.begin(), a.end());
    inner.assign(b.begin(), b.end());
  } else {
    const auto by = initializers_by_name_.find(inputs[1]);
    if (by == initializers_by_name_.end() || attributes.Int("axis") != 0 ||
        producer->attributes.Int("axis") != 0 || producer->input(0)->type.rank() != 1) {
      return false;
    }
    const Dim& size = producer->input(0)->type.dims[0];
    outer = PermutationOf(by->second->constant.get());
    inner = PermutationOf(producer->input(1)->constant().get());
    if (!size.known() || size.lo != static_cast<int64_t>(inner.size())) return false;
  }
  if (outer.empty() || outer.size() != inner.size()) return false;
  for (size_t i = 0; i < outer.size(); ++i) {
    const auto at = static_cast<size_t>(outer[i]);
    if (at >= inner.size() || inner[at] != static_cast<int64_t>(i)) return false;
  }
  aliases_[output] = NameOf(producer->input(0));
  bypassed_.insert(inputs[0]);
  return true;
}

// --- transposes

void OnnxGraphExporter::FindTransposes(const Graph& graph) {
  size_t position = 0;
  for (const auto& node : graph.nodes()) {
    ++position;
    if (!IsPerm(*node, ToFirst) && !IsPerm(*node, ToLast)) continue;
    const auto perm = node->attributes.Ints("perm");
    pending_.emplace(
        node->output(),
        Pending{{node->input(0), {}}, {perm.begin(), perm.end()}, position, WithoutNumber(node->name())});
  }
}

void OnnxGraphExporter::EmitTranspose(const Graph& graph, const std::string& input, const std::string& output,
                                      const Pending& pending) {
  Scope& scope = scopes_.at(&graph);
  auto proto = std::make_unique<onnx::NodeProto>();
  proto->set_op_type("Transpose");
  proto->set_name(pending.node_name);
  proto->add_input(input);
  proto->add_output(output);
  FillAttribute("perm", pending.perm, proto->add_attribute());
  scope.nodes.push_back({std::min(pending.position, scope.position), std::move(proto)});
}

std::string OnnxGraphExporter::ChannelsFirst(const Value* value) {
  if (value == nullptr) return {};
  if (const auto it = channels_first_.find(value); it != channels_first_.end()) return Resolve(it->second);
  if (!value->type.ranked) {
    Fail(Error(Code::kUnsupported, "value '%s' must become channels first but its rank is not known",
               value->name().c_str()));
    return value->name();
  }
  const int rank = value->type.rank();
  if (rank < 3) return NameOf(value);
  Source& source = channels_first_[value];
  if (value->IsConstant()) {
    Graph scratch;
    GraphBuilder builder(scratch);
    const Value* first = builder.EmitFolded("Transpose", {scratch.AddConstant("c", value->constant())},
                                            {{"perm", ToFirst(rank)}});
    if (!builder.ok()) {
      Fail(builder.TakeStatus());
      return value->name();
    }
    source.name = AddDerived(value->name(), first->constant(), value->graph(), value->name());
    return source.name;
  }
  const whet::Node* producer = value->producer();
  if (producer != nullptr && StoresWeights(*producer)) {
    // The constant is transposed: runtimes look for the weights of a quantized operator right behind it.
    source.name = Fresh(value->name() + ":channels_first");
    const std::string name = source.name;
    ExportTransposedWeights(*producer, name);
    return name;
  }
  if (producer != nullptr && IsPerm(*producer, ToLast)) {
    source.value = producer->input(0);
    return NameOf(source.value);
  }
  for (const Use& use : value->uses()) {
    if (use.node->graph() == value->graph() && IsPerm(*use.node, ToFirst)) {
      source.value = use.node->output();
      return NameOf(source.value);
    }
  }
  source.name = Fresh(value->name() + ":channels_first");
  const std::string name = source.name;
  const Scope& scope = scopes_.at(value->graph());
  Pending transpose;
  transpose.perm = ToFirst(rank);
  transpose.position = scope.position;
  EmitTranspose(*value->graph(), NameOf(value), name, transpose);
  return name;
}

void OnnxGraphExporter::ExportTransposedWeights(const whet::Node& node, const std::string& result) {
  const Value* stored = node.input(0);
  const std::vector<int64_t> perm = ToFirst(stored->type.rank());
  Graph scratch;
  GraphBuilder builder(scratch);
  const Value* first =
      builder.EmitFolded("Transpose", {scratch.AddConstant("c", stored->constant())}, {{"perm", perm}});
  if (!builder.ok()) {
    Fail(builder.TakeStatus());
    return;
  }
  std::vector<std::string> inputs = {
      AddDerived(stored->name(), first->constant(), stored->graph(), stored->name())};
  for (size_t i = 1; i < node.inputs().size(); ++i) inputs.push_back(NameOf(node.input(i)));
  Attributes attributes = node.attributes;
  if (node.Is("DequantizeLinear")) {
    int64_t axis = attributes.Int("axis", 1);
    if (axis < 0) axis += stored->type.rank();
    const auto moved = static_cast<int64_t>(std::find(perm.begin(), perm.end(), axis) - perm.begin());
    if (attributes.Has("axis") || node.input(1)->type.rank() == 1) attributes.Set("axis", moved);
  }
  Node(node.op_name(), inputs, std::span(&result, 1), attributes, "");
  // Unless something else reads the weights as they are.
  bypassed_.insert(node.output()->name());
}

std::string OnnxGraphExporter::DefineFromChannelsFirst(const Value* value) {
  if (!value->type.ranked) {
    Fail(Error(Code::kUnsupported, "value '%s' comes from channels first but its rank is not known",
               value->name().c_str()));
    return value->name();
  }
  const int rank = value->type.rank();
  if (rank < 3) return value->name();
  Source source;
  for (const Use& use : value->uses()) {
    if (use.node->graph() != value->graph() || !IsPerm(*use.node, ToFirst)) continue;
    source.value = use.node->output();
    pending_.erase(source.value);
    break;
  }
  if (source.value == nullptr) source.name = Fresh(value->name() + ":channels_first");
  channels_first_[value] = source;
  pending_[value] = {source, ToLast(rank), scopes_.at(value->graph()).position, {}};
  return source.value != nullptr ? source.value->name() : source.name;
}

// --- nodes

void OnnxGraphExporter::Node(std::string_view op_type, std::span<const std::string> inputs,
                             std::span<const std::string> outputs, const Attributes& attributes,
                             std::string_view domain) {
  std::vector<std::string> named(inputs.begin(), inputs.end());
  for (std::string& input : named) {
    if (const auto it = aliases_.find(input); it != aliases_.end()) input = it->second;
  }
  inputs = named;
  if (outputs.size() == 1 && Fold(op_type, inputs, outputs[0], attributes)) return;
  if (outputs.size() == 1 && Cancel(op_type, inputs, outputs[0], attributes)) return;
  auto proto = std::make_unique<onnx::NodeProto>();
  proto->set_op_type(std::string(op_type));
  proto->set_domain(std::string(domain));
  proto->set_name(node_root_);
  for (const std::string& input : inputs) proto->add_input(input);
  while (proto->input_size() > 0 && proto->input(proto->input_size() - 1).empty()) {
    proto->mutable_input()->RemoveLast();
  }
  for (const std::string& output : outputs) proto->add_output(output);
  for (const auto& entry : attributes) FillAttribute(entry.name, entry.value, proto->add_attribute());
  const int needed =
      LowerOnnxNode(*proto, since_, opset_, [&](const std::string& name) -> std::shared_ptr<const Constant> {
        const auto it = initializers_by_name_.find(name);
        return it != initializers_by_name_.end() ? it->second->constant : nullptr;
      });
  needed_opset_ = std::max(needed_opset_, needed);
  if (subgraphs_of_ != nullptr && op_type == subgraphs_of_->op_name()) {
    const whet::Node& node = *subgraphs_of_;
    for (size_t i = 0; i < node.subgraphs.size(); ++i) {
      auto* attribute = proto->add_attribute();
      attribute->set_name(SubgraphName(node, i));
      attribute->set_type(onnx::AttributeProto::GRAPH);
      const std::string root = node_root_;
      subgraphs_of_ = nullptr;
      Status status = ExportGraph(*node.subgraphs[i], *attribute->mutable_g());
      subgraphs_of_ = &node;
      node_root_ = root;
      if (!status.ok()) Fail(std::move(status));
    }
  }
  Scope& scope = scopes_.at(current_);
  scope.nodes.push_back({scope.position, std::move(proto)});
}

void OnnxGraphExporter::NodeOfType(std::string_view op_type, const std::string& output, const Type& type) {
  auto proto = std::make_unique<onnx::NodeProto>();
  proto->set_op_type(std::string(op_type));
  proto->set_name(node_root_);
  proto->add_output(output);
  auto* attribute = proto->add_attribute();
  attribute->set_name("type");
  attribute->set_type(onnx::AttributeProto::TYPE_PROTO);
  FillType(type, attribute->mutable_tp());
  Scope& scope = scopes_.at(current_);
  scope.nodes.push_back({scope.position, std::move(proto)});
}

Status OnnxGraphExporter::ExportOneToOne(const whet::Node& node) {
  const OnnxSpelling* spelling = PlainSpelling(node.op());
  if (spelling == nullptr) {
    return Error(Code::kUnsupported, "the operator has no ONNX form that Whet can write");
  }
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  for (const Value* input : node.inputs()) inputs.push_back(NameOf(input));
  for (const Value* output : node.outputs()) {
    // An optional output that nobody asked for need not be computed.
    const bool wanted = outputs.size() < static_cast<size_t>(std::max(node.op().min_outputs, 1)) ||
                        !output->uses().empty() || output->graph()->IsLive(output);
    outputs.push_back(wanted ? output->name() : std::string());
  }
  since_ = spelling->since;
  if (node.Is("Split") || !node.subgraphs.empty()) {  // the number of outputs means something
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i] = node.output(i)->name();
  }
  while (!outputs.empty() && outputs.back().empty()) outputs.pop_back();
  Node(spelling->op_type, inputs, outputs, node.attributes, spelling->domain);
  since_ = 1;
  return {};
}

Status OnnxGraphExporter::ExportNode(const whet::Node& node) {
  const std::string bare = WithoutNumber(node.name());
  node_root_ = node_roots_.contains(bare) ? bare : node.name();
  for (const Value* output : node.outputs()) {
    const bool newer = output->type.dtype == DType::kI4 || output->type.dtype == DType::kU4;
    if (newer) needed_opset_ = std::max(needed_opset_, 21);
  }
  const bool compares_strings = node.Is("Equal") && node.input(0)->type.dtype == DType::kString;
  if (compares_strings) needed_opset_ = std::max(needed_opset_, 19);
  subgraphs_of_ = node.subgraphs.empty() ? nullptr : &node;
  const auto to_onnx = SpellingsOf(node.op()).to_onnx;
  Status status = to_onnx != nullptr ? to_onnx(node, *this) : ExportOneToOne(node);
  subgraphs_of_ = nullptr;
  if (status.ok()) status = std::move(status_);
  if (status.ok()) return status;
  return std::move(status).At("node '" + node.name() + "' (" + std::string(node.op_name()) + ")");
}

void OnnxGraphExporter::FinishNodes(const Graph& graph, Scope& scope) {
  std::stable_sort(scope.nodes.begin(), scope.nodes.end(),
                   [](const Emitted& a, const Emitted& b) { return a.position < b.position; });
  for (Emitted& emitted : scope.nodes) scope.proto->mutable_node()->AddAllocated(emitted.proto.release());
  scope.nodes.clear();
  scope.proto->set_name(graph.name().empty() ? "graph" : graph.name());
}

Status OnnxGraphExporter::ExportGraph(const Graph& graph, onnx::GraphProto& proto) {
  const Graph* outer = current_;
  current_ = &graph;
  Scope& scope = scopes_[&graph];
  scope.proto = &proto;
  FindTransposes(graph);
  for (const Value* input : graph.inputs()) FillValueInfo(input->name(), input->type, proto.add_input());
  for (const auto& node : graph.nodes()) {
    ++scope.position;
    if (pending_.contains(node->output())) continue;                // written when it is read
    if (IsPerm(*node, ToFirst) || IsPerm(*node, ToLast)) continue;  // it has been
    WHET_RETURN_IF_ERROR(ExportNode(*node));
  }
  ++scope.position;
  std::set<std::string> given;
  const auto give = [&](const Value* value) {
    std::string name = NameOf(value);
    if (value->graph() != &graph || given.contains(name)) {
      // A name may be given out once, and only by the graph in which it stands.
      const std::string copy = Fresh(name);
      node_root_ = copy;
      Node("Identity", std::span(&name, 1), std::span(&copy, 1), {}, "");
      name = copy;
    }
    given.insert(name);
    FillValueInfo(name, value->type, proto.add_output());
  };
  for (const Value* output : graph.outputs()) give(output);
  for (const State& state : graph.states) {
    if (!given.contains(state.output->name())) give(state.output);
  }
  FinishNodes(graph, scope);
  current_ = outer;
  return std::move(status_);
}

// Drops nodes whose only readers were cancelled with them.
void OnnxGraphExporter::RemoveBypassed(onnx::GraphProto& top) {
  std::set<std::string, std::less<>> read;
  const auto collect = [&](const auto& self, const onnx::GraphProto& graph) -> void {
    for (const auto& node : graph.node()) {
      read.insert(node.input().begin(), node.input().end());
      for (const auto& attribute : node.attribute()) {
        if (attribute.has_g()) self(self, attribute.g());
      }
    }
    for (const auto& output : graph.output()) read.insert(output.name());
  };
  collect(collect, top);
  const auto sweep = [&](const auto& self, onnx::GraphProto& graph) -> void {
    for (int i = graph.node_size() - 1; i >= 0; --i) {
      auto& node = *graph.mutable_node(i);
      for (auto& attribute : *node.mutable_attribute()) {
        if (attribute.has_g()) self(self, *attribute.mutable_g());
      }
      if (node.output_size() == 1 && bypassed_.contains(node.output(0)) && !read.contains(node.output(0))) {
        graph.mutable_node()->DeleteSubrange(i, 1);
      }
    }
  };
  sweep(sweep, top);
}

// Adds the constants that nodes or outputs refer to, with the best name that is free.
void OnnxGraphExporter::PlaceInitializers() {
  if (!bypassed_.empty()) RemoveBypassed(*scopes_.at(&graph_).proto);
  NumberNodes(*scopes_.at(&graph_).proto);
  std::vector<std::string*> references;
  const auto collect = [&](const auto& self, onnx::GraphProto& graph) -> void {
    for (auto& node : *graph.mutable_node()) {
      for (std::string& input : *node.mutable_input()) references.push_back(&input);
      for (auto& attribute : *node.mutable_attribute()) {
        if (attribute.has_g()) self(self, *attribute.mutable_g());
      }
    }
    for (auto& output : *graph.mutable_output()) references.push_back(output.mutable_name());
  };
  collect(collect, *scopes_.at(&graph_).proto);

  std::set<std::string, std::less<>> taken;
  for (const std::string* reference : references) taken.insert(*reference);
  std::map<std::string, std::string, std::less<>> renamed;
  for (std::string* reference : references) {
    const auto it = initializers_by_name_.find(*reference);
    if (it == initializers_by_name_.end()) continue;
    struct Initializer& initializer = *it->second;
    auto [name, is_new] = renamed.emplace(*reference, *reference);
    if (is_new) {
      const std::string& better = initializer.better_name;
      // What was derived alike from one constant is one.
      const auto same = std::find_if(used_.begin(), used_.end(), [&](const auto& entry) {
        return !better.empty() && entry.second->better_name == better &&
               entry.second->graph == initializer.graph &&
               Equal(*entry.second->constant, *initializer.constant);
      });
      if (same != used_.end()) {
        name->second = same->second->name;
        *reference = name->second;
        continue;
      }
      // Only a constant of the Graph could have that name, and it is not referred to.
      if (!better.empty() && !taken.contains(better)) name->second = better;
      taken.insert(name->second);
      initializer.name = name->second;
      used_.emplace_back(scopes_.at(initializer.graph).proto, &initializer);
    }
    *reference = name->second;
  }
  for (const auto& [proto, initializer] : used_) {
    FillTensorHead(initializer->name, *initializer->constant, proto->add_initializer());
  }
}

Status OnnxGraphExporter::Export(onnx::ModelProto& model) {
  ForEachGraph(graph_, [&](const Graph& graph) {
    for (const Value* value : graph.values()) values_.emplace(value->name(), value);
    for (const auto& node : graph.nodes()) node_roots_.insert(node->name());
  });
  WHET_RETURN_IF_ERROR(ExportGraph(graph_, *model.mutable_graph()));
  PlaceInitializers();
  // The oldest version of the format that goes with the opset.
  model.set_ir_version(opset_ <= 18 ? 8 : opset_ <= 20 ? 9 : opset_ <= 22 ? 10 : 11);
  model.set_producer_name("whet");
  auto* opset = model.add_opset_import();
  opset->set_domain("");
  opset->set_version(opset_);
  for (const auto& [key, value] : graph_.metadata) {
    auto* entry = model.add_metadata_props();
    entry->set_key(key);
    entry->set_value(value);
  }
  return {};
}

}  // namespace whet
