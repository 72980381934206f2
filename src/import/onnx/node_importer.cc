// The nodes of a Graph that OnnxGraphImporter builds: operators, calls of functions, attributes, subgraphs.
#include <onnx/onnx_pb.h>

#include <algorithm>

#include "import/onnx/function_key.h"
#include "import/onnx/graph_importer.h"
#include "import/onnx/node_order.h"
#include "import/onnx/value_names.h"

namespace whet {
namespace {

constexpr int kMaxCallDepth = 64;

std::string PlaceOf(const ForeignNode& node) { return "node '" + node.name + "' (" + node.op_type + ")"; }

// Which of OpDef::subgraphs an attribute is; -1 if none.
int SubgraphIndex(std::string_view attribute) {
  if (attribute == "then_branch" || attribute == "body") return 0;
  if (attribute == "else_branch") return 1;
  return -1;
}

}  // namespace

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
