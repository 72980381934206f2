#include "ir/graph.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "ir/op_def.h"

namespace whet {

std::string ToString(const Dim& dim) {
  if (dim.known()) return std::to_string(dim.lo);
  std::string text = dim.symbol.empty() ? "?" : dim.symbol;
  if (dim.lo > 0 || dim.bounded()) {
    text += '[' + std::to_string(dim.lo) + "..";
    if (dim.bounded()) text += std::to_string(dim.hi);
    text += ']';
  }
  return text;
}

bool Type::IsStatic() const {
  return IsTensor() && ranked &&
         std::all_of(dims.begin(), dims.end(), [](const Dim& dim) { return dim.known(); });
}

Shape Type::ToShape() const {
  Shape shape;
  for (const Dim& dim : dims) shape.push_back(dim.lo);
  return shape;
}

Type::Type() = default;
Type::Type(DType type, std::vector<Dim> dimensions)
    : dtype(type), ranked(true), dims(std::move(dimensions)) {}
Type::Type(const Type&) = default;
Type::Type(Type&&) noexcept = default;
Type& Type::operator=(const Type&) = default;
Type& Type::operator=(Type&&) noexcept = default;
Type::~Type() = default;
bool Type::operator==(const Type&) const = default;

Type Type::Of(DType type, std::span<const int64_t> shape) { return {type, {shape.begin(), shape.end()}}; }

Type Type::Unranked(DType type) {
  Type t;
  t.dtype = type;
  return t;
}

Type Type::As(Form other) const {
  Type type = *this;
  type.form = other;
  return type;
}

std::string ToString(const Type& type) {
  switch (type.form) {
    case Form::kTensor: break;
    case Form::kSequence: return "seq(" + ToString(type.As(Form::kTensor)) + ')';
    case Form::kOptionalTensor: return "optional(" + ToString(type.As(Form::kTensor)) + ')';
    case Form::kOptionalSequence: return "optional(" + ToString(type.As(Form::kSequence)) + ')';
  }
  std::string text(DTypeName(type.dtype));
  if (!type.ranked) return text + "[*]";
  text += '[';
  for (size_t i = 0; i < type.dims.size(); ++i) {
    if (i > 0) text += ',';
    text += ToString(type.dims[i]);
  }
  return text + ']';
}

// --- Constant

std::shared_ptr<Constant> Constant::Allocate(DType dtype, const Shape& shape) {
  auto constant = std::make_shared<Constant>();
  constant->view_ = {dtype, shape, nullptr};
  // One vector beyond the end, so that kernels may read over it (kernels/kernel.h).
  const size_t bytes = (static_cast<size_t>(constant->view_.bytes()) + 64 + 63) / 64 * 64;
  void* memory = std::aligned_alloc(64, bytes);
  if (memory == nullptr) throw std::bad_alloc();
  const size_t used = static_cast<size_t>(constant->view_.bytes());
  std::memset(static_cast<char*>(memory) + used, 0, bytes - used);
  constant->view_.data = memory;
  constant->owner_ =
      std::shared_ptr<const void>(memory, [](const void* p) { std::free(const_cast<void*>(p)); });
  return constant;
}

std::shared_ptr<const Constant> Constant::Strings(const Shape& shape,
                                                  std::span<const std::string_view> strings) {
  struct Owned {
    std::vector<std::string_view> views;
    std::string characters;
  };
  auto owned = std::make_shared<Owned>();
  size_t total = 0;
  for (const std::string_view string : strings) total += string.size();
  owned->characters.reserve(total);
  owned->views.reserve(strings.size());
  for (const std::string_view string : strings) {
    const size_t at = owned->characters.size();
    owned->characters += string;
    owned->views.push_back(std::string_view(owned->characters).substr(at));
  }
  return Refer(DType::kString, shape, owned->views.data(), owned);
}

std::shared_ptr<const Constant> Constant::Copy(DType dtype, const Shape& shape, const void* bytes) {
  if (dtype == DType::kString && bytes != nullptr) {
    const auto* strings = static_cast<const std::string_view*>(bytes);
    return Strings(shape, std::span(strings, static_cast<size_t>(shape.elements())));
  }
  auto constant = Allocate(dtype, shape);
  if (bytes != nullptr) {
    std::memcpy(constant->view_.data, bytes, constant->bytes());
  } else {
    std::memset(constant->view_.data, 0, constant->bytes());
  }
  return constant;
}

std::shared_ptr<const Constant> Constant::Refer(DType dtype, const Shape& shape, const void* data,
                                                std::shared_ptr<const void> owner) {
  auto constant = std::make_shared<Constant>();
  constant->view_ = {dtype, shape, const_cast<void*>(data)};
  constant->owner_ = std::move(owner);
  return constant;
}

// --- Value

Value::Value() = default;
Value::~Value() = default;

// --- Node

Node::Node() = default;
Node::~Node() = default;

void Node::set_name(std::string name) { name_ = std::move(name); }

std::string_view Node::op_name() const { return op_->name; }

namespace {

void AddUse(std::vector<Use>& uses, Node* node, size_t input) {
  uses.push_back({node, static_cast<int>(input)});
}

// From the back, since graphs are taken down backwards.
void RemoveUse(std::vector<Use>& uses, const Node* node, size_t input) {
  const auto it = std::find_if(uses.rbegin(), uses.rend(), [&](const Use& use) {
    return use.node == node && use.input == static_cast<int>(input);
  });
  if (it != uses.rend()) uses.erase(std::next(it).base());
}

}  // namespace

void Node::SetInput(size_t i, Value* value) {
  if (i >= inputs_.size()) inputs_.resize(i + 1, nullptr);
  if (inputs_[i] != nullptr) RemoveUse(inputs_[i]->uses_, this, i);
  inputs_[i] = value;
  if (value != nullptr) AddUse(value->uses_, this, i);
  while (!inputs_.empty() && inputs_.back() == nullptr) inputs_.pop_back();
}

void Node::TruncateOutputs(size_t count) {
  while (outputs_.size() > count) {
    Value* last = outputs_.back();
    outputs_.pop_back();
    if (last != nullptr) graph_->ForgetValue(last);
  }
}

// --- Graph

Graph::Graph(std::string name, Graph* parent) : name_(std::move(name)), parent_(parent) {}

void Graph::set_name(std::string name) { name_ = std::move(name); }

void Graph::AddOutput(Value* value) { outputs_.push_back(value); }

Graph::~Graph() {
  // Nodes first, and in reverse: a subgraph's values may be used nowhere outside, but its nodes use outer
  // values.
  while (!nodes_.empty()) {
    Node* node = nodes_.back().get();
    node->subgraphs.clear();
    for (size_t i = 0; i < node->inputs_.size(); ++i) {
      if (node->inputs_[i] != nullptr) RemoveUse(node->inputs_[i]->uses_, node, i);
    }
    nodes_.pop_back();
  }
  if (parent_ != nullptr) {
    Graph* root = this;
    while (root->parent_ != nullptr) root = root->parent_;
    for (const auto& value : values_) root->names_.erase(value->name_);
  }
}

const Graph* Graph::Root() const {
  const Graph* graph = this;
  while (graph->parent_ != nullptr) graph = graph->parent_;
  return graph;
}

std::string Graph::UniqueName(std::string_view base) const {
  const auto& names = Root()->names_;
  if (!base.empty() && !names.contains(base)) return std::string(base);
  // Probe by doubling, then by halving, so that many values of one base cost little.
  const auto name_at = [&](uint64_t i) { return std::string(base) + ':' + std::to_string(i); };
  uint64_t step = 1;
  while (names.contains(name_at(step))) step *= 2;
  uint64_t low = step / 2;
  while (step - low > 1) {
    const uint64_t middle = (low + step) / 2;
    (names.contains(name_at(middle)) ? low : step) = middle;
  }
  return name_at(step);
}

Value* Graph::NewValue(std::string name) {
  values_.push_back(std::make_unique<Value>());
  Value* value = values_.back().get();
  value->name_ = UniqueName(name);
  value->graph_ = this;
  value->position_ = std::prev(values_.end());
  const_cast<Graph*>(Root())->names_.emplace(value->name_, value);
  return value;
}

void Graph::ForgetValue(Value* value) {
  const_cast<Graph*>(Root())->names_.erase(value->name_);
  values_.erase(value->position_);
}

Value* Graph::AddInput(std::string name, Type type) {
  Value* value = NewValue(std::move(name));
  value->type = std::move(type);
  value->is_input_ = true;
  inputs_.push_back(value);
  return value;
}

Value* Graph::AddConstant(std::string name, std::shared_ptr<const Constant> constant) {
  Value* value = NewValue(std::move(name));
  value->type = Type::Of(constant->dtype(), constant->shape().dims());
  value->constant_ = std::move(constant);
  return value;
}

bool Graph::IsOutput(const Value* value) const {
  return std::find(outputs_.begin(), outputs_.end(), value) != outputs_.end();
}

bool Graph::IsLive(const Value* value) const {
  return IsOutput(value) ||
         std::any_of(states.begin(), states.end(), [&](const State& state) { return state.output == value; });
}

Value* Graph::FindValue(std::string_view name) const {
  const auto& names = Root()->names_;
  const auto it = names.find(name);
  return it != names.end() && it->second->graph_ == this ? it->second : nullptr;
}

std::vector<Value*> Graph::values() const {
  std::vector<Value*> all;
  all.reserve(values_.size());
  for (const auto& value : values_) all.push_back(value.get());
  return all;
}

void Graph::RemoveInput(Value* value) {
  inputs_.erase(std::find(inputs_.begin(), inputs_.end(), value));
  ForgetValue(value);
}

void Graph::RemoveUnusedConstants() {
  Graph* root = const_cast<Graph*>(Root());
  std::unordered_set<const Value*> live(outputs_.begin(), outputs_.end());
  for (const State& state : states) live.insert(state.output);
  for (auto it = values_.begin(); it != values_.end();) {
    const Value& value = **it;
    if (value.IsConstant() && value.uses_.empty() && !live.contains(&value)) {
      root->names_.erase(value.name_);
      it = values_.erase(it);
    } else {
      ++it;
    }
  }
}

void Graph::Rename(Value* value, std::string name) {
  if (value->name_ == name) return;
  auto& names = const_cast<Graph*>(Root())->names_;
  names.erase(value->name_);
  value->name_ = UniqueName(name);
  names.emplace(value->name_, value);
}

Node* Graph::AddNode(const OpDef& op, std::string name, std::span<Value* const> inputs,
                     std::span<const std::string> output_names, Attributes attributes, Node* before) {
  auto owned = std::make_unique<Node>();
  Node* node = owned.get();
  node->op_ = &op;
  node->name_ = std::move(name);
  node->graph_ = this;
  node->attributes = std::move(attributes);
  node->position_ = nodes_.insert(before != nullptr ? before->position_ : nodes_.end(), std::move(owned));
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] != nullptr) node->SetInput(i, inputs[i]);
  }
  for (const std::string& output_name : output_names) {
    Value* value = NewValue(output_name.empty() ? node->name_ : output_name);
    value->producer_ = node;
    node->outputs_.push_back(value);
  }
  return node;
}

void Graph::RemoveNode(Node* node) {
  for (size_t i = 0; i < node->inputs_.size(); ++i) {
    if (node->inputs_[i] != nullptr) RemoveUse(node->inputs_[i]->uses_, node, i);
  }
  node->inputs_.clear();
  node->TruncateOutputs(0);
  nodes_.erase(node->position_);
}

void Graph::MoveNode(Node* node, Node* before) { nodes_.splice(before->position_, nodes_, node->position_); }

std::vector<Node*> Graph::NodeList() const {
  std::vector<Node*> list;
  list.reserve(nodes_.size());
  for (const auto& node : nodes_) list.push_back(node.get());
  return list;
}

namespace {

void ReplaceInOutputs(Graph& graph, Value* from, Value* to) {
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    if (graph.outputs()[i] == from) graph.SetOutput(i, to);
  }
  for (State& state : graph.states) {
    if (state.output == from) state.output = to;
  }
  for (const auto& node : graph.nodes()) {
    for (const auto& subgraph : node->subgraphs) ReplaceInOutputs(*subgraph, from, to);
  }
}

}  // namespace

void Graph::ReplaceAllUses(Value* from, Value* to) {
  if (from == to) return;
  // All at once: taking uses away one by one would cost the square of their number.
  for (const Use& use : from->uses_) {
    use.node->inputs_[static_cast<size_t>(use.input)] = to;
    to->uses_.push_back(use);
  }
  from->uses_.clear();
  ReplaceInOutputs(*this, from, to);
}

namespace {

// Values of `graph` that a node reads, also from within its subgraphs.
void CollectReads(const Node& node, const Graph* graph, std::vector<const Value*>* reads) {
  for (const Value* input : node.inputs()) {
    if (input != nullptr && input->graph() == graph) reads->push_back(input);
  }
  for (const auto& subgraph : node.subgraphs) {
    for (const auto& inner : subgraph->nodes()) CollectReads(*inner, graph, reads);
    for (const Value* output : subgraph->outputs()) {
      if (output->graph() == graph) reads->push_back(output);
    }
  }
}

}  // namespace

Status Graph::SortTopologically() {
  struct Entry {
    Node* node;
    size_t waiting = 0;
    std::vector<size_t> readers;
  };
  std::vector<Entry> entries;
  std::unordered_map<const Node*, size_t> index;
  for (const auto& node : nodes_) {
    index[node.get()] = entries.size();
    entries.push_back({node.get(), 0, {}});
  }
  for (size_t i = 0; i < entries.size(); ++i) {
    std::vector<const Value*> reads;
    CollectReads(*entries[i].node, this, &reads);
    for (const Value* read : reads) {
      if (read->producer() == nullptr) continue;
      entries[index.at(read->producer())].readers.push_back(i);
      ++entries[i].waiting;
    }
  }
  // Of the nodes that have all they need, the one that stands first now goes first.
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].waiting == 0) ready.push(i);
  }
  std::list<std::unique_ptr<Node>> sorted;
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    sorted.splice(sorted.end(), nodes_, entries[i].node->position_);
    for (size_t reader : entries[i].readers) {
      if (--entries[reader].waiting == 0) ready.push(reader);
    }
  }
  if (!nodes_.empty()) {
    const std::string name = nodes_.front()->name_;
    nodes_.splice(nodes_.begin(), sorted);
    return Error(Code::kBadFile, "the graph has a cycle through node '%s'; a model must be acyclic",
                 name.c_str());
  }
  nodes_ = std::move(sorted);
  return {};
}

namespace {

void CloneInto(const Graph& from, Graph& to, std::unordered_map<const Value*, Value*>& map) {
  for (const Value* input : from.inputs()) map[input] = to.AddInput(input->name(), input->type);
  for (const Value* value : from.values()) {
    if (value->IsConstant()) map[value] = to.AddConstant(value->name(), value->constant());
  }
  for (const auto& node : from.nodes()) {
    std::vector<Value*> inputs;
    for (const Value* input : node->inputs()) inputs.push_back(input ? map.at(input) : nullptr);
    std::vector<std::string> output_names;
    for (const Value* output : node->outputs()) output_names.push_back(output->name());
    Node* copy = to.AddNode(node->op(), node->name(), inputs, output_names, node->attributes);
    for (size_t i = 0; i < node->outputs().size(); ++i) {
      copy->output(i)->type = node->output(i)->type;
      map[node->output(i)] = copy->output(i);
    }
    for (const auto& subgraph : node->subgraphs) {
      copy->subgraphs.push_back(std::make_unique<Graph>(subgraph->name(), &to));
      CloneInto(*subgraph, *copy->subgraphs.back(), map);
    }
  }
  for (const Value* output : from.outputs()) to.AddOutput(map.at(output));
}

}  // namespace

std::unique_ptr<Graph> Graph::Clone() const {
  auto copy = std::make_unique<Graph>(name_);
  std::unordered_map<const Value*, Value*> map;
  CloneInto(*this, *copy, map);
  for (const State& state : states) {
    copy->states.push_back({state.name, map.at(state.input), map.at(state.output), state.initial});
  }
  copy->metadata = metadata;
  return copy;
}

}  // namespace whet
