#include "cli/profile.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "base/file.h"
#include "cli/console.h"
#include "fleet/json/nlohmann.h"

namespace whet::cli {
namespace {

using nlohmann::ordered_json;

std::string RowText(const StepProfile& step) { return step.reference ? "REFERENCE " + step.row : step.row; }

}  // namespace

std::vector<StepProfile> ProfileOf(const Session& session, size_t runs, double peak_gflops) {
  const Plan& plan = session.plan();
  const std::span<const int64_t> nanoseconds = session.step_nanoseconds();
  const double total =
      static_cast<double>(std::accumulate(nanoseconds.begin(), nanoseconds.end(), int64_t{0}));
  std::vector<StepProfile> steps;
  for (size_t i = 0; i < plan.steps.size() && i < nanoseconds.size(); ++i) {
    const PlanStep& from = plan.steps[i];
    const auto time = static_cast<double>(nanoseconds[i]);
    StepProfile step;
    step.node = from.node;
    step.op = from.op;
    step.row = from.row;
    step.reference = from.kind == PlanStep::Kind::kReference;
    for (uint32_t operand : from.operands) {
      if (operand >= plan.tensors.size()) continue;
      // What a step is the first to touch, it writes.
      const PlanTensor& tensor = plan.tensors[operand];
      const bool written = tensor.place == Place::kArena || tensor.place == Place::kOutput;
      if (written && tensor.first_step == i) step.shape = tensor.shape.ToString();
    }
    step.milliseconds = time * 1e-6 / static_cast<double>(runs);
    step.share = total > 0 ? time / total : 0;
    if (time > 0) step.gflops = 2.0 * static_cast<double>(from.macs) * static_cast<double>(runs) / time;
    // The peak is one of f32; integer products have another.
    const bool integer = from.row.find("/i8/") != std::string::npos;
    if (peak_gflops > 0 && !integer) step.of_peak = step.gflops / peak_gflops;
    steps.push_back(std::move(step));
  }
  return steps;
}

std::string ProfileTable(const std::vector<StepProfile>& steps) {
  std::vector<size_t> order(steps.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return steps[a].milliseconds > steps[b].milliseconds; });
  Table table({"step", "ms", "share", "GFLOP/s", "of peak", "operator", "result", "kernel", "node"},
              {0, 1, 2, 3, 4});
  struct Sum {
    double milliseconds = 0;
    double share = 0;
    size_t steps = 0;
  };
  std::map<std::string, Sum> by_row;
  for (size_t i : order) {
    const StepProfile& step = steps[i];
    table.Add({std::to_string(i), Format("%.4f", step.milliseconds), Format("%.1f %%", step.share * 100),
               step.gflops > 0 ? Format("%.1f", step.gflops) : "",
               step.of_peak > 0 ? Format("%.0f %%", step.of_peak * 100) : "", step.op, step.shape,
               RowText(step), step.node});
    Sum& sum = by_row[RowText(step)];
    sum.milliseconds += step.milliseconds;
    sum.share += step.share;
    ++sum.steps;
  }
  std::vector<std::pair<std::string, Sum>> rows(by_row.begin(), by_row.end());
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.second.milliseconds > b.second.milliseconds; });
  Table kernels({"kernel", "steps", "ms", "share"}, {1, 2, 3});
  for (const auto& [row, sum] : rows) {
    kernels.Add({row, std::to_string(sum.steps), Format("%.4f", sum.milliseconds),
                 Format("%.1f %%", sum.share * 100)});
  }
  return table.ToString() + "\n" + kernels.ToString();
}

ordered_json ProfileJson(const std::vector<StepProfile>& steps) {
  auto list = ordered_json::array();
  for (const StepProfile& step : steps) {
    list.push_back({{"node", step.node},
                    {"op", step.op},
                    {"kernel", step.row},
                    {"reference", step.reference},
                    {"result", step.shape},
                    {"ms", step.milliseconds},
                    {"share", step.share},
                    {"gflops", step.gflops},
                    {"of_peak", step.of_peak}});
  }
  return list;
}

Status WriteTrace(const std::string& path, const std::string& model, const std::vector<StepProfile>& steps) {
  auto events = ordered_json::array();
  double start = 0;
  for (const StepProfile& step : steps) {
    const double microseconds = step.milliseconds * 1e3;
    events.push_back(
        {{"name", step.op.empty() ? step.row : step.op},
         {"cat", step.reference ? "reference" : "kernel"},
         {"ph", "X"},
         {"ts", start},
         {"dur", microseconds},
         {"pid", 1},
         {"tid", 1},
         {"args",
          {{"node", step.node}, {"kernel", step.row}, {"result", step.shape}, {"gflops", step.gflops}}}});
    start += microseconds;
  }
  const ordered_json trace = {{"traceEvents", std::move(events)}, {"otherData", {{"model", model}}}};
  const std::string text = trace.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return WriteFileAtomically(path, std::as_bytes(std::span(text.data(), text.size())));
}

}  // namespace whet::cli
