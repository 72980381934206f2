#include "import/onnx/onnx_import.h"

#include <gmock/gmock.h>

#include "import/onnx/model_test_common.h"
#include "ir/evaluate.h"
#include "ir/text.h"

namespace whet {
namespace {

using test::AddNode;
using test::AddTensor;
using test::AddValue;
using test::EmptyModel;
using test::ErrorOf;
using test::Import;
using test::ReluModel;
using ::testing::HasSubstr;

std::unique_ptr<Graph> Imported(const onnx::ModelProto& model) {
  auto graph = Import(model);
  EXPECT_TRUE(graph.ok()) << (graph.ok() ? "" : graph.status().ToString());
  return graph.ok() ? std::move(*graph) : std::make_unique<Graph>();
}

TEST(OnnxImport, NamesTypesAndMetadata) {
  onnx::ModelProto model = ReluModel();
  auto* dim = model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
  dim->mutable_dim(0)->set_dim_param("batch");
  auto* entry = model.add_metadata_props();
  entry->set_key("author");
  entry->set_value("somebody");
  const auto graph = Imported(model);
  EXPECT_EQ(ToText(*graph), R"(graph "g" {
  metadata "author" = "somebody"
  input %x f32[batch,3]
  %y f32[batch,3] = Relu(%x) @"relu"
  output %y
}
)");
}

TEST(OnnxImport, SpatialOperatorsBecomeChannelsLast) {
  onnx::ModelProto model = EmptyModel();
  auto* graph = model.mutable_graph();
  AddValue(graph->add_input(), "x", {1, 2, 5, 5});
  auto* w = AddTensor(graph, "w", onnx::TensorProto::FLOAT, {4, 2, 1, 1});
  for (int i = 0; i < 8; ++i) w->add_float_data(static_cast<float>(i));
  AddNode(graph, "Conv", {"x", "w"}, {"a"}, "first");
  AddNode(graph, "Relu", {"a"}, {"y"}, "second");
  AddValue(graph->add_output(), "y", {1, 4, 5, 5});
  const std::string text = ToText(*Imported(model));
  EXPECT_THAT(text, HasSubstr("%first f32[1,5,5,2] = Transpose(%x)"));
  EXPECT_THAT(text, HasSubstr("const %w f32[4,1,1,2] = [0, 1, 2, 3, 4, 5, 6, 7]"));
  EXPECT_THAT(text, HasSubstr("%a f32[1,4,5,5] = Transpose(%first:1)"));
  EXPECT_THAT(text, HasSubstr("%y f32[1,4,5,5] = Relu(%a) @\"second\""));
}

TEST(OnnxImport, NodesInAnyOrder) {
  onnx::ModelProto model = ReluModel();
  auto* graph = model.mutable_graph();
  graph->mutable_node(0)->set_input(0, "late");
  AddNode(graph, "Sigmoid", {"x"}, {"late"});
  const auto imported = Imported(model);
  ASSERT_EQ(imported->nodes().size(), 2u);
  EXPECT_TRUE(imported->nodes().front()->Is("Sigmoid"));
}

TEST(OnnxImport, ACycleIsAnError) {
  onnx::ModelProto model = ReluModel();
  model.mutable_graph()->mutable_node(0)->set_input(0, "b");
  AddNode(model.mutable_graph(), "Relu", {"y"}, {"b"});
  EXPECT_THAT(ErrorOf(model), HasSubstr("cycle"));
  onnx::ModelProto self = ReluModel();
  self.mutable_graph()->mutable_node(0)->set_input(0, "y");
  EXPECT_THAT(ErrorOf(self), HasSubstr("cycle"));
}

TEST(OnnxImport, NamesMustBeUniqueAndDefined) {
  onnx::ModelProto twice = ReluModel();
  AddNode(twice.mutable_graph(), "Relu", {"x"}, {"y"});
  EXPECT_THAT(ErrorOf(twice), HasSubstr("'y' is defined twice"));
  onnx::ModelProto missing = ReluModel();
  missing.mutable_graph()->mutable_node(0)->set_input(0, "z");
  EXPECT_THAT(ErrorOf(missing),
              HasSubstr("node 'relu' (Relu): reads 'z', which nothing in the model defines"));
  onnx::ModelProto no_output = ReluModel();
  no_output.mutable_graph()->mutable_output(0)->set_name("z");
  EXPECT_THAT(ErrorOf(no_output), HasSubstr("output 'z' is computed by no node"));
}

TEST(OnnxImport, EverythingUnsupportedIsInOneError) {
  onnx::ModelProto model = ReluModel();
  auto* graph = model.mutable_graph();
  AddNode(graph, "Frobnicate", {"y"}, {"a"}, "f1")->set_domain("com.acme");
  AddNode(graph, "Frobnicate", {"a"}, {"b"}, "f2")->set_domain("com.acme");
  AddNode(graph, "ImageDecoder", {"b"}, {"c"}, "s");
  const std::string error = ErrorOf(model);
  EXPECT_THAT(error, HasSubstr("Frobnicate of com.acme opset 1 (2 nodes: 'f1', 'f2')"));
  EXPECT_THAT(error, HasSubstr("ImageDecoder of ai.onnx opset 17 (1 node: 's')"));
}

TEST(OnnxImport, OutputsThatAreInputsConstantsOrOneValueTwice) {
  onnx::ModelProto model = ReluModel();
  auto* graph = model.mutable_graph();
  AddTensor(graph, "c", onnx::TensorProto::FLOAT, {})->add_float_data(3);
  AddNode(graph, "Identity", {"y"}, {"also_y"});
  for (const char* name : {"x", "c", "also_y"}) AddValue(graph->add_output(), name, {});
  const auto imported = Imported(model);
  std::vector<std::string> names;
  for (const Value* output : imported->outputs()) names.push_back(output->name());
  EXPECT_EQ(names, (std::vector<std::string>{"y", "x", "c", "also_y"}));
}

TEST(OnnxImport, SubgraphsSeeTheGraphAround) {
  onnx::ModelProto model = ReluModel();
  auto* graph = model.mutable_graph();
  auto* condition = graph->add_input();
  AddValue(condition, "condition", {});
  condition->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::BOOL);
  auto* node = AddNode(graph, "If", {"condition"}, {"z"}, "if");
  for (const char* branch : {"then_branch", "else_branch"}) {
    auto* attribute = node->add_attribute();
    attribute->set_name(branch);
    attribute->set_type(onnx::AttributeProto::GRAPH);
    AddNode(attribute->mutable_g(), branch[0] == 't' ? "Neg" : "Abs", {"y"}, {"out"});
    AddValue(attribute->mutable_g()->add_output(), "out", {2, 3});
  }
  AddValue(graph->add_output(), "z", {2, 3});
  const auto imported = Imported(model);
  const std::string text = ToText(*imported);
  EXPECT_THAT(text, HasSubstr("= Neg(%y)"));
  EXPECT_THAT(text, HasSubstr("= Abs(%y)"));
  const auto again = ParseText(text);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ(ToText(**again), text);
}

// A function with one attribute that has a default (a field that Debian's definitions do not know).
onnx::ModelProto FunctionModel() {
  onnx::ModelProto model = EmptyModel();
  AddValue(model.mutable_graph()->add_input(), "x", {3});
  auto* function = model.add_functions();
  function->set_domain("local");
  function->set_name("Leak");
  function->add_input("a");
  function->add_output("b");
  function->add_attribute("unused");
  auto* node = AddNode(function, "LeakyRelu", {"a"}, {"b"}, "inner");
  auto* attribute = node->add_attribute();
  attribute->set_name("alpha");
  attribute->set_ref_attr_name("slope");
  attribute->set_type(onnx::AttributeProto::FLOAT);
  onnx::AttributeProto fallback;
  fallback.set_name("slope");
  fallback.set_type(onnx::AttributeProto::FLOAT);
  fallback.set_f(0.5f);
  function->GetReflection()->MutableUnknownFields(function)->AddLengthDelimited(11,
                                                                                fallback.SerializeAsString());
  AddNode(model.mutable_graph(), "Leak", {"x"}, {"y"}, "call")->set_domain("local");
  AddValue(model.mutable_graph()->add_output(), "y", {3});
  return model;
}

TEST(OnnxImport, FunctionsAreInlinedWithTheirAttributes) {
  onnx::ModelProto model = FunctionModel();
  auto* second = AddNode(model.mutable_graph(), "Leak", {"y"}, {"z"}, "again");
  second->set_domain("local");
  auto* attribute = second->add_attribute();
  attribute->set_name("slope");
  attribute->set_type(onnx::AttributeProto::FLOAT);
  attribute->set_f(0.25f);
  AddValue(model.mutable_graph()->add_output(), "z", {3});
  const std::string text = ToText(*Imported(model));
  EXPECT_THAT(text, HasSubstr("%y f32[3] = LeakyRelu(%x) {alpha = 0.5} @\"call/inner\""));
  EXPECT_THAT(text, HasSubstr("%z f32[3] = LeakyRelu(%y) {alpha = 0.25} @\"again/inner\""));
}

TEST(OnnxImport, OldAndNewOpsets) {
  onnx::ModelProto model = ReluModel();
  model.mutable_opset_import(0)->set_version(kNewestOnnxOpset + 1);
  EXPECT_THAT(ErrorOf(model), HasSubstr("export it for an older one"));
  // Without opset: of a time when broadcasting had to be asked for.
  model.clear_opset_import();
  model.set_ir_version(2);
  model.mutable_graph()->mutable_node(0)->set_op_type("Clip");
  EXPECT_THAT(ErrorOf(model), HasSubstr("Clip of ai.onnx opset 1"));
}

// --- the forms in which tensors are stored

std::shared_ptr<const Constant> ImportedTensor(onnx::ModelProto& model) {
  AddValue(model.mutable_graph()->add_output(), "c", {});
  const auto graph = Imported(model);
  return graph->outputs().empty() ? nullptr : graph->outputs()[0]->constant();
}

TEST(OnnxImport, TensorsInTypedFields) {
  onnx::ModelProto half = EmptyModel();
  auto* tensor = AddTensor(half.mutable_graph(), "c", onnx::TensorProto::FLOAT16, {2});
  tensor->add_int32_data(0x3c00);
  tensor->add_int32_data(0xc000);
  auto constant = ImportedTensor(half);
  ASSERT_EQ(constant->dtype(), DType::kF16);
  EXPECT_EQ(constant->view().as<uint16_t>()[1], 0xc000);

  onnx::ModelProto small = EmptyModel();
  tensor = AddTensor(small.mutable_graph(), "c", 22, {3});  // i4
  tensor->add_int32_data(0x21);
  tensor->add_int32_data(0x03);
  constant = ImportedTensor(small);
  ASSERT_EQ(constant->dtype(), DType::kI4);
  EXPECT_EQ(constant->view().as<uint8_t>()[0], 0x21);

  onnx::ModelProto wide = EmptyModel();
  AddTensor(wide.mutable_graph(), "c", onnx::TensorProto::UINT32, {})->add_uint64_data(4000000000u);
  EXPECT_EQ(ImportedTensor(wide)->view().as<uint32_t>()[0], 4000000000u);
}

TEST(OnnxImport, BooleansBecomeZeroOrOne) {
  onnx::ModelProto model = EmptyModel();
  AddTensor(model.mutable_graph(), "c", onnx::TensorProto::BOOL, {3})->set_raw_data(std::string("\0\1\7", 3));
  const auto constant = ImportedTensor(model);
  EXPECT_EQ(constant->view().as<uint8_t>()[1], 1);
  EXPECT_EQ(constant->view().as<uint8_t>()[2], 1);
}

TEST(OnnxImport, Strings) {
  onnx::ModelProto model = EmptyModel();
  auto* tensor = AddTensor(model.mutable_graph(), "c", onnx::TensorProto::STRING, {2});
  tensor->add_string_data("text");
  tensor->add_string_data(std::string("\0\xff", 2));
  const auto constant = ImportedTensor(model);
  EXPECT_EQ(constant->strings()[0], "text");
  EXPECT_EQ(constant->strings()[1], std::string_view("\0\xff", 2));
  // An operator of numbers.
  AddNode(model.mutable_graph(), "Relu", {"c"}, {"z"}, "relu");
  EXPECT_THAT(ErrorOf(model), HasSubstr("the operator takes numbers only (1 node: 'relu')"));
}

// A graph input that is a sequence of f32[2], optional or not.
void AddSequence(onnx::ModelProto& model, const std::string& name, bool optional) {
  auto* info = model.mutable_graph()->add_input();
  info->set_name(name);
  auto* type = info->mutable_type();
  if (optional) type = type->mutable_optional_type()->mutable_elem_type();
  auto* tensor = type->mutable_sequence_type()->mutable_elem_type()->mutable_tensor_type();
  tensor->set_elem_type(onnx::TensorProto::FLOAT);
  tensor->mutable_shape()->add_dim()->set_dim_value(2);
}

TEST(OnnxImport, SequencesAndOptionalValues) {
  onnx::ModelProto model = EmptyModel();
  AddSequence(model, "s", false);
  AddSequence(model, "o", true);
  auto* graph = model.mutable_graph();
  AddNode(graph, "SequenceLength", {"s"}, {"n"});
  AddNode(graph, "OptionalGetElement", {"o"}, {"t"});
  auto* none = AddNode(graph, "Optional", {}, {"none"});
  auto* attribute = none->add_attribute();
  attribute->set_name("type");
  attribute->set_type(onnx::AttributeProto::TYPE_PROTO);
  attribute->mutable_tp()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::INT64);
  for (const char* name : {"n", "t", "none"}) graph->add_output()->set_name(name);
  const auto imported = Import(model);
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  EXPECT_EQ(ToString((*imported)->inputs()[0]->type), "seq(f32[2])");
  EXPECT_EQ(ToString((*imported)->inputs()[1]->type), "optional(seq(f32[2]))");
  EXPECT_EQ(ToString((*imported)->outputs()[0]->type), "i64[]");
  EXPECT_EQ(ToString((*imported)->outputs()[1]->type), "seq(f32[2])");
  EXPECT_EQ(ToString((*imported)->outputs()[2]->type), "optional(i64[*])");
}

TEST(OnnxImport, SequencesThatAreKnownLeaveNothingBehind) {
  onnx::ModelProto model = ReluModel();
  auto* graph = model.mutable_graph();
  AddNode(graph, "SequenceConstruct", {"x", "y"}, {"s"});
  AddNode(graph, "SequenceInsert", {"s", "x"}, {"t"});
  AddNode(graph, "SequenceErase", {"t"}, {"u"});
  auto* concat = AddNode(graph, "ConcatFromSequence", {"u"}, {"z"});
  auto* axis = concat->add_attribute();
  axis->set_name("axis");
  axis->set_type(onnx::AttributeProto::INT);
  axis->set_i(0);
  graph->mutable_output(0)->set_name("z");
  graph->mutable_output(0)->clear_type();
  const auto imported = Import(model);
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  for (const auto& node : (*imported)->nodes()) {
    EXPECT_TRUE(node->Is("Relu") || node->Is("Concat")) << node->op_name();
  }
}

}  // namespace
}  // namespace whet
