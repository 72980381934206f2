// What the tests of rewrites share: a Graph that is built, rewritten, and must give the same answers after as
// before.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "ir/evaluate.h"
#include "ir/op_def.h"
#include "ir/verify.h"
#include "passes/pass_list.h"

namespace whet {

inline TensorPtr Random(const Shape& shape, unsigned seed, float low = -1, float high = 1) {
  auto constant = Constant::Allocate(DType::kF32, shape);
  auto* values = static_cast<float*>(constant->mutable_data());
  for (int64_t i = 0; i < shape.elements(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = low + (high - low) * static_cast<float>(seed >> 8) / 16777216.0F;
  }
  return constant;
}

class PassTest : public testing::Test {
 protected:
  PassTest() : b(graph) { b.SetNodeName("n"); }

  Value* Input(std::initializer_list<int64_t> dims) {
    return graph.AddInput(graph.UniqueName("x"), Type::Of(DType::kF32, Shape(dims).dims()));
  }
  Value* Weights(std::initializer_list<int64_t> dims, float low = -1, float high = 1) {
    return b.Const(Random(Shape(dims), ++seed_, low, high), "w");
  }
  Value* Scalar(double value) { return b.Scalar(value); }

  std::vector<std::string> Ops() const {
    std::vector<std::string> ops;
    for (const auto& node : graph.nodes()) ops.emplace_back(node->op_name());
    return ops;
  }

  std::vector<TensorPtr> Evaluate() {
    std::vector<TensorPtr> inputs;
    for (const Value* input : graph.inputs()) inputs.push_back(Random(input->type.ToShape(), 99, -4, 4));
    auto outputs = GraphEvaluator().Run(graph, inputs);
    EXPECT_TRUE(outputs.ok()) << outputs.status().ToString();
    return outputs.ok() ? *outputs : std::vector<TensorPtr>();
  }

  // Runs the pass on the graph with output y, then drops what is dead; returns the operators that are left.
  std::vector<std::string> Run(Result<int> (*pass)(Graph&), Value* y) {
    EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
    if (!graph.IsOutput(y)) graph.AddOutput(y);
    const std::vector<TensorPtr> before = Evaluate();
    auto changes = pass(graph);
    EXPECT_TRUE(changes.ok()) << changes.status().ToString();
    EXPECT_TRUE(RemoveDeadNodes(graph).ok());
    Status status = VerifyGraph(graph);
    EXPECT_TRUE(status.ok()) << status.ToString();
    const std::vector<TensorPtr> after = Evaluate();
    EXPECT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size() && i < after.size(); ++i) {
      EXPECT_EQ(before[i]->shape(), after[i]->shape());
      const auto* expected = before[i]->view().as<float>();
      const auto* actual = after[i]->view().as<float>();
      for (int64_t k = 0; k < before[i]->shape().elements(); ++k) {
        EXPECT_NEAR(actual[k], expected[k], 1e-5F * std::max(1.0F, std::fabs(expected[k])))
            << "element " << k;
      }
    }
    return Ops();
  }

  Graph graph;
  GraphBuilder b;

 private:
  unsigned seed_ = 0;
};

}  // namespace whet
