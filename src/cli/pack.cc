// whet pack: models, golden samples and budgets to a release folder.

#include <chrono>

#include "base/utc_time.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/engine.h"
#include "cli/load_model.h"
#include "cli/sample_files.h"
#include "fleet/json/nlohmann.h"
#include "fleet/release/pack.h"

namespace whet::cli {
namespace {

class PackCommand final : public Command {
 public:
  std::string_view name() const override { return "pack"; }
  std::string_view summary() const override {
    return "Make a release of a model: variants, golden samples, budgets";
  }
  std::string_view example() const override {
    return "  whet pack --family detector --version 1.1.0 -o release --golden photos \\\n"
           "      --variant f32=detector.onnx:mains --variant int8=detector_int8.whet --latency-ms-mean 12\n"
           "  whet pack model.onnx --family words --version 0.2.0 -o release --golden random";
  }

  void Define(Arguments& args) override {
    args.Add("MODEL", models_, "Model files; each becomes a variant called after its precision");
    args.Add("--variant", variants_,
             "A variant: its name, file, and the power it is for: any, mains or battery")
        .Type("NAME=FILE[:POWER]")
        .Repeatable();
    args.Add("--family", options_.family, "What the model is for, such as detector").Type("NAME").Required();
    args.Add("--version", options_.version, "A semantic version, such as 1.1.0").Type("VERSION").Required();
    args.Add("-o,--output", output_, "The folder to make").Required().Type("FOLDER");
    args.Add("--notes", options_.notes, "What is new");
    args.Add("--golden", golden_.data,
             "Inputs that every device tries before it activates the model: a folder, a .npz, another "
             "data set, or random[:SEED]")
        .Type("DATA")
        .Required();
    args.Add("--golden-count", golden_.count, "At most so many of them").ShowDefault();
    args.Add("--drift-data", reference_.data, "Data like what devices will see, to notice drift against")
        .Type("DATA");
    args.Add("--drift-count", reference_.count, "At most so many samples of it").ShowDefault();
    args.Add("--rtol", options_.rtol, "Relative tolerance of golden outputs").ShowDefault();
    args.Add("--atol", options_.atol,
             "Absolute tolerance (chosen so that all variants pass if it is not given)");
    args.Add("--latency-ms-mean", options_.budgets.latency_ms_mean, "Budget on each device: mean latency");
    args.Add("--latency-ms-p95", options_.budgets.latency_ms_p95,
             "Budget on each device: 95th percentile of latency");
    args.Add("--arena-bytes", options_.budgets.arena_bytes, "Budget on each device: memory of activations");
    args.Add("--energy-mj", options_.budgets.energy_mj, "Budget on each device: millijoules per inference");
    args.Add("--architecture", options_.requirements.architectures, "x86_64 or aarch64; any if not given")
        .Type("NAME")
        .Repeatable();
    args.Add("--requires-isa", options_.requirements.isa,
             "The least instruction set: " + std::string(IsaNames()))
        .Type("NAME");
    args.Add("--memory-bytes", options_.requirements.memory_bytes, "The least memory of a device");
    args.Add("--storage-bytes", options_.requirements.storage_bytes, "The least free storage");
    AddPreprocessOptions(args, &golden_.inputs);
    AddEngineOptions(args, &engine_);
  }

  Status Run(Console& console) override {
    WHET_RETURN_IF_ERROR(LoadVariants());
    if (!options_.requirements.isa.empty()) {
      Isa isa = Isa::kPortable;
      if (!IsaFromName(options_.requirements.isa, &isa)) {
        return Error(Code::kInvalidArgument, "--requires-isa %s: there are %s",
                     options_.requirements.isa.c_str(), std::string(IsaNames()).c_str());
      }
    }
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    options_.created = FormatUtcTime(std::chrono::duration_cast<std::chrono::seconds>(now).count());
    WHET_ASSIGN_OR_RETURN(const auto golden, ReadSamples(golden_));
    std::vector<fleet::TensorMap> calibration;
    if (!reference_.data.empty()) {
      reference_.inputs = golden_.inputs;
      WHET_ASSIGN_OR_RETURN(calibration, ReadSamples(reference_));
    }
    WHET_ASSIGN_OR_RETURN(const fleet::Release release,
                          fleet::PackRelease(output_, options_, packed_, golden, calibration));
    Print(console, release);
    return {};
  }

 private:
  struct Loaded {
    std::unique_ptr<Graph> graph;
    std::unique_ptr<Executor> executor;
  };

  Status LoadVariants() {
    for (const std::string& model : models_) WHET_RETURN_IF_ERROR(LoadVariant("", model, "any"));
    for (const std::string& text : variants_) {
      const size_t equals = text.find('=');
      if (equals == std::string::npos || equals == 0) {
        return Error(Code::kInvalidArgument, "--variant %s: is not of the form NAME=FILE[:POWER]",
                     text.c_str());
      }
      std::string file = text.substr(equals + 1);
      std::string power = "any";
      for (const char* known : {"any", "mains", "battery"}) {
        const std::string ending = std::string(":") + known;
        if (!file.ends_with(ending)) continue;
        power = known;
        file.resize(file.size() - ending.size());
        break;
      }
      WHET_RETURN_IF_ERROR(LoadVariant(text.substr(0, equals), file, power));
    }
    return OkStatus();
  }

  Status LoadVariant(std::string name, const std::string& file, const std::string& power) {
    WHET_ASSIGN_OR_RETURN(LoadedModel model, LoadModel(file));
    Loaded loaded;
    loaded.graph = std::move(model.graph);
    // The Executor changes what it is given.
    const Graph* graph = loaded.graph.get();
    loaded.executor =
        std::make_unique<Executor>([graph]() -> Result<std::unique_ptr<Graph>> { return graph->Clone(); },
                                   ToExecutorOptions(engine_, file));
    if (name.empty()) name = fleet::GraphPrecision(*graph);
    Executor* executor = loaded.executor.get();
    packed_.push_back({std::move(name), power, graph, [executor](const fleet::TensorMap& inputs) {
                         executor->ResetStates();
                         return executor->Run(inputs);
                       }});
    loaded_.push_back(std::move(loaded));
    return OkStatus();
  }

  // The first run of each sample.
  Result<std::vector<fleet::TensorMap>> ReadSamples(const SampleArguments& arguments) {
    if (packed_.empty())
      return Error(Code::kInvalidArgument, "a release needs a model: give one, or --variant");
    WHET_ASSIGN_OR_RETURN(const auto source, OpenSamples(*packed_[0].graph, arguments));
    std::vector<fleet::TensorMap> samples;
    for (size_t i = 0; i < std::min(source->size(), arguments.count); ++i) {
      auto runs = source->Load(i);
      if (!runs.ok()) return runs.TakeStatus().At(source->NameOf(i));
      if (!runs->empty()) samples.push_back(std::move(runs->front()));
    }
    return samples;
  }

  void Print(Console& console, const fleet::Release& release) const {
    auto variants = nlohmann::ordered_json::array();
    std::string text = Format("%s: %s %s, %zu golden samples\n", output_.c_str(), release.family.c_str(),
                              release.version.c_str(), release.samples.size());
    for (const fleet::ReleaseVariant& variant : release.variants) {
      variants.push_back({{"name", variant.name},
                          {"precision", variant.precision},
                          {"bytes", variant.bytes},
                          {"sha256", variant.sha256},
                          {"power", variant.power}});
      text += Format("  %s: %s, %s, %zu tensors, power %s\n", variant.name.c_str(), variant.precision.c_str(),
                     FormatBytes(variant.bytes).c_str(), variant.tensors.size(), variant.power.c_str());
    }
    auto tolerances = nlohmann::ordered_json::array();
    for (const fleet::ReleaseTensor& output : release.samples[0].outputs) {
      tolerances.push_back({{"output", output.name}, {"rtol", output.rtol}, {"atol", output.atol}});
      text += Format("  golden output %s: within %g + %g of the value\n", output.name.c_str(), output.atol,
                     output.rtol);
    }
    if (console.json()) {
      console.PrintJson({{"output", output_},
                         {"family", release.family},
                         {"version", release.version},
                         {"variants", variants},
                         {"tolerances", tolerances}});
    } else {
      console.Print(text);
    }
  }

  std::vector<std::string> models_;
  std::vector<std::string> variants_;
  std::string output_;
  fleet::PackOptions options_;
  SampleArguments golden_{.data = {}, .count = 8, .inputs = {}};
  SampleArguments reference_{.data = {}, .count = 100, .inputs = {}};
  EngineArguments engine_;
  std::vector<Loaded> loaded_;
  std::vector<fleet::PackVariant> packed_;
};

}  // namespace

std::unique_ptr<Command> MakePackCommand() { return std::make_unique<PackCommand>(); }

}  // namespace whet::cli
