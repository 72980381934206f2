#include "export/tflite/tflite_export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "ir/text.h"
#include "tflite_schema_generated.h"

namespace whet {
namespace {

namespace fb = tflite_fb;

using testing::ElementsAre;
using testing::FloatEq;
using testing::HasSubstr;

// A written model, by names.
class Written {
 public:
  explicit Written(std::string_view text) {
    auto graph = ParseText(text);
    if (!graph.ok()) {
      ADD_FAILURE() << graph.status().ToString();
      return;
    }
    auto bytes = ExportTfliteBytes(**graph);
    if (!bytes.ok()) {
      error_ = bytes.status().ToString();
      return;
    }
    bytes_ = std::move(*bytes);
    model_ = fb::GetModel(bytes_.data());
    flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size());
    EXPECT_TRUE(fb::VerifyModelBuffer(verifier));
  }

  const std::string& error() const { return error_; }
  bool ok() const { return model_ != nullptr; }
  const fb::Model& model() const { return *model_; }
  const fb::SubGraph& graph(uint32_t i = 0) const { return *model_->subgraphs()->Get(i); }

  std::vector<std::string> Operators(uint32_t subgraph = 0) const {
    std::vector<std::string> names;
    if (!ok()) return {error_};
    for (const fb::Operator* op : *graph(subgraph).operators()) {
      names.push_back(fb::EnumNameBuiltinOperator(Code(*op).builtin_code()));
    }
    return names;
  }
  const fb::OperatorCode& Code(const fb::Operator& op) const {
    return *model_->operator_codes()->Get(op.opcode_index());
  }
  const fb::Operator& Operator(uint32_t i) const { return *graph().operators()->Get(i); }
  int Version(uint32_t i) const { return Code(Operator(i)).version(); }
  const fb::Tensor& Input(uint32_t op, uint32_t i) const {
    return *graph().tensors()->Get(static_cast<uint32_t>(Operator(op).inputs()->Get(i)));
  }
  const fb::Tensor& Output(uint32_t op, uint32_t i = 0) const {
    return *graph().tensors()->Get(static_cast<uint32_t>(Operator(op).outputs()->Get(i)));
  }
  template <typename T>
  std::vector<T> Data(const fb::Tensor& tensor) const {
    const auto* data = model_->buffers()->Get(tensor.buffer())->data();
    if (data == nullptr) return {};
    std::vector<T> values(data->size() / sizeof(T));
    std::memcpy(values.data(), data->data(), values.size() * sizeof(T));
    return values;
  }

 private:
  std::vector<std::byte> bytes_;
  const fb::Model* model_ = nullptr;
  std::string error_;
};

template <typename T>
std::vector<T> List(const flatbuffers::Vector<T>* vector) {
  return vector != nullptr ? std::vector<T>(vector->begin(), vector->end()) : std::vector<T>();
}

TEST(TfliteExport, ConvolutionWithPaddingThatTfliteHas) {
  const Written written(R"(graph "g" {
  input %x f32[1,4,4,1]
  const %w f32[1,3,3,1] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  const %b f32[1] = [0.5]
  const %low f32[] = [0]
  const %high f32[] = [6]
  %c f32[1,2,2,1] = Conv(%x, %w, %b) {pads = ints[0, 0, 1, 1], strides = ints[2, 2]} @"c"
  %y f32[1,2,2,1] = Clip(%c, %low, %high) @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("CONV_2D"));
  const auto& options = *written.Operator(0).builtin_options_as<fb::Conv2DOptions>();
  EXPECT_EQ(options.padding(), fb::Padding::SAME);
  EXPECT_EQ(options.stride_h(), 2);
  EXPECT_EQ(options.dilation_w_factor(), 1);
  EXPECT_EQ(options.fused_activation_function(), fb::ActivationFunctionType::RELU6);
  EXPECT_EQ(written.Output(0).name()->str(), "y");
  EXPECT_THAT(List(written.Input(0, 1).shape()), ElementsAre(1, 3, 3, 1));
  EXPECT_EQ(written.Data<float>(written.Input(0, 1))[8], 9.0f);
}

TEST(TfliteExport, OtherPaddingIsAnOperator) {
  const Written written(R"(graph "g" {
  input %x f32[1,4,4,1]
  const %w f32[1,3,3,1] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
  %y f32[1,2,2,1] = Conv(%x, %w) {pads = ints[1, 1, 0, 0], strides = ints[2, 2]} @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("PAD", "CONV_2D"));
  EXPECT_THAT(written.Data<int32_t>(written.Input(0, 1)), ElementsAre(0, 0, 1, 0, 1, 0, 0, 0));
  EXPECT_EQ(written.Operator(1).builtin_options_as<fb::Conv2DOptions>()->padding(), fb::Padding::VALID);
}

TEST(TfliteExport, DepthwiseWeightsAreInTflitesOrder) {
  const Written written(R"(graph "g" {
  input %x f32[1,2,2,2]
  const %w f32[4,1,2,1] = [1, 2, 3, 4, 5, 6, 7, 8]
  %y f32[1,2,1,4] = Conv(%x, %w) {group = 2} @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("DEPTHWISE_CONV_2D"));
  EXPECT_EQ(written.Operator(0).builtin_options_as<fb::DepthwiseConv2DOptions>()->depth_multiplier(), 2);
  EXPECT_THAT(List(written.Input(0, 1).shape()), ElementsAre(1, 1, 2, 4));
  EXPECT_THAT(written.Data<float>(written.Input(0, 1)), ElementsAre(1, 3, 5, 7, 2, 4, 6, 8));
}

constexpr std::string_view kQuantized = R"(graph "g" {
  input %x i8[1,4,4,1]
  const %sx f32[] = [0.5]
  const %zx i8[] = [3]
  %xr f32[1,4,4,1] = DequantizeLinear(%x, %sx, %zx) @"xr"
  const %wq i8[2,1,1,1] = [10, -20]
  const %sw f32[2] = [0.25, 0.125]
  const %zw i8[2] = [0, 0]
  %w f32[2,1,1,1] = DequantizeLinear(%wq, %sw, %zw) {axis = 0} @"w"
  const %b f32[2] = [1, -2]
  %c f32[1,4,4,2] = Conv(%xr, %w, %b) @"c"
  %a f32[1,4,4,2] = Relu(%c) @"a"
  const %sy f32[] = [0.75]
  const %zy i8[] = [-128]
  %y i8[1,4,4,2] = QuantizeLinear(%a, %sy, %zy) @"y"
  output %y
})";

TEST(TfliteExport, QuantizedConvolutionHasItsOwnScales) {
  const Written written(kQuantized);
  ASSERT_THAT(written.Operators(), ElementsAre("CONV_2D"));
  EXPECT_EQ(written.Version(0), 3);
  const fb::Tensor& w = written.Input(0, 1);
  EXPECT_EQ(w.type(), fb::TensorType::INT8);
  EXPECT_THAT(List(w.quantization()->scale()), ElementsAre(0.25f, 0.125f));
  EXPECT_EQ(w.quantization()->quantized_dimension(), 0);
  // The bias has the scale of the products.
  const fb::Tensor& b = written.Input(0, 2);
  EXPECT_EQ(b.type(), fb::TensorType::INT32);
  EXPECT_THAT(List(b.quantization()->scale()), ElementsAre(0.125f, 0.0625f));
  EXPECT_THAT(written.Data<int32_t>(b), ElementsAre(8, -32));
  const fb::Tensor& y = written.Output(0);
  EXPECT_EQ(y.type(), fb::TensorType::INT8);
  EXPECT_THAT(List(y.quantization()->scale()), ElementsAre(0.75f));
  EXPECT_THAT(List(y.quantization()->zero_point()), ElementsAre(-128));
  EXPECT_EQ(written.Operator(0).builtin_options_as<fb::Conv2DOptions>()->fused_activation_function(),
            fb::ActivationFunctionType::RELU);
  EXPECT_EQ(written.graph().inputs()->Get(0), written.Operator(0).inputs()->Get(0));
}

TEST(TfliteExport, WideActivationsHaveWideBiases) {
  const Written written(R"(graph "g" {
  input %x i16[1,2]
  const %sx f32[] = [0.5]
  const %zx i16[] = [0]
  %xr f32[1,2] = DequantizeLinear(%x, %sx, %zx) @"xr"
  const %wq i8[1,2] = [10, -20]
  const %sw f32[] = [0.25]
  %w f32[1,2] = DequantizeLinear(%wq, %sw) @"w"
  const %b f32[1] = [1]
  %c f32[1,1] = MatMul(%xr, %w, %b) {transpose_b = 1} @"c"
  %y i16[1,1] = QuantizeLinear(%c, %sx, %zx) @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("FULLY_CONNECTED"));
  EXPECT_EQ(written.Input(0, 2).type(), fb::TensorType::INT64);
  EXPECT_THAT(written.Data<int64_t>(written.Input(0, 2)), ElementsAre(8));
}

TEST(TfliteExport, SoftmaxHasTheScaleThatIsFixed) {
  const Written written(R"(graph "g" {
  input %x i8[1,4]
  const %s f32[] = [0.5]
  const %z i8[] = [0]
  %xr f32[1,4] = DequantizeLinear(%x, %s, %z) @"xr"
  %p f32[1,4] = Softmax(%xr) {axis = -1} @"p"
  const %sp f32[] = [0.0078125]
  %y i8[1,4] = QuantizeLinear(%p, %sp, %z) @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("SOFTMAX", "QUANTIZE"));
  EXPECT_THAT(List(written.Output(0).quantization()->scale()), ElementsAre(1.0f / 256));
  EXPECT_THAT(List(written.Output(0).quantization()->zero_point()), ElementsAre(-128));
  EXPECT_EQ(written.Output(1).name()->str(), "y");
}

TEST(TfliteExport, MovedValuesKeepTheirScale) {
  // Nothing quantizes between the two; the transpose is on integers all the same.
  const Written written(R"(graph "g" {
  input %x f32[2,4]
  const %s f32[] = [0.5]
  const %z i8[] = [0]
  %q i8[2,4] = QuantizeLinear(%x, %s, %z) @"q"
  %r f32[2,4] = DequantizeLinear(%q, %s, %z) @"r"
  %t f32[4,2] = Transpose(%r) {perm = ints[1, 0]} @"t"
  %m f32[4,2] = HardSwish(%t) @"m"
  const %sy f32[] = [0.25]
  %n i8[4,2] = QuantizeLinear(%m, %sy, %z) @"n"
  %y f32[4,2] = DequantizeLinear(%n, %sy, %z) @"y"
  output %y
})");
  EXPECT_THAT(written.Operators(), ElementsAre("QUANTIZE", "TRANSPOSE", "HARD_SWISH", "DEQUANTIZE"));
}

TEST(TfliteExport, JoinedValuesAreBroughtToOneScale) {
  const Written written(R"(graph "g" {
  input %a i8[1,2]
  input %b i8[1,2]
  const %sa f32[] = [0.5]
  const %sb f32[] = [0.25]
  const %z i8[] = [0]
  %ar f32[1,2] = DequantizeLinear(%a, %sa, %z) @"ar"
  %br f32[1,2] = DequantizeLinear(%b, %sb, %z) @"br"
  %c f32[1,4] = Concat(%ar, %br) {axis = 1} @"c"
  %y i8[1,4] = QuantizeLinear(%c, %sa, %z) @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("QUANTIZE", "CONCATENATION"));
  EXPECT_EQ(written.Input(0, 0).name()->str(), "b");
}

TEST(TfliteExport, UnsignedBecomesSignedInside) {
  const Written written(R"(graph "g" {
  input %x f32[1,2]
  const %s f32[] = [0.5]
  const %z u8[] = [130]
  %q u8[1,2] = QuantizeLinear(%x, %s, %z) @"q"
  %r f32[1,2] = DequantizeLinear(%q, %s, %z) @"r"
  %m f32[1,2] = HardSwish(%r) @"m"
  %y u8[1,2] = QuantizeLinear(%m, %s, %z) @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("QUANTIZE", "HARD_SWISH", "QUANTIZE"));
  EXPECT_EQ(written.Output(0).type(), fb::TensorType::INT8);
  EXPECT_THAT(List(written.Output(0).quantization()->zero_point()), ElementsAre(2));
  EXPECT_EQ(written.Output(2).type(), fb::TensorType::UINT8);
  EXPECT_THAT(List(written.Output(2).quantization()->zero_point()), ElementsAre(130));
}

TEST(TfliteExport, WhatHasNoIntegerFormComputesOnReals) {
  const Written written(R"(graph "g" {
  input %x i8[1,2]
  const %s f32[] = [0.5]
  const %z i8[] = [0]
  %r f32[1,2] = DequantizeLinear(%x, %s, %z) @"r"
  %m f32[1,2] = Sin(%r) @"m"
  %y i8[1,2] = QuantizeLinear(%m, %s, %z) @"y"
  output %y
})");
  EXPECT_THAT(written.Operators(), ElementsAre("DEQUANTIZE", "SIN", "QUANTIZE"));
}

TEST(TfliteExport, HalfPrecisionWeightsStayHalf) {
  const Written written(R"(graph "g" {
  input %x f32[1,2]
  const %h f16[2,2] = hex:003c004000420044
  %w f32[2,2] = Cast(%h) {to = 1} @"w"
  %y f32[1,2] = MatMul(%x, %w) @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("DEQUANTIZE", "FULLY_CONNECTED"));
  EXPECT_EQ(written.Input(0, 0).type(), fb::TensorType::FLOAT16);
  // TFLite's weights are [outputs, inputs].
  EXPECT_THAT(written.Data<uint16_t>(written.Input(0, 0)), ElementsAre(0x3c00, 0x4200, 0x4000, 0x4400));
}

TEST(TfliteExport, EverythingThatIsMissingIsInOneError) {
  const Written written(R"(graph "g" {
  input %x f32[1,2]
  %a f32[1,2] = Erf(%x) @"first"
  %b f32[1,2] = Erf(%a) @"second"
  %c f32[1,2] = Tan(%b) @"third"
  output %c
})");
  EXPECT_FALSE(written.ok());
  EXPECT_THAT(written.error(), HasSubstr("Erf, 2 times"));
  EXPECT_THAT(written.error(), HasSubstr("'first', 'second'"));
  EXPECT_THAT(written.error(), HasSubstr("Tan, 1 time"));
}

TEST(TfliteExport, StatesAreVariables) {
  const Written written(R"(graph "g" {
  input %x f32[1,2]
  input %h f32[1,2]
  %y f32[1,2] = Add(%x, %h) @"y"
  output %y
  state "h" = %h -> %y from f32[1,2] = [1, 2]
})");
  ASSERT_THAT(written.Operators(), ElementsAre("CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ADD",
                                               "VAR_HANDLE", "ASSIGN_VARIABLE"));
  EXPECT_THAT(written.Operators(1), ElementsAre("VAR_HANDLE", "ASSIGN_VARIABLE"));
  EXPECT_EQ(written.graph().inputs()->size(), 1u);
}

TEST(TfliteExport, OpenDimensionsAreInTheSignatureOfTheShape) {
  const Written written(R"(graph "g" {
  input %x f32[N,2]
  %y f32[N,2] = Relu(%x) @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("RELU"));
  EXPECT_THAT(List(written.Input(0, 0).shape()), ElementsAre(1, 2));
  EXPECT_THAT(List(written.Input(0, 0).shape_signature()), ElementsAre(-1, 2));
}

TEST(TfliteExport, TheSignatureNamesInputsAndOutputs) {
  const Written written(R"(graph "g" {
  input %"in put" f32[1,2]
  %y f32[1,2] = Relu(%"in put") @"y"
  output %y
  output %"in put"
  output %y
})");
  ASSERT_TRUE(written.ok()) << written.error();
  const fb::SignatureDef& signature = *written.model().signature_defs()->Get(0);
  EXPECT_EQ(signature.signature_key()->str(), "serving_default");
  EXPECT_EQ(signature.inputs()->Get(0)->name()->str(), "in put");
  ASSERT_EQ(signature.outputs()->size(), 3u);
  EXPECT_EQ(signature.outputs()->Get(0)->name()->str(), "y");
  // No tensor is an output twice, or an input too.
  std::vector<uint32_t> tensors = {signature.inputs()->Get(0)->tensor_index()};
  for (const fb::TensorMap* map : *signature.outputs()) tensors.push_back(map->tensor_index());
  std::sort(tensors.begin(), tensors.end());
  EXPECT_EQ(std::unique(tensors.begin(), tensors.end()), tensors.end());
}

TEST(TfliteExport, PoolsThatCountPaddingAreCorrected) {
  const Written written(R"(graph "g" {
  input %x f32[1,3,3,1]
  %y f32[1,2,2,1] = AveragePool(%x) {kernel_shape = ints[2, 2], pads = ints[1, 1, 0, 0], strides = ints[2, 2]} @"y"
  output %y
})");
  ASSERT_THAT(written.Operators(), ElementsAre("PAD", "AVERAGE_POOL_2D", "MUL"));
  EXPECT_THAT(written.Data<float>(written.Input(2, 1)), ElementsAre(4, 2, 2, 1));
}

TEST(TfliteExport, TooManyDimensionsAreRefused) {
  const Written written(R"(graph "g" {
  input %x f32[1,1,1,1,1,1,2]
  %y f32[2,1,1,1,1,1,1] = Transpose(%x) {perm = ints[6, 5, 4, 3, 2, 1, 0]} @"y"
  output %y
})");
  EXPECT_THAT(written.error(), HasSubstr("at most 6 dimensions"));
}

}  // namespace
}  // namespace whet
