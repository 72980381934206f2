#include "quantize/prepare.h"

#include <algorithm>
#include <vector>

#include "ir/infer.h"
#include "passes/pass_list.h"

namespace whet::quantize {
namespace {

Status CheckQuantizable(const Graph& graph) {
  for (const auto& node : graph.nodes()) {
    if (node->Is("QuantizeLinear") || node->Is("DequantizeLinear")) {
      return Error(
          Code::kInvalidArgument,
          "the model is quantized already (node '%s', %s); quantize the float model that it was made of",
          node->name().c_str(), std::string(node->op_name()).c_str());
    }
    for (const Value* output : node->outputs()) {
      if (output != nullptr && !output->type.ranked) {
        return Error(
            Code::kUnsupported,
            "it is not known how many dimensions value '%s' has; give the inputs' shapes with --shape",
            output->name().c_str());
      }
    }
  }
  return {};
}

}  // namespace

std::span<const Pass> PreparationPasses() {
  static const std::vector<Pass> passes = [] {
    constexpr std::string_view kFusions[] = {"fuse_activation", "fuse_residual", "fuse_elementwise",
                                             "propagate_quantization"};
    std::vector<Pass> kept;
    for (const Pass& pass : OptimizationPasses()) {
      const bool fuses = std::ranges::find(kFusions, pass.name) != std::end(kFusions);
      if (!fuses && !pass.name.starts_with("fuse_quantized")) kept.push_back(pass);
    }
    return kept;
  }();
  return passes;
}

Result<std::unique_ptr<Graph>> Prepare(const Graph& graph, const std::map<std::string, Shape>& shapes,
                                       std::span<const std::string> disabled_passes) {
  std::unique_ptr<Graph> copy = graph.Clone();
  if (!shapes.empty()) {
    WHET_RETURN_IF_ERROR(BindShapes(*copy, shapes));
  } else {
    WHET_RETURN_IF_ERROR(InferGraph(*copy));
  }
  WHET_RETURN_IF_ERROR(CheckQuantizable(*copy));
  // A pass that the fusions have in common with the rest may be named; one that is not run here does no harm.
  std::vector<std::string> disabled;
  for (const std::string& name : disabled_passes) {
    const auto known = [&](const Pass& pass) { return pass.name == name; };
    if (std::ranges::any_of(PreparationPasses(), known)) disabled.push_back(name);
  }
  const PassOptions options{.disabled = disabled, .verify = true, .reports = nullptr};
  WHET_RETURN_IF_ERROR(RunPasses(*copy, PreparationPasses(), options));
  WHET_RETURN_IF_ERROR(CheckQuantizable(*copy));
  return copy;
}

}  // namespace whet::quantize
