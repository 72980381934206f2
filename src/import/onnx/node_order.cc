#include "import/onnx/node_order.h"

#include <onnx/onnx_pb.h>

#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace whet {
namespace {

using Names = std::unordered_set<std::string_view>;
using NodeList = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

void CollectCaptures(const onnx::GraphProto& graph, Names* reads);

// Everything that a node reads of the graph it stands in.
void CollectReads(const onnx::NodeProto& node, Names* reads) {
  for (const std::string& input : node.input()) {
    if (!input.empty()) reads->insert(input);
  }
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) CollectCaptures(attribute.g(), reads);
  }
}

void CollectCaptures(const onnx::GraphProto& graph, Names* reads) {
  Names own;
  for (const auto& input : graph.input()) own.insert(input.name());
  for (const auto& initializer : graph.initializer()) own.insert(initializer.name());
  Names inner;
  for (const auto& node : graph.node()) {
    for (const std::string& output : node.output()) own.insert(output);
    CollectReads(node, &inner);
  }
  for (const auto& output : graph.output()) inner.insert(output.name());
  for (const std::string_view name : inner) {
    if (!own.contains(name)) reads->insert(name);
  }
}

}  // namespace

Result<std::vector<int>> OrderOnnxNodes(const NodeList& nodes) {
  std::unordered_map<std::string_view, size_t> producers;
  const auto count = static_cast<size_t>(nodes.size());
  for (size_t i = 0; i < count; ++i) {
    for (const std::string& output : nodes[static_cast<int>(i)].output()) producers.emplace(output, i);
  }
  std::vector<size_t> waiting(count);
  std::vector<std::vector<size_t>> readers(count);
  for (size_t i = 0; i < count; ++i) {
    Names reads;
    CollectReads(nodes[static_cast<int>(i)], &reads);
    for (const std::string_view name : reads) {
      const auto it = producers.find(name);
      if (it == producers.end()) continue;
      readers[it->second].push_back(i);
      ++waiting[i];
    }
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i) {
    if (waiting[i] == 0) ready.push(i);
  }
  std::vector<int> order;
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    order.push_back(static_cast<int>(i));
    for (const size_t reader : readers[i]) {
      if (--waiting[reader] == 0) ready.push(reader);
    }
  }
  for (size_t i = 0; order.size() < count && i < count; ++i) {
    if (waiting[i] == 0) continue;
    const onnx::NodeProto& node = nodes[static_cast<int>(i)];
    const std::string& name = node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name();
    return Error(Code::kBadFile,
                 "the graph has a cycle through or before node '%s' (%s); a model must be acyclic",
                 name.c_str(), node.op_type().c_str());
  }
  return order;
}

}  // namespace whet
