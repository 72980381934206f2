// whet eval: how well a model does on a data set.

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/engine.h"
#include "cli/load_model.h"
#include "cli/model_runner.h"
#include "fleet/json/nlohmann.h"
#include "measure/datasets/dataset.h"
#include "measure/datasets/readers.h"
#include "measure/evaluation.h"

namespace whet::cli {
namespace {

using nlohmann::ordered_json;

std::string MetricsHelp() {
  std::string text = "Metrics:\n";
  for (const MetricKind& kind : MetricKinds()) {
    text += Format("  %-10s %s\n", std::string(kind.name).c_str(), std::string(kind.summary).c_str());
  }
  return text;
}

// As people read it: percent for a fraction of 1.
std::string Shown(double value, const std::string& unit, bool sign = false) {
  const double scaled = unit == "%" ? value * 100 : value;
  const int digits = unit.empty() ? 6 : 2;
  return sign ? Format("%+.*f", digits, scaled) : Format("%.*f", digits, scaled);
}

std::string ShownInterval(const Interval& interval, const std::string& unit, double confidence,
                          bool sign = false) {
  return Format("%g %% interval %s to %s", confidence * 100, Shown(interval.low, unit, sign).c_str(),
                Shown(interval.high, unit, sign).c_str());
}

std::string ShownValue(const MeasuredValue& measured, const std::string& unit, double confidence) {
  std::string text = Shown(measured.value, unit);
  if (!unit.empty()) text += " " + unit;
  if (measured.method == IntervalMethod::kNone) return text;
  return text + " (" + ShownInterval(measured.interval, unit, confidence) + ")";
}

// Infinite values (the signal-to-noise ratio of equal outputs) have no number in JSON.
ordered_json JsonNumber(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json JsonValue(const MeasuredValue& measured) {
  constexpr const char* kMethods[] = {"none", "wilson", "bootstrap"};
  ordered_json object = {{"value", JsonNumber(measured.value)}};
  if (measured.method != IntervalMethod::kNone) {
    object["interval"] = {JsonNumber(measured.interval.low), JsonNumber(measured.interval.high)};
    object["interval_method"] = kMethods[static_cast<size_t>(measured.method)];
  }
  return object;
}

class EvalCommand final : public Command {
 public:
  std::string_view name() const override { return "eval"; }
  std::string_view summary() const override { return "Measure how well a model does on a data set"; }
  std::string_view example() const override {
    return "  whet eval classifier.onnx --data /usr/share/datasets/fashion-mnist --metric top1\n"
           "  whet eval small.onnx --against large.onnx --data photos/ --metric f1 --limit 500";
  }

  void Define(Arguments& args) override {
    args.Add("MODEL", model_, "The model file").Required();
    args.Add("--data", data_,
             "The data set: a folder, IDX images, .npz, COCO .json or .txt (docs/evaluation.md)")
        .Required()
        .Type("PATH");
    std::vector<std::string> names;
    for (const MetricKind& kind : MetricKinds()) names.emplace_back(kind.name);
    args.Add("--metric", evaluation_.metric, "What to measure; the list is below")
        .Required()
        .Type("NAME")
        .OneOf(names);
    args.Add("--against", against_, "A second model to compare with, on the same samples").Type("MODEL");
    args.Add("--limit", selection_.limit, "Only so many samples, drawn by the seed").Type("N");
    args.Add("--seed", selection_.seed, "Decides which samples are drawn, and the bootstrap").ShowDefault();
    args.Add("--split", dataset_.split, "Part of a set that has parts: train or test (default: test)")
        .Type("NAME");
    args.AddParsed(
            "--part",
            [this](const std::string& text) -> Status {
              if (std::sscanf(text.c_str(), "%lf:%lf", &selection_.begin, &selection_.end) != 2) {
                return Error(Code::kInvalidArgument, "'%s' is not of the form 0.8:1", text.c_str());
              }
              return {};
            },
            "Of the shuffled samples those from A to B, such as 0.8:1")
        .Type("A:B");
    args.Add("--images", dataset_.images, "Folder of the pictures of a COCO file (default: beside it)")
        .Type("DIR");
    args.Add("--output", evaluation_.metric_options.output,
             "The output that counts (default: told by its shape)")
        .Type("NAME");
    args.Add("--labels", labels_, "Names of the model's classes, one a line (default: the model's own)")
        .Type("FILE");
    args.AddParsed(
            "--postprocess",
            [this](const std::string& text) -> Status {
              WHET_ASSIGN_OR_RETURN(detector_, data::DetectorPostprocess::Parse(text));
              return {};
            },
            "How outputs become boxes (default: the model's own)")
        .Type("KEY=VALUE,...");
    args.Add("--confidence", evaluation_.confidence, "Of the intervals").ShowDefault().InRange(0.5, 0.9999);
    args.Add("--resamples", evaluation_.resamples, "Of the bootstrap, for metrics that are not proportions")
        .ShowDefault()
        .InRange(0, 1000000);
    args.Add("-i,--input", inputs_.inputs, "The value of an input that is the same for every sample")
        .Type("NAME=VALUE")
        .Repeatable();
    AddPreprocessOptions(args, &inputs_);
    AddEngineOptions(args, &engine_);
    args.AddFooter("\n" + MetricsHelp());
  }

  Status Run(Console& console) override {
    WHET_ASSIGN_OR_RETURN(std::unique_ptr<Dataset> dataset, OpenDataset(data_, dataset_));
    WHET_ASSIGN_OR_RETURN(dataset, Select(std::move(dataset), selection_));
    WHET_ASSIGN_OR_RETURN(const EvaluatedModel model, Load(model_));
    std::optional<EvaluatedModel> against;
    if (!against_.empty()) {
      WHET_ASSIGN_OR_RETURN(against, Load(against_));
    }
    evaluation_.seed = selection_.seed;
    evaluation_.threads = ToExecutorOptions(engine_, model_).threads.threads;
    Result<Evaluation> evaluation = [&] {
      Progress progress(console, "eval", dataset->size());
      evaluation_.progress = [&](size_t) { progress.Advance("samples"); };
      return Evaluate(*dataset, model, against ? &*against : nullptr, evaluation_);
    }();
    if (!evaluation.ok()) return evaluation.TakeStatus();
    if (console.json()) {
      PrintObject(console, dataset->info(), *evaluation);
    } else {
      PrintText(console, dataset->info(), *evaluation);
    }
    return {};
  }

 private:
  Result<EvaluatedModel> Load(const std::string& path) const {
    WHET_ASSIGN_OR_RETURN(LoadedModel loaded, LoadModel(path));
    Result<EvaluatedModel> model = MakeEvaluatedModel(std::shared_ptr<const Graph>(std::move(loaded.graph)),
                                                      inputs_, ToExecutorOptions(engine_, path));
    if (!model.ok()) return model.TakeStatus().At(path);
    if (detector_) model->description.detector = detector_;
    if (!labels_.empty()) {
      WHET_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(labels_));
      model->description.labels.clear();
      for (std::string_view line : SplitLines(text)) model->description.labels.emplace_back(line);
    }
    return model;
  }

  void PrintText(const Console& console, const DatasetInfo& info, const Evaluation& evaluation) const {
    console.Print(Format("%s on %s (%s): %zu samples, %.0f samples/s\n", model_.c_str(), data_.c_str(),
                         info.format.c_str(), evaluation.samples,
                         static_cast<double>(evaluation.samples) / std::max(evaluation.seconds, 1e-9)));
    console.Print(Format("%s %s%s\n", evaluation_.metric.c_str(),
                         ShownValue(evaluation.measured, evaluation.unit, evaluation_.confidence).c_str(),
                         evaluation.lower_is_better ? ", less is better" : ""));
    if (!evaluation.comparison) return;
    const ModelComparison& comparison = *evaluation.comparison;
    console.Print(Format("%s %s\n", against_.c_str(),
                         ShownValue(comparison.other, evaluation.unit, evaluation_.confidence).c_str()));
    std::string text = "difference " + Shown(comparison.difference, evaluation.unit, true);
    if (!evaluation.unit.empty()) text += evaluation.unit == "%" ? " points" : " " + evaluation.unit;
    if (comparison.difference_has_interval) {
      text += " (" +
              ShownInterval(comparison.difference_interval, evaluation.unit, evaluation_.confidence, true) +
              ")";
    }
    console.Print(text + "\n");
    if (comparison.agreement) console.Print(Format("same class for %.2f %%\n", *comparison.agreement * 100));
    if (comparison.mcnemar) {
      const McNemar& test = *comparison.mcnemar;
      console.Print(Format("only the first right %zu, only the second %zu; McNemar's p = %.3g (%s)\n",
                           test.only_first, test.only_second, test.p_value,
                           test.exact ? "exact" : "chi-squared"));
    }
  }

  void PrintObject(const Console& console, const DatasetInfo& info, const Evaluation& evaluation) const {
    ordered_json object = {{"model", model_},
                           {"data", data_},
                           {"format", info.format},
                           {"samples", evaluation.samples},
                           {"seed", selection_.seed},
                           {"metric", evaluation_.metric},
                           {"unit", evaluation.unit == "%" ? "" : evaluation.unit},
                           {"lower_is_better", evaluation.lower_is_better},
                           {"confidence", evaluation_.confidence}};
    object.update(JsonValue(evaluation.measured));
    object["samples_per_second"] =
        static_cast<double>(evaluation.samples) / std::max(evaluation.seconds, 1e-9);
    if (evaluation.comparison) {
      const ModelComparison& comparison = *evaluation.comparison;
      ordered_json other = {{"model", against_}};
      other.update(JsonValue(comparison.other));
      other["difference"] = JsonNumber(comparison.difference);
      if (comparison.difference_has_interval) {
        other["difference_interval"] = {JsonNumber(comparison.difference_interval.low),
                                        JsonNumber(comparison.difference_interval.high)};
      }
      if (comparison.agreement) other["agreement"] = *comparison.agreement;
      if (comparison.mcnemar) {
        const McNemar& test = *comparison.mcnemar;
        other["mcnemar"] = {{"only_first_right", test.only_first},
                            {"only_second_right", test.only_second},
                            {"p", test.p_value},
                            {"exact", test.exact}};
      }
      object["against"] = std::move(other);
    }
    console.PrintJson(object);
  }

  std::string model_;
  std::string against_;
  std::string data_;
  std::string labels_;
  std::optional<data::DetectorPostprocess> detector_;
  DatasetOptions dataset_;
  SelectionOptions selection_;
  EvaluationOptions evaluation_;
  InputArguments inputs_;
  EngineArguments engine_;
};

}  // namespace

std::unique_ptr<Command> MakeEvalCommand() { return std::make_unique<EvalCommand>(); }

}  // namespace whet::cli
