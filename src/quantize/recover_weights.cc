#include "quantize/recover_weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace whet::quantize {
namespace {

bool SameConstant(const Constant* a, const Constant* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return a->dtype() == b->dtype() && a->shape() == b->shape() &&
         std::memcmp(a->view().data, b->view().data, a->bytes()) == 0;
}
bool Same(const QuantizedTensor& a, const QuantizedTensor& b) {
  return a.axis == b.axis && a.block == b.block && SameConstant(a.values.get(), b.values.get()) &&
         SameConstant(a.scale.get(), b.scale.get()) && SameConstant(a.zero.get(), b.zero.get());
}

}  // namespace

std::optional<WeightRecovery::Task> WeightRecovery::TaskFor(const Node& node, const Assignment& assignment,
                                                            const SchemeOptions& scheme,
                                                            std::string* why_not) {
  const NodeAssignment& assigned = assignment.Of(&node);
  const TensorView& weights = node.input(1)->constant()->view();
  const std::span<const float> values(weights.as<float>(), static_cast<size_t>(weights.elements()));
  // Rewrite says which weight it is.
  if (!std::ranges::all_of(values, [](float w) { return std::isfinite(w); })) return std::nullopt;
  auto matrix = LayerMatrix::Of(node);
  if (!matrix.ok()) {
    *why_not = matrix.status().what();
    return std::nullopt;
  }
  if (matrix->columns() > options_.most_columns) {
    *why_not = Format("each output has %lld weights", static_cast<long long>(matrix->columns()));
    return std::nullopt;
  }
  Task task;
  task.layer.node = &node;
  task.layer.matrix = std::move(*matrix);
  task.scheme = assigned.scheme;
  task.options = scheme;
  task.input_scale = IsStatic(assigned.scheme) ? assignment.InputParameters(&node, 0).scale : 0.0F;
  if (node.input(2) != nullptr) {
    const TensorView& view = node.input(2)->constant()->view();
    task.bias = {view.as<float>(), static_cast<size_t>(view.elements())};
  }
  task.nearest = WeightsOf(node, task.scheme, scheme, task.input_scale, task.bias);
  return task;
}

RoundingProblem WeightRecovery::ProblemOf(const Task& task, const ElementSteps& steps, int64_t group,
                                          std::span<const float> moments) {
  const LayerMatrix& matrix = task.layer.matrix;
  const auto* weights = task.layer.node->input(1)->constant()->view().as<float>();
  RoundingProblem problem;
  problem.rows = matrix.rows();
  problem.columns = matrix.columns();
  problem.least = steps.least;
  problem.largest = steps.largest;
  problem.moments = moments;
  for (int64_t c = 0; c < matrix.columns(); ++c) {
    for (int64_t r = 0; r < matrix.rows(); ++r) {
      const size_t at = matrix.Element(group, r, c);
      problem.weights.push_back(weights[at]);
      problem.scales.push_back(steps.scales[at]);
      problem.zeros.push_back(steps.zeros[at]);
    }
  }
  return problem;
}

void WeightRecovery::Learn(const Task& task, const QuantizedTensor& tensor, RoundingProblem* problem,
                           std::vector<int32_t>* integers) const {
  // Scales of whole channels are tied to the biases' and to each other's by those who compute with them.
  std::vector<int32_t> scale_of;
  if (tensor.block > 0) {
    const int64_t channels = task.layer.node->input(1)->constant()->shape()[AxesOf(*task.layer.node).input];
    const int64_t blocks = (channels + tensor.block - 1) / tensor.block;
    for (int64_t c = 0; c < problem->columns; ++c) {
      scale_of.push_back(static_cast<int32_t>(c / channels * blocks + c % channels / tensor.block));
    }
  }
  for (int turn = 0; turn < options_.turns; ++turn) {
    if (!scale_of.empty()) LearnScales(scale_of, *integers, RoundBlockScale, problem);
    LearnRounding(*problem, options_.sweeps, integers);
    if (scale_of.empty()) break;
  }
}

RecoveredWeights WeightRecovery::Recover(const Task& task, const LayerMoments& moments,
                                         const std::vector<GptqInputs>& inputs) const {
  const LayerMatrix& matrix = task.layer.matrix;
  const auto total = static_cast<size_t>(matrix.groups() * matrix.rows() * matrix.columns());
  // Visits all weights: the group, the column, the place in the group's problem, and that in the tensor.
  const auto for_all = [&](auto visit) {
    for (int64_t g = 0; g < matrix.groups(); ++g) {
      size_t i = 0;
      for (int64_t c = 0; c < matrix.columns(); ++c) {
        for (int64_t r = 0; r < matrix.rows(); ++r) {
          visit(static_cast<size_t>(g), static_cast<size_t>(c), i++, matrix.Element(g, r, c));
        }
      }
    }
  };
  QuantizedTensor start = task.nearest;
  if (options_.gptq) {
    std::vector<float> importance(total);
    for_all([&](size_t g, size_t c, size_t, size_t at) { importance[at] = inputs[g].importance()[c]; });
    start = WeightsOf(*task.layer.node, task.scheme, task.options, task.input_scale, task.bias, importance);
  }
  const ElementSteps nearest_steps = StepsOf(task.nearest);
  const ElementSteps start_steps = StepsOf(start);
  const auto error = [](const RoundingProblem& problem, const std::vector<int32_t>& integers) {
    double sum = 0;
    for (double row : RowErrors(problem, integers)) sum += row;
    return sum;
  };
  RecoveredWeights result;
  std::vector<std::vector<int32_t>> chosen;
  std::vector<std::vector<float>> scales;
  for (int64_t g = 0; g < matrix.groups(); ++g) {
    const Moments& own = moments.groups[static_cast<size_t>(g)];
    const RoundingProblem plain = ProblemOf(task, nearest_steps, g, own);
    result.error_before += error(plain, RoundToNearest(plain));
    RoundingProblem problem = ProblemOf(task, start_steps, g, own);
    std::vector<int32_t> integers =
        options_.gptq ? inputs[static_cast<size_t>(g)].Round(problem) : RoundToNearest(problem);
    if (options_.learned_rounding) Learn(task, start, &problem, &integers);
    result.error_after += error(problem, integers);
    chosen.push_back(std::move(integers));
    scales.push_back(std::move(problem.scales));
  }
  if (result.error_after >= result.error_before) {
    result.weights = task.nearest;
    result.error_after = result.error_before;
    return result;
  }
  std::vector<int32_t> integers(total);
  std::vector<float> all_scales(total);
  for_all([&](size_t g, size_t, size_t i, size_t at) {
    integers[at] = chosen[g][i];
    all_scales[at] = scales[g][i];
  });
  result.weights = WithIntegers(start, integers);
  if (start.block > 0) result.weights = WithScales(result.weights, all_scales);
  return result;
}

Result<std::map<std::string, RecoveredWeights>> WeightRecovery::Run(const Assignment& assignment,
                                                                    const SchemeOptions& scheme,
                                                                    std::vector<std::string>* notes) {
  std::map<std::string, RecoveredWeights> results;
  std::vector<Task> tasks;
  for (const auto& node : prepared_.nodes()) {
    const NodeAssignment& assigned = assignment.Of(node.get());
    if (assigned.rule != Rule::kWeighted || !HasIntegerWeights(assigned.scheme)) continue;
    if (options_.weight_only && !IsWeightOnly(assigned.scheme)) continue;
    std::string why_not;
    std::optional<Task> task = TaskFor(*node, assignment, scheme, &why_not);
    if (!why_not.empty()) {
      notes->push_back("layer '" + node->name() + "' is rounded to nearest: " + why_not);
    }
    if (!task) continue;
    const std::string& output = node->output()->name();
    const std::vector<Known>& known = known_[output];
    const auto found =
        std::ranges::find_if(known, [&](const Known& entry) { return Same(entry.nearest, task->nearest); });
    if (found != known.end()) {
      results[output] = found->recovered;
    } else {
      tasks.push_back(std::move(*task));
    }
  }
  if (!tasks.empty() && samples_.size() == 0) {
    return Error(
        Code::kInvalidArgument,
        "there are no samples to weigh the layers' inputs on; a hundred that are typical of what the "
        "model will see do");
  }
  for (size_t begin = 0; begin < tasks.size();) {
    std::vector<MomentsOfInputs::Layer> layers;
    uint64_t bytes = 0;
    size_t end = begin;
    while (end < tasks.size()) {
      const uint64_t own = MomentsOfInputs::BytesFor(tasks[end].layer);
      if (end > begin && bytes + own > options_.memory_limit) break;
      bytes += own;
      layers.push_back(tasks[end++].layer);
    }
    MomentsOptions options;
    options.centered = options_.centered;
    options.progress = options_.progress;
    WHET_ASSIGN_OR_RETURN(const MomentsByInput moments, moments_.Run(layers, samples_, options));
    // Of layers that read the same, one after the other, the inputs are worked on once.
    std::string reads;
    std::vector<GptqInputs> inputs;
    for (; begin < end; ++begin) {
      const Task& task = tasks[begin];
      const LayerMoments& own = moments.at(task.layer.matrix.reads());
      const Node& node = *task.layer.node;
      if (!own.unusable.empty()) {
        notes->push_back("layer '" + node.name() + "' is rounded to nearest: " + own.unusable);
        continue;
      }
      if (options_.gptq && task.layer.matrix.reads() != reads) {
        reads = task.layer.matrix.reads();
        inputs.clear();
        for (const Moments& group : own.groups) {
          inputs.emplace_back(group, task.layer.matrix.columns(), options_.gptq_options);
        }
      }
      const RecoveredWeights recovered = Recover(task, own, inputs);
      known_[node.output()->name()].push_back({task.nearest, recovered});
      results[node.output()->name()] = recovered;
      if (options_.progress) options_.progress("round weights", begin + 1, tasks.size());
    }
  }
  return results;
}

}  // namespace whet::quantize
