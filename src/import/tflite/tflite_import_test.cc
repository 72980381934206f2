#include "import/tflite/tflite_import.h"

#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "import/tflite/tflite_test_model.h"
#include "ir/evaluate.h"
#include "ir/verify.h"

namespace whet {
namespace {

using fb = tflite_fb::BuiltinOperator;
using testing::ElementsAre;
using testing::HasSubstr;
using tflite_fb::BuiltinOptions;
using tflite_fb::TensorType;

Result<std::unique_ptr<Graph>> Import(TfliteTestModel& model) {
  return ImportTfliteBytes(model.Finish(), nullptr, "test.tflite");
}

std::unique_ptr<Graph> MustImport(TfliteTestModel& model) {
  auto graph = Import(model);
  EXPECT_TRUE(graph.ok()) << graph.status().ToString();
  if (!graph.ok()) return nullptr;
  const Status verified = VerifyGraph(**graph);
  EXPECT_TRUE(verified.ok()) << verified.ToString();
  return std::move(*graph);
}

template <typename T>
TensorPtr Tensor(DType dtype, const Shape& shape, std::initializer_list<T> values) {
  return Constant::Copy(dtype, shape, std::data(values));
}

template <typename T>
std::vector<T> Evaluate(const Graph& graph, std::vector<TensorPtr> inputs) {
  auto outputs = GraphEvaluator().Run(graph, inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.status().ToString();
  if (!outputs.ok()) return {};
  const TensorView& view = (*outputs)[0]->view();
  return {view.as<T>(), view.as<T>() + view.elements()};
}

std::string ErrorOf(TfliteTestModel& model) {
  auto graph = Import(model);
  EXPECT_FALSE(graph.ok());
  return graph.ok() ? "" : graph.status().ToString();
}

TEST(Tflite, KeepsNamesAndAppliesTheFusedActivation) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t a = model.Input(main, "a", TensorType::FLOAT32, {1, 3});
  const int32_t b = model.Input(main, "b", TensorType::FLOAT32, {1, 3});
  main.outputs = {model.Tensor(main, "sum", TensorType::FLOAT32, {1, 3})};
  model.Operator(
      main, fb::ADD, {a, b}, main.outputs, BuiltinOptions::AddOptions,
      tflite_fb::CreateAddOptions(model.builder, tflite_fb::ActivationFunctionType::RELU6).Union());
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  EXPECT_EQ(graph->inputs()[0]->name(), "a");
  EXPECT_EQ(graph->outputs()[0]->name(), "sum");
  EXPECT_THAT(Evaluate<float>(*graph, {Tensor(DType::kF32, {1, 3}, {1.F, 4.F, -5.F}),
                                       Tensor(DType::kF32, {1, 3}, {1.F, 4.F, 1.F})}),
              ElementsAre(2, 6, 0));
}

TEST(Tflite, ConvolvesWithSamePadding) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t x = model.Input(main, "x", TensorType::FLOAT32, {1, 3, 3, 1});
  const int32_t w = model.Tensor(main, "w", TensorType::FLOAT32, {1, 3, 3, 1},
                                 model.Buffer({1.F, 1.F, 1.F, 1.F, 1.F, 1.F, 1.F, 1.F, 1.F}));
  const int32_t b = model.Tensor(main, "b", TensorType::FLOAT32, {1}, model.Buffer({10.F}));
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {1, 2, 2, 1})};
  model.Operator(main, fb::CONV_2D, {x, w, b}, main.outputs, BuiltinOptions::Conv2DOptions,
                 tflite_fb::CreateConv2DOptions(model.builder, tflite_fb::Padding::SAME, 2, 2).Union());
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  // Windows of the corners of 1 … 9.
  EXPECT_THAT(Evaluate<float>(
                  *graph, {Tensor(DType::kF32, {1, 3, 3, 1}, {1.F, 2.F, 3.F, 4.F, 5.F, 6.F, 7.F, 8.F, 9.F})}),
              ElementsAre(10 + 1 + 2 + 4 + 5, 10 + 2 + 3 + 5 + 6, 10 + 4 + 5 + 7 + 8, 10 + 5 + 6 + 8 + 9));
}

// A 2x4 matrix in 1x2 blocks: rows dense, block columns sparse.
flatbuffers::Offset<tflite_fb::SparsityParameters> BlockSparsity(TfliteTestModel& model, int32_t columns,
                                                                 int32_t last) {
  auto& builder = model.builder;
  const std::vector<int32_t> order = {0, 1, 2}, block_map = {1}, segments = {0, 1, 2}, indices = {1, last};
  const auto fb_segments = tflite_fb::CreateInt32VectorDirect(builder, &segments);
  const auto fb_indices = tflite_fb::CreateInt32VectorDirect(builder, &indices);
  const std::vector<flatbuffers::Offset<tflite_fb::DimensionMetadata>> dims = {
      tflite_fb::CreateDimensionMetadata(builder, tflite_fb::DimensionType::DENSE, 2),
      tflite_fb::CreateDimensionMetadata(builder, tflite_fb::DimensionType::SPARSE_CSR, 0,
                                         tflite_fb::SparseIndexVector::Int32Vector, fb_segments.Union(),
                                         tflite_fb::SparseIndexVector::Int32Vector, fb_indices.Union()),
      tflite_fb::CreateDimensionMetadata(builder, tflite_fb::DimensionType::DENSE, columns)};
  return tflite_fb::CreateSparsityParametersDirect(builder, &order, &block_map, &dims);
}

void AddDensify(TfliteTestModel& model, const std::vector<int32_t>& shape,
                flatbuffers::Offset<tflite_fb::SparsityParameters> sparsity) {
  auto& main = model.AddSubgraph();
  const int32_t sparse = model.Tensor(main, "sparse", TensorType::FLOAT32, shape,
                                      model.Buffer({1.F, 2.F, 3.F, 4.F}), {}, sparsity);
  const int32_t dense = model.Tensor(main, "dense", TensorType::FLOAT32, shape);
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, shape)};
  model.Operator(main, fb::DENSIFY, {sparse}, {dense});
  model.Operator(main, fb::NEG, {dense}, main.outputs);
}

TEST(Tflite, ExpandsSparseConstants) {
  TfliteTestModel model;
  AddDensify(model, {2, 4}, BlockSparsity(model, 2, 0));
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  EXPECT_THAT(Evaluate<float>(*graph, {}), ElementsAre(0, 0, -1, -2, -3, -4, 0, 0));
}

TEST(Tflite, RefusesSparseConstantsThatLie) {
  TfliteTestModel outside;
  AddDensify(outside, {2, 4}, BlockSparsity(outside, 2, 2));
  EXPECT_THAT(ErrorOf(outside), HasSubstr("an index lies outside"));
  TfliteTestModel uneven;
  AddDensify(uneven, {2, 4}, BlockSparsity(uneven, 3, 0));
  EXPECT_THAT(ErrorOf(uneven), HasSubstr("blocks do not divide"));
  TfliteTestModel bomb;
  AddDensify(bomb, {1 << 15, 1 << 15}, BlockSparsity(bomb, 2, 0));
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("when expanded"));
}

TEST(Tflite, MakesQuantizationExplicit) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t x = model.Input(main, "x", TensorType::UINT8, {2}, {{0.5F}, {10}});
  const int32_t w =
      model.Tensor(main, "w", TensorType::INT8, {2}, model.Buffer<int8_t>({3, -4}), {{2.F}, {1}});
  main.outputs = {model.Tensor(main, "y", TensorType::UINT8, {2}, 0, {{1.F}, {100}})};
  model.Operator(main, fb::MUL, {x, w}, main.outputs);
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  EXPECT_EQ(graph->outputs()[0]->producer()->op_name(), "QuantizeLinear");
  EXPECT_EQ(graph->outputs()[0]->name(), "y");
  // (14 - 10) / 2 * (3 - 1) * 2 = 8; (30 - 10) / 2 * (-4 - 1) * 2 = -100.
  EXPECT_THAT(Evaluate<uint8_t>(*graph, {Tensor<uint8_t>(DType::kU8, {2}, {14, 30})}), ElementsAre(108, 0));
}

// x doubled while it is below a limit.
TEST(Tflite, ImportsWhileAsLoop) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t x = model.Input(main, "x", TensorType::FLOAT32, {1});
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {1})};
  model.Operator(main, fb::WHILE, {x}, main.outputs, BuiltinOptions::WhileOptions,
                 tflite_fb::CreateWhileOptions(model.builder, 1, 2).Union());
  auto& cond = model.AddSubgraph();
  const int32_t cx = model.Input(cond, "cx", TensorType::FLOAT32, {1});
  const int32_t limit = model.Tensor(cond, "limit", TensorType::FLOAT32, {1}, model.Buffer({50.F}));
  cond.outputs = {model.Tensor(cond, "less", TensorType::BOOL, {1})};
  model.Operator(cond, fb::LESS, {cx, limit}, cond.outputs);
  auto& body = model.AddSubgraph();
  const int32_t bx = model.Input(body, "bx", TensorType::FLOAT32, {1});
  body.outputs = {model.Tensor(body, "twice", TensorType::FLOAT32, {1})};
  model.Operator(body, fb::ADD, {bx, bx}, body.outputs);
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  EXPECT_THAT(Evaluate<float>(*graph, {Tensor(DType::kF32, {1}, {3.F})}), ElementsAre(96));
  EXPECT_THAT(Evaluate<float>(*graph, {Tensor(DType::kF32, {1}, {60.F})}), ElementsAre(60));
}

TEST(Tflite, ImportsIf) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t c = model.Input(main, "c", TensorType::BOOL, {1});
  const int32_t x = model.Input(main, "x", TensorType::FLOAT32, {1});
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {1})};
  model.Operator(main, fb::IF, {c, x}, main.outputs, BuiltinOptions::IfOptions,
                 tflite_fb::CreateIfOptions(model.builder, 1, 2).Union());
  for (const fb op : {fb::NEG, fb::ABS}) {
    auto& branch = model.AddSubgraph();
    const int32_t in = model.Input(branch, "in", TensorType::FLOAT32, {1});
    branch.outputs = {model.Tensor(branch, "out", TensorType::FLOAT32, {1})};
    model.Operator(branch, op, {in}, branch.outputs);
  }
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  const auto run = [&](uint8_t condition) {
    return Evaluate<float>(*graph,
                           {Tensor(DType::kBool, {1}, {condition}), Tensor(DType::kF32, {1}, {-2.F})});
  };
  EXPECT_THAT(run(1), ElementsAre(2));
  EXPECT_THAT(run(0), ElementsAre(2));
}

TEST(Tflite, VariablesBecomeStates) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const auto handle = [&](TfliteTestModel::Subgraph& subgraph) {
    const int32_t h = model.Tensor(subgraph, "handle", TensorType::RESOURCE, {});
    model.Operator(subgraph, fb::VAR_HANDLE, {}, {h}, BuiltinOptions::VarHandleOptions,
                   tflite_fb::CreateVarHandleOptionsDirect(model.builder, "", "total").Union());
    return h;
  };
  const int32_t x = model.Input(main, "x", TensorType::FLOAT32, {1});
  model.Operator(main, fb::CALL_ONCE, {}, {}, BuiltinOptions::CallOnceOptions,
                 tflite_fb::CreateCallOnceOptions(model.builder, 1).Union());
  const int32_t h = handle(main);
  const int32_t old = model.Tensor(main, "old", TensorType::FLOAT32, {1});
  main.outputs = {model.Tensor(main, "sum", TensorType::FLOAT32, {1})};
  model.Operator(main, fb::READ_VARIABLE, {h}, {old});
  model.Operator(main, fb::ADD, {old, x}, main.outputs);
  model.Operator(main, fb::ASSIGN_VARIABLE, {h, main.outputs[0]}, {});
  auto& init = model.AddSubgraph();
  const int32_t seven = model.Tensor(init, "seven", TensorType::FLOAT32, {1}, model.Buffer({7.F}));
  const int32_t init_handle = handle(init);
  model.Operator(init, fb::ASSIGN_VARIABLE, {init_handle, seven}, {});
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  ASSERT_EQ(graph->states.size(), 1U);
  const State& state = graph->states[0];
  EXPECT_EQ(state.name, "total");
  EXPECT_EQ(state.output, graph->outputs()[0]);
  ASSERT_NE(state.initial, nullptr);
  EXPECT_EQ(*state.initial->view().as<float>(), 7.F);
}

// With no weights but biases, the gates are what the biases say: c' = sigmoid(f) c + sigmoid(i) tanh(g),
// h' = sigmoid(o) tanh(c').
TEST(Tflite, LstmGatesAndStates) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t x = model.Input(main, "x", TensorType::FLOAT32, {1, 1, 1});
  const auto weight = [&](const std::vector<int32_t>& shape, float value) {
    return model.Tensor(main, "w", TensorType::FLOAT32, shape, model.Buffer({value}));
  };
  std::vector<int32_t> inputs = {x};
  for (int i = 0; i < 8; ++i) inputs.push_back(weight({1, 1}, 0));
  inputs.insert(inputs.end(), 3, -1);
  for (const float bias : {0.1F, -0.7F, 1.3F, 0.4F}) inputs.push_back(weight({1}, bias));  // i, f, g, o
  inputs.insert(inputs.end(), 2, -1);
  for (const char* name : {"h", "c"}) {
    inputs.push_back(model.Tensor(main, name, TensorType::FLOAT32, {1, 1}, 0, {}, 0, {}, true));
  }
  inputs.insert(inputs.end(), 4, -1);
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {1, 1, 1})};
  model.Operator(main, fb::UNIDIRECTIONAL_SEQUENCE_LSTM, inputs, main.outputs,
                 BuiltinOptions::UnidirectionalSequenceLSTMOptions,
                 tflite_fb::CreateUnidirectionalSequenceLSTMOptions(model.builder,
                                                                    tflite_fb::ActivationFunctionType::TANH)
                     .Union());
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  ASSERT_EQ(graph->states.size(), 2U);
  EXPECT_EQ(graph->states[0].name, "h");
  EXPECT_EQ(graph->states[1].name, "c");
  const double c0 = 0.5;
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  const double c1 = sigmoid(-0.7) * c0 + sigmoid(0.1) * std::tanh(1.3);
  const auto y =
      Evaluate<float>(*graph, {Tensor(DType::kF32, {1, 1, 1}, {9.F}), Tensor(DType::kF32, {1, 1}, {0.F}),
                               Tensor(DType::kF32, {1, 1}, {0.5F})});
  ASSERT_EQ(y.size(), 1U);
  EXPECT_NEAR(y[0], sigmoid(0.4) * std::tanh(c1), 1e-6);
}

// Two filters of two steps for one unit.
TEST(Tflite, SvdfFiltersOverTime) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t x = model.Input(main, "x", TensorType::FLOAT32, {1, 1});
  const int32_t features = model.Tensor(main, "f", TensorType::FLOAT32, {2, 1}, model.Buffer({1.F, 10.F}));
  const int32_t time =
      model.Tensor(main, "t", TensorType::FLOAT32, {2, 2}, model.Buffer({2.F, 3.F, 4.F, 5.F}));
  const int32_t state = model.Tensor(main, "s", TensorType::FLOAT32, {1, 4}, 0, {}, 0, {}, true);
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {1, 1})};
  model.Operator(main, fb::SVDF, {x, features, time, -1, state}, main.outputs, BuiltinOptions::SVDFOptions,
                 tflite_fb::CreateSVDFOptions(model.builder, 2).Union());
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  // The state's newest steps 6 and 7 become the oldest; 2 and 20 come in.
  EXPECT_THAT(Evaluate<float>(*graph, {Tensor(DType::kF32, {1, 1}, {2.F}),
                                       Tensor(DType::kF32, {1, 4}, {0.F, 6.F, 0.F, 7.F})}),
              ElementsAre(6 * 2 + 2 * 3 + 7 * 4 + 20 * 5));
}

// Options as MediaPipe writes them, in a FlexBuffers map.
TEST(Tflite, MediapipeTransformsAroundLandmarks) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t points = model.Input(main, "points", TensorType::FLOAT32, {1, 4, 3});
  main.outputs = {model.Tensor(main, "matrix", TensorType::FLOAT32, {1, 4, 4})};
  flexbuffers::Builder options;
  options.Map([&] {
    options.Int("left_rotation_idx", 0);
    options.Int("right_rotation_idx", 1);
    options.Int("output_width", 8);
    options.Int("output_height", 4);
    options.Float("scale_x", 1.5F);
    options.Float("scale_y", 2.F);
    options.Int("target_rotation_radians", 0);
    options.TypedVector("subset_idxs", [&] {
      for (int i = 0; i < 4; ++i) options.Int(i);
    });
  });
  options.Finish();
  model.Operator(main, fb::CUSTOM, {points}, main.outputs, BuiltinOptions::NONE, 0,
                 "Landmarks2TransformMatrix", 2, options.GetBuffer());
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  // The line from 0 to 1 points down, so the frame is turned by a quarter: a box 4 wide (along y) and 2 high.
  const auto m = Evaluate<float>(
      *graph,
      {Tensor(DType::kF32, {1, 4, 3}, {10.F, 20.F, 0.F, 10.F, 24.F, 0.F, 9.F, 22.F, 0.F, 11.F, 22.F, 0.F})});
  ASSERT_EQ(m.size(), 16U);
  const auto place = [&](float x, float y) {
    return std::pair(m[0] * x + m[1] * y + m[3], m[4] * x + m[5] * y + m[7]);
  };
  const auto [center_x, center_y] = place(4, 2);
  EXPECT_NEAR(center_x, 10, 1e-5);
  EXPECT_NEAR(center_y, 22, 1e-5);
  // A step to the right in the picture is a step down, 4 * 1.5 / 8 long; one down is one to the left, 2 * 2
  // / 4.
  const auto [right_x, right_y] = place(5, 2);
  EXPECT_NEAR(right_x - center_x, 0, 1e-5);
  EXPECT_NEAR(right_y - center_y, 0.75, 1e-5);
  const auto [down_x, down_y] = place(4, 3);
  EXPECT_NEAR(down_x - center_x, -1, 1e-5);
  EXPECT_NEAR(down_y - center_y, 0, 1e-5);
}

TEST(Tflite, MediapipeSamplesThroughATransform) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t image = model.Input(main, "image", TensorType::FLOAT32, {1, 2, 3, 1});
  // One pixel to the right and half a pixel down.
  const int32_t matrix = model.Tensor(
      main, "m", TensorType::FLOAT32, {1, 4, 4},
      model.Buffer({1.F, 0.F, 0.F, 1.F, 0.F, 1.F, 0.F, 0.5F, 0.F, 0.F, 1.F, 0.F, 0.F, 0.F, 0.F, 1.F}));
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {1, 2, 3, 1})};
  flexbuffers::Builder options;
  options.Map([&] {
    options.Int("output_height", 2);
    options.Int("output_width", 3);
  });
  options.Finish();
  model.Operator(main, fb::CUSTOM, {image, matrix}, main.outputs, BuiltinOptions::NONE, 0,
                 "TransformTensorBilinear", 2, options.GetBuffer());
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  EXPECT_THAT(Evaluate<float>(*graph, {Tensor(DType::kF32, {1, 2, 3, 1}, {1.F, 2.F, 3.F, 5.F, 7.F, 9.F})}),
              ElementsAre(4.5F, 6, 0, 0, 0, 0));
}

TEST(Tflite, SlicesWithMasks) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t x = model.Input(main, "x", TensorType::FLOAT32, {2, 3});
  const int32_t begin = model.Tensor(main, "begin", TensorType::INT32, {2}, model.Buffer<int32_t>({-1, 2}));
  const int32_t end = model.Tensor(main, "end", TensorType::INT32, {2}, model.Buffer<int32_t>({0, 0}));
  const int32_t steps = model.Tensor(main, "steps", TensorType::INT32, {2}, model.Buffer<int32_t>({1, -2}));
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {2})};
  // x[-1, 2::-2]
  model.Operator(main, fb::STRIDED_SLICE, {x, begin, end, steps}, main.outputs,
                 BuiltinOptions::StridedSliceOptions,
                 tflite_fb::CreateStridedSliceOptions(model.builder, 0, 2, 0, 0, 1).Union());
  const auto graph = MustImport(model);
  ASSERT_NE(graph, nullptr);
  EXPECT_THAT(Evaluate<float>(*graph, {Tensor(DType::kF32, {2, 3}, {1.F, 2.F, 3.F, 4.F, 5.F, 6.F})}),
              ElementsAre(6, 4));
}

TEST(Tflite, ListsAllThatIsUnsupported) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t x = model.Input(main, "x", TensorType::FLOAT32, {2});
  const int32_t a = model.Tensor(main, "a", TensorType::FLOAT32, {2});
  const int32_t b = model.Tensor(main, "b", TensorType::FLOAT32, {2});
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {2})};
  model.Operator(main, fb::CUSTOM, {x}, {a}, BuiltinOptions::NONE, 0, "MyOwn");
  model.Operator(main, fb::CUSTOM, {a}, {b}, BuiltinOptions::NONE, 0, "MyOwn");
  model.Operator(main, fb::RFFT2D, {b}, main.outputs);
  const std::string error = ErrorOf(model);
  EXPECT_THAT(error, HasSubstr("CUSTOM:MyOwn (version 1), 2 times: at 'a', 'b'"));
  EXPECT_THAT(error, HasSubstr("RFFT2D (version 1), 1 time: at 'y'"));
}

TEST(Tflite, RefusesSubgraphsThatCallThemselves) {
  TfliteTestModel model;
  for (const int32_t next : {1, 0}) {
    auto& graph = model.AddSubgraph();
    const int32_t c = model.Input(graph, "c", TensorType::BOOL, {1});
    graph.outputs = {model.Tensor(graph, "y", TensorType::BOOL, {1})};
    model.Operator(graph, fb::IF, {c, c}, graph.outputs, BuiltinOptions::IfOptions,
                   tflite_fb::CreateIfOptions(model.builder, next, next).Union());
  }
  EXPECT_THAT(ErrorOf(model), HasSubstr("calls itself"));
}

// Each subgraph calls the next one twice: 2^30 operators if it were followed.
TEST(Tflite, RefusesSubgraphsThatUnfoldWithoutBound) {
  TfliteTestModel model;
  for (int32_t i = 0; i < 30; ++i) {
    auto& graph = model.AddSubgraph();
    const int32_t c = model.Input(graph, "c", TensorType::BOOL, {1});
    graph.outputs = {model.Tensor(graph, "y", TensorType::BOOL, {1})};
    if (i == 29) {
      model.Operator(graph, fb::LOGICAL_NOT, {c}, graph.outputs);
    } else {
      model.Operator(graph, fb::IF, {c, c}, graph.outputs, BuiltinOptions::IfOptions,
                     tflite_fb::CreateIfOptions(model.builder, i + 1, i + 1).Union());
    }
  }
  EXPECT_THAT(ErrorOf(model), HasSubstr("more than 496 operators"));
}

TEST(Tflite, RefusesTensorsThatLie) {
  struct Case {
    std::vector<int32_t> shape;
    uint32_t buffer;
    const char* message;
  };
  for (const Case& test :
       {Case{{2}, 0, "read before it is computed"}, Case{{2}, 77, "refers to buffer 77"},
        Case{{3}, 1, "needs 12 bytes"}, Case{{1 << 30, 1 << 30, 1 << 30}, 1, "not that of a tensor"},
        Case{{-5}, 1, "not that of a tensor"}, Case{{1, 1, 1, 1, 1, 1, 1, 1, 2}, 1, "9 dimensions"}}) {
    TfliteTestModel model;
    auto& main = model.AddSubgraph();
    model.Buffer({1.F, 2.F});
    const int32_t x = model.Tensor(main, "x", TensorType::FLOAT32, test.shape, test.buffer);
    main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {2})};
    model.Operator(main, fb::NEG, {x}, main.outputs);
    const std::string error = ErrorOf(model);
    EXPECT_THAT(error, HasSubstr(test.message));
  }
  TfliteTestModel outside;
  auto& main = outside.AddSubgraph();
  main.outputs = {outside.Tensor(main, "y", TensorType::FLOAT32, {2})};
  outside.Operator(main, fb::NEG, {44}, main.outputs);
  EXPECT_THAT(ErrorOf(outside), HasSubstr("refers to tensor 44"));
}

TEST(Tflite, RefusesBytesThatAreNoModel) {
  TfliteTestModel model;
  auto& main = model.AddSubgraph();
  const int32_t x = model.Input(main, "x", TensorType::FLOAT32, {2});
  main.outputs = {model.Tensor(main, "y", TensorType::FLOAT32, {2})};
  model.Operator(main, fb::NEG, {x}, main.outputs);
  const auto bytes = model.Finish();
  ASSERT_TRUE(ImportTfliteBytes(bytes, nullptr, "whole").ok());
  // A FlatBuffer grows from its end to its start, so a cut one always lacks something.
  for (size_t size = 0; size < bytes.size(); size += 3) {
    EXPECT_FALSE(ImportTfliteBytes(std::span(bytes).first(size), nullptr, "cut").ok()) << size;
  }
}

}  // namespace
}  // namespace whet
