#include "whet/whet.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "api/testing.h"
#include "base/isa.h"
#include "ir/builder.h"
#include "ir/evaluate.h"
#include "model_file/model_file.h"

namespace {

std::atomic<long> allocations{0};

void* AllocateOrNull(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}
void* Allocate(size_t size) {
  void* memory = AllocateOrNull(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Every allocation of C++ code in this program is counted; also those that do not throw, of which the
// sanitizers have their own.
void* operator new(size_t size) { return Allocate(size); }
void* operator new[](size_t size) { return Allocate(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return AllocateOrNull(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return AllocateOrNull(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace {

// A small net with what makes plans interesting: a residual, a concatenation, a pool, a product.
std::unique_ptr<whet::Graph> SmallNet() {
  auto graph = std::make_unique<whet::Graph>("small");
  whet::Value* x =
      graph->AddInput("image", whet::Type(whet::DType::kF32, {1, whet::Dim::Symbol("H", 1, 64), 16, 8}));
  whet::GraphBuilder b(*graph);
  const whet::Attributes same = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  whet::Value* c1 =
      b.Emit("Relu", {b.Emit("Conv", {x, b.Const(whet::RandomTensor({8, 3, 3, 8}, 1), "w1")}, same)});
  whet::Value* c2 = b.Emit("Conv", {c1, b.Const(whet::RandomTensor({8, 3, 3, 8}, 2), "w2")}, same);
  whet::Value* sum = b.Emit("Relu", {b.Emit("Add", {c2, x})});
  whet::Value* both = b.Emit("Concat", {sum, c1}, {{"axis", int64_t{3}}});
  whet::Value* pooled = b.Emit("GlobalAveragePool", {both});
  whet::Value* flat = b.Emit("Reshape", {pooled, b.Ints({1, 16})});
  whet::Value* y =
      b.Emit("Softmax", {b.Emit("MatMul", {flat, b.Const(whet::RandomTensor({16, 5}, 3), "w3")})});
  EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
  graph->Rename(y, "probabilities");
  graph->AddOutput(y);
  graph->metadata["labels"] = "a\nb\nc\nd\ne";
  return graph;
}

// A counter: state += step.
std::unique_ptr<whet::Graph> Counter() {
  auto graph = std::make_unique<whet::Graph>("counter");
  whet::Value* step = graph->AddInput("step", whet::Type(whet::DType::kF32, {2}));
  whet::Value* total = graph->AddInput("total", whet::Type(whet::DType::kF32, {2}));
  whet::GraphBuilder b(*graph);
  whet::Value* next = b.Emit("Add", {step, total});
  whet::Value* y = b.Emit("Mul", {next, b.Scalar(1)});
  graph->AddOutput(y);
  graph->states.push_back({"total", total, next, nullptr});
  return graph;
}

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("whet_api_test." + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Save(const whet::Graph& graph) {
    const std::string path = folder_ / (graph.name() + ".whet");
    EXPECT_TRUE(whet::SaveModel(graph, path).ok());
    return path;
  }

  std::filesystem::path folder_;
};

const std::vector<whet::api::Binding> kTall = {{"image", {1, 16, 16, 8}, nullptr}};

void Fill(const whet_tensor& input) {
  const auto image = whet::RandomTensor({static_cast<int64_t>(input.bytes / 4)}, 7);
  std::memcpy(input.data, image->view().data, input.bytes);
}

TEST_F(ApiTest, TellsWhatAModelTakesAndGives) {
  const whet::api::Model model = whet::api::Model::Open(Save(*SmallNet()));
  ASSERT_EQ(model.input_count(), 1u);
  EXPECT_STREQ(model.input(0).name, "image");
  EXPECT_EQ(model.input(0).rank, 4);
  EXPECT_EQ(model.input(0).dims[1], -1);
  EXPECT_EQ(model.input(0).dims[3], 8);
  EXPECT_STREQ(model.output(0).name, "probabilities");
  EXPECT_EQ(model.metadata("labels"), "a\nb\nc\nd\ne");
  EXPECT_EQ(model.metadata("nothing"), "");
}

TEST_F(ApiTest, AnswersAsTheReferencesDoOnEveryInstructionSetAndThreadCount) {
  const auto graph = SmallNet();
  const whet::api::Model model = whet::api::Model::Open(Save(*graph));
  const auto image = whet::RandomTensor({1, 16, 16, 8}, 7);
  auto expected = whet::GraphEvaluator().Run(*graph, std::vector<whet::TensorPtr>{image});
  ASSERT_TRUE(expected.ok()) << expected.status().ToString();
  for (const char* isa : {"portable", "avx2", "avx512", "avx512-vnni"}) {
    whet::Isa parsed;
    ASSERT_TRUE(whet::IsaFromName(isa, &parsed));
    if (!whet::IsaSupported(parsed)) continue;
    for (int threads : {1, 2, 3}) {
      whet::api::Options options;
      options.isa = isa;
      options.threads = threads;
      whet::api::Session session(model, options, kTall);
      Fill(session.input(0));
      session.Run();
      const auto* y = static_cast<const float*>(session.output(0).data);
      for (int i = 0; i < 5; ++i)
        EXPECT_NEAR(y[i], (*expected)[0]->view().as<float>()[i], 1e-5) << isa << ' ' << threads;
    }
  }
}

TEST_F(ApiTest, RunsWithoutAllocating) {
  const whet::api::Model model = whet::api::Model::Open(Save(*SmallNet()));
  whet::api::Options options;
  options.threads = 2;
  whet::api::Session session(model, options, kTall);
  for (const whet_step& step : session.steps()) EXPECT_EQ(step.reference, 0) << step.op;
  Fill(session.input(0));
  const long before = allocations.load();
  for (int i = 0; i < 10; ++i) session.Run();
  EXPECT_EQ(allocations.load() - before, 0);
}

TEST_F(ApiTest, SessionsOfOneModelRunAtOnceAndShareWeights) {
  const whet::api::Model model = whet::api::Model::Open(Save(*SmallNet()));
  std::vector<float> results[4];
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&model, &result] {
      whet::api::Session session(model, whet::api::Options(), kTall);
      Fill(session.input(0));
      for (int i = 0; i < 50; ++i) session.Run();
      const auto* y = static_cast<const float*>(session.output(0).data);
      result.assign(y, y + 5);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
}

TEST_F(ApiTest, UsesMemoryThatIsBound) {
  const whet::api::Model model = whet::api::Model::Open(Save(*SmallNet()));
  whet::api::Session session(model, whet::api::Options(), kTall);
  Fill(session.input(0));
  session.Run();
  const auto* own = static_cast<const float*>(session.output(0).data);
  const std::vector<float> expected(own, own + 5);

  alignas(WHET_ALIGNMENT) static float in[16 * 16 * 8 + WHET_SLACK / 4];
  alignas(WHET_ALIGNMENT) static float out[5];
  session.BindInput(0, in, 16 * 16 * 8 * 4);
  session.BindOutput(0, out, sizeof(out));
  EXPECT_EQ(session.input(0).data, in);
  Fill(session.input(0));
  session.Run();
  EXPECT_EQ(std::vector<float>(out, out + 5), expected);

  EXPECT_THROW(session.BindInput(0, in, 100), whet::api::Error);
  EXPECT_THROW(session.BindInput(0, in + 1, sizeof(in) - 4), whet::api::Error);
  EXPECT_THROW(session.BindInput(1, in, sizeof(in)), whet::api::Error);
}

TEST_F(ApiTest, TakesOtherShapesAndComesBack) {
  const whet::api::Model model = whet::api::Model::Open(Save(*SmallNet()));
  whet::api::Session session(model, whet::api::Options(), kTall);
  const uint64_t tall = session.memory_bytes();
  session.Reshape({{"image", {1, 4, 16, 8}, nullptr}});
  EXPECT_EQ(session.input(0).dims[1], 4);
  EXPECT_LT(session.memory_bytes(), tall);
  session.Run();
  session.Reshape(kTall);
  EXPECT_EQ(session.memory_bytes(), tall);
}

TEST_F(ApiTest, KeepsStatesFromRunToRunUntilTheyAreReset) {
  const whet::api::Model model = whet::api::Model::Open(Save(*Counter()));
  EXPECT_EQ(model.input_count(), 1u);
  whet::api::Session session(model);
  auto* step = static_cast<float*>(session.input(0).data);
  step[0] = 1;
  step[1] = 10;
  for (int i = 0; i < 3; ++i) session.Run();
  const auto* total = static_cast<const float*>(session.output(0).data);
  EXPECT_EQ(total[0], 3);
  EXPECT_EQ(total[1], 30);
  session.ResetStates();
  session.Run();
  EXPECT_EQ(total[0], 1);
}

TEST_F(ApiTest, APlanOnDiskRunsLikeTheModelItCameFrom) {
  const whet::api::Model model = whet::api::Model::Open(Save(*SmallNet()));
  whet::api::Session session(model, whet::api::Options(), kTall);
  Fill(session.input(0));
  session.Run();
  const std::string path = folder_ / "small.plan";
  session.SavePlan(path);
  const whet::api::Model plan = whet::api::Model::OpenPlan(path);
  whet::api::Session again(plan);
  Fill(again.input(0));
  again.Run();
  EXPECT_EQ(std::memcmp(again.output(0).data, session.output(0).data, 20), 0);

  // Cut short anywhere, or with a byte changed in its index, it is refused.
  std::FILE* file = std::fopen(path.c_str(), "r+b");
  ASSERT_NE(file, nullptr);
  std::fseek(file, 200, SEEK_SET);
  std::fputc(0x5a, file);
  std::fclose(file);
  EXPECT_THROW(whet::api::Model::OpenPlan(path), whet::api::Error);
  std::filesystem::resize_file(path, 100);
  EXPECT_THROW(whet::api::Model::OpenPlan(path), whet::api::Error);
}

TEST_F(ApiTest, MistakesAreErrorsThatSayWhatToDo) {
  const whet::api::Model model = whet::api::Model::Open(Save(*SmallNet()));
  const auto message = [&](const whet::api::Options& options,
                           const std::vector<whet::api::Binding>& bindings) -> std::string {
    try {
      whet::api::Session session(model, options, bindings);
    } catch (const whet::api::Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message({}, {}).find("input 'image'"), std::string::npos);
  EXPECT_NE(message({}, {{"picture", {1}, nullptr}}).find("no input 'picture'"), std::string::npos);
  EXPECT_NE(message({}, {{"image", {1, 16, 16, 9}, nullptr}}).find("does not fit"), std::string::npos);
  EXPECT_NE(message({}, {{"image", {1, 65, 16, 8}, nullptr}}).find("does not fit"), std::string::npos);
  whet::api::Options small;
  small.memory_limit = 1000;
  EXPECT_NE(message(small, kTall).find("limited to 1000"), std::string::npos);
  whet::api::Options wrong;
  wrong.isa = "sse9";
  EXPECT_NE(message(wrong, kTall).find("sse9"), std::string::npos);
  EXPECT_THROW(whet::api::Model::Open("/nonexistent.whet"), whet::api::Error);
}

// What is above 0.5, and where.
std::unique_ptr<whet::Graph> Finder() {
  auto graph = std::make_unique<whet::Graph>("finder");
  whet::Value* x = graph->AddInput("x", whet::Type(whet::DType::kF32, {whet::Dim::Symbol("N", 1, 64)}));
  whet::GraphBuilder b(*graph);
  whet::Value* scaled = b.Emit("Mul", {x, b.Scalar(2)});
  whet::Value* where = b.Emit("NonZero", {b.Emit("Greater", {scaled, b.Scalar(1)})});
  EXPECT_TRUE(b.ok()) << b.TakeStatus().ToString();
  graph->Rename(where, "where");
  graph->Rename(scaled, "scaled");
  graph->AddOutput(where);
  graph->AddOutput(scaled);
  return graph;
}

TEST_F(ApiTest, RunsModelsWhoseShapesDependOnData) {
  const whet::api::Model model = whet::api::Model::Open(Save(*Finder()));
  whet::api::Session session(model, whet::api::Options(), {{"x", {4}, nullptr}});
  ASSERT_EQ(session.input_count(), 1u);
  ASSERT_EQ(session.output_count(), 2u);
  EXPECT_STREQ(session.output(0).name, "where");
  EXPECT_EQ(session.output(0).rank, -1);
  EXPECT_EQ(session.output(0).data, nullptr);
  const auto find = [&](std::vector<float> values) {
    EXPECT_EQ(session.input(0).bytes, values.size() * sizeof(float));
    std::memcpy(session.input(0).data, values.data(), session.input(0).bytes);
    session.Run();
    const whet_tensor where = session.output(0);
    EXPECT_EQ(where.dtype, WHET_I64);
    EXPECT_EQ(where.rank, 2);
    const auto* first = static_cast<const int64_t*>(where.data);
    return std::vector<int64_t>(first, first + where.dims[1]);
  };
  EXPECT_EQ(find({1, 0, 0.75F, 0.25F}), (std::vector<int64_t>{0, 2}));
  EXPECT_EQ(find({0, 0, 0, 0}), std::vector<int64_t>());
  EXPECT_EQ(find({0, 0, 0, 3}), std::vector<int64_t>{3});
  EXPECT_EQ(static_cast<const float*>(session.output(1).data)[3], 6);
  session.Reshape({{"x", {2}, nullptr}});
  EXPECT_EQ(find({0, 1}), std::vector<int64_t>{1});

  EXPECT_THROW(session.output(2), whet::api::Error);
  EXPECT_THROW(session.input(1), whet::api::Error);
  alignas(WHET_ALIGNMENT) float memory[32] = {};
  EXPECT_THROW(session.BindInput(0, memory, 8), whet::api::Error);
  EXPECT_THROW(session.BindOutput(0, memory, 8), whet::api::Error);
  EXPECT_THROW(session.SavePlan((folder_ / "a.plan").string()), whet::api::Error);
  session.EnableProfile(true);
  session.Run();
  session.ResetStates();
  EXPECT_GT(session.memory_bytes(), 0u);
  EXPECT_GT(session.steps().size(), 0u);
}

}  // namespace
