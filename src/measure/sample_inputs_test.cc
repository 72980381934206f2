// What samples of every kind become, and what is said of those that do not fit.
#include "measure/sample_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ir/text.h"
#include "measure/metrics/metric_testing.h"

namespace whet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::unique_ptr<Graph> Parse(std::string_view text) {
  auto graph = ParseText(text);
  EXPECT_TRUE(graph.ok()) << graph.status().ToString();
  return graph.ok() ? std::move(*graph) : nullptr;
}

std::unique_ptr<Graph> OneInput(const std::string& type) {
  return Parse("graph \"g\" {\n  input %x " + type + "\n  %y " + type +
               " = Abs(%x) @\"abs\"\n  output %y\n}\n");
}

SampleInputs InputsOf(const Graph& graph, SampleInputsOptions options = {}) {
  auto inputs = SampleInputs::Create(graph, std::move(options));
  EXPECT_TRUE(inputs.ok()) << inputs.status().ToString();
  return std::move(*inputs);
}

Sample ArraySample(DType dtype, const Shape& shape, const void* values, const std::string& name = "") {
  Sample sample;
  sample.name = "sample";
  auto array = data::Array::CopyOf({dtype, shape, const_cast<void*>(values)});
  EXPECT_TRUE(array.ok());
  sample.arrays.push_back({name, std::move(*array)});
  return sample;
}

std::string Refused(const SampleInputs& inputs, const Sample& sample) {
  const auto filled = inputs.Fill(sample);
  EXPECT_FALSE(filled.ok());
  return filled.ok() ? "" : filled.status().ToString();
}

TEST(SampleInputs, PreprocessesPictures) {
  const auto graph = OneInput("f32[N,1,1,2]");
  SampleInputsOptions options;
  options.image = *data::ImagePreprocess::Parse("order=grey,mean=10,scale=1/5,layout=nchw");
  Sample sample;
  sample.image = *data::Image::Create(2, 1, 1);
  sample.image->pixels = {20, 0};
  const auto filled = InputsOf(*graph, std::move(options)).Fill(sample);
  ASSERT_TRUE(filled.ok()) << filled.status().ToString();
  const TensorPtr& x = filled->tensors.at("x");
  EXPECT_EQ(x->shape(), (Shape{1, 1, 1, 2}));
  EXPECT_FLOAT_EQ(x->view().as<float>()[0], 2);
  EXPECT_FLOAT_EQ(x->view().as<float>()[1], -2);
  EXPECT_EQ(filled->placement.input_width, 2);
}

TEST(SampleInputs, GivesArraysTheBatchAndTheTypeThatTheModelHas) {
  const int16_t values[] = {1, -2, 3, 4};
  const auto filled = InputsOf(*OneInput("f32[N,2,2]")).Fill(ArraySample(DType::kI16, {2, 2}, values));
  ASSERT_TRUE(filled.ok()) << filled.status().ToString();
  const TensorPtr& x = filled->tensors.at("x");
  EXPECT_EQ(x->shape(), (Shape{1, 2, 2}));
  EXPECT_THAT(std::vector<float>(x->view().as<float>(), x->view().as<float>() + 4), ElementsAre(1, -2, 3, 4));
  // A grey picture without a dimension for its channel, in either layout.
  for (const char* type : {"f32[N,1,2,2]", "f32[N,2,2,1]"}) {
    EXPECT_TRUE(InputsOf(*OneInput(type)).Fill(ArraySample(DType::kI16, {2, 2}, values)).ok()) << type;
  }
  EXPECT_THAT(Refused(InputsOf(*OneInput("f32[N,3,2]")), ArraySample(DType::kI16, {2, 2}, values)),
              HasSubstr("shape 2x2 does not fit input 'x'"));
}

TEST(SampleInputs, FillsInputsByNameAndWithWhatIsFixed) {
  const auto graph = Parse(
      "graph \"g\" {\n  input %a f32[N,2]\n  input %b f32[1,2]\n  %y f32[N,2] = Add(%a, %b) @\"sum\"\n  "
      "output %y\n}\n");
  const float values[] = {1, 2};
  const SampleInputs open = InputsOf(*graph);
  EXPECT_THAT(Refused(open, ArraySample(DType::kF32, {2}, values)), HasSubstr("does not fill input 'b'"));
  EXPECT_THAT(Refused(open, ArraySample(DType::kF32, {2}, values, "c")), HasSubstr("no input 'c'"));

  SampleInputsOptions options;
  options.fixed["b"] = FloatTensor(Shape{1, 2}, {5, 6});
  const auto filled = InputsOf(*graph, std::move(options)).Fill(ArraySample(DType::kF32, {2}, values, "a"));
  ASSERT_TRUE(filled.ok()) << filled.status().ToString();
  EXPECT_EQ(filled->tensors.at("b")->view().as<float>()[1], 6);
  EXPECT_EQ(filled->tensors.at("a")->view().as<float>()[1], 2);

  SampleInputsOptions wrong;
  wrong.fixed["b"] = FloatTensor(Shape{3}, {5, 6, 7});
  EXPECT_THAT(SampleInputs::Create(*graph, std::move(wrong)).status().ToString(),
              HasSubstr("3 does not fit"));
}

TEST(SampleInputs, ReadsTokenNumbers) {
  Sample sample;
  sample.name = "line 1";
  sample.text = "5  6 -7";
  const SampleInputs inputs = InputsOf(*OneInput("i32[N,T]"));
  const auto filled = inputs.Fill(sample);
  ASSERT_TRUE(filled.ok()) << filled.status().ToString();
  const TensorPtr& x = filled->tensors.at("x");
  EXPECT_EQ(x->shape(), (Shape{1, 3}));
  EXPECT_EQ(x->view().as<int32_t>()[2], -7);
  sample.text = "to be";
  EXPECT_THAT(Refused(inputs, sample), HasSubstr("line 1: text is fed as token numbers"));
  sample.text = "  ";
  EXPECT_THAT(Refused(inputs, sample), HasSubstr("no token"));
}

TEST(SampleInputs, TakesOneFrameOfARecording) {
  Sample sample;
  sample.name = "yes.wav";
  sample.audio = data::Audio{16000, 1, std::vector<float>(400, 0.5F)};
  const SampleInputs inputs = InputsOf(*OneInput("f32[1,512]"));
  const auto filled = inputs.Fill(sample);
  ASSERT_TRUE(filled.ok()) << filled.status().ToString();
  EXPECT_EQ(filled->tensors.at("x")->view().as<float>()[399], 0.5F);
  EXPECT_EQ(filled->tensors.at("x")->view().as<float>()[400], 0);
  sample.audio->samples.resize(513);
  EXPECT_THAT(Refused(inputs, sample), HasSubstr("makes 2 frames"));
}

}  // namespace
}  // namespace whet
