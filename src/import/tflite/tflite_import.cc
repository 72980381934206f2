#include "import/tflite/tflite_import.h"

#include "base/file.h"
#include "import/tflite/tflite_graph.h"
#include "tflite_schema_generated.h"

namespace whet {

namespace fb = tflite_fb;

namespace {

std::string Text(const flatbuffers::String* text) { return text ? text->str() : std::string(); }

// The subgraph of the signature asked for.
Result<int64_t> ChooseSubgraph(const fb::Model& model, const std::string& signature) {
  if (signature.empty()) return 0;
  std::string known;
  if (model.signature_defs() != nullptr) {
    for (const fb::SignatureDef* def : *model.signature_defs()) {
      if (Text(def->signature_key()) == signature) return def->subgraph_index();
      known += (known.empty() ? "'" : ", '") + Text(def->signature_key()) + "'";
    }
  }
  return Error(Code::kNotFound, "has no signature '%s'; it has %s", signature.c_str(),
               known.empty() ? "none" : known.c_str());
}

Status AddMetadata(const TfliteFile& file, int64_t subgraph_index, Graph& graph) {
  const fb::Model& model = file.model();
  if (const std::string text = Text(model.description()); !text.empty())
    graph.metadata["tflite.description"] = text;
  if (model.metadata() != nullptr) {
    for (const fb::Metadata* entry : *model.metadata()) {
      auto bytes = file.Buffer(entry->buffer());
      if (!bytes.ok()) return bytes.TakeStatus().At("metadata '" + Text(entry->name()) + "'");
      std::string value(reinterpret_cast<const char*>(bytes->data()), bytes->size());
      while (!value.empty() && value.back() == '\0') value.pop_back();  // texts are padded
      graph.metadata["tflite.metadata." + Text(entry->name())] = std::move(value);
    }
  }
  WHET_ASSIGN_OR_RETURN(const fb::SubGraph* subgraph, file.Subgraph(subgraph_index));
  if (model.signature_defs() == nullptr) return {};
  for (const fb::SignatureDef* def : *model.signature_defs()) {
    if (def->subgraph_index() != subgraph_index) continue;
    const auto add = [&](const char* kind, const auto* maps) -> Status {
      for (uint32_t i = 0; maps != nullptr && i < maps->size(); ++i) {
        const fb::TensorMap& map = *maps->Get(i);
        if (subgraph->tensors() == nullptr || map.tensor_index() >= subgraph->tensors()->size()) {
          return Error(Code::kBadFile, "signature '%s' refers to tensor %u, which does not exist",
                       Text(def->signature_key()).c_str(), map.tensor_index());
        }
        graph.metadata["tflite.signature." + Text(def->signature_key()) + kind + Text(map.name())] =
            Text(subgraph->tensors()->Get(map.tensor_index())->name());
      }
      return {};
    };
    WHET_RETURN_IF_ERROR(add(".input.", def->inputs()));
    WHET_RETURN_IF_ERROR(add(".output.", def->outputs()));
  }
  return {};
}

Result<std::unique_ptr<Graph>> Import(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                                      const TfliteImportOptions& options) {
  WHET_ASSIGN_OR_RETURN(TfliteFile file, TfliteFile::Parse(bytes, std::move(owner)));
  WHET_ASSIGN_OR_RETURN(const int64_t subgraph, ChooseSubgraph(file.model(), options.signature));
  TfliteGraphImporter importer(file, options);
  WHET_ASSIGN_OR_RETURN(std::unique_ptr<Graph> graph, importer.Import(subgraph));
  WHET_RETURN_IF_ERROR(AddMetadata(file, subgraph, *graph));
  return graph;
}

}  // namespace

Result<std::unique_ptr<Graph>> ImportTfliteBytes(std::span<const std::byte> bytes,
                                                 std::shared_ptr<const void> owner, const std::string& name,
                                                 const TfliteImportOptions& options) {
  auto graph = Import(bytes, std::move(owner), options);
  if (!graph.ok()) return graph.TakeStatus().At(name);
  return graph;
}

Result<std::unique_ptr<Graph>> ImportTflite(const std::string& path, const TfliteImportOptions& options) {
  WHET_ASSIGN_OR_RETURN(MappedFile opened, MappedFile::Open(path));
  const auto file = std::make_shared<MappedFile>(std::move(opened));
  return ImportTfliteBytes(file->bytes(), file, path, options);
}

}  // namespace whet
