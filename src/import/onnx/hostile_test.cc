// Files that lie: each must give a clear error, soon, and without taking the memory it claims.

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "import/onnx/model_test_common.h"

namespace whet {
namespace {

namespace fs = std::filesystem;
using test::AddNode;
using test::AddTensor;
using test::AddValue;
using test::EmptyModel;
using test::ErrorOf;
using test::ReluModel;
using ::testing::HasSubstr;

// Peak of this process so far.
int64_t PeakKiB() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// The error, which must come within 200 MiB; that it comes soon is what the test's timeout is for. The
// sanitizers keep what was freed.
std::string QuickErrorOf(const onnx::ModelProto& model) {
#if defined(__SANITIZE_ADDRESS__)
  constexpr int64_t kMost = 1000 << 10;
#else
  constexpr int64_t kMost = 200 << 10;
#endif
  const int64_t before = PeakKiB();
  std::string error = ErrorOf(model);
  EXPECT_LT(PeakKiB() - before, kMost);
  return error;
}

std::string TensorError(int type, std::vector<int64_t> dims, const std::string& raw) {
  onnx::ModelProto model = ReluModel();
  AddTensor(model.mutable_graph(), "c", type, dims)->set_raw_data(raw);
  return QuickErrorOf(model);
}

TEST(OnnxHostile, ConstantsLargerThanTheFile) {
  EXPECT_THAT(TensorError(onnx::TensorProto::FLOAT, {1 << 15, 1 << 15}, "1234"),
              HasSubstr("initializer 'c': has 4 bytes of data but f32 of 32768x32768 takes 4294967296"));
  onnx::ModelProto typed = ReluModel();
  AddTensor(typed.mutable_graph(), "c", onnx::TensorProto::FLOAT, {1 << 30})->add_float_data(1);
  EXPECT_THAT(QuickErrorOf(typed), HasSubstr("has 1 elements of data"));
}

TEST(OnnxHostile, ShapesWhoseProductOverflows) {
  EXPECT_THAT(TensorError(onnx::TensorProto::FLOAT, {int64_t{1} << 33, int64_t{1} << 33}, ""),
              HasSubstr("their product is too large"));
  EXPECT_THAT(TensorError(onnx::TensorProto::FLOAT, {-1, 4}, ""), HasSubstr("negative"));
  EXPECT_THAT(TensorError(onnx::TensorProto::FLOAT, std::vector<int64_t>(1000, 1), "1234"),
              HasSubstr("1000 dimensions; at most 8"));
}

TEST(OnnxHostile, InputsOfImpossibleShapes) {
  onnx::ModelProto model = ReluModel();
  auto* shape =
      model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  for (int i = 0; i < 100; ++i) shape->add_dim()->set_dim_value(int64_t{1} << 62);
  EXPECT_THAT(QuickErrorOf(model), HasSubstr("102 dimensions"));
}

TEST(OnnxHostile, SubgraphsNestedWithoutEnd) {
  onnx::ModelProto model = ReluModel();
  auto* graph = model.mutable_graph();
  for (int i = 0; i < 2000; ++i) {
    auto* attribute = AddNode(graph, "If", {"x"}, {Format("z%d", i)})->add_attribute();
    attribute->set_name("then_branch");
    attribute->set_type(onnx::AttributeProto::GRAPH);
    graph = attribute->mutable_g();
  }
  EXPECT_THAT(QuickErrorOf(model), HasSubstr("nested too deep"));
}

// A function named `name` that calls `callee` as often as there are names in `outputs`.
void AddFunction(onnx::ModelProto& model, const std::string& name, const std::string& callee, int calls) {
  auto* function = model.add_functions();
  function->set_domain("f");
  function->set_name(name);
  function->add_input("v0");
  function->add_output(Format("v%d", calls));
  for (int i = 0; i < calls; ++i) {
    auto* node = AddNode(function, callee, {Format("v%d", i)}, {Format("v%d", i + 1)});
    if (callee != "Relu") node->set_domain("f");
  }
}

TEST(OnnxHostile, StringsThatAreNotThere) {
  const auto error = [](int strings, const char* raw, bool external) {
    onnx::ModelProto model = ReluModel();
    auto* tensor = AddTensor(model.mutable_graph(), "c", onnx::TensorProto::STRING, {1 << 20, 1 << 19});
    for (int i = 0; i < strings; ++i) tensor->add_string_data("a");
    if (raw != nullptr) tensor->set_raw_data(raw);
    if (external) tensor->set_data_location(onnx::TensorProto::EXTERNAL);
    return QuickErrorOf(model);
  };
  EXPECT_THAT(error(0, nullptr, false), HasSubstr("has 0 elements of data but its shape 1048576x524288"));
  EXPECT_THAT(error(3, nullptr, false), HasSubstr("has 3 elements of data"));
  EXPECT_THAT(error(0, "text", false), HasSubstr("is of strings, which can only be in string_data"));
  EXPECT_THAT(error(0, nullptr, true), HasSubstr("is of strings, which can only be in string_data"));
}

TEST(OnnxHostile, TypesWithinTypes) {
  const auto error = [](auto fill) {
    onnx::ModelProto model = ReluModel();
    auto* input = model.mutable_graph()->add_input();
    input->set_name("s");
    fill(input->mutable_type());
    return QuickErrorOf(model);
  };
  using Type = onnx::TypeProto;
  const auto sequence = [](Type* type) { return type->mutable_sequence_type()->mutable_elem_type(); };
  const auto optional = [](Type* type) { return type->mutable_optional_type()->mutable_elem_type(); };
  const auto tensor = [](Type* type) { type->mutable_tensor_type()->set_elem_type(1); };
  EXPECT_THAT(error([&](Type* type) { tensor(sequence(sequence(type))); }),
              HasSubstr("a sequence of sequences"));
  EXPECT_THAT(error([&](Type* type) { tensor(optional(optional(type))); }),
              HasSubstr("an optional value within"));
  EXPECT_THAT(error([&](Type* type) { tensor(optional(sequence(type))); }),
              HasSubstr("an optional value within"));
  EXPECT_THAT(error([&](Type* type) { sequence(type); }), HasSubstr("of no type"));
  EXPECT_THAT(error([&](Type* type) { sequence(optional(type)); }), HasSubstr("of no type"));
  EXPECT_THAT(error([&](Type* type) {
                for (int i = 0; i < 30; ++i) type = sequence(type);
                tensor(type);
              }),
              HasSubstr("a sequence of sequences"));
  EXPECT_THAT(error([&](Type* type) {
                for (int i = 0; i < 200; ++i) type = sequence(type);
              }),
              HasSubstr("nested too deep"));
}

// Each reader of a long sequence follows it back to where it was made.
TEST(OnnxHostile, SequencesThatGrowWithoutEnd) {
  onnx::ModelProto model = ReluModel();
  auto* graph = model.mutable_graph();
  AddNode(graph, "SequenceConstruct", {"x"}, {"s0"});
  for (int i = 0; i < 20000; ++i) {
    AddNode(graph, "SequenceInsert", {Format("s%d", i), "x"}, {Format("s%d", i + 1)});
    AddNode(graph, "SequenceLength", {Format("s%d", i)}, {Format("n%d", i)});
  }
  EXPECT_EQ(QuickErrorOf(model), "");
}

TEST(OnnxHostile, FunctionsThatCallThemselves) {
  onnx::ModelProto model = ReluModel();
  AddFunction(model, "F", "F", 2);
  AddNode(model.mutable_graph(), "F", {"x"}, {"z"})->set_domain("f");
  EXPECT_THAT(QuickErrorOf(model), HasSubstr("call each other more than 64 deep"));
}

TEST(OnnxHostile, FunctionsThatMultiply) {
  onnx::ModelProto model = ReluModel();
  for (int i = 0; i < 40; ++i) AddFunction(model, Format("F%d", i), Format("F%d", i + 1), 2);
  AddFunction(model, "F40", "Relu", 1);
  AddNode(model.mutable_graph(), "F0", {"x"}, {"z"})->set_domain("f");
  const std::string error = ErrorOf(model, {.max_nodes = 20000});
  EXPECT_THAT(error, HasSubstr("more than 20000 nodes once its functions are inlined"));
}

// Nothing may cost the square of how often a name is used.
TEST(OnnxHostile, OneValueReadOftenAndManyOutputs) {
  onnx::ModelProto model = ReluModel();
  auto* graph = model.mutable_graph();
  for (int i = 0; i < 10000; ++i) {
    const std::string name = Format("z%d", i);
    AddNode(graph, "Relu", {"x"}, {name});
    AddValue(graph->add_output(), name, {2, 3});
    AddTensor(graph, Format("c%d", i), onnx::TensorProto::FLOAT, {})->add_float_data(1);
    AddValue(graph->add_input(), Format("i%d", i), {1});
  }
  EXPECT_EQ(QuickErrorOf(model), "");
}

TEST(OnnxHostile, EveryBeginningOfAModel) {
  onnx::ModelProto model = ReluModel();
  AddTensor(model.mutable_graph(), "c", onnx::TensorProto::FLOAT, {4})->set_raw_data(std::string(16, '\0'));
  const std::string bytes = model.SerializeAsString();
  for (size_t size = 0; size < bytes.size(); ++size) {
    // Cut between two fields of the model it can be a smaller model; then it has lost its output or its
    // opset.
    const auto graph = ImportOnnxBytes(std::as_bytes(std::span(bytes.data(), size)), "cut");
    EXPECT_TRUE(graph.ok() || !graph.status().what().empty());
  }
  EXPECT_FALSE(ImportOnnxBytes({}, "empty").ok());
  const std::string noise(4096, '\xff');
  EXPECT_THAT(
      ImportOnnxBytes(std::as_bytes(std::span(noise.data(), noise.size())), "noise").status().ToString(),
      HasSubstr("noise: is not an ONNX model"));
}

// --- external data

class OnnxExternalData : public ::testing::Test {
 protected:
  OnnxExternalData() {
    char pattern[] = "/tmp/whet_external_XXXXXX";
    root_ = mkdtemp(pattern);
    fs::create_directory(root_ / "model");
    std::ofstream(root_ / "model" / "data.bin", std::ios::binary) << std::string(64, '\0');
    std::ofstream(root_ / "outside.bin", std::ios::binary) << std::string(64, '\0');
  }
  ~OnnxExternalData() override { fs::remove_all(root_); }

  // Imports a model whose constant f32[4] lies there; "" if that succeeds.
  std::string Error(const std::string& location, const std::string& offset, const std::string& length) {
    onnx::ModelProto model = ReluModel();
    auto* tensor = AddTensor(model.mutable_graph(), "c", onnx::TensorProto::FLOAT, {4});
    tensor->set_data_location(onnx::TensorProto::EXTERNAL);
    for (const auto& [key, value] :
         {std::pair("location", location), {"offset", offset}, {"length", length}}) {
      if (value.empty()) continue;
      auto* entry = tensor->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    const std::string path = root_ / "model" / "model.onnx";
    std::ofstream(path, std::ios::binary) << model.SerializeAsString();
    const auto graph = ImportOnnx(path);
    return graph.ok() ? "" : graph.status().ToString();
  }

  fs::path root_;
};

TEST_F(OnnxExternalData, IsReadFromTheModelsFolder) {
  EXPECT_EQ(Error("data.bin", "", ""), "");
  EXPECT_EQ(Error("data.bin", "48", "16"), "");
  EXPECT_EQ(Error("./data.bin", "3", "16"), "");  // not aligned: copied
}

TEST_F(OnnxExternalData, IsNotReadFromElsewhere) {
  EXPECT_THAT(Error("../outside.bin", "", ""), HasSubstr("not inside the model's own folder"));
  EXPECT_THAT(Error((root_ / "outside.bin").string(), "", ""),
              HasSubstr("not inside the model's own folder"));
  fs::create_symlink(root_ / "outside.bin", root_ / "model" / "link.bin");
  EXPECT_THAT(Error("link.bin", "", ""), HasSubstr("not inside the model's own folder"));
  EXPECT_THAT(Error("", "", ""), HasSubstr("not inside the model's own folder"));
  EXPECT_THAT(Error(".", "", ""), HasSubstr("not a regular file"));
  onnx::ModelProto model = ReluModel();
  auto* tensor = AddTensor(model.mutable_graph(), "c", onnx::TensorProto::FLOAT, {4});
  tensor->set_data_location(onnx::TensorProto::EXTERNAL);
  EXPECT_THAT(ErrorOf(model), HasSubstr("a model read from memory cannot reach"));
}

TEST_F(OnnxExternalData, MustBeWhereItIsSaidToBe) {
  EXPECT_THAT(Error("missing.bin", "", ""), HasSubstr("put it there"));
  EXPECT_THAT(Error("data.bin", "49", "16"), HasSubstr("which has only 64"));
  EXPECT_THAT(Error("data.bin", "18446744073709551615", ""), HasSubstr("which has only 64"));
  EXPECT_THAT(Error("data.bin", "18446744073709551616", ""), HasSubstr("not a number"));
  EXPECT_THAT(Error("data.bin", "-1", ""), HasSubstr("not a number"));
  EXPECT_THAT(Error("data.bin", "0", "15"), HasSubstr("is 15 bytes long"));
}

}  // namespace
}  // namespace whet
