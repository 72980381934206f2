// whet export: writes a model in another format.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/load_model.h"
#include "export/onnx/onnx_export.h"
#include "ir/text.h"

namespace whet::cli {
namespace {

class ExportCommand final : public Command {
 public:
  std::string_view name() const override { return "export"; }
  std::string_view summary() const override { return "Write a model in another format"; }
  std::string_view example() const override {
    return "  whet export detector.tflite --to onnx -o detector.onnx\n"
           "  whet export model.whet --to onnx --opset 20 -o model.onnx";
  }

  void Define(CLI::App& app) override {
    app.add_option("MODEL", model_, "The model")->required();
    app.add_option("--to", format_, "The format; text is Whet's own, with every constant")
        ->check(CLI::IsMember({"onnx", "text"}))
        ->capture_default_str();
    app.add_option("-o,--output", output_, "The file to write")->required();
    app.add_option(
           "--opset", options_.opset,
           "ONNX: version of the operators, 17 to 23 (default: the lowest that can express the model)")
        ->check(CLI::Range(17, 23));
  }

  Status Run(Console& console) override {
    WHET_ASSIGN_OR_RETURN(const LoadedModel model, LoadModel(model_));
    Status status = format_ == "text" ? WriteText(*model.graph) : ExportOnnx(*model.graph, output_, options_);
    if (!status.ok()) return std::move(status).At(output_);
    std::error_code error;
    const auto bytes = static_cast<uint64_t>(std::filesystem::file_size(output_, error));
    if (console.json()) {
      console.PrintJson({{"model", model_}, {"format", format_}, {"output", output_}, {"bytes", bytes}});
    } else {
      console.Print(Format("%s: %llu bytes\n", output_.c_str(), static_cast<unsigned long long>(bytes)));
    }
    return {};
  }

 private:
  Status WriteText(const Graph& graph) const {
    const std::string text = ToText(graph);
    return WriteFileAtomically(output_, std::as_bytes(std::span(text)));
  }

  std::string model_;
  std::string format_ = "onnx";
  std::string output_;
  OnnxExportOptions options_;
};

}  // namespace

std::unique_ptr<Command> MakeExportCommand() { return std::make_unique<ExportCommand>(); }

}  // namespace whet::cli
