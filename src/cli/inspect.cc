// whet inspect: what a model is.

#include <algorithm>
#include <map>
#include <set>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/load_model.h"
#include "cli/model_inputs.h"
#include "compile/compiler.h"
#include "compile/split.h"
#include "fleet/json/nlohmann.h"
#include "ir/infer.h"
#include "ir/op_def.h"
#include "ir/text.h"

namespace whet::cli {
namespace {

struct OperatorCount {
  size_t nodes = 0;
  int64_t macs = 0;
};

struct Summary {
  std::map<std::string, OperatorCount> operators;
  std::map<std::string, uint64_t> weight_bytes;  // by element type
  int64_t parameters = 0;
  int64_t macs = 0;
  // Nodes whose work cannot be counted since their shapes are not known.
  size_t uncounted = 0;
};

void Summarize(const Graph& graph, std::set<const Constant*>* seen, Summary* summary) {
  for (const Value* value : graph.values()) {
    const Constant* constant = value->constant().get();
    if (constant == nullptr || !seen->insert(constant).second) continue;
    summary->weight_bytes[std::string(DTypeName(constant->dtype()))] += constant->bytes();
    if (constant->dtype() != DType::kString) summary->parameters += constant->shape().elements();
  }
  for (const auto& node : graph.nodes()) {
    OperatorCount& count = summary->operators[std::string(node->op_name())];
    ++count.nodes;
    if (node->op().macs != nullptr) {
      const auto is_static = [](const Value* value) { return value == nullptr || value->type.IsStatic(); };
      const bool known = std::all_of(node->inputs().begin(), node->inputs().end(), is_static) &&
                         std::all_of(node->outputs().begin(), node->outputs().end(), is_static);
      if (known) {
        const int64_t macs = node->op().macs(*node);
        count.macs += macs;
        summary->macs += macs;
      } else {
        ++summary->uncounted;
      }
    }
    for (const auto& subgraph : node->subgraphs) Summarize(*subgraph, seen, summary);
  }
}

nlohmann::ordered_json PortsJson(std::span<Value* const> values) {
  auto list = nlohmann::ordered_json::array();
  for (const Value* value : values)
    list.push_back({{"name", value->name()}, {"type", ToString(value->type)}});
  return list;
}

// The plan for this machine, or why there is none.
struct PlanSummary {
  std::shared_ptr<const Plan> plan;
  std::string reason;
  // Where a part of the nodes can be planned.
  size_t planned_nodes = 0;
  size_t nodes = 0;
  std::map<std::string, size_t> reference_operators;  // and their steps
};

PlanSummary SummarizePlan(const Graph& graph) {
  PlanSummary summary;
  for (const Value* input : graph.inputs()) {
    if (input->type.IsStatic()) continue;
    summary.reason = "the shape of input '" + input->name() + "' is open; give it with --shape";
    return summary;
  }
  if (const auto names = ShapeInputs(graph); !names.empty()) {
    summary.reason = "shapes depend on the value of input '" + names[0] + "'";
    return summary;
  }
  Result<std::shared_ptr<const Plan>> plan = Compile(graph, {});
  if (!plan.ok()) {
    summary.reason = plan.status().ToString();
    if (auto optimized = Optimize(graph, {}); plan.status().code() == Code::kUnsupported && optimized.ok()) {
      if (const auto split = SplitWhereDataDecidesShapes(**optimized); split.ok()) {
        summary.planned_nodes = split->front_nodes;
        summary.nodes = split->front_nodes + split->rest_nodes;
      }
    }
    return summary;
  }
  summary.plan = std::move(*plan);
  for (const PlanStep& step : summary.plan->steps) {
    if (step.kind == PlanStep::Kind::kReference) ++summary.reference_operators[step.row];
  }
  return summary;
}

// A plan knows the shapes that the model leaves to be computed.
std::string OutputType(const Graph& graph, const PlanSummary& summary, size_t i) {
  if (summary.plan == nullptr || i >= summary.plan->outputs.size()) return ToString(graph.outputs()[i]->type);
  const PlanTensor& tensor = summary.plan->tensors[summary.plan->outputs[i].tensor];
  return ToString(Type::Of(tensor.dtype, tensor.shape.dims()));
}

nlohmann::ordered_json OutputsJson(const Graph& graph, const PlanSummary& summary) {
  auto list = nlohmann::ordered_json::array();
  for (size_t i = 0; i < graph.outputs().size(); ++i) {
    list.push_back({{"name", graph.outputs()[i]->name()}, {"type", OutputType(graph, summary, i)}});
  }
  return list;
}

class InspectCommand final : public Command {
 public:
  std::string_view name() const override { return "inspect"; }
  std::string_view summary() const override {
    return "Show a model's inputs, outputs, operators, parameters and work";
  }
  std::string_view example() const override {
    return "  whet inspect model.onnx\n  whet inspect detector.onnx --shape x=1x3x640x640";
  }

  void Define(Arguments& args) override {
    args.Add("MODEL", model_, "The model file").Required();
    AddShapeOption(args, &shapes_);
    args.AddFlag("--plan", plan_, "Print the plan for this machine: its steps and every buffer");
    args.AddFlag("--text", text_, "Print the Graph as text, large constants left out");
  }

  Status Run(Console& console) override {
    WHET_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(model_));
    if (!shapes_.empty()) {
      if (Status status = BindShapes(*model.graph, shapes_.shapes); !status.ok()) {
        return std::move(status).At(model_);
      }
    }
    if (text_) {
      constexpr size_t kShownElements = 16;
      console.Print(ToText(*model.graph, {.elide_above = kShownElements}));
      return {};
    }
    Summary summary;
    std::set<const Constant*> seen;
    Summarize(*model.graph, &seen, &summary);
    const PlanSummary plan = SummarizePlan(*model.graph);
    if (plan_) {
      if (plan.plan == nullptr) return Error(Code::kUnsupported, "%s", plan.reason.c_str()).At(model_);
      console.Print(PrintPlan(*plan.plan));
    } else if (console.json()) {
      PrintJson(console, model, summary, plan);
    } else {
      PrintTable(console, model, summary, plan);
    }
    return {};
  }

 private:
  void PrintJson(const Console& console, const LoadedModel& model, const Summary& summary,
                 const PlanSummary& plan) const {
    auto operators = nlohmann::ordered_json::object();
    for (const auto& [name, count] : summary.operators) {
      operators[name] = {{"nodes", count.nodes}, {"macs", count.macs}};
    }
    uint64_t weights = 0;
    auto by_type = nlohmann::ordered_json::object();
    for (const auto& [type, bytes] : summary.weight_bytes) {
      by_type[type] = bytes;
      weights += bytes;
    }
    auto metadata = nlohmann::ordered_json::object();
    for (const auto& [key, value] : model.graph->metadata) metadata[key] = value;
    console.PrintJson({{"model", model_},
                       {"format", model.format},
                       {"file_bytes", model.file_bytes},
                       {"inputs", PortsJson(model.graph->inputs())},
                       {"outputs", OutputsJson(*model.graph, plan)},
                       {"operators", std::move(operators)},
                       {"parameters", summary.parameters},
                       {"weights_bytes", weights},
                       {"weights_bytes_by_type", std::move(by_type)},
                       {"macs", summary.macs},
                       {"nodes_of_unknown_work", summary.uncounted},
                       {"plan", PlanJson(plan)},
                       {"metadata", std::move(metadata)}});
  }

  void PrintTable(const Console& console, const LoadedModel& model, const Summary& summary,
                  const PlanSummary& plan) const {
    console.Print(
        Format("%s: %s, %s\n", model_.c_str(), model.format.c_str(), FormatBytes(model.file_bytes).c_str()));
    for (const Value* value : model.graph->inputs()) {
      console.Print(Format("  input   %s: %s\n", value->name().c_str(), ToString(value->type).c_str()));
    }
    for (size_t i = 0; i < model.graph->outputs().size(); ++i) {
      console.Print(Format("  output  %s: %s\n", model.graph->outputs()[i]->name().c_str(),
                           OutputType(*model.graph, plan, i).c_str()));
    }
    std::string weights;
    for (const auto& [type, bytes] : summary.weight_bytes) {
      if (!weights.empty()) weights += ", ";
      weights += type;
      weights += ' ';
      weights += FormatBytes(bytes);
    }
    console.Print(Format("  %s parameters (%s)\n",
                         FormatCount(static_cast<double>(summary.parameters)).c_str(),
                         weights.empty() ? "no weights" : weights.c_str()));
    console.Print(
        Format("  %s multiply-accumulates%s\n", FormatCount(static_cast<double>(summary.macs)).c_str(),
               summary.uncounted > 0 ? ", without nodes whose shapes are open; give them with --shape" : ""));
    PrintPlanSummary(console, plan);
    for (const auto& [key, value] : model.graph->metadata) {
      constexpr size_t kShown = 100;
      std::string shown = value.substr(0, std::min(value.find('\n'), kShown));
      if (shown.size() < value.size()) shown += " ...";
      console.Print(Format("  %s = %s\n", key.c_str(), shown.c_str()));
    }
    Table table({"operator", "nodes", "MACs"}, {1, 2});
    for (const auto& [name, count] : summary.operators) {
      table.Add({name, std::to_string(count.nodes),
                 count.macs > 0 ? FormatCount(static_cast<double>(count.macs)) : std::string()});
    }
    console.Print("\n" + table.ToString());
  }

  static nlohmann::ordered_json PlanJson(const PlanSummary& plan) {
    if (plan.plan == nullptr)
      return {{"none", plan.reason}, {"planned_nodes", plan.planned_nodes}, {"nodes", plan.nodes}};
    return {{"isa", IsaName(plan.plan->isa)},
            {"steps", plan.plan->steps.size()},
            {"arena_bytes", plan.plan->arena_bytes},
            {"scratch_bytes_per_thread", plan.plan->scratch_bytes},
            {"state_bytes", plan.plan->state_bytes},
            {"weights_bytes", plan.plan->weights.size()},
            {"reference_operators", plan.reference_operators}};
  }

  static void PrintPlanSummary(const Console& console, const PlanSummary& plan) {
    if (plan.plan == nullptr) {
      console.Print(Format("  no plan: %s\n", plan.reason.c_str()));
      if (plan.nodes > 0) {
        console.Print(Format("  %zu of %zu nodes are planned, the references run the others\n",
                             plan.planned_nodes, plan.nodes));
      }
      return;
    }
    console.Print(Format("  plan for %s: %zu steps, peak arena %s, weights %s\n",
                         std::string(IsaName(plan.plan->isa)).c_str(), plan.plan->steps.size(),
                         FormatBytes(plan.plan->arena_bytes).c_str(),
                         FormatBytes(plan.plan->weights.size()).c_str()));
    std::string names;
    for (const auto& [name, count] : plan.reference_operators) {
      if (!names.empty()) names += ", ";
      names += Format("%s (%zu)", name.c_str(), count);
    }
    if (!names.empty()) console.Print(Format("  on slow references: %s\n", names.c_str()));
  }

  std::string model_;
  ShapeArguments shapes_;
  bool text_ = false;
  bool plan_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeInspectCommand() { return std::make_unique<InspectCommand>(); }

}  // namespace whet::cli
