// whet diff: where two models, or a model and its compiled plan, part ways.

#include <algorithm>
#include <cmath>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/engine.h"
#include "cli/load_model.h"
#include "cli/model_inputs.h"
#include "data/array.h"
#include "fleet/json/nlohmann.h"

namespace whet::cli {
namespace {

using nlohmann::ordered_json;
using ValuesByName = std::map<std::string, TensorPtr>;

struct LayerError {
  std::string value;
  std::string op;
  std::string type;
  double max_error = 0;    // absolute
  double range_error = 0;  // of the expected values' range
  std::string problem;     // types or shapes that differ
};

// Every value that the model computes, by the operators' references.
Result<ValuesByName> RunReferences(const Graph& graph, const std::map<std::string, TensorPtr>& inputs) {
  std::vector<Datum> ordered;
  for (const Value* input : graph.inputs()) {
    const auto it = inputs.find(input->name());
    if (it == inputs.end()) {
      return Error(Code::kInvalidArgument, "input '%s' of one model is none of the other",
                   input->name().c_str());
    }
    ordered.push_back(it->second);
  }
  ValuesByName values;
  EvaluateOptions options;
  options.observe_context = &values;
  options.observe = [](void* context, const Value& value, const TensorPtr& tensor) {
    (*static_cast<ValuesByName*>(context))[value.name()] = tensor;
  };
  WHET_RETURN_IF_ERROR(GraphEvaluator(options).RunAny(graph, ordered).TakeStatus());
  return values;
}

// The same by a plan. A value that something else is computed from would be fused away or overwritten, so
// each becomes an output; this hinders some fusions, but the kernels are those of the device.
Result<ValuesByName> RunPlan(const Graph& graph, const std::map<std::string, TensorPtr>& inputs,
                             ExecutorOptions options) {
  const auto load = [&]() -> Result<std::unique_ptr<Graph>> {
    std::unique_ptr<Graph> copy = graph.Clone();
    for (const auto& node : copy->nodes()) {
      for (Value* value : node->outputs()) {
        if (value != nullptr && !copy->IsOutput(value)) copy->AddOutput(value);
      }
    }
    return copy;
  };
  options.model_id.clear();  // these plans are of no use to anyone else
  Executor executor(load, std::move(options));
  WHET_ASSIGN_OR_RETURN(const Graph* widened, executor.graph());
  WHET_ASSIGN_OR_RETURN(const std::vector<TensorPtr> outputs, executor.Run(inputs));
  // The references would only be compared with themselves.
  if (!executor.ran_plan()) return Error(Code::kUnsupported, "%s", executor.evaluator_reason().c_str());
  ValuesByName values;
  for (size_t i = 0; i < outputs.size(); ++i) values[widened->outputs()[i]->name()] = outputs[i];
  return values;
}

LayerError Compare(const std::string& name, std::string op, const TensorView& want, const TensorView& got) {
  LayerError error;
  error.value = name;
  error.op = std::move(op);
  error.type = ToString(Type::Of(want.dtype, want.shape.dims()));
  if (want.shape != got.shape) {
    error.problem = "is " + ToString(Type::Of(got.dtype, got.shape.dims())) + " in the second";
    return error;
  }
  if (want.dtype == DType::kString && got.dtype == DType::kString) {
    const auto* strings = want.as<const std::string_view>();
    if (!std::equal(strings, strings + want.elements(), got.as<const std::string_view>())) {
      error.problem = "holds other strings in the second";
    }
    return error;
  }
  double low = 0, high = 0;
  for (int64_t i = 0; i < want.elements(); ++i) {
    const double a = data::ElementAsDouble(want, i);
    const double b = data::ElementAsDouble(got, i);
    if (std::isfinite(a)) {
      low = std::min(low, a);
      high = std::max(high, a);
    }
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double distance = std::abs(a - b);
    error.max_error = std::max(error.max_error, std::isnan(distance) ? INFINITY : distance);
  }
  if (error.max_error > 0) error.range_error = high > low ? error.max_error / (high - low) : INFINITY;
  return error;
}

class DiffCommand final : public Command {
 public:
  std::string_view name() const override { return "diff"; }
  std::string_view summary() const override {
    return "Run two models on the same inputs and name the first layer that diverges";
  }
  std::string_view example() const override {
    return "  whet diff model.onnx model-int8.onnx -i photo.jpg\n"
           "  whet diff model.onnx            # the compiled plan against the operators' references";
  }

  void Define(Arguments& args) override {
    args.Add("A", first_, "The model that is right").Required();
    args.Add("B", second_, "The model to compare with (default: A as a compiled plan)");
    AddInputOptions(args, &inputs_);
    AddEngineOptions(args, &engine_);
    args.Add("--tolerance", tolerance_, "Largest error that agrees, as a part of the values' range")
        .InRange(0.0, 1e9)
        .ShowDefault();
    args.AddFlag("--all", all_, "Show every layer, not only those beyond the tolerance");
  }

  Status Run(Console& console) override {
    WHET_ASSIGN_OR_RETURN(const LoadedModel first, LoadModel(first_));
    Result<PreparedInputs> inputs = PrepareInputs(*first.graph, inputs_, true);
    if (!inputs.ok()) return inputs.TakeStatus().At(first_);
    const std::map<std::string, TensorPtr> tensors = ByName(*first.graph, inputs->runs[0]);
    Result<ValuesByName> want = RunReferences(*first.graph, tensors);
    if (!want.ok()) return want.TakeStatus().At(first_);
    Result<ValuesByName> got = RunSecond(*first.graph, tensors);
    if (!got.ok()) return got.TakeStatus().At(second_.empty() ? first_ + " (compiled)" : second_);

    std::vector<LayerError> layers;
    for (const auto& node : first.graph->nodes()) {
      for (const Value* value : node->outputs()) {
        if (value == nullptr) continue;
        const auto a = want->find(value->name());
        const auto b = got->find(value->name());
        if (a == want->end() || b == got->end()) continue;
        layers.push_back(
            Compare(value->name(), std::string(node->op_name()), a->second->view(), b->second->view()));
      }
    }
    return Report(console, layers);
  }

 private:
  Result<ValuesByName> RunSecond(const Graph& first, const std::map<std::string, TensorPtr>& tensors) const {
    const ExecutorOptions options = ToExecutorOptions(engine_, first_);
    if (second_.empty()) return RunPlan(first, tensors, options);
    WHET_ASSIGN_OR_RETURN(const LoadedModel second, LoadModel(second_));
    if (engine_.reference) return RunReferences(*second.graph, tensors);
    return RunPlan(*second.graph, tensors, options);
  }

  bool Diverges(const LayerError& layer) const {
    return !layer.problem.empty() || layer.range_error > tolerance_;
  }

  Status Report(const Console& console, const std::vector<LayerError>& layers) const {
    if (layers.empty()) {
      return Error(Code::kInvalidArgument,
                   "the models have no value of the same name, so nothing can be compared");
    }
    const auto first =
        std::find_if(layers.begin(), layers.end(), [&](const LayerError& l) { return Diverges(l); });
    const auto count = static_cast<size_t>(
        std::count_if(layers.begin(), layers.end(), [&](const LayerError& l) { return Diverges(l); }));
    if (console.json()) {
      auto list = ordered_json::array();
      for (const LayerError& layer : layers) {
        list.push_back({{"value", layer.value},
                        {"op", layer.op},
                        {"type", layer.type},
                        {"max_error", layer.max_error},
                        {"range_error", layer.range_error},
                        {"diverges", Diverges(layer)},
                        {"problem", layer.problem}});
      }
      console.PrintJson(
          {{"compared", layers.size()},
           {"diverging", count},
           {"first", first == layers.end() ? ordered_json(nullptr) : ordered_json(first->value)},
           {"layers", std::move(list)}});
    } else {
      Table table({"value", "operator", "type", "max error", "of range", ""}, {3, 4});
      size_t shown = 0;
      for (const LayerError& layer : layers) {
        if (!all_ && !Diverges(layer)) continue;
        ++shown;
        table.Add({layer.value, layer.op, layer.type, Format("%.3g", layer.max_error),
                   Format("%.2e", layer.range_error), Diverges(layer) ? "DIVERGES " + layer.problem : ""});
      }
      if (shown > 0) console.Print(table.ToString());
      console.Print(Format("%zu values compared, %zu diverge by more than %g of their range\n", layers.size(),
                           count, tolerance_));
      if (first != layers.end()) {
        console.Print(Format("the first is '%s' (%s)\n", first->value.c_str(), first->op.c_str()));
      }
    }
    if (count > 0) {
      return Error(Code::kUnsupported, "%zu of %zu values diverge, the first of them '%s' (%s)", count,
                   layers.size(), first->value.c_str(), first->op.c_str());
    }
    return {};
  }

  std::string first_;
  std::string second_;
  InputArguments inputs_;
  EngineArguments engine_;
  double tolerance_ = 1e-4;
  bool all_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeDiffCommand() { return std::make_unique<DiffCommand>(); }

}  // namespace whet::cli
