// Plans that lie: what a damaged or hostile plan file can say is refused before anything of it runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "api/executor.h"
#include "compile/compiler.h"
#include "ir/check_reference.h"
#include "ir/text.h"
#include "plan/format.h"
#include "runtime/session.h"

namespace whet {
namespace {

using testing::HasSubstr;

// A kernel, a reference with a constant input, a state.
Plan Example() {
  const auto graph = ParseText(R"(graph "example" {
    input %x f32[4,6]
    input %h f32[4,6]
    const %two i64[1] = [2]
    %n f32[4,6] = Add(%x, %h) @"n"
    %v f32[4,2], %i i64[4,2] = TopK(%n, %two) {axis = 1} @"top"
    state "h" = %h -> %n from f32[4,6] = hex:)" +
                               std::string(192, '0') + R"(
    output %v
    output %i
  })");
  if (!graph.ok()) return ADD_FAILURE() << graph.status().ToString(), Plan();
  const auto plan = Compile(**graph, {});
  if (!plan.ok()) return ADD_FAILURE() << plan.status().ToString(), Plan();
  return **plan;
}

SessionOptions Options() {
  SessionOptions options;
  options.find_reference = FindOperatorReference;
  options.check_reference = CheckReference;
  return options;
}

std::string ErrorOf(const Plan& plan, const SessionOptions& options = Options()) {
  const auto session = Session::Create(std::make_shared<const Plan>(plan), options);
  return session.ok() ? "runs" : session.status().ToString();
}

PlanStep& Reference(Plan& plan) {
  for (PlanStep& step : plan.steps) {
    if (step.kind == PlanStep::Kind::kReference) return step;
  }
  ADD_FAILURE() << "no step runs on a reference";
  return plan.steps[0];
}

TEST(HostilePlan, AsItWasMade) { EXPECT_EQ(ErrorOf(Example()), "runs"); }

TEST(HostilePlan, StatesOfImpossibleSizes) {
  // Rounded up to 64, the first would be nothing.
  for (const uint64_t bytes : {UINT64_MAX, UINT64_MAX / 2, uint64_t{1} << 50}) {
    Plan plan = Example();
    plan.states[0].next = plan.states[0].tensor;
    plan.states[0].initial = PlanStep::kAbsent;
    plan.tensors[plan.states[0].tensor].bytes = bytes;
    EXPECT_THAT(ErrorOf(plan), HasSubstr("impossible amount of memory"));
  }
  Plan plan = Example();
  plan.states[0].initial = plan.states[0].tensor;
  EXPECT_THAT(ErrorOf(plan), HasSubstr("state 0 of the plan"));
}

TEST(HostilePlan, MoreMemoryThanTheMachineHas) {
  Plan plan = Example();
  plan.arena_bytes = uint64_t{1} << 43;
  const auto session = Session::Create(std::make_shared<const Plan>(plan), Options());
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.status().code(), Code::kLimitExceeded);
  plan.arena_bytes = UINT64_MAX;
  EXPECT_THAT(ErrorOf(plan), HasSubstr("impossible amount of memory"));
}

TEST(HostilePlan, ReferencesOnOtherOperands) {
  const auto output = [](Plan& plan) -> PlanTensor& {
    const PlanStep& step = Reference(plan);
    return plan.tensors[step.operands[step.operands.size() - 2]];
  };
  Plan plan = Example();
  output(plan).dtype = DType::kU8;
  EXPECT_THAT(ErrorOf(plan), HasSubstr("output 0 is u8[4,2] but the operator gives f32[4,2]"));
  plan = Example();
  output(plan).shape = Shape{4, 1};
  output(plan).row_stride = 1;
  EXPECT_THAT(ErrorOf(plan), HasSubstr("output 0 is f32[4,1] but the operator gives f32[4,2]"));
  plan = Example();
  Reference(plan).row = "Conv";
  EXPECT_THAT(ErrorOf(plan), HasSubstr("Conv"));
  plan = Example();
  Reference(plan).row = "NoSuchOperator";
  EXPECT_THAT(ErrorOf(plan), HasSubstr("no reference of the operator"));
  plan = Example();
  Reference(plan).attributes.Set("axis", std::string("one"));
  EXPECT_THAT(ErrorOf(plan), HasSubstr("attribute 'axis' must be of kind int"));
  plan = Example();
  Reference(plan).operands.erase(Reference(plan).operands.begin());
  EXPECT_THAT(ErrorOf(plan), HasSubstr("has 1 inputs but the operator takes 2"));
}

TEST(HostilePlan, ReferencesWhoseShapesDependOnData) {
  // The number of values to choose is not one of the weights any more, so nobody knows it.
  Plan plan = Example();
  PlanStep& step = Reference(plan);
  PlanTensor number = plan.tensors[step.operands[1]];
  number.place = Place::kArena;
  number.offset = 0;
  plan.tensors.push_back(number);
  step.operands[1] = static_cast<uint32_t>(plan.tensors.size() - 1);
  const auto session = Session::Create(std::make_shared<const Plan>(plan), Options());
  ASSERT_FALSE(session.ok());
  EXPECT_EQ(session.status().code(), Code::kUnsupported);
}

TEST(HostilePlan, ReferencesThatWriteWhereTheyRead) {
  Plan plan = Example();
  PlanStep& step = Reference(plan);
  const PlanTensor& read = plan.tensors[step.operands[0]];
  PlanTensor written = plan.tensors[step.operands[2]];
  written.place = read.place;
  written.index = read.index;
  written.offset = read.offset + 4;
  step.operands[2] = static_cast<uint32_t>(plan.tensors.size());
  plan.tensors.push_back(written);
  EXPECT_THAT(ErrorOf(plan), HasSubstr("stands on another operand"));
  plan.tensors.back().place = Place::kWeights;
  plan.tensors.back().offset = 0;
  EXPECT_THAT(ErrorOf(plan), HasSubstr("an output stands among the weights"));
}

TEST(HostilePlan, KernelsThatWriteWeights) {
  const auto graph = ParseText(R"(graph "example" {
    input %x f32[3,1,2]
    const %w f32[1,4,2] = hex:)" +
                               std::string(64, '0') +
                               R"(
    const %r f32[1,4,1] = hex:)" +
                               std::string(32, '0') + R"(
    %y f32[3,1,1,1], %h f32[1,1,1], %c f32[1,1,1] = LSTM(%x, %w, %r) {hidden_size = 1} @"lstm"
    output %y
    output %h
    output %c
  })");
  ASSERT_TRUE(graph.ok()) << graph.status().ToString();
  const auto compiled = Compile(**graph, {});
  ASSERT_TRUE(compiled.ok()) << compiled.status().ToString();
  const auto is_lstm = [](const PlanStep& step) { return step.row.starts_with("lstm/"); };
  const size_t lstm =
      static_cast<size_t>(std::ranges::find_if((*compiled)->steps, is_lstm) - (*compiled)->steps.begin());
  ASSERT_LT(lstm, (*compiled)->steps.size());
  ASSERT_EQ(ErrorOf(**compiled), "runs");
  // Its first three operands are written, those after them only read.
  alignas(64) static const std::byte weights[4096] = {};
  for (size_t i = 0; i < (*compiled)->steps[lstm].operands.size(); ++i) {
    Plan plan = **compiled;
    uint32_t& operand = plan.steps[lstm].operands[i];
    if (operand == PlanStep::kAbsent) continue;
    PlanTensor moved = plan.tensors[operand];
    moved.place = Place::kWeights;
    moved.offset = 0;
    operand = static_cast<uint32_t>(plan.tensors.size());
    plan.tensors.push_back(moved);
    plan.weights = std::span(weights).first(sizeof(weights) - 64);
    EXPECT_THAT(ErrorOf(plan), i < 3 ? HasSubstr("an output stands among the weights") : HasSubstr("runs"))
        << i;
  }
}

TEST(HostilePlan, FilesThatAreNone) {
  alignas(64) static std::byte file[1024] = {};
  const auto error_of = [&](size_t bytes) { return ReadPlan({file, bytes}, nullptr).status().ToString(); };
  const auto index = std::span(file).subspan(sizeof(PlanFileHeader), 256);
  const PlanFileHeader good = MakePlanFileHeader(index, 64);
  const auto put = [&](const PlanFileHeader& header) { std::memcpy(file, &header, sizeof(header)); };
  EXPECT_THAT(error_of(3), HasSubstr("too short"));
  EXPECT_THAT(error_of(sizeof(file)), HasSubstr("not a Whet plan"));
  put(good);
  EXPECT_THAT(error_of(sizeof(file)), HasSubstr("is damaged"));  // zeros are no index
  EXPECT_THAT(error_of(sizeof(good) + 256), HasSubstr("cut short"));
  for (const uint64_t bytes : {UINT64_MAX, UINT64_MAX - 64, uint64_t{1} << 32}) {
    PlanFileHeader header = good;
    header.index_bytes = bytes;
    put(header);
    EXPECT_THAT(error_of(sizeof(file)), HasSubstr("cut short"));
    header = good;
    header.weights_bytes = bytes;
    put(header);
    EXPECT_THAT(error_of(sizeof(file)), HasSubstr("cut short"));
  }
  PlanFileHeader header = good;
  std::memset(header.maker, 'x', sizeof(header.maker));
  put(header);
  EXPECT_THAT(error_of(sizeof(file)), HasSubstr("was made by Whet xxx"));
}

}  // namespace
}  // namespace whet
