#include "export/tflite/refusals.h"

#include <algorithm>

namespace whet {

void TfliteRefusals::Add(const Node& node, std::string reason) {
  for (Entry& entry : entries_) {
    if (entry.op != node.op_name() || entry.reason != reason) continue;
    if (std::find(entry.nodes.begin(), entry.nodes.end(), node.name()) == entry.nodes.end()) {
      entry.nodes.push_back(node.name());
    }
    return;
  }
  entries_.push_back({std::string(node.op_name()), std::move(reason), {node.name()}});
}

Status TfliteRefusals::ToStatus() const {
  std::string text = "TFLite cannot express this model:";
  for (const Entry& entry : entries_) {
    text += Format("\n  %s, %zu %s: %s; ", entry.op.c_str(), entry.nodes.size(),
                   entry.nodes.size() == 1 ? "time" : "times", entry.reason.c_str());
    constexpr size_t kListed = 5;
    for (size_t i = 0; i < std::min(kListed, entry.nodes.size()); ++i) {
      text += (i > 0 ? ", '" : "at '") + entry.nodes[i] + "'";
    }
    if (entry.nodes.size() > kListed) text += ", …";
  }
  return {Code::kUnsupported, std::move(text)};
}

}  // namespace whet
