#include "cli/model_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "data/npy.h"
#include "data/npz.h"
#include "ir/text.h"

namespace whet::cli {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

std::span<const float> Floats(const TensorPtr& tensor) {
  return {tensor->view().as<const float>(), static_cast<size_t>(tensor->shape().elements())};
}

class PrepareInputsTest : public testing::Test {
 protected:
  PrepareInputsTest() : folder_(testing::TempDir() + "whet_model_inputs_test") {
    std::filesystem::create_directories(folder_);
  }
  ~PrepareInputsTest() override { std::filesystem::remove_all(folder_); }

  // Two inputs that share an open dimension.
  static std::unique_ptr<Graph> TwoInputs() {
    auto graph = ParseText(
        "graph \"two\" {\n  input %a f32[N,4]\n  input %\"b=c\" f32[N,4]\n  %y f32[N,4] = Add(%a, %\"b=c\") "
        "@\"sum\"\n"
        "  output %y\n}\n");
    EXPECT_TRUE(graph.ok()) << graph.status().ToString();
    return std::move(*graph);
  }
  static std::unique_ptr<Graph> OneInput(const std::string& type) {
    auto graph = ParseText("graph \"one\" {\n  input %x " + type + "\n  output %x\n}\n");
    EXPECT_TRUE(graph.ok()) << graph.status().ToString();
    return std::move(*graph);
  }
  std::string WriteArray(DType dtype, const Shape& shape) {
    const std::string path = folder_ + "/array.npy";
    EXPECT_TRUE(data::WriteNpy(path, data::Array::Create(dtype, shape)->view()).ok());
    return path;
  }
  static std::string ErrorOf(const Graph& graph, std::vector<std::string> inputs) {
    auto prepared = PrepareInputs(graph, {std::move(inputs), {}, {}, {}, {}}, false);
    return prepared.ok() ? "no error" : prepared.status().ToString();
  }

  std::string folder_;
};

TEST_F(PrepareInputsTest, TakesFilesByNameAndByOrder) {
  const auto graph = TwoInputs();
  const std::string file = WriteArray(DType::kF32, Shape({2, 4}));
  for (const auto& inputs : {std::vector{file, file}, {"b=c=" + file, "a=" + file}, {"b=c=" + file, file}}) {
    auto prepared = PrepareInputs(*graph, {inputs, {}, {}, {}, {}}, false);
    ASSERT_TRUE(prepared.ok()) << prepared.status().ToString();
    ASSERT_EQ(prepared->runs.size(), 1u);
    EXPECT_EQ(prepared->runs[0][0]->shape(), Shape({2, 4}));
    EXPECT_EQ(prepared->runs[0][1]->shape(), Shape({2, 4}));
  }
}

TEST_F(PrepareInputsTest, RandomInputsFollowTheSizesOfTheOthers) {
  const auto graph = TwoInputs();
  const std::string file = WriteArray(DType::kF32, Shape({3, 4}));
  auto prepared = PrepareInputs(*graph, {{"a=" + file, "random:7"}, {}, {}, {}, {}}, false);
  ASSERT_TRUE(prepared.ok()) << prepared.status().ToString();
  EXPECT_EQ(prepared->runs[0][1]->shape(), Shape({3, 4}));
  EXPECT_THAT(Floats(prepared->runs[0][0]), Each(0.0f));
  EXPECT_THAT(Floats(prepared->runs[0][1]), testing::Contains(testing::Ne(0.0f)));
}

TEST_F(PrepareInputsTest, ShapesAreTakenFromTheCommandLine) {
  const auto graph = TwoInputs();
  InputArguments arguments;
  arguments.shapes.shapes = {{"a", Shape({5, 4})}, {"b=c", Shape({5, 4})}};
  auto prepared = PrepareInputs(*graph, arguments, true);
  ASSERT_TRUE(prepared.ok()) << prepared.status().ToString();
  EXPECT_EQ(ByName(*graph, prepared->runs[0]).at("b=c")->shape(), Shape({5, 4}));
}

TEST_F(PrepareInputsTest, NumbersFillAnInput) {
  auto scalar = PrepareInputs(*OneInput("i64[]"), {{"x=16000"}, {}, {}, {}, {}}, false);
  ASSERT_TRUE(scalar.ok()) << scalar.status().ToString();
  EXPECT_EQ(scalar->runs[0][0]->view().as<const int64_t>()[0], 16000);
  auto list = PrepareInputs(*OneInput("f32[1,?]"), {{"1,2.5,3"}, {}, {}, {}, {}}, false);
  ASSERT_TRUE(list.ok()) << list.status().ToString();
  EXPECT_THAT(Floats(list->runs[0][0]), ElementsAre(1, 2.5f, 3));
  auto filled = PrepareInputs(*OneInput("f32[2,2]"), {{"x=4"}, {}, {}, {}, {}}, false);
  ASSERT_TRUE(filled.ok()) << filled.status().ToString();
  EXPECT_THAT(Floats(filled->runs[0][0]), ElementsAre(4, 4, 4, 4));
}

TEST_F(PrepareInputsTest, ConvertsWithinAKindOnly) {
  EXPECT_EQ(ErrorOf(*OneInput("f32[2]"), {WriteArray(DType::kF64, Shape({2}))}), "no error");
  EXPECT_THAT(ErrorOf(*OneInput("f32[2]"), {WriteArray(DType::kI64, Shape({2}))}), HasSubstr("it holds i64"));
}

TEST_F(PrepareInputsTest, ErrorsSayWhatIsWrong) {
  const auto graph = TwoInputs();
  const std::string file = WriteArray(DType::kF32, Shape({2, 5}));
  EXPECT_THAT(ErrorOf(*graph, {}), HasSubstr("input 'a' (f32[N,4]) is not given"));
  EXPECT_THAT(ErrorOf(*graph, {"z=" + file}), HasSubstr("no input 'z'; it has 'a', 'b=c'"));
  EXPECT_THAT(ErrorOf(*graph, {file}), HasSubstr("its shape 2x5 does not fit input 'a'"));
  EXPECT_THAT(ErrorOf(*graph, {"/nonexistent.png"}), HasSubstr("cannot open the file"));
  EXPECT_THAT(ErrorOf(*graph, {"a=1,2,3"}), HasSubstr("3 numbers do not fill"));
}

TEST_F(PrepareInputsTest, ErrorsSayWhatWasAssumed) {
  const auto explained = [](const Graph& graph, std::vector<std::string> inputs) {
    auto prepared = PrepareInputs(graph, {std::move(inputs), {}, {}, {}, {}}, true);
    EXPECT_TRUE(prepared.ok()) << prepared.status().ToString();
    return ExplainAssumed(Error(Code::kBadFile, "it fits nothing").At("node 'n'"), *prepared).ToString();
  };
  EXPECT_EQ(explained(*OneInput("f32[2]"), {}), "node 'n': it fits nothing");
  EXPECT_EQ(explained(*OneInput("f32[?,2]"), {}),
            "node 'n': it fits nothing (the model leaves sizes open, and x=1x2 was assumed; give --shape "
            "NAME=SHAPE)");
  EXPECT_EQ(explained(*OneInput("i64[]"), {}),
            "node 'n': it fits nothing (the integers of 'x' are random; give them with -i NAME=VALUE)");
  EXPECT_EQ(explained(*OneInput("i64[]"), {"x=16000"}), "node 'n': it fits nothing");
}

TEST(ParseShape, ReadsWhatItPrints) {
  EXPECT_EQ(ParseShape("1x3x224x224")->ToString(), "1x3x224x224");
  EXPECT_EQ(ParseShape("scalar")->rank(), 0);
  EXPECT_EQ(ParseShape("0x4")->elements(), 0);
  for (const char* text : {"", "x", "1x", "-1x2", "1x2x", "1,2", "1x1x1x1x1x1x1x1x1", "99999999999999999999",
                           "4000000000x4000000000"}) {
    EXPECT_FALSE(ParseShape(text).ok()) << text;
  }
}

}  // namespace
}  // namespace whet::cli
