#include "passes/match.h"
#include "passes/pass_list.h"
#include "passes/phase_convolution.h"

namespace whet {
namespace {

// With more channels the kernel of ConvTranspose, which computes the phases one by one without a way through
// memory, fills its vectors as well.
constexpr int64_t kFewChannels = 8;

Result<bool> Rewrite(Graph& graph, Node& node) {
  const std::optional<PhaseConvolution> phases = PhasesOf(node);
  if (!phases || phases->stride == 1) return false;
  const Value* weights = node.input(1);
  const Value* bias = node.input(2);
  if (!weights->IsConstant() || weights->type.dtype != DType::kF32) return false;
  const int64_t channels = weights->type.ToShape()[0];
  if (channels > kFewChannels) return false;
  if (bias != nullptr && (!bias->IsConstant() || bias->constant()->view().elements() != channels))
    return false;
  GraphBuilder builder(graph, &node);
  builder.SetNodeName(node.name());
  std::vector<Value*> inputs = {
      node.input(0), builder.Const(PhaseWeights(*phases, *weights->constant(), nullptr), weights->name())};
  if (bias != nullptr) inputs.push_back(RepeatForPhases(builder, *phases, node.input(2)));
  Value* y = builder.Emit("Conv", inputs, PhaseAttributes(*phases));
  if (!builder.ok()) return builder.TakeStatus();
  y = JoinPhases(builder, *phases, y);
  if (!builder.ok()) return builder.TakeStatus();
  Replace(graph, node.output(), y);
  return true;
}

}  // namespace

// A transposed convolution to few channels becomes a convolution to those of all its phases, which fill a
// vector better.
Result<int> PhaseTransposedConvolutions(Graph& graph) { return RewriteNodes(graph, Rewrite); }

}  // namespace whet
