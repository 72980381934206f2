// Turns the subgraphs of a TFLite file into a Graph.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "import/tflite/tflite_file.h"
#include "import/tflite/tflite_import.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/foreign.h"
#include "ir/spelling.h"

namespace whet {

class TfliteGraphImporter {
 public:
  TfliteGraphImporter(TfliteFile& file, const TfliteImportOptions& options);

  // The subgraph as the model's main graph.
  Result<std::unique_ptr<Graph>> Import(int64_t subgraph);

 private:
  // One subgraph being imported into one graph.
  struct Frame {
    const tflite_fb::SubGraph& subgraph;
    Graph* graph;
    bool main = false;
    std::vector<Value*> values = {};  // by tensor: as the file has it, so integers where it is quantized
    std::vector<Value*> reals = {};   // by tensor: dequantized, once someone asked
    std::vector<std::string> handles = {};  // by tensor: the variable that it is a handle of
    std::vector<Value*> variables =
        {};  // by tensor: the present value of one that keeps its value between runs
  };
  // A variable of the model: VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE.
  struct Variable {
    Value* input = nullptr;  // the state's, once it is read before it is written
    Value* now = nullptr;    // null before the first reading or writing
    TensorPtr initial;
  };
  struct Operator {
    const tflite_fb::Operator& op;
    std::string type;  // "CONV_2D"
    int version;
    std::string name;  // of its node
  };
  struct Unsupported {
    std::string type;
    int version;
    std::string reason;
    std::vector<std::string> nodes;
  };

  Result<std::vector<Value*>> ImportSubgraph(int64_t index, Graph* graph, std::span<Value* const> inputs);
  Status ImportOperators(Frame& frame);
  Status ImportOperator(Frame& frame, const Operator& op);
  Status ImportSpelled(Frame& frame, const Operator& op);
  // Sets node.results, of the declared element types.
  Status RunImport(Frame& frame, ForeignNode& node, const OpDef& def, const TfliteSpelling& spelling);

  // Operators of the file's own kind (tflite_control.cc); true if it was one.
  Result<bool> ImportControl(Frame& frame, const Operator& op);
  Status ImportIf(Frame& frame, const Operator& op, const Attributes& options);
  Status ImportWhile(Frame& frame, const Operator& op, const Attributes& options);
  Status ImportCallOnce(const Attributes& options);
  Status ImportVariable(Frame& frame, const Operator& op, const Attributes& options);
  Result<std::vector<Value*>> RawInputs(Frame& frame, const Operator& op, size_t first);
  Status SetRawResults(Frame& frame, const Operator& op, std::span<Value* const> results);

  // Tensors (tflite_tensors.cc).
  Status CheckTensors(const tflite_fb::SubGraph& subgraph);
  Result<Value*> Read(Frame& frame, int32_t tensor);
  Result<Value*> ReadReal(Frame& frame, int32_t tensor);
  Status Write(Frame& frame, int32_t tensor, Value* value);
  Result<Value*> Quantize(Frame& frame, const tflite_fb::Tensor& tensor, Value* value);
  Result<Value*> Dequantize(Frame& frame, const tflite_fb::Tensor& tensor, Value* value);
  // Takes over what the file declares beyond what could be inferred.
  static Status Refine(const Type& declared, Value& value);
  // Computes nodes after `last` that are integers of constants, so that shapes are known as soon as can be.
  static void FoldSmallIntegers(Graph& graph, const Node* last, std::span<Value*> results);

  void NoteUnsupported(const Operator& op, std::string reason);
  Status UnsupportedError() const;
  Status AddStates(Graph& graph, Frame& frame);

  TfliteFile& file_;
  std::unordered_map<std::string_view, std::pair<const OpDef*, const TfliteSpelling*>> spellings_;
  std::vector<int64_t> active_;  // subgraphs being imported, from the outside in
  size_t operators_ = 0;
  size_t most_operators_ = 0;
  std::vector<Unsupported> unsupported_;
  std::map<std::string, Variable> variables_;
  // Values that bear a name of the file.
  std::unordered_set<const Value*> named_;
  Graph* main_ = nullptr;
  // While the subgraph of a CALL_ONCE is imported: what it assigns.
  std::map<std::string, Value*>* initializing_ = nullptr;
};

}  // namespace whet
