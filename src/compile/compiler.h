// Graph -> Plan.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/isa.h"
#include "base/status.h"
#include "ir/evaluate.h"
#include "ir/graph.h"
#include "ir/pass.h"
#include "plan/plan.h"

namespace whet {

struct CompileOptions {
  // Shapes of inputs, by name, where the model leaves them open.
  std::map<std::string, Shape> shapes;
  // Inputs that the Plan is made for one value of: they become constants and are no inputs of the Plan.
  // Needed for those that ShapeInputs names.
  std::map<std::string, TensorPtr> values;
  Isa isa = BestIsa();
  // Optimizing passes to leave out, by name (passes/pass_list.h); needed to find the one that breaks a model.
  std::vector<std::string> disabled_passes;
  // Each pass's time and number of changes is added, if not null.
  std::vector<PassReport>* pass_reports = nullptr;
  std::string model_id;
};

// kUnsupported when a shape depends on data that is known only while running, or where there are strings,
// sequences or optional values; then the model can still be run by ir/evaluate.h. The error names the first
// such node or value.
Result<std::shared_ptr<const Plan>> Compile(const Graph& graph, const CompileOptions& options);

// The optimized Graph from which Compile makes the Plan.
Result<std::unique_ptr<Graph>> Optimize(const Graph& graph, const CompileOptions& options);

// Inputs whose values, not just shapes, decide the shapes of other values or which branch runs, so that a
// Plan is made for given values of them: integers and bools with at most 64 elements.
std::vector<std::string> ShapeInputs(const Graph& graph);

}  // namespace whet
