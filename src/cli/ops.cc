// whet ops: the operators and how other formats spell them.

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/console.h"
#include "ir/op_def.h"

namespace whet::cli {
namespace {

std::string OnnxText(const OnnxSpelling& spelling) {
  std::string text;
  if (!spelling.domain.empty()) text = std::string(spelling.domain) + ":";
  text += spelling.op_type;
  if (spelling.until < (1 << 20)) {
    text += Format(" (%d-%d)", spelling.since, spelling.until);
  } else {
    text += Format(" (%d+)", spelling.since);
  }
  return text;
}

template <typename Items, typename ToText>
std::string Join(const Items& items, ToText to_text) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ", ";
    text += to_text(item);
  }
  return text;
}

class OpsCommand final : public Command {
 public:
  std::string_view name() const override { return "ops"; }
  std::string_view summary() const override {
    return "List the operators and how ONNX and TFLite spell them";
  }
  std::string_view example() const override { return "  whet ops\n  whet ops --markdown >docs/operators.md"; }

  void Define(CLI::App& app) override { app.add_flag("--markdown", markdown_, "Print a Markdown table"); }

  Status Run(Console& console) override {
    if (console.json()) {
      auto list = nlohmann::ordered_json::array();
      for (const OpDef* op : AllOps()) {
        nlohmann::ordered_json entry = {{"name", op->name}, {"summary", op->summary}};
        auto onnx = nlohmann::ordered_json::array();
        for (const OnnxSpelling& spelling : op->onnx) onnx.push_back(OnnxText(spelling));
        auto tflite = nlohmann::ordered_json::array();
        for (const TfliteSpelling& spelling : op->tflite) tflite.push_back(spelling.builtin);
        entry["onnx"] = std::move(onnx);
        entry["tflite"] = std::move(tflite);
        list.push_back(std::move(entry));
      }
      console.PrintJson({{"operators", std::move(list)}});
      return {};
    }
    Table table({"operator", "ONNX (opsets)", "TFLite", "meaning"});
    for (const OpDef* op : AllOps()) {
      table.Add({std::string(op->name), Join(op->onnx, OnnxText),
                 Join(op->tflite, [](const TfliteSpelling& s) { return std::string(s.builtin); }),
                 std::string(op->summary)});
    }
    console.Print(markdown_ ? table.ToMarkdown() : table.ToString());
    if (!markdown_) console.Print(Format("%zu operators\n", AllOps().size()));
    return {};
  }

 private:
  bool markdown_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeOpsCommand() { return std::make_unique<OpsCommand>(); }

}  // namespace whet::cli
