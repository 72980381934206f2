#include "fleet/delta/model_layout.h"

#include <algorithm>

namespace whet::fleet {
namespace {

class Collector {
 public:
  explicit Collector(std::span<const std::byte> file) : file_(file) {}

  void Collect(const Graph& graph) {
    for (const auto& node : graph.nodes()) {
      for (const Value* input : node->inputs()) Add(input);
      for (const auto& subgraph : node->subgraphs) Collect(*subgraph);
    }
    for (const Value* output : graph.outputs()) Add(output);
  }
  void Add(const std::string& name, const Constant& constant) {
    if (constant.dtype() == DType::kString || constant.bytes() == 0) return;
    const auto* data = static_cast<const std::byte*>(constant.view().data);
    // A constant folded while opening would have memory of its own.
    if (data < file_.data() || data >= file_.data() + file_.size()) return;
    const auto offset = static_cast<uint64_t>(data - file_.data());
    tensors_.push_back({name, constant.dtype(), constant.shape(), {offset, constant.bytes()}});
  }

  // Of tensors that share bytes the first stays.
  std::vector<TensorPlace> Take() {
    std::stable_sort(tensors_.begin(), tensors_.end(),
                     [](const auto& a, const auto& b) { return a.range.offset < b.range.offset; });
    std::vector<TensorPlace> kept;
    for (TensorPlace& tensor : tensors_) {
      if (kept.empty() || tensor.range.offset >= kept.back().range.offset + kept.back().range.bytes) {
        kept.push_back(std::move(tensor));
      }
    }
    return kept;
  }

 private:
  void Add(const Value* value) {
    if (value != nullptr && value->IsConstant()) Add(value->name(), *value->constant());
  }

  std::span<const std::byte> file_;
  std::vector<TensorPlace> tensors_;
};

}  // namespace

Result<ModelLayout> ReadModelLayout(const MappedFile& file) {
  ModelLayout layout;
  WHET_ASSIGN_OR_RETURN(layout.model, OpenModelBytes(file.bytes(), nullptr, file.path()));
  Collector collector(file.bytes());
  collector.Collect(*layout.model.graph);
  for (const State& state : layout.model.graph->states) {
    if (state.initial != nullptr) collector.Add(state.name, *state.initial);
  }
  layout.tensors = collector.Take();
  return layout;
}

ModelLayout ReadAnyLayout(const MappedFile& file) {
  if (!IsModelFile(file.bytes())) return {};
  auto layout = ReadModelLayout(file);
  return layout.ok() ? std::move(*layout) : ModelLayout{};
}

std::vector<ByteRange> RangesBetween(std::span<const TensorPlace> tensors, uint64_t file_bytes) {
  std::vector<ByteRange> ranges;
  uint64_t at = 0;
  for (const TensorPlace& tensor : tensors) {
    if (tensor.range.offset > at) ranges.push_back({at, tensor.range.offset - at});
    at = tensor.range.offset + tensor.range.bytes;
  }
  if (file_bytes > at) ranges.push_back({at, file_bytes - at});
  return ranges;
}

}  // namespace whet::fleet
