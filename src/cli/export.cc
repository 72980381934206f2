// whet export: writes a model in another format.

#include <algorithm>
#include <filesystem>

#include "base/file.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/load_model.h"
#include "cli/model_inputs.h"
#include "export/edgetpu/edgetpu_check.h"
#include "export/onnx/onnx_export.h"
#include "export/tflite/tflite_export.h"
#include "fleet/json/nlohmann.h"
#include "ir/infer.h"
#include "ir/pass.h"
#include "ir/text.h"
#include "passes/pass_list.h"

namespace whet::cli {
namespace {

nlohmann::ordered_json ToJson(const EdgeTpuReport& report) {
  auto operators = nlohmann::ordered_json::array();
  for (const EdgeTpuOperator& op : report.operators) {
    nlohmann::ordered_json entry = {{"op", op.op}, {"name", op.name}, {"runs_on", op.mapped ? "tpu" : "cpu"}};
    if (!op.reason.empty()) entry["reason"] = op.reason;
    operators.push_back(std::move(entry));
  }
  return {{"mapped", report.mapped()}, {"of", report.operators.size()}, {"operators", std::move(operators)}};
}

// One row for operators that fare alike.
std::string ToText(const EdgeTpuReport& report) {
  struct Row {
    std::string op, place, reason, first;
    size_t count = 0;
  };
  std::vector<Row> rows;
  for (const EdgeTpuOperator& op : report.operators) {
    const std::string place = op.mapped ? "Edge TPU" : "CPU";
    auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) {
      return r.op == op.op && r.place == place && r.reason == op.reason;
    });
    if (row == rows.end()) row = rows.insert(rows.end(), {op.op, place, op.reason, op.name});
    ++row->count;
  }
  Table table({"operator", "count", "runs on", "first", "because"}, {1});
  for (const Row& row : rows)
    table.Add({row.op, std::to_string(row.count), row.place, row.first, row.reason});
  return Format("%zu of %zu operators would be mapped to the Edge TPU\n", report.mapped(),
                report.operators.size()) +
         table.ToString();
}

class ExportCommand final : public Command {
 public:
  std::string_view name() const override { return "export"; }
  std::string_view summary() const override { return "Write a model in another format"; }
  std::string_view example() const override {
    return "  whet export detector.tflite --to onnx -o detector.onnx\n"
           "  whet export detector.onnx --to tflite --shape x=1x3x320x320 -o detector.tflite\n"
           "  whet export quantized.whet --to edgetpu --strict -o detector.tflite";
  }

  void Define(Arguments& args) override {
    args.Add("MODEL", model_, "The model").Required();
    args.Add("--to", format_,
             "The format; edgetpu is TFLite and a report of what the Edge TPU would run; text is Whet's own, "
             "with every constant")
        .OneOf({"onnx", "tflite", "edgetpu", "text"})
        .ShowDefault();
    args.Add("-o,--output", output_, "The file to write").Type("FILE").Required();
    args.Add("--opset", options_.opset,
             "ONNX: version of the operators, 17 to 23 (default: the lowest that can express the model)")
        .InRange(17, 23);
    args.AddFlag("--strict", strict_,
                 "Edge TPU: fail, and write nothing, if an operator would run on the CPU");
    AddShapeOption(args, &shapes_);
  }

  Status Run(Console& console) override {
    WHET_ASSIGN_OR_RETURN(const LoadedModel model, LoadModel(model_));
    if (!shapes_.empty()) {
      Status status = BindShapes(*model.graph, shapes_.shapes);
      if (!status.ok()) return std::move(status).At(model_);
    }
    EdgeTpuReport report;
    Status status = Write(*model.graph, &report);
    if (!status.ok()) return std::move(status).At(output_);
    std::error_code error;
    const auto bytes = static_cast<uint64_t>(std::filesystem::file_size(output_, error));
    if (console.json()) {
      nlohmann::ordered_json object = {
          {"model", model_}, {"format", format_}, {"output", output_}, {"bytes", bytes}};
      if (format_ == "edgetpu") object["edgetpu"] = ToJson(report);
      console.PrintJson(object);
      return {};
    }
    console.Print(Format("%s: %llu bytes\n", output_.c_str(), static_cast<unsigned long long>(bytes)));
    if (format_ == "edgetpu") console.Print(ToText(report));
    return {};
  }

 private:
  Status Write(Graph& graph, EdgeTpuReport* report) const {
    if (format_ == "onnx") return ExportOnnx(graph, output_, options_);
    if (format_ == "text") {
      const std::string text = whet::ToText(graph);
      return WriteFileAtomically(output_, std::as_bytes(std::span(text)));
    }
    WHET_RETURN_IF_ERROR(RunPasses(graph, ExportPasses(), {}));
    if (format_ == "tflite") return ExportTflite(graph, output_);
    WHET_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, ExportTfliteBytes(graph));
    WHET_ASSIGN_OR_RETURN(*report, CheckEdgeTpu(bytes));
    if (strict_ && !report->all_mapped()) {
      return {Code::kUnsupported,
              "the Edge TPU would not run all of the model (--strict): " + ToText(*report)};
    }
    return WriteFileAtomically(output_, bytes);
  }

  std::string model_;
  std::string format_ = "onnx";
  std::string output_;
  bool strict_ = false;
  ShapeArguments shapes_;
  OnnxExportOptions options_;
};

}  // namespace

std::unique_ptr<Command> MakeExportCommand() { return std::make_unique<ExportCommand>(); }

}  // namespace whet::cli
