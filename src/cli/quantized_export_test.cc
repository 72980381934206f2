// Quantized graphs as the passes leave them, written as ONNX and read again, mean the same.
#include <gtest/gtest.h>

#include <cstdlib>

#include "compile/compiler.h"
#include "export/onnx/onnx_export.h"
#include "import/onnx/onnx_import.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ops/elements_common.h"

namespace whet {
namespace {

TensorPtr RandomBytes(DType type, const Shape& shape, unsigned seed) {
  auto constant = Constant::Allocate(type, shape);
  for (int64_t i = 0; i < shape.elements(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    static_cast<uint8_t*>(constant->mutable_data())[i] = static_cast<uint8_t>(seed >> 24);
  }
  return constant;
}

class QuantizedExportTest : public testing::Test {
 protected:
  QuantizedExportTest() : b(graph) { b.SetNodeName("n"); }

  Value* Input(std::initializer_list<int64_t> dims, DType type) {
    Value* x = graph.AddInput(graph.UniqueName("x"), Type::Of(type, Shape(dims).dims()));
    return b.Emit("DequantizeLinear", {x, b.Scalar(0.04), b.Scalar(type == DType::kI8 ? -3 : 110, type)});
  }
  void Output(Value* x, DType type) {
    graph.AddOutput(
        b.Emit("QuantizeLinear", {x, b.Scalar(0.05), b.Scalar(type == DType::kI8 ? 4 : 90, type)}));
  }

  Graph graph;
  GraphBuilder b;
};

TEST_F(QuantizedExportTest, ComesBackAsStandardOperators) {
  for (DType type : {DType::kU8, DType::kI8}) {
    Value* x = Input({1, 6, 8, 5}, type);
    Output(b.Emit("Sigmoid", {x}), type);
    Output(b.Emit("Relu", {b.Emit("Add", {x, Input({1, 1, 1, 5}, DType::kI8)})}), DType::kU8);
    Output(b.Emit("Sub", {x, Input({1, 6, 8, 5}, DType::kU8)}), type);
    Output(b.Emit("Mul", {x, Input({1, 6, 8, 5}, DType::kU8)}), DType::kI8);
    Output(b.Emit("AveragePool", {x},
                  {{"kernel_shape", std::vector<int64_t>{2, 3}}, {"pads", std::vector<int64_t>{0, 1, 1, 1}}}),
           type);
    Output(b.Emit("GlobalAveragePool", {x}), type);
    Output(b.Emit("MaxPool", {x}, {{"kernel_shape", std::vector<int64_t>{2, 2}}}), type);
    Output(b.Emit("Resize", {x, nullptr, nullptr, b.Ints({1, 9, 12, 5})}, {{"mode", std::string("linear")}}),
           type);
    Output(b.Emit("Softmax", {x}, {{"axis", int64_t{-1}}}), DType::kU8);
  }
  ASSERT_TRUE(b.ok()) << b.TakeStatus().ToString();
  std::vector<TensorPtr> inputs;
  for (const Value* input : graph.inputs())
    inputs.push_back(RandomBytes(input->type.dtype, input->type.ToShape(), 5));
  const auto expected = GraphEvaluator().Run(graph, inputs);
  ASSERT_TRUE(expected.ok()) << expected.status().ToString();

  const auto optimized = Optimize(graph, {});
  ASSERT_TRUE(optimized.ok()) << optimized.status().ToString();
  for (const auto& node : (*optimized)->nodes()) {
    EXPECT_FALSE(node->Is("QuantizeLinear") || node->Is("DequantizeLinear")) << node->name();
  }
  const auto bytes = ExportOnnxBytes(**optimized);
  ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
  // Reading knows ONNX's own operators only, so nothing else can have been written.
  const auto again = ImportOnnxBytes(std::as_bytes(std::span(*bytes)), "written");
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  const auto actual = GraphEvaluator().Run(**again, inputs);
  ASSERT_TRUE(actual.ok()) << actual.status().ToString();
  ASSERT_EQ(actual->size(), expected->size());
  for (size_t i = 0; i < actual->size(); ++i) {
    ASSERT_EQ((*actual)[i]->dtype(), (*expected)[i]->dtype());
    ASSERT_EQ((*actual)[i]->shape(), (*expected)[i]->shape());
    for (int64_t k = 0; k < (*actual)[i]->shape().elements(); ++k) {
      ASSERT_EQ(ops::LoadInt((*actual)[i]->view(), k), ops::LoadInt((*expected)[i]->view(), k))
          << "output " << i << " element " << k;
    }
  }
}

}  // namespace
}  // namespace whet
