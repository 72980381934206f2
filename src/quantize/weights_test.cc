#include "quantize/weights.h"

#include <gtest/gtest.h>

#include <cmath>

#include "quantize/testing.h"

namespace whet::quantize {
namespace {

using testing::RandomTensor;

double MaxError(const TensorView& weights, const QuantizedTensor& quantized) {
  const std::vector<float> real = Dequantize(quantized);
  EXPECT_EQ(static_cast<int64_t>(real.size()), weights.elements());
  double most = 0;
  for (size_t i = 0; i < real.size(); ++i) {
    most =
        std::max(most, std::abs(static_cast<double>(real[i]) - static_cast<double>(weights.as<float>()[i])));
  }
  return most;
}

TEST(Weights, ByChannelAlongAnyAxis) {
  const TensorPtr weights = RandomTensor(Shape{3, 5, 7}, 1);
  for (int axis : {-1, 0, 1, 2}) {
    const QuantizedTensor q = QuantizeByChannel(weights->view(), axis, {});
    EXPECT_EQ(q.scale->shape(), axis < 0 ? Shape{} : Shape{weights->shape()[axis]});
    EXPECT_LE(MaxError(weights->view(), q), 0.5 / 127 + 1e-6);
    for (int64_t i = 0; i < weights->shape().elements(); ++i)
      EXPECT_GE(q.values->view().as<int8_t>()[i], -127);
  }
}

TEST(Weights, AChannelOfZerosHasAUsableScale) {
  auto weights = Constant::Allocate(DType::kF32, Shape{3, 2});
  const float values[] = {1, -2, 0, 0, 0.5F, 0.25F};
  std::copy(std::begin(values), std::end(values), static_cast<float*>(weights->mutable_data()));
  EXPECT_EQ(ZeroChannels(weights->view(), 0), std::vector<int64_t>{1});
  EXPECT_TRUE(ZeroChannels(weights->view(), 1).empty());
  const QuantizedTensor q = QuantizeByChannel(weights->view(), 0, {});
  EXPECT_NEAR(q.scale->view().as<float>()[1], 2.0F / 127, 2.0F / 127 / 1000);
  EXPECT_EQ(Dequantize(q)[2], 0.0F);
}

TEST(Weights, BlocksOfEveryKind) {
  const TensorPtr weights = RandomTensor(Shape{6, 70}, 2, -1, 3);
  const TensorPtr transposed = RandomTensor(Shape{70, 6}, 2, -1, 3);
  for (int bits : {4, 8}) {
    for (bool symmetric : {true, false}) {
      for (int64_t block : {32, 64, 128}) {
        const double step = (symmetric ? 6.0 : 4.0) / ((1 << bits) - 1) * 1.2;
        const QuantizedTensor rows = QuantizeByBlock(weights->view(), 1, block, bits, symmetric);
        EXPECT_EQ(rows.scale->shape(), (Shape{6, (70 + block - 1) / block}));
        EXPECT_LE(MaxError(weights->view(), rows), step) << bits << symmetric << block;
        const QuantizedTensor columns = QuantizeByBlock(transposed->view(), 0, block, bits, symmetric);
        EXPECT_LE(MaxError(transposed->view(), columns), step) << bits << symmetric << block;
      }
    }
  }
}

TEST(Weights, SmallerBlocksAreCloser) {
  const TensorPtr weights = RandomTensor(Shape{16, 256}, 3);
  auto* data = const_cast<float*>(weights->view().as<float>());
  for (int64_t i = 0; i < 16; ++i) data[i * 256 + 5] = 20;  // one outlier a row
  const auto error = [&](int64_t block) {
    const std::vector<float> real = Dequantize(QuantizeByBlock(weights->view(), 1, block, 4, true));
    double sum = 0;
    for (size_t i = 0; i < real.size(); ++i) sum += std::pow(static_cast<double>(real[i] - data[i]), 2);
    return sum;
  };
  EXPECT_LT(error(32), error(128));
  EXPECT_LT(error(128), error(256));
}

TEST(Weights, ABiasThatIsLargeForItsScaleWidensTheWeights) {
  const float bias[] = {0.5F, 1e6F};
  const float input_scale = 1e-5F;
  const std::vector<double> least = LeastWeightScales(bias, input_scale);
  const TensorPtr weights = RandomTensor(Shape{2, 4}, 4, -1e-4F, 1e-4F);
  const QuantizedTensor q = QuantizeByChannel(weights->view(), 0, least);
  const float* scales = q.scale->view().as<float>();
  const std::vector<float> real = Dequantize(QuantizeBias(bias, input_scale, {scales, 2}));
  EXPECT_NEAR(real[0], 0.5F, 1e-4F);
  EXPECT_NEAR(real[1], 1e6F, 1.0F);
}

TEST(Weights, OneScaleForAllBiases) {
  const float bias[] = {1, -2, 3};
  const float scale = 0.01F;
  const QuantizedTensor q = QuantizeBias(bias, 0.1F, {&scale, 1});
  EXPECT_EQ(q.scale->shape(), Shape{});
  const std::vector<float> real = Dequantize(q);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(real[i], bias[i], 1e-3F);
}

}  // namespace
}  // namespace whet::quantize
