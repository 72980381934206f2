#include "measure/conformance.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "import/onnx/onnx_import.h"

namespace whet {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxDepth = 2;

void Collect(const fs::path& folder, int depth, std::vector<std::string>* tests) {
  std::error_code error;
  if (fs::is_regular_file(folder / "model.onnx", error)) {
    tests->push_back(folder.string());
    return;
  }
  if (depth == kMaxDepth) return;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) Collect(entry.path(), depth + 1, tests);
  }
}

std::vector<fs::path> DataSets(const fs::path& folder) {
  std::vector<fs::path> sets;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with("test_data_set_")) sets.push_back(entry.path());
  }
  std::sort(sets.begin(), sets.end());
  return sets;
}

// kind_0.pb, kind_1.pb, … as far as there are, as the graph's values say.
Result<std::vector<Datum>> ReadData(const fs::path& set, const char* kind, std::span<Value* const> values) {
  std::vector<Datum> data;
  for (;;) {
    const fs::path file = set / Format("%s_%zu.pb", kind, data.size());
    std::error_code error;
    if (!fs::exists(file, error)) return data;
    if (data.size() == values.size()) {
      return Error(Code::kBadFile, "the model has %zu %ss but the test more", values.size(), kind);
    }
    WHET_ASSIGN_OR_RETURN(Datum datum, ReadOnnxDatum(file.string(), values[data.size()]->type));
    data.push_back(std::move(datum));
  }
}

// Numpy has no bfloat16, so the tests' files hold its bits as u16.
Datum AsBf16(const Datum& datum, DType wanted) {
  const TensorPtr& tensor = datum.tensor();
  if (wanted != DType::kBF16 || tensor == nullptr || tensor->dtype() != DType::kU16) return datum;
  return Constant::Refer(wanted, tensor->shape(), tensor->view().data, tensor);
}

Status Compare(const Datum& expected, const Datum& got, const Tolerance& tolerance) {
  if (expected.tensor() != nullptr && got.tensor() != nullptr) {
    return CompareTensors(expected.tensor()->view(), got.tensor()->view(), tolerance);
  }
  if (expected.IsSequence() != got.IsSequence() || expected.empty() != got.empty() ||
      (expected.IsSequence() && expected.elements().size() != got.elements().size())) {
    return Error(Code::kInvalidArgument, "is %s but should be %s", ToString(got).c_str(),
                 ToString(expected).c_str());
  }
  for (size_t i = 0; expected.IsSequence() && i < expected.elements().size(); ++i) {
    Status status = CompareTensors(expected.elements()[i]->view(), got.elements()[i]->view(), tolerance);
    if (!status.ok()) return std::move(status).At("element " + std::to_string(i));
  }
  return {};
}

Status RunDataSet(const std::string& model, const fs::path& set, ConformanceEngine& engine,
                  const Tolerance& tolerance) {
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<Graph> graph, ImportOnnx(model));
  std::vector<std::string> names;
  for (const Value* output : graph->outputs()) names.push_back(output->name());
  WHET_ASSIGN_OR_RETURN(std::vector<Datum> inputs, ReadData(set, "input", graph->inputs()));
  for (size_t i = 0; i < inputs.size(); ++i) {
    inputs[i] = AsBf16(inputs[i], graph->inputs()[i]->type.dtype);
  }
  WHET_ASSIGN_OR_RETURN(const std::vector<Datum> expected, ReadData(set, "output", graph->outputs()));
  WHET_ASSIGN_OR_RETURN(const std::vector<Datum> outputs, engine.Run(*graph, inputs));
  if (expected.empty() || outputs.size() < expected.size()) {
    return Error(Code::kBadFile, "the model has %zu outputs but the test has %zu", outputs.size(),
                 expected.size());
  }
  for (size_t i = 0; i < expected.size(); ++i) {
    const DType dtype = outputs[i].tensor() != nullptr ? outputs[i].tensor()->dtype() : DType::kUndefined;
    Status status = Compare(AsBf16(expected[i], dtype), outputs[i], tolerance);
    if (!status.ok()) return std::move(status).At("output '" + names[i] + "'");
  }
  return {};
}

}  // namespace

Result<std::vector<Datum>> EvaluatorEngine::Run(Graph& graph, std::span<const Datum> inputs) {
  return GraphEvaluator().RunAny(graph, inputs);
}

Result<std::vector<std::string>> FindConformanceTests(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return Error(Code::kNotFound, "is not a folder").At(folder);
  std::vector<std::string> tests;
  Collect(folder, 0, &tests);
  if (tests.empty()) {
    return Error(Code::kNotFound,
                 "holds no tests; a test is a folder with model.onnx and test_data_set_0/input_0.pb …")
        .At(folder);
  }
  std::sort(tests.begin(), tests.end());
  return tests;
}

ConformanceCase RunConformanceTest(const std::string& folder, ConformanceEngine& engine,
                                   const Tolerance& tolerance) {
  fs::path path(folder);
  if (!path.has_filename()) path = path.parent_path();
  ConformanceCase result{path.filename().string(), ConformanceOutcome::kPassed, {}};
  const std::vector<fs::path> sets = DataSets(path);
  if (sets.empty()) {
    result.outcome = ConformanceOutcome::kFailed;
    result.reason = "the folder has no test_data_set_0";
  }
  for (const fs::path& set : sets) {
    const Status status = RunDataSet((path / "model.onnx").string(), set, engine, tolerance);
    if (status.ok()) continue;
    result.outcome =
        status.code() == Code::kUnsupported ? ConformanceOutcome::kUnsupported : ConformanceOutcome::kFailed;
    result.reason = status.ToString();
    break;
  }
  return result;
}

}  // namespace whet
