#include "export/tflite/tflite_export.h"

#include "base/file.h"
#include "export/tflite/graph_writer.h"
#include "export/tflite/prepare.h"

namespace whet {

Result<std::vector<std::byte>> ExportTfliteBytes(const Graph& graph) {
  TfliteRefusals refusals;
  const std::unique_ptr<Graph> prepared = graph.Clone();
  WHET_RETURN_IF_ERROR(PrepareForTflite(*prepared, &refusals));
  TfliteGraphWriter writer(*prepared);
  WHET_RETURN_IF_ERROR(writer.Write(&refusals));
  if (!refusals.empty()) return refusals.ToStatus();
  return writer.Finish();
}

Status ExportTflite(const Graph& graph, const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, ExportTfliteBytes(graph));
  return WriteFileAtomically(path, bytes);
}

}  // namespace whet
