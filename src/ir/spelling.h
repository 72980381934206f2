// How an operator is spelled in other formats: what importers and exporters ask. Apart from OpDef, so that
// what only reads and runs models does not carry it.
#pragma once

#include <span>
#include <string_view>

#include "base/status.h"
#include "ir/op_def.h"
#include "ir/tflite_sink.h"

namespace whet {

struct ForeignNode;
class GraphBuilder;
class OnnxSink;

// Another format's operator that becomes this one, in the versions [since, until].
struct OnnxSpelling {
  std::string_view op_type;
  int since = 1;
  int until = 1 << 20;
  std::string_view domain = "";  // "" is ai.onnx
  // Builds the equivalent in our Graph, out of this and other operators. Null: same inputs, outputs and
  // attributes.
  Status (*import)(ForeignNode& node, GraphBuilder& builder) = nullptr;
  // Inputs that these versions cannot do without; -1: as many as OpDef::min_inputs. The importer checks it,
  // so an import function may use them unasked.
  int min_inputs = -1;
};
struct TfliteSpelling {
  std::string_view builtin;  // "CONV_2D"; a custom operator is "CUSTOM:Name"
  Status (*import)(ForeignNode& node, GraphBuilder& builder) = nullptr;
  int inputs = 1;  // so many are present when `import` is called; later ones may be missing
};

// Stands in the operator's file in src/ops as `spellings_NAME`, beside `op_NAME`.
struct OpSpellings {
  std::span<const OnnxSpelling> onnx = {};
  std::span<const TfliteSpelling> tflite = {};

  // Writes the node as ONNX nodes of opset 17 or later, through OnnxSink (ir/foreign.h). Null: one node of
  // the first ONNX spelling that has no import function, with the same inputs, outputs and attributes.
  Status (*to_onnx)(const Node& node, OnnxSink& sink) = nullptr;
  TfliteForm to_tflite = {};
};

// Those of an operator of AllOps(). Defined by the table that the build generates from the files in src/ops.
const OpSpellings& SpellingsOf(const OpDef& op);

}  // namespace whet
