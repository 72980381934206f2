// LSTM layers whose weights are stored as integers, as compiled.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/executor.h"
#include "ir/builder.h"
#include "ops/elements_common.h"

namespace whet {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

TensorPtr Random(DType type, const Shape& shape, unsigned seed) {
  auto constant = Constant::Allocate(type, shape);
  for (int64_t i = 0; i < shape.elements(); ++i) {
    seed = seed * 1664525u + 1013904223u;
    const double unit = static_cast<double>(seed >> 8) / (1 << 23) - 1;
    ops::StoreFloat(constant->view(), i, type == DType::kI8 ? std::nearbyint(unit * 127) : unit);
  }
  return constant;
}

class StoredLstmTest : public testing::Test {
 protected:
  StoredLstmTest() : b(graph) { b.SetNodeName("n"); }

  Value* Weights(const Shape& shape, unsigned seed, int64_t axis, DType type = DType::kI8) {
    std::vector<float> scales;
    for (int64_t i = 0; i < shape[static_cast<int>(axis)]; ++i)
      scales.push_back(0.0008F + 0.00001F * static_cast<float>(i % 30));
    return b.Emit("DequantizeLinear",
                  {b.Const(Random(type, shape, seed)), b.Const(Constant::Vector<float>(DType::kF32, scales))},
                  {{"axis", axis}});
  }

  // All three outputs of a layer whose first state is an input of the graph.
  std::vector<Value*> Lstm(int64_t inputs, int64_t hidden, int64_t directions, int64_t axis = 1) {
    const auto input = [&](std::initializer_list<int64_t> dims) {
      return graph.AddInput(graph.UniqueName("x"), Type::Of(DType::kF32, Shape(dims).dims()));
    };
    Value* x = input({5, 2, inputs});
    Value* w = Weights({directions, 4 * hidden, inputs}, 1, 1);
    Value* r = Weights({directions, 4 * hidden, hidden}, 2, axis);
    Value* bias = b.Const(Random(DType::kF32, {directions, 8 * hidden}, 3));
    const std::vector<Value*> all = {
        x, w, r, bias, nullptr, input({directions, 2, hidden}), input({directions, 2, hidden})};
    return b.EmitNode(
        "LSTM", all, 3,
        {{"hidden_size", hidden}, {"direction", std::string(directions == 2 ? "bidirectional" : "forward")}});
  }

  // The kernels of the Plan, whose answers are near those of the references.
  std::vector<std::string> Run() {
    EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
    std::vector<std::string> kernels;
    std::map<std::string, TensorPtr> inputs;
    std::vector<TensorPtr> ordered;
    for (const Value* input : graph.inputs()) {
      ordered.push_back(
          Random(DType::kF32, input->type.ToShape(), 10 + static_cast<unsigned>(ordered.size())));
      inputs[input->name()] = ordered.back();
    }
    auto expected = GraphEvaluator().Run(graph, ordered);
    EXPECT_TRUE(expected.ok()) << expected.status().ToString();
    for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512}) {
      if (!expected.ok() || !IsaSupported(isa)) continue;
      ExecutorOptions options;
      options.isa = isa;
      options.allow_evaluator = false;
      Executor executor([this]() -> Result<std::unique_ptr<Graph>> { return graph.Clone(); }, options);
      auto actual = executor.Run(inputs);
      EXPECT_TRUE(actual.ok()) << actual.status().ToString();
      if (!actual.ok()) return kernels;
      for (size_t i = 0; i < expected->size(); ++i) {
        EXPECT_EQ((*expected)[i]->shape(), (*actual)[i]->shape());
        for (int64_t k = 0; k < (*expected)[i]->shape().elements(); ++k) {
          EXPECT_NEAR(ops::LoadFloat((*expected)[i]->view(), k), ops::LoadFloat((*actual)[i]->view(), k),
                      2e-4)
              << IsaName(isa) << " output " << i << " element " << k;
          if (HasFailure()) return kernels;
        }
      }
      auto session = executor.Prepare({});
      EXPECT_TRUE(session.ok());
      kernels.clear();
      for (const PlanStep& step : (*session)->plan().steps) {
        EXPECT_EQ(step.kind, PlanStep::Kind::kKernel) << step.op;
        kernels.push_back(step.row);
      }
    }
    return kernels;
  }

  Graph graph;
  GraphBuilder b;
};

TEST_F(StoredLstmTest, ManyUnitsComputeWithIntegers) {
  for (int64_t directions : {1, 2}) {
    for (Value* y : Lstm(40, 130, directions)) graph.AddOutput(y);
  }
  EXPECT_THAT(Run(), Contains(HasSubstr("qlstm/i8")).Times(3));
}

TEST_F(StoredLstmTest, AStateThatIsPartOfSomethingIsWrittenThere) {
  const auto y = Lstm(40, 128, 1);
  graph.AddOutput(b.Emit("Concat", {y[1], y[2]}, {{"axis", int64_t{2}}}));
  EXPECT_THAT(Run(), Contains(HasSubstr("qlstm/i8")));
}

TEST_F(StoredLstmTest, FewUnitsAndOtherScalesComputeWithFloats) {
  for (Value* y : Lstm(40, 63, 1)) graph.AddOutput(y);
  for (Value* y : Lstm(40, 130, 1, 2)) graph.AddOutput(y);
  const auto kernels = Run();
  EXPECT_THAT(kernels, Not(Contains(HasSubstr("qlstm"))));
  EXPECT_THAT(kernels, Contains(HasSubstr("lstm/f32")).Times(2));
}

}  // namespace
}  // namespace whet
