// whet ops: the operators and how other formats spell them.

#include <algorithm>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "fleet/json/nlohmann.h"
#include "ir/spelling.h"

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

// An operator without shape inference exists only in other formats and is imported as a composition.
bool InGraph(const OpDef* op) { return op->infer != nullptr; }

constexpr char kPage[] =
    R"(# Operators

This page is made by `make docs` from the operators themselves.

A Graph can hold %zu operators. Another %zu, marked *, are read as compositions of these. Each name of another
format is followed by the versions (of ONNX: opsets) in which it means this operator; where versions differ, each
is read as its version says. ONNX's Constant becomes a constant of the Graph. Sequences,
optional values and strings run on the references only. Not supported are maps and sparse tensors with the
operators on them, RegexFullMatch, images as bytes (ImageDecoder), floats of 4 or 8
bits, and complex numbers other than those of the Fourier transforms.

)";

class OpsCommand final : public Command {
 public:
  std::string_view name() const override { return "ops"; }
  std::string_view summary() const override {
    return "List the operators and how ONNX and TFLite spell them";
  }
  std::string_view example() const override { return "  whet ops\n  whet ops --markdown >docs/operators.md"; }

  void Define(Arguments& args) override { args.AddFlag("--markdown", markdown_, "Print a Markdown table"); }

  Status Run(Console& console) override {
    if (console.json()) {
      auto list = nlohmann::ordered_json::array();
      for (const OpDef* op : AllOps()) {
        nlohmann::ordered_json entry = {{"name", op->name}, {"summary", op->summary}};
        auto onnx = nlohmann::ordered_json::array();
        for (const OnnxSpelling& spelling : SpellingsOf(*op).onnx) onnx.push_back(OnnxText(spelling));
        auto tflite = nlohmann::ordered_json::array();
        for (const TfliteSpelling& spelling : SpellingsOf(*op).tflite) tflite.push_back(spelling.builtin);
        entry["onnx"] = std::move(onnx);
        entry["tflite"] = std::move(tflite);
        list.push_back(std::move(entry));
      }
      console.PrintJson({{"operators", std::move(list)}});
      return {};
    }
    Table table({"operator", "ONNX (opsets)", "TFLite", "meaning"});
    for (const OpDef* op : AllOps()) {
      table.Add(
          {std::string(op->name), Join(SpellingsOf(*op).onnx, OnnxText),
           Join(SpellingsOf(*op).tflite, [](const TfliteSpelling& s) { return std::string(s.builtin); }),
           std::string(op->summary) + (InGraph(op) ? "" : " *")});
    }
    if (!markdown_) {
      console.Print(table.ToString() + Format("%zu operators\n", AllOps().size()));
      return {};
    }
    const auto own = static_cast<size_t>(std::ranges::count_if(AllOps(), InGraph));
    console.Print(Format(kPage, own, AllOps().size() - own) + table.ToMarkdown());
    return {};
  }

 private:
  bool markdown_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeOpsCommand() { return std::make_unique<OpsCommand>(); }

}  // namespace whet::cli
