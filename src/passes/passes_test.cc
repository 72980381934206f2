// Each rewrite: the operators before and after, and the same answers from both.
#include <numbers>

#include "passes/pass_testing.h"

namespace whet {
namespace {

using testing::ElementsAre;

const Attributes kSame = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};

TEST_F(PassTest, FoldsWhatDependsOnConstantsAndKnownShapes) {
  Value* x = Input({2, 6});
  Value* shape = b.Emit("Shape", {x});
  Value* first = b.Emit("Slice", {shape, b.Ints({0}), b.Ints({1})});
  Value* target = b.Emit("Concat", {first, b.Ints({3, 2})}, {{"axis", int64_t{0}}});
  EXPECT_THAT(Run(FoldConstants, b.Emit("Reshape", {x, target})), ElementsAre("Reshape"));
}

TEST_F(PassTest, DoesNotFoldWhatWouldBloatTheModel) {
  Value* big = b.Emit("Expand", {Scalar(1), b.Ints({1 << 13, 1 << 13})});
  Value* y = b.Emit("ReduceSum", {b.Emit("Mul", {Input({1}), big})});
  graph.AddOutput(y);
  ASSERT_TRUE(b.ok());
  ASSERT_TRUE(FoldConstants(graph).ok());
  EXPECT_THAT(Ops(), ElementsAre("Expand", "Mul", "ReduceSum"));
}

TEST_F(PassTest, DropsIdentitiesButKeepsOutputsApartFromInputs) {
  Value* x = Input({2, 3});
  Value* same = b.Emit("Reshape", {b.Emit("Add", {b.Emit("Identity", {x}), Scalar(0)}), b.Ints({2, 3})});
  EXPECT_THAT(Run(RemoveIdentities, b.Emit("Relu", {same})), ElementsAre("Relu"));
  Graph copy;
  GraphBuilder builder(copy);
  copy.AddOutput(builder.Emit("Identity", {copy.AddInput("x", Type::Of(DType::kF32, Shape{2}.dims()))}));
  ASSERT_TRUE(RemoveIdentities(copy).ok());
  EXPECT_EQ(copy.nodes().size(), 1u);
}

TEST_F(PassTest, MultipliesBatchNormalizationIntoWeights) {
  Value* conv = b.Emit("Conv", {Input({1, 5, 5, 3}), Weights({4, 3, 3, 3}), Weights({4})}, kSame);
  Value* y =
      b.Emit("BatchNormalization", {conv, Weights({4}), Weights({4}), Weights({4}), Weights({4}, 0.5F, 2)});
  EXPECT_THAT(Run(FoldBatchNorm, y), ElementsAre("Conv"));
}

TEST_F(PassTest, BatchNormalizationOfWhatHasOtherReadersIsAScaleAndAShift) {
  Value* conv = b.Emit("Conv", {Input({1, 5, 5, 3}), Weights({4, 3, 3, 3})}, kSame);
  graph.AddOutput(conv);
  Value* y =
      b.Emit("BatchNormalization", {conv, Weights({4}), Weights({4}), Weights({4}), Weights({4}, 0.5F, 2)});
  EXPECT_THAT(Run(FoldBatchNorm, y), ElementsAre("Conv", "Mul", "Add"));
}

TEST_F(PassTest, FusesBiasActivationAndResidual) {
  Value* x = Input({1, 5, 5, 4});
  Value* conv = b.Emit("Conv", {x, Weights({4, 3, 3, 4})}, kSame);
  Value* biased = b.Emit("Add", {conv, Weights({1, 1, 1, 4})});
  EXPECT_THAT(Run(FuseBias, b.Emit("Relu", {b.Emit("Add", {biased, x})})),
              ElementsAre("Conv", "Add", "Relu"));
  EXPECT_THAT(Run(FuseResidual, graph.outputs()[0]), ElementsAre("Conv"));
  EXPECT_EQ(graph.nodes().front()->attributes.String("activation"), "relu");
}

TEST_F(PassTest, FusesAPReluWithASlopePerChannelOnly) {
  Value* product = b.Emit("MatMul", {Input({3, 4}), Weights({4, 5})});
  EXPECT_THAT(Run(FuseActivation, b.Emit("PRelu", {product, Weights({5})})), ElementsAre("MatMul"));
  Value* other = b.Emit("MatMul", {graph.inputs()[0], Weights({4, 5})});
  EXPECT_THAT(Run(FuseActivation, b.Emit("PRelu", {other, Weights({3, 1})})),
              ElementsAre("MatMul", "MatMul", "PRelu"));
}

TEST_F(PassTest, DoesNotFuseWhatSomebodyElseReads) {
  Value* conv = b.Emit("Conv", {Input({1, 5, 5, 4}), Weights({4, 3, 3, 4})}, kSame);
  graph.AddOutput(conv);
  EXPECT_THAT(Run(FuseActivation, b.Emit("Relu", {conv})), ElementsAre("Conv", "Relu"));
}

TEST_F(PassTest, MakesPaddingPartOfTheConvolution) {
  Value* padded = b.Emit("Pad", {Input({1, 4, 5, 2}), b.Ints({0, 1, 0, 0, 0, 2, 1, 0})});
  EXPECT_THAT(Run(FusePad, b.Emit("Conv", {padded, Weights({3, 2, 2, 2})})), ElementsAre("Conv"));
}

TEST_F(PassTest, KeepsPaddingOfChannels) {
  Value* padded = b.Emit("Pad", {Input({1, 4, 5, 2}), b.Ints({0, 0, 0, 0, 0, 0, 0, 1})});
  EXPECT_THAT(Run(FusePad, b.Emit("Conv", {padded, Weights({3, 2, 2, 3})})), ElementsAre("Pad", "Conv"));
}

TEST_F(PassTest, RunsTransposedConvolutionsToFewChannelsByTheirPhases) {
  const Attributes twice = {{"strides", std::vector<int64_t>{2, 2}}};
  Value* apart = b.Emit("ConvTranspose", {Input({1, 4, 5, 6}), Weights({1, 2, 2, 6}), Weights({1})}, twice);
  EXPECT_THAT(Run(PhaseTransposedConvolutions, apart), ElementsAre("Conv", "DepthToSpace"));
}

TEST_F(PassTest, CutsThePaddingOffWhatThePhasesOfATransposedConvolutionGive) {
  const Attributes padded = {{"pads", std::vector<int64_t>{1, 1, 0, 1}},
                             {"strides", std::vector<int64_t>{2, 2}}};
  Value* over = b.Emit("ConvTranspose", {Input({2, 3, 4, 2}), Weights({3, 3, 3, 2}), Weights({3})}, padded);
  EXPECT_THAT(Run(PhaseTransposedConvolutions, over), ElementsAre("Conv", "DepthToSpace", "Slice"));
}

TEST_F(PassTest, LeavesTransposedConvolutionsToManyChannels) {
  Value* wide = b.Emit("ConvTranspose", {Input({1, 3, 4, 2}), Weights({9, 2, 2, 2})},
                       {{"strides", std::vector<int64_t>{2, 2}}});
  EXPECT_THAT(Run(PhaseTransposedConvolutions, wide), ElementsAre("ConvTranspose"));
}

TEST_F(PassTest, MultipliesAScaleIntoWeights) {
  Value* conv = b.Emit("Conv", {Input({1, 5, 5, 3}), Weights({4, 3, 3, 3}), Weights({4})}, kSame);
  EXPECT_THAT(Run(FoldScaleIntoWeights, b.Emit("Mul", {conv, Weights({4})})), ElementsAre("Conv"));
  Value* product = b.Emit("MatMul", {Weights({2, 4}), Weights({4, 5})});
  EXPECT_THAT(Run(FoldScaleIntoWeights, b.Emit("Div", {product, Weights({5}, 1, 2)})),
              ElementsAre("Conv", "MatMul"));
}

TEST_F(PassTest, TransposesMeetTheirInverseBeyondOperatorsThatDoNotCare) {
  const std::vector<int64_t> first = {0, 3, 1, 2};
  const std::vector<int64_t> last = {0, 2, 3, 1};
  Value* x = b.Emit("Transpose", {Input({1, 4, 5, 3})}, {{"perm", first}});
  Value* y = b.Emit("Transpose", {Input({1, 4, 5, 3})}, {{"perm", first}});
  Value* sum = b.Emit("Mul", {b.Emit("Add", {b.Emit("Sigmoid", {x}), y}), Weights({3, 1, 1})});
  Value* both = b.Emit("Concat", {sum, x}, {{"axis", int64_t{1}}});
  Value* padded = b.Emit("Pad", {both, b.Ints({0, 1, 0, 0, 0, 0, 2, 0})});
  Value* cut = b.Emit("Slice", {padded, b.Ints({1}), b.Ints({5}), b.Ints({1})});
  Value* mean = b.Emit("ReduceMean", {b.Emit("Softmax", {cut}, {{"axis", int64_t{1}}}), b.Ints({2})});
  const auto ops = Run(SinkTransposes, b.Emit("Transpose", {mean}, {{"perm", last}}));
  EXPECT_THAT(ops, testing::Not(testing::Contains("Transpose")));
}

TEST_F(PassTest, TwoTransposesAreOne) {
  Value* x = b.Emit("Transpose", {Input({2, 3, 4})}, {{"perm", std::vector<int64_t>{1, 0, 2}}});
  EXPECT_THAT(Run(SinkTransposes, b.Emit("Transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1}}})),
              ElementsAre("Transpose"));
}

TEST_F(PassTest, RecognizesActivationsThatAreSpelledOut) {
  Value* x = Input({2, 6});
  const auto gate = [&] { return b.Emit("Clip", {b.Emit("Add", {x, Scalar(3)}), Scalar(0), Scalar(6)}); };
  const auto recognized = [&](Value* y) {
    graph.SetOutput(0, y);
    return Run(RecognizeActivations, y);
  };
  graph.AddOutput(b.Emit("Relu", {x}));
  EXPECT_THAT(recognized(b.Emit("Div", {b.Emit("Mul", {x, gate()}), Scalar(6)})), ElementsAre("HardSwish"));
  EXPECT_THAT(recognized(b.Emit("Mul", {x, b.Emit("Div", {gate(), Scalar(6)})})), ElementsAre("HardSwish"));
  EXPECT_THAT(recognized(b.Emit("Mul", {gate(), Scalar(1.0 / 6)})), ElementsAre("HardSigmoid"));
  EXPECT_THAT(recognized(b.Emit("Mul", {x, b.Emit("Sigmoid", {x})})), ElementsAre("Silu"));
  Value* erf = b.Emit("Add", {b.Emit("Erf", {b.Emit("Div", {x, Scalar(std::sqrt(2.0))})}), Scalar(1)});
  EXPECT_THAT(recognized(b.Emit("Mul", {b.Emit("Mul", {x, erf}), Scalar(0.5)})), ElementsAre("Gelu"));
  EXPECT_THAT(recognized(b.Emit("Max", {b.Emit("Mul", {x, Scalar(0.2)}), x})), ElementsAre("LeakyRelu"));
  EXPECT_THAT(recognized(b.Emit("Max", {b.Emit("Min", {x, Scalar(1)}), Scalar(-1)})), ElementsAre("Clip"));
  // As MTCNN and MobileFaceNet have it.
  Value* negative = b.Emit("Relu", {b.Emit("Neg", {x})});
  EXPECT_THAT(recognized(b.Emit(
                  "Add", {b.Emit("Relu", {x}), b.Emit("Neg", {b.Emit("Mul", {negative, Weights({6})})})})),
              ElementsAre("PRelu"));
  Value* twice = b.Emit("Sub", {x, b.Emit("Abs", {x})});
  Value* slope = b.Emit("Mul", {b.Emit("Mul", {Weights({6}), twice}), Scalar(0.5)});
  EXPECT_THAT(recognized(b.Emit("Add", {b.Emit("Relu", {x}), slope})), ElementsAre("PRelu"));
}

TEST_F(PassTest, RecognizesGeluInAnyOrderOfItsFactors) {
  const auto recognized = [&](Value* y) { return Run(RecognizeActivations, y); };
  // x is a product itself.
  Value* x = b.Emit("Mul", {Input({2, 6}), Scalar(0.5)});
  graph.AddOutput(b.Emit("Neg", {x}));
  const auto erf = [&] {
    return b.Emit("Add", {Scalar(1), b.Emit("Erf", {b.Emit("Mul", {x, Scalar(std::sqrt(0.5))})})});
  };
  EXPECT_THAT(recognized(b.Emit("Mul", {x, b.Emit("Mul", {Scalar(0.5), erf()})})),
              ElementsAre("Mul", "Neg", "Gelu"));
  EXPECT_THAT(recognized(b.Emit("Div", {b.Emit("Mul", {erf(), x}), Scalar(2)})),
              ElementsAre("Mul", "Neg", "Gelu", "Gelu"));
  EXPECT_THAT(recognized(b.Emit("Mul", {erf(), b.Emit("Mul", {x, Scalar(0.5)})})),
              ElementsAre("Mul", "Neg", "Gelu", "Gelu", "Gelu"));
  EXPECT_EQ(graph.nodes().back()->attributes.String("approximate", "none"), "none");
}

TEST_F(PassTest, RecognizesTheTanhOfGelu) {
  const double factor = std::sqrt(2 / std::numbers::pi);
  Value* x = Input({2, 6});
  // GPT-2: sqrt(2 / pi) * (x + 0.044715 * x^3).
  Value* cube = b.Emit("Mul", {Scalar(0.044715), b.Emit("Pow", {x, Scalar(3)})});
  Value* tanh = b.Emit("Tanh", {b.Emit("Mul", {Scalar(0.79788456), b.Emit("Add", {x, cube})})});
  const auto half = [&] { return b.Emit("Mul", {Scalar(0.5), x}); };
  EXPECT_THAT(Run(RecognizeActivations, b.Emit("Mul", {half(), b.Emit("Add", {tanh, Scalar(1)})})),
              ElementsAre("Gelu"));
  EXPECT_EQ(graph.nodes().back()->attributes.String("approximate"), "tanh");
  // x * sqrt(2 / pi) * (1 + 0.044715 * x * x).
  Value* square = b.Emit("Mul", {b.Emit("Mul", {Scalar(0.044715), x}), x});
  Value* argument = b.Emit("Mul", {b.Emit("Mul", {x, Scalar(factor)}), b.Emit("Add", {Scalar(1), square})});
  Value* gate = b.Emit("Mul", {b.Emit("Add", {Scalar(1), b.Emit("Tanh", {argument})}), Scalar(0.5)});
  EXPECT_THAT(Run(RecognizeActivations, b.Emit("Mul", {gate, x})), ElementsAre("Gelu", "Gelu"));
  // The cube as a product.
  Value* product = b.Emit("Mul", {Scalar(0.044715), b.Emit("Mul", {b.Emit("Mul", {x, x}), x})});
  Value* third = b.Emit("Tanh", {b.Emit("Mul", {b.Emit("Add", {x, product}), Scalar(factor)})});
  EXPECT_THAT(Run(RecognizeActivations, b.Emit("Mul", {half(), b.Emit("Add", {third, Scalar(1)})})),
              ElementsAre("Gelu", "Gelu", "Gelu"));
}

TEST_F(PassTest, RecognizesSigmoidSiluMishAndHardSigmoidSpelledOut) {
  Value* x = Input({2, 6});
  const auto denominator = [&] { return b.Emit("Add", {Scalar(1), b.Emit("Exp", {b.Emit("Neg", {x})})}); };
  graph.AddOutput(b.Emit("Div", {Scalar(1), denominator()}));
  graph.AddOutput(b.Emit("Reciprocal", {denominator()}));
  graph.AddOutput(b.Emit("Div", {x, denominator()}));
  graph.AddOutput(b.Emit("Mul", {b.Emit("Tanh", {b.Emit("Softplus", {x})}), x}));
  Value* line = b.Emit("Add", {b.Emit("Mul", {x, Scalar(0.2)}), Scalar(0.5)});
  EXPECT_THAT(Run(RecognizeActivations, b.Emit("Clip", {line, Scalar(0), Scalar(1)})),
              ElementsAre("Sigmoid", "Sigmoid", "Silu", "Mish", "HardSigmoid"));
}

TEST_F(PassTest, LeavesWhatIsAlmostGelu) {
  Value* x = Input({2, 6});
  Value* other = Input({2, 6});
  const auto gate = [&](Value* of, double scale) {
    return b.Emit("Add", {Scalar(1), b.Emit("Erf", {b.Emit("Mul", {of, Scalar(scale)})})});
  };
  const auto half = [&] { return b.Emit("Mul", {x, Scalar(0.5)}); };
  graph.AddOutput(b.Emit("Mul", {half(), gate(x, 0.5)}));
  graph.AddOutput(b.Emit("Mul", {half(), gate(other, std::sqrt(0.5))}));
  EXPECT_THAT(Run(RecognizeActivations, b.Emit("Mul", {x, gate(x, std::sqrt(0.5))})),
              testing::Not(testing::Contains("Gelu")));
}

TEST_F(PassTest, LeavesWhatOnlyLooksLikeAnActivation) {
  Value* x = Input({2, 6});
  Value* other = Input({2, 6});
  EXPECT_THAT(Run(RecognizeActivations, b.Emit("Mul", {x, b.Emit("Sigmoid", {other})})),
              ElementsAre("Sigmoid", "Mul"));
}

TEST_F(PassTest, RunsAChainOfElementwiseOperatorsAsOneLoop) {
  Value* x = Input({2, 3, 4});
  Value* y = b.Emit("Mul", {b.Emit("Add", {x, Weights({4})}), b.Emit("Exp", {b.Emit("Neg", {x})})});
  Value* z = b.Emit("Div", {b.Emit("Sqrt", {b.Emit("Abs", {y})}), Scalar(3)});
  EXPECT_THAT(Run(FuseElementwise, z), ElementsAre("FusedElementwise"));
}

TEST_F(PassTest, DoesNotComputeABroadcastValueAgainForEachElement) {
  Value* row = b.Emit("Exp", {Input({1, 4})});
  EXPECT_THAT(Run(FuseElementwise, b.Emit("Add", {Input({3, 4}), row})), ElementsAre("Exp", "Add"));
}

TEST_F(PassTest, PutsTheChosenBranchInThePlaceOfAnIf) {
  Value* x = Input({3});
  const auto branch = [&](std::string_view op) {
    auto subgraph = std::make_unique<Graph>("branch", &graph);
    GraphBuilder inner(*subgraph);
    inner.SetNodeName("inner");
    subgraph->AddOutput(inner.Emit(op, {x}));
    return subgraph;
  };
  std::vector<std::unique_ptr<Graph>> branches;
  branches.push_back(branch("Relu"));
  branches.push_back(branch("Neg"));
  Value* condition = b.Scalar(0, DType::kBool);
  const auto results = b.EmitNode("If", {&condition, 1}, 1, {}, std::move(branches));
  EXPECT_THAT(Run(InlineConstantIf, results[0]), ElementsAre("Neg"));
}

TEST(RunPasses, NamesThePassesWhenOneIsUnknown) {
  Graph graph;
  const std::vector<std::string> disabled = {"fuse_everything"};
  Status status =
      RunPasses(graph, OptimizationPasses(), {.disabled = disabled, .verify = true, .reports = nullptr});
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.ToString().find("fuse_elementwise"), std::string::npos);
}

TEST(RunPasses, SkipsWhatIsDisabledAndReportsTheRest) {
  Graph graph;
  GraphBuilder builder(graph);
  Value* x = graph.AddInput("x", Type::Of(DType::kF32, Shape{2}.dims()));
  graph.AddOutput(builder.Emit("Relu", {builder.Emit("Identity", {x})}));
  const std::vector<std::string> disabled = {"remove_identities"};
  std::vector<PassReport> reports;
  ASSERT_TRUE(
      RunPasses(graph, OptimizationPasses(), {.disabled = disabled, .verify = true, .reports = &reports})
          .ok());
  EXPECT_EQ(graph.nodes().size(), 2u);
  EXPECT_EQ(reports.size(), OptimizationPasses().size() - 1);
}

}  // namespace
}  // namespace whet
