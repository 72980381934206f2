// Reads TFLite models, writes each as TFLite and reads that back; compares the two Graphs as text, in which
// values that are neither inputs nor outputs go by numbers. What came back as another Graph (an operator of
// TFLite that is imported as several) must come back the same from then on.
//
//   tflite_round_trip MODEL.tflite…

#include <cstdio>
#include <map>
#include <memory>
#include <string>

#include "export/tflite/tflite_export.h"
#include "import/tflite/tflite_import.h"
#include "ir/text.h"

namespace {

std::unique_ptr<whet::Graph> Numbered(const whet::Graph& graph) {
  std::unique_ptr<whet::Graph> copy = graph.Clone();
  copy->metadata.clear();
  copy->set_name("model");
  // Constants in the order of their first use.
  int next = 0;
  const auto number = [&](whet::Value* value) {
    if (value != nullptr && !value->IsGraphInput() && !copy->IsOutput(value) && value->name()[0] != '#') {
      copy->Rename(value, std::to_string(next++).insert(0, 1, '#'));
    }
  };
  for (whet::Node* node : copy->NodeList()) {
    for (whet::Value* input : node->inputs()) number(input);
    for (whet::Value* output : node->outputs()) number(output);
    node->set_name({});
  }
  return copy;
}

// The text without the order in which constants were made.
std::string Canonical(const whet::Graph& graph) {
  const std::string text = whet::ToText(*Numbered(graph));
  std::map<std::string, int> lines;
  std::string nodes;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.find("const") != std::string::npos) {
      ++lines[line];
    } else {
      nodes += line + '\n';
    }
  }
  for (const auto& [line, count] : lines) nodes += line + '\n';
  return nodes;
}

// Prints the first lines that differ.
void PrintDifference(const std::string& a, const std::string& b) {
  size_t line = 0;
  for (size_t i = 0; i < a.size() && i < b.size() && a[i] == b[i]; ++i) {
    if (a[i] == '\n') line = i + 1;
  }
  const auto at = [&](const std::string& text) {
    return text.substr(line, text.find('\n', line) - line).substr(0, 300);
  };
  std::printf("  read:    %s\n  written: %s\n", at(a).c_str(), at(b).c_str());
}

whet::Result<std::unique_ptr<whet::Graph>> Again(const whet::Graph& graph) {
  WHET_ASSIGN_OR_RETURN(const auto bytes, whet::ExportTfliteBytes(graph));
  return whet::ImportTfliteBytes(bytes, nullptr, "written");
}

}  // namespace

int main(int argc, char** argv) {
  int same = 0, settled = 0, wrong = 0, not_written = 0;
  for (int i = 1; i < argc; ++i) {
    const auto first = whet::ImportTflite(argv[i]);
    if (!first.ok()) {
      std::printf("%s: %s\n", argv[i], first.status().ToString().c_str());
      ++wrong;
      continue;
    }
    const auto second = Again(**first);
    if (!second.ok()) {
      const bool unsupported = second.status().code() == whet::Code::kUnsupported;
      std::printf("%s: %s\n", argv[i], second.status().ToString().c_str());
      ++(unsupported ? not_written : wrong);
      continue;
    }
    const std::string before = Canonical(**first), after = Canonical(**second);
    if (before == after) {
      ++same;
      continue;
    }
    const auto third = Again(**second);
    const bool stable = third.ok() && Canonical(**third) == after;
    std::printf("%s: %s\n", argv[i], stable ? "comes back in other operators" : "does not settle");
    PrintDifference(before, after);
    ++(stable ? settled : wrong);
  }
  std::printf("%d models came back the same, %d in other operators, %d cannot be written, %d are wrong\n",
              same, settled, not_written, wrong);
  return wrong == 0 ? 0 : 1;
}
