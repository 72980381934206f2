#include "export/onnx/onnx_export.h"

#include <gmock/gmock.h>
#include <onnx/onnx_pb.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "ir/builder.h"
#include "ir/text.h"

namespace whet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

onnx::ModelProto Exported(std::string_view text, int opset = 0) {
  onnx::ModelProto model;
  const auto graph = ParseText(text);
  EXPECT_TRUE(graph.ok()) << (graph.ok() ? "" : graph.status().ToString());
  if (!graph.ok()) return model;
  const auto bytes = ExportOnnxBytes(**graph, opset);
  EXPECT_TRUE(bytes.ok()) << (bytes.ok() ? "" : bytes.status().ToString());
  EXPECT_TRUE(bytes.ok() && model.ParseFromString(*bytes));
  return model;
}

std::vector<std::string> OpsOf(const onnx::ModelProto& model) {
  std::vector<std::string> ops;
  for (const auto& node : model.graph().node()) ops.push_back(node.op_type());
  return ops;
}

constexpr std::string_view kConv = R"(graph "" {
  input %x f32[1,2,4,4]
  const %w f32[3,1,1,2] = [1, 2, 3, 4, 5, 6]
  %xl f32[1,4,4,2] = Transpose(%x) {perm = ints[0, 2, 3, 1]} @"a"
  %yl f32[1,4,4,3] = Conv(%xl, %w) {activation = "relu"} @"conv"
  %y f32[1,3,4,4] = Transpose(%yl) {perm = ints[0, 3, 1, 2]} @"b"
  output %y
}
)";

TEST(OnnxExport, TransposesGoAndFusedActivationsBecomeNodes) {
  const onnx::ModelProto model = Exported(kConv);
  EXPECT_THAT(OpsOf(model), ElementsAre("Conv", "Relu"));
  EXPECT_EQ(model.graph().node(0).input(0), "x");
  EXPECT_EQ(model.graph().node(1).output(0), "y");
  ASSERT_EQ(model.graph().initializer_size(), 1);
  EXPECT_EQ(model.graph().initializer(0).name(), "w");
  EXPECT_THAT(model.graph().initializer(0).dims(), ElementsAre(3, 2, 1, 1));
}

TEST(OnnxExport, ChannelsLastGraphsGetTransposes) {
  const onnx::ModelProto model = Exported(R"(graph "" {
  input %x f32[1,4,4,2]
  const %w f32[3,1,1,2] = [1, 2, 3, 4, 5, 6]
  %a f32[1,4,4,3] = Conv(%x, %w) @"conv"
  %b f32[1,4,4,3] = Relu(%a) @"relu"
  %c f32[1,1,1,3] = GlobalAveragePool(%b) @"pool"
  output %c
})");
  EXPECT_THAT(OpsOf(model), ElementsAre("Transpose", "Conv", "Transpose", "Relu", "Transpose",
                                        "GlobalAveragePool", "Transpose"));
  EXPECT_EQ(model.graph().output(0).name(), "c");
}

constexpr std::string_view kReduce = R"(graph "" {
  input %x f32[2,3]
  const %axes i64[1] = [1]
  %y f32[2,1] = ReduceMean(%x, %axes) @"mean"
  output %y
}
)";

TEST(OnnxExport, OlderOpsetsGetOlderForms) {
  const onnx::ModelProto old = Exported(kReduce, 17);
  EXPECT_EQ(old.graph().node(0).input_size(), 1);
  EXPECT_EQ(old.graph().node(0).attribute(0).name(), "axes");
  EXPECT_EQ(old.graph().initializer_size(), 0);
  const onnx::ModelProto now = Exported(kReduce, 18);
  EXPECT_EQ(now.graph().node(0).input_size(), 2);
  EXPECT_EQ(now.graph().node(0).attribute_size(), 0);
  EXPECT_EQ(now.opset_import(0).version(), 18);
}

TEST(OnnxExport, TheOpsetRisesAsFarAsItMust) {
  constexpr std::string_view kGelu = R"(graph "" {
  input %x f32[2]
  %y f32[2] = Gelu(%x) @""
  output %y
}
)";
  EXPECT_EQ(Exported(kReduce).opset_import(0).version(), 17);
  const auto graph = ParseText(kGelu);
  ASSERT_TRUE(graph.ok());
  EXPECT_THAT(ExportOnnxBytes(**graph, 17).status().ToString(), HasSubstr("needs opset 20"));
  EXPECT_EQ(Exported(kGelu).opset_import(0).version(), 20);
  EXPECT_THAT(ExportOnnxBytes(**graph, 16).status().ToString(), HasSubstr("choose 17 to 23"));
}

TEST(OnnxExport, StatesBecomeInputsAndOutputs) {
  const onnx::ModelProto model = Exported(R"(graph "" {
  input %h f32[2]
  %n f32[2] = Tanh(%h) @"t"
  %y f32[2] = Neg(%n) @"o"
  output %y
  state "h" = %h -> %n
})");
  EXPECT_EQ(model.graph().input_size(), 1);
  ASSERT_EQ(model.graph().output_size(), 2);
  EXPECT_EQ(model.graph().output(1).name(), "n");
}

TEST(OnnxExport, ASubgraphThatGivesOutAnOuterValueCopiesIt) {
  const onnx::ModelProto model = Exported(R"(graph "" {
  input %c bool[]
  input %x f32[2]
  %y f32[2] = If(%c) @"if" with graph "then" {
    output %x
  } graph "else" {
    %n f32[2] = Neg(%x) @"neg"
    output %n
  }
  output %y
})");
  ASSERT_EQ(model.graph().node_size(), 1);
  const auto& node = model.graph().node(0);
  ASSERT_EQ(node.attribute_size(), 2);
  EXPECT_EQ(node.attribute(0).name(), "then_branch");
  EXPECT_EQ(node.attribute(0).g().node(0).op_type(), "Identity");
  EXPECT_EQ(node.attribute(1).g().node(0).op_type(), "Neg");
}

TEST(OnnxExport, LargeConstantsGoBesideTheModel) {
  char pattern[] = "/tmp/whet_export_XXXXXX";
  const std::filesystem::path folder = mkdtemp(pattern);
  Graph graph;
  GraphBuilder builder(graph);
  Value* small = graph.AddConstant("small", Constant::ScalarF32(2));
  Value* large = graph.AddConstant("large", Constant::Copy(DType::kF32, Shape{1000}, nullptr));
  graph.AddOutput(builder.Emit("Add", {small, large}));
  const std::string path = folder / "m.onnx";
  const Status status = ExportOnnx(graph, path, {.external_data_above = 100});
  EXPECT_TRUE(status.ok()) << status.ToString();
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  EXPECT_LT(bytes.size(), 1000u);
  const auto& external = model.graph().initializer(1);
  EXPECT_EQ(external.data_location(), onnx::TensorProto::EXTERNAL);
  EXPECT_EQ(external.external_data(0).value(), "m.onnx.data");
  EXPECT_EQ(std::filesystem::file_size(folder / "m.onnx.data"), 4000u);
  std::filesystem::remove_all(folder);
}

TEST(OnnxExport, NothingIsLeftWhereItCannotBeWritten) {
  const auto graph = ParseText(kReduce);
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(ExportOnnx(**graph, "/nonexistent/m.onnx").code(), Code::kNotFound);
}

}  // namespace
}  // namespace whet
