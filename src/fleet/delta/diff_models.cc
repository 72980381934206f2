#include "fleet/delta/diff_models.h"

#include <cstring>
#include <unordered_map>

#include "base/file.h"
#include "fleet/delta/model_layout.h"

namespace whet::fleet {
namespace {

void CountOperators(const Graph& graph, int32_t sign, std::map<std::string, int32_t>* counts) {
  for (const auto& node : graph.nodes()) {
    (*counts)[std::string(node->op_name())] += sign;
    for (const auto& subgraph : node->subgraphs) CountOperators(*subgraph, sign, counts);
  }
}

TensorDifference Described(const TensorPlace& tensor, TensorChange change) {
  return {tensor.name, change, tensor.dtype, tensor.shape, tensor.range.bytes};
}

}  // namespace

std::string_view TensorChangeName(TensorChange change) {
  switch (change) {
    case TensorChange::kUnchanged: return "unchanged";
    case TensorChange::kChanged: return "changed";
    case TensorChange::kAdded: return "added";
    case TensorChange::kRemoved: return "removed";
  }
  return "";
}

Result<ModelDifference> DiffModels(const std::string& base_path, const std::string& result_path) {
  WHET_ASSIGN_OR_RETURN(const MappedFile base, MappedFile::Open(base_path));
  WHET_ASSIGN_OR_RETURN(const MappedFile result, MappedFile::Open(result_path));
  WHET_ASSIGN_OR_RETURN(const ModelLayout from, ReadModelLayout(base));
  WHET_ASSIGN_OR_RETURN(const ModelLayout to, ReadModelLayout(result));
  const auto bytes_of = [](const MappedFile& file, const TensorPlace& tensor) {
    const auto bytes = file.bytes().subspan(tensor.range.offset, tensor.range.bytes);
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };

  std::unordered_map<std::string_view, const TensorPlace*> gone;
  for (const TensorPlace& tensor : from.tensors) gone.emplace(tensor.name, &tensor);
  std::vector<const TensorPlace*> same_name;
  for (const TensorPlace& tensor : to.tensors) {
    const auto found = gone.find(tensor.name);
    same_name.push_back(found == gone.end() ? nullptr : found->second);
    if (found != gone.end()) gone.erase(found);
  }
  std::unordered_multimap<std::string_view, const TensorPlace*> by_bytes;
  for (const auto& [name, tensor] : gone) by_bytes.emplace(bytes_of(base, *tensor), tensor);

  ModelDifference difference;
  for (size_t i = 0; i < to.tensors.size(); ++i) {
    const TensorPlace& tensor = to.tensors[i];
    const std::string_view bytes = bytes_of(result, tensor);
    const TensorPlace* before = same_name[i];
    if (before == nullptr) {
      const auto renamed = by_bytes.find(bytes);
      if (renamed != by_bytes.end()) {
        before = renamed->second;
        gone.erase(before->name);
        by_bytes.erase(renamed);
      }
    }
    TensorChange change = TensorChange::kAdded;
    if (before != nullptr) {
      const bool same =
          before->dtype == tensor.dtype && before->shape == tensor.shape && bytes_of(base, *before) == bytes;
      change = same ? TensorChange::kUnchanged : TensorChange::kChanged;
    }
    difference.tensors.push_back(Described(tensor, change));
  }
  for (const TensorPlace& tensor : from.tensors) {
    const auto found = gone.find(tensor.name);
    if (found != gone.end() && found->second == &tensor) {
      difference.tensors.push_back(Described(tensor, TensorChange::kRemoved));
    }
  }

  std::map<std::string, int32_t> counts;
  CountOperators(*to.model.graph, 1, &counts);
  CountOperators(*from.model.graph, -1, &counts);
  for (const auto& [name, count] : counts) {
    if (count > 0) difference.operators_added[name] = static_cast<uint32_t>(count);
    if (count < 0) difference.operators_removed[name] = static_cast<uint32_t>(-count);
  }
  return difference;
}

}  // namespace whet::fleet
