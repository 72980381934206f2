// whet quantize: a float model to a smaller and faster one, and what that cost.

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/engine.h"
#include "cli/graph_runner.h"
#include "cli/load_model.h"
#include "cli/model_inputs.h"
#include "cli/quantize_report.h"
#include "cli/quantize_search.h"
#include "cli/sample_files.h"
#include "export/onnx/onnx_export.h"
#include "fleet/json/nlohmann.h"
#include "measure/latency.h"
#include "model_file/model_file.h"
#include "quantize/quantizer.h"

namespace whet::cli {
namespace {

using quantize::Convention;
using quantize::Scheme;

uint64_t FileBytes(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<uint64_t>(bytes);
}

bool IsOnnx(const std::string& path) { return std::filesystem::path(path).extension() == ".onnx"; }

// Draws a bar for each kind of work that reports itself.
class ProgressBars {
 public:
  explicit ProgressBars(const Console& console) : console_(console) {}

  quantize::ProgressFn Function() {
    return [this](std::string_view what, size_t done, size_t total) {
      if (bar_ == nullptr || what != what_) {
        bar_.reset();
        what_ = what;
        bar_ = std::make_unique<Progress>(console_, what_, total);
      }
      bar_->Advance("");
      if (done == total) bar_.reset();
    };
  }

 private:
  const Console& console_;
  std::string what_;
  std::unique_ptr<Progress> bar_;
};

class QuantizeCommand final : public Command {
 public:
  std::string_view name() const override { return "quantize"; }
  std::string_view summary() const override {
    return "Make a model smaller and faster with integers, and say what it cost layer by layer";
  }
  std::string_view example() const override {
    return "  whet quantize model.onnx -o model-int8.whet --data photos/\n"
           "  whet quantize model.onnx -o model-int8.whet --data photos/ --html report.html --keep-float "
           "'*/head/*'\n"
           "  whet quantize model.onnx -o model-int4.whet --scheme weight4 --group 32\n"
           "  whet quantize model.onnx -o model-int8.whet --data train/ --max-drop 0.5 --eval test/ --metric "
           "top1";
  }

  void Define(Arguments& args) override {
    args.Add("MODEL", model_, "The float model").Required();
    args.Add("-o,--output", output_, "The quantized model to write, .whet or .onnx").Required().Type("FILE");
    DefineScheme(args);
    DefineCalibration(args);
    DefineBound(args);
    args.Add("--html", html_, "Write the report as a page with charts").Type("FILE");
    args.AddFlag("--all", all_, "Show every layer, not only the worst");
    args.Add("--compare", compare_, "Samples on which the layers are compared with the float model")
        .InRange(0, 1000000)
        .ShowDefault();
    args.AddFlag(
        "--keep-slow", keep_slow_,
        "Quantize layers that this machine computes faster in float, too; without it (and with --convention "
        "onnx) they are measured and left float");
    args.Add("--seconds", seconds_, "How long latency is measured; 0 does not")
        .InRange(0.0, 3600.0)
        .ShowDefault();
    AddInputOptions(args, &samples_.inputs);
    AddEngineOptions(args, &engine_);
  }

  Status Run(Console& console) override {
    const int64_t start = NowNanoseconds();
    WHET_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(model_));
    const std::shared_ptr<const Graph> shared = std::move(model.graph);
    const Graph& graph = *shared;
    std::unique_ptr<quantize::SampleSource> samples;
    if (!samples_.data.empty()) {
      auto opened = OpenSamples(graph, samples_);
      if (!opened.ok()) return opened.TakeStatus().At("--data");
      samples = std::move(*opened);
    }
    GraphRunner runner(ToExecutorOptions(engine_, model_));
    ProgressBars bars(console);
    auto quantizer = quantize::Quantizer::Create(graph, Options(bars.Function()), runner, samples.get());
    if (!quantizer.ok()) return quantizer.TakeStatus().At(model_);
    WHET_RETURN_IF_ERROR(PrepareCalibration(*quantizer, samples.get()));
    QuantizeReport report;
    std::unique_ptr<quantize::SampleSource> stand_in;
    if (samples == nullptr) {
      // Latency does not depend on the values, and the errors are better than none.
      SampleArguments random = samples_;
      random.data = "random";
      auto opened = OpenSamples(quantizer->prepared(), random);
      if (!opened.ok()) return opened.TakeStatus().At(model_);
      stand_in = std::move(*opened);
    }
    quantize::SampleSource& measured = samples != nullptr ? *samples : *stand_in;
    PrecisionSearch search(shared, *quantizer, runner, measured, samples_.inputs,
                           ToExecutorOptions(engine_, model_), bars.Function());
    if (seconds_ > 0 && !keep_slow_ && scheme_.convention == Convention::kOnnx) {
      Status status = search.LeaveSlowFloat(seconds_, &report);
      if (!status.ok()) return std::move(status).At(model_);
    }
    if (bound_.max_drop >= 0) {
      Status status = search.Hold(bound_, seconds_, &report);
      if (!status.ok()) return std::move(status).At(model_);
    }
    auto built = quantizer->Build(search.scheme(), true);
    if (!built.ok()) return built.TakeStatus().At(model_);

    report.notes.insert(report.notes.begin(), quantizer->notes().begin(), quantizer->notes().end());
    report.notes.insert(report.notes.end(), built->notes.begin(), built->notes.end());
    report.warnings = built->warnings;
    AddDataWarnings(quantizer->NeedsCalibration(), &report);
    WHET_RETURN_IF_ERROR(Save(*built->graph));
    if (stand_in != nullptr) {
      report.warnings.push_back("no --data was given: errors and latency are those on random inputs");
    }
    Status status = Measure(*quantizer, *built, runner, measured, bars, &report);
    if (!status.ok()) return std::move(status).At(model_);
    report.model = model_;
    report.output = output_;
    report.scheme = std::string(quantize::NameOf(scheme_.scheme));
    report.calibration_samples = quantizer->calibration() ? quantizer->calibration()->samples : 0;
    report.seconds = static_cast<double>(NowNanoseconds() - start) * 1e-9;
    report.float_bytes = FileBytes(model_);
    report.quantized_bytes = FileBytes(output_);
    if (!html_.empty()) {
      const std::string page = ReportHtml(report);
      WHET_RETURN_IF_ERROR(WriteFileAtomically(html_, std::as_bytes(std::span(page.data(), page.size()))));
    }
    if (console.json()) {
      console.PrintJson(ReportJson(report));
    } else {
      constexpr size_t kWorst = 10;
      console.Print(ReportText(report, all_ ? 0 : kWorst));
    }
    return {};
  }

 private:
  void DefineScheme(Arguments& args) {
    args.AddParsed(
            "--scheme",
            [this](const std::string& text) -> Status {
              WHET_ASSIGN_OR_RETURN(scheme_.scheme, quantize::SchemeFromName(text));
              return {};
            },
            "int8, int16 (activations of 16 bits), dynamic (int8 without calibration), weight8 and weight4 "
            "(weights only), f16 or bf16 (default: int8)")
        .Type("NAME")
        .Group("Scheme");
    args.AddEach(
            "--layer",
            [this](const std::string& text) -> Status {
              const size_t equals = text.rfind('=');
              if (equals == std::string::npos || equals == 0) {
                return Error(Code::kInvalidArgument, "'%s' is not of the form NAME=SCHEME", text.c_str());
              }
              WHET_ASSIGN_OR_RETURN(const Scheme scheme, quantize::SchemeFromName(text.substr(equals + 1)));
              scheme_.layers.push_back({text.substr(0, equals), scheme});
              return {};
            },
            "Another scheme, or float, for the layers of that name; * stands for any characters")
        .Type("NAME=SCHEME")
        .Group("Scheme");
    args.AddEach(
            "--keep-float",
            [this](const std::string& text) -> Status {
              scheme_.layers.push_back({text, Scheme::kFloat});
              return {};
            },
            "The same as --layer NAME=float")
        .Type("NAME")
        .Group("Scheme");
    args.AddParsed(
            "--convention",
            [this](const std::string& text) -> Status {
              scheme_.convention = text == "tflite" ? Convention::kTflite : Convention::kOnnx;
              return {};
            },
            "onnx: every tensor has its own range; tflite: the rules of TensorFlow Lite's specification "
            "(default: onnx)")
        .OneOf({"onnx", "tflite"})
        .Group("Scheme");
    args.AddParsed(
            "--activations",
            [this](const std::string& text) -> Status {
              scheme_.activation = DTypeFromName(text);
              return {};
            },
            "Type of 8-bit activations (default: u8; tflite: i8)")
        .OneOf({"u8", "i8"})
        .Group("Scheme");
    args.Add("--group", scheme_.group, "weight8, weight4: weights that share a scale")
        .OneOf({32, 64, 128})
        .ShowDefault()
        .Group("Scheme");
    args.AddFlag(
            "--asymmetric", [this] { scheme_.symmetric = false; },
            "weight8, weight4: a zero point beside each scale")
        .Group("Scheme");
  }

  void DefineCalibration(Arguments& args) {
    args.Add("--data", samples_.data,
             "Samples to calibrate on and to compare with: a folder of pictures, recordings or arrays, "
             "a .npz whose arrays have the samples as first dimension, or another data set "
             "(docs/evaluation.md)")
        .Type("FOLDER|FILE")
        .Group("Calibration");
    args.Add("--samples", samples_.count, "At most so many, evenly spread over the data")
        .InRange(1, 10000000)
        .ShowDefault()
        .Group("Calibration");
    args.Add("--calibration", calibration_,
             "File that keeps what calibration saw: read if it is there and of this model, else written")
        .Type("FILE.npz")
        .Group("Calibration");
    args.AddParsed(
            "--method",
            [this](const std::string& text) -> Status {
              WHET_ASSIGN_OR_RETURN(scheme_.range.method, quantize::RangeMethodFromName(text));
              return {};
            },
            "How an activation's range is chosen: " + std::string(quantize::kRangeMethodNames) +
                " (default: mse)")
        .Type("NAME")
        .Group("Calibration");
    args.Add("--percentile", scheme_.range.percentile,
             "percentile: this part of the values is kept, in percent")
        .InRange(50.0, 100.0)
        .ShowDefault()
        .Group("Calibration");
    AddSteps(args, "--without", true, &without_, "Leave out a step of accuracy recovery");
    AddSteps(args, "--with", false, &with_, "Do a step of accuracy recovery that takes longer");
  }

  static void AddSteps(Arguments& args, const char* flag, bool by_default, std::set<std::string>* chosen,
                       const std::string& help) {
    std::string names;
    for (const quantize::RecoveryStep& step : quantize::RecoverySteps()) {
      if (step.by_default != by_default) continue;
      names += (names.empty() ? "" : "; ") + std::string(step.name) + " " + std::string(step.summary);
    }
    args.AddEach(
            flag,
            [chosen](const std::string& name) -> Status {
              if (std::ranges::find(quantize::RecoverySteps(), name, &quantize::RecoveryStep::name) ==
                  quantize::RecoverySteps().end()) {
                return Error(Code::kInvalidArgument, "there is no step '%s'", name.c_str());
              }
              chosen->insert(name);
              return {};
            },
            help + ": " + names + "")
        .Type("STEP")
        .Group("Accuracy recovery");
  }

  void DefineBound(Arguments& args) {
    Option drop =
        args.Add("--max-drop", bound_.max_drop,
                 "The metric may lose so many points (hundredths of a fraction, else the metric's own unit); "
                 "layers become more exact until it holds, those first that cost least latency")
            .Type("POINTS")
            .NotNegative()
            .Group("Bound");
    Option data =
        args.Add("--eval", bound_.data, "The data set that --max-drop is measured on (docs/evaluation.md)")
            .Type("PATH")
            .Group("Bound");
    Option metric = args.Add("--metric", bound_.metric, "What is measured on it; whet eval --help lists them")
                        .Type("NAME")
                        .Group("Bound");
    args.Add("--eval-limit", bound_.limit, "Only so many of its samples").Type("N").Group("Bound");
    args.Add("--eval-split", bound_.split, "Part of a set that has parts: train or test (default: test)")
        .Type("NAME")
        .Group("Bound");
    args.Add("--eval-output", bound_.output, "The output that counts (default: told by its shape)")
        .Type("NAME")
        .Group("Bound");
    drop.Needs(data).Needs(metric);
    data.Needs(drop);
    metric.Needs(drop);
  }

  quantize::QuantizerOptions Options(quantize::ProgressFn progress) const {
    quantize::QuantizerOptions options;
    options.shapes = samples_.inputs.shapes.shapes;
    options.disabled_passes = engine_.disabled_passes;
    options.scheme = scheme_;
    options.calibration.progress = std::move(progress);
    options.with = with_;
    options.without = without_;
    return options;
  }

  Status PrepareCalibration(quantize::Quantizer& quantizer, const quantize::SampleSource* samples) {
    if (!quantizer.NeedsCalibration()) return {};
    std::error_code error;
    if (!calibration_.empty() && std::filesystem::exists(calibration_, error)) {
      WHET_ASSIGN_OR_RETURN(quantize::Calibration kept, quantize::LoadCalibration(calibration_));
      Status status = quantizer.UseCalibration(std::move(kept));
      return status.ok() ? Status() : std::move(status).At(calibration_);
    }
    if (samples == nullptr) {
      return Error(
          Code::kInvalidArgument,
          "the scheme needs to see what values occur: add --data with a hundred typical samples, or take a "
          "scheme that does without, such as dynamic or weight8");
    }
    Status status = quantizer.Calibrate();
    if (!status.ok()) return std::move(status).At(model_);
    return calibration_.empty() ? Status()
                                : quantize::SaveCalibration(*quantizer.calibration(), calibration_);
  }

  void AddDataWarnings(bool calibrated, QuantizeReport* report) const {
    std::error_code error;
    if (calibrated && samples_.data.starts_with("random") && !std::filesystem::exists(samples_.data, error)) {
      report->warnings.push_back(
          "the samples are random: the ranges found are not those of real inputs; use this to try things "
          "only");
    }
  }

  Status Save(const Graph& graph) const {
    return IsOnnx(output_) ? ExportOnnx(graph, output_) : SaveModel(graph, output_);
  }

  Status Measure(quantize::Quantizer& quantizer, const quantize::QuantizedGraph& built, GraphRunner& runner,
                 quantize::SampleSource& samples, ProgressBars& bars, QuantizeReport* report) {
    quantize::Comparison comparison;
    std::vector<GraphRunner::Times> times(2);
    if (compare_ > 0) {
      quantize::ComparisonOptions options;
      options.samples = compare_;
      options.progress = bars.Function();
      const quantize::Calibration* calibration =
          quantizer.calibration() ? &*quantizer.calibration() : nullptr;
      WHET_ASSIGN_OR_RETURN(
          comparison, quantize::Compare(quantizer.prepared(), built, calibration, runner, samples, options));
    }
    if (seconds_ > 0) {
      WHET_ASSIGN_OR_RETURN(const auto runs, samples.Load(0));
      if (!runs.empty()) {
        const Graph* graphs[] = {&quantizer.prepared(), built.graph.get()};
        WHET_ASSIGN_OR_RETURN(times, runner.Measure(graphs, runs[0], seconds_));
      }
    }
    report->AddLayers(built.layers, comparison, times[0], times[1]);
    report->float_ms = times[0].p50;
    report->quantized_ms = times[1].p50;
    if (times[0].ClearlyFasterThan(times[1]) && report->quantized_ms > report->float_ms * 1.02) {
      report->warnings.push_back("the quantized model is slower than the float one on this machine");
    }
    const ExecutorOptions engine = ToExecutorOptions(engine_, model_);
    report->threads = engine.threads.threads;
    report->isa = std::string(IsaName(engine.isa));
    return {};
  }

  std::string model_;
  std::string output_;
  quantize::SchemeOptions scheme_;
  SampleArguments samples_;
  std::string calibration_;
  std::set<std::string> with_;
  std::set<std::string> without_;
  QualityBound bound_{.max_drop = -1, .data = {}, .metric = {}, .split = {}, .output = {}, .limit = 0};
  bool keep_slow_ = false;
  std::string html_;
  bool all_ = false;
  size_t compare_ = 16;
  double seconds_ = 1;
  EngineArguments engine_;
};

}  // namespace

std::unique_ptr<Command> MakeQuantizeCommand() { return std::make_unique<QuantizeCommand>(); }

}  // namespace whet::cli
