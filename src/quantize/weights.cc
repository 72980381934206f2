#include "quantize/weights.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "ir/evaluate.h"
#include "ir/op_def.h"

namespace whet::quantize {
namespace {

// A tensor seen as [outer][entries of the axis][inner].
struct AxisWalk {
  int64_t outer = 1, size = 1, inner = 1;

  AxisWalk(const Shape& shape, int axis) {
    if (axis < 0) {
      inner = shape.elements();
      return;
    }
    for (int i = 0; i < shape.rank(); ++i) (i < axis ? outer : i == axis ? size : inner) *= shape[i];
  }
};

// Writes integers of 4, 8 or 32 bits.
class IntegerWriter {
 public:
  explicit IntegerWriter(Constant& constant) : dtype_(constant.dtype()), data_(constant.mutable_data()) {}
  // 4-bit elements must be written once each; the memory starts as zeros.
  void Set(int64_t i, int64_t value) {
    switch (BitsOf(dtype_)) {
      case 4: {
        auto& byte = static_cast<uint8_t*>(data_)[i / 2];
        byte = static_cast<uint8_t>(byte | static_cast<unsigned>(value & 15) << (i % 2 * 4));
        break;
      }
      case 8: static_cast<uint8_t*>(data_)[i] = static_cast<uint8_t>(value); break;
      case 16: static_cast<uint16_t*>(data_)[i] = static_cast<uint16_t>(value); break;
      default: static_cast<int32_t*>(data_)[i] = static_cast<int32_t>(value); break;
    }
  }

 private:
  DType dtype_;
  void* data_;
};

// Of 4 or 8 bits.
std::vector<int32_t> IntegersOf(const Constant& constant) {
  const auto* bytes = constant.view().as<uint8_t>();
  const bool is_signed = LeastOf(constant.dtype()) < 0;
  std::vector<int32_t> integers(static_cast<size_t>(constant.shape().elements()));
  for (size_t i = 0; i < integers.size(); ++i) {
    const bool half = BitsOf(constant.dtype()) == 4;
    const int32_t value = half ? bytes[i / 2] >> (i % 2 * 4) & 15 : bytes[i];
    const int32_t sign = half ? 8 : 128;
    integers[i] = is_signed ? (value ^ sign) - sign : value;
  }
  return integers;
}

int64_t Round(double value, double low, double high) {
  return static_cast<int64_t>(std::clamp(std::nearbyint(value), low, high));
}

std::shared_ptr<Constant> Zeroed(DType dtype, const Shape& shape) {
  auto constant = Constant::Allocate(dtype, shape);
  std::fill_n(static_cast<uint8_t*>(constant->mutable_data()), constant->bytes(), uint8_t{0});
  return constant;
}

// The next scale with so many bits after the first: steps that are a thousandth wider cost nothing that can
// be measured, and a Model file stores the zeros at the end of a number in no space.
float RoundUp(double scale, int bits) {
  auto rounded = static_cast<float>(scale);
  const uint32_t rest = (1U << (23 - bits)) - 1;
  return std::bit_cast<float>((std::bit_cast<uint32_t>(rounded) + rest) & ~rest);
}
constexpr int kChannelScaleBits = 10;
constexpr int kBlockScaleBits = 7;

struct BlockScale {
  double scale = 1;
  int64_t zero = 0;
};

// Of the weights first, first + stride, …: the scale (and zero point) with the least squared error. Of each,
// `importance` says how much its error counts; null: as much as any other's.
BlockScale ChooseBlockScale(const float* first, const float* importance, int64_t count, int64_t stride,
                            int bits, bool symmetric) {
  double low = 0, high = 0;
  for (int64_t i = 0; i < count; ++i) {
    low = std::min(low, static_cast<double>(first[i * stride]));
    high = std::max(high, static_cast<double>(first[i * stride]));
  }
  if (low == 0 && high == 0) return {};
  const double least = symmetric ? -std::ldexp(1.0, bits - 1) : 0;
  const double largest = symmetric ? std::ldexp(1.0, bits - 1) - 1 : std::ldexp(1.0, bits) - 1;
  const auto at = [&](double part) {
    BlockScale choice;
    choice.scale =
        symmetric ? std::max(-low, high) * part / largest : (high - low) * part / (largest - least);
    choice.scale = static_cast<double>(RoundUp(std::max(choice.scale, 1e-30), kBlockScaleBits));
    choice.zero = symmetric ? 0 : Round(-low * part / choice.scale, least, largest);
    return choice;
  };
  if (bits >= 8) return at(1);
  BlockScale best;
  double best_error = INFINITY;
  for (int step = 0; step <= 30; ++step) {
    const BlockScale choice = at(1 - 0.02 * step);
    double error = 0;
    for (int64_t i = 0; i < count; ++i) {
      const auto value = static_cast<double>(first[i * stride]);
      const double zero = static_cast<double>(choice.zero);
      const double rounded =
          (static_cast<double>(Round(value / choice.scale + zero, least, largest)) - zero) * choice.scale;
      const double counts = importance != nullptr ? static_cast<double>(importance[i * stride]) : 1;
      error += (value - rounded) * (value - rounded) * counts;
    }
    if (error < best_error) {
      best_error = error;
      best = choice;
    }
  }
  return best;
}

}  // namespace

std::vector<int64_t> ZeroChannels(const TensorView& weights, int axis) {
  const AxisWalk walk(weights.shape, axis);
  std::vector<int64_t> channels;
  for (int64_t c = 0; c < walk.size; ++c) {
    bool zero = true;
    for (int64_t o = 0; zero && o < walk.outer; ++o) {
      const float* from = weights.as<float>() + (o * walk.size + c) * walk.inner;
      zero = std::all_of(from, from + walk.inner, [](float w) { return w == 0.0F; });
    }
    if (zero) channels.push_back(c);
  }
  return channels;
}

QuantizedTensor QuantizeByChannel(const TensorView& weights, int axis, std::span<const double> least_scales) {
  constexpr double kLargest = 127;
  const AxisWalk walk(weights.shape, axis);
  std::vector<double> reach(static_cast<size_t>(walk.size), 0);
  for (int64_t o = 0; o < walk.outer; ++o) {
    for (int64_t c = 0; c < walk.size; ++c) {
      const float* from = weights.as<float>() + (o * walk.size + c) * walk.inner;
      double& most = reach[static_cast<size_t>(c)];
      for (int64_t i = 0; i < walk.inner; ++i) most = std::max(most, static_cast<double>(std::abs(from[i])));
    }
  }
  const double largest = *std::max_element(reach.begin(), reach.end());
  const Shape scale_shape = axis < 0 ? Shape{} : Shape{walk.size};
  auto scale = Constant::Allocate(DType::kF32, scale_shape);
  auto* scales = static_cast<float*>(scale->mutable_data());
  for (size_t c = 0; c < reach.size(); ++c) {
    const double own = reach[c] > 0 ? reach[c] : largest > 0 ? largest : kLargest;
    double chosen = own / kLargest;
    if (c < least_scales.size()) chosen = std::max(chosen, least_scales[c]);
    scales[c] = RoundUp(std::max(chosen, 1e-30), kChannelScaleBits);
  }
  auto values = Zeroed(DType::kI8, weights.shape);
  auto* to = static_cast<int8_t*>(values->mutable_data());
  for (int64_t o = 0; o < walk.outer; ++o) {
    for (int64_t c = 0; c < walk.size; ++c) {
      const int64_t begin = (o * walk.size + c) * walk.inner;
      const float own = scales[c];
      for (int64_t i = begin; i < begin + walk.inner; ++i) {
        to[i] = static_cast<int8_t>(
            Round(static_cast<double>(weights.as<float>()[i] / own), -kLargest, kLargest));
      }
    }
  }
  return {std::move(values), std::move(scale), nullptr, axis, 0};
}

QuantizedTensor QuantizeByBlock(const TensorView& weights, int axis, int64_t block, int bits, bool symmetric,
                                std::span<const float> importance) {
  const AxisWalk walk(weights.shape, axis);
  const int64_t blocks = (walk.size + block - 1) / block;
  Shape scale_shape = weights.shape;
  scale_shape[axis] = blocks;
  const DType dtype = bits == 8 ? (symmetric ? DType::kI8 : DType::kU8) : symmetric ? DType::kI4 : DType::kU4;
  auto scale = Constant::Allocate(DType::kF32, scale_shape);
  auto zero = symmetric ? nullptr : Zeroed(dtype, scale_shape);
  auto values = Zeroed(dtype, weights.shape);
  IntegerWriter write(*values);
  const auto least = static_cast<double>(LeastOf(dtype));
  const auto largest = static_cast<double>(LargestOf(dtype));
  const auto* from = weights.as<float>();
  for (int64_t o = 0; o < walk.outer; ++o) {
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t begin = b * block;
      const int64_t end = std::min(walk.size, begin + block);
      for (int64_t i = 0; i < walk.inner; ++i) {
        const int64_t first = (o * walk.size + begin) * walk.inner + i;
        const float* counts = importance.empty() ? nullptr : importance.data() + first;
        const BlockScale chosen =
            ChooseBlockScale(from + first, counts, end - begin, walk.inner, bits, symmetric);
        const int64_t at = (o * blocks + b) * walk.inner + i;
        static_cast<float*>(scale->mutable_data())[at] = static_cast<float>(chosen.scale);
        if (zero != nullptr) IntegerWriter(*zero).Set(at, chosen.zero);
        for (int64_t k = begin; k < end; ++k) {
          const int64_t element = (o * walk.size + k) * walk.inner + i;
          const double steps = static_cast<double>(from[element]) / chosen.scale;
          write.Set(element, Round(steps + static_cast<double>(chosen.zero), least, largest));
        }
      }
    }
  }
  return {std::move(values), std::move(scale), std::move(zero), axis, block};
}

QuantizedTensor QuantizeWith(const TensorView& tensor, const Parameters& parameters) {
  auto values = Zeroed(parameters.dtype, tensor.shape);
  IntegerWriter write(*values);
  const auto least = static_cast<double>(LeastOf(parameters.dtype));
  const auto largest = static_cast<double>(LargestOf(parameters.dtype));
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    const double steps = std::nearbyint(static_cast<double>(tensor.as<float>()[i] / parameters.scale));
    write.Set(i, Round(steps + static_cast<double>(parameters.zero), least, largest));
  }
  auto zero = Zeroed(parameters.dtype, Shape{});
  IntegerWriter(*zero).Set(0, parameters.zero);
  return {std::move(values), Constant::ScalarF32(parameters.scale), std::move(zero), -1, 0};
}

std::vector<double> LeastWeightScales(std::span<const float> bias, float input_scale) {
  // A little below 2^31, so that rounding of the scales cannot push it over.
  constexpr double kMost = 2147483000.0;
  std::vector<double> scales;
  for (float value : bias) {
    scales.push_back(static_cast<double>(std::abs(value)) / static_cast<double>(input_scale) / kMost);
  }
  return scales;
}

QuantizedTensor QuantizeBias(std::span<const float> bias, float input_scale,
                             std::span<const float> weight_scales) {
  const auto count = static_cast<int64_t>(bias.size());
  const bool one = weight_scales.size() == 1 && bias.size() != 1;
  auto values = Constant::Allocate(DType::kI32, Shape{count});
  auto scale = Constant::Allocate(DType::kF32, one ? Shape{} : Shape{count});
  constexpr double kMost = 2147483647.0;
  for (size_t c = 0; c < bias.size(); ++c) {
    const float own = input_scale * weight_scales[one ? 0 : c];
    static_cast<float*>(scale->mutable_data())[one ? 0 : c] = own;
    static_cast<int32_t*>(values->mutable_data())[c] = static_cast<int32_t>(
        Round(static_cast<double>(bias[c]) / static_cast<double>(own), -kMost - 1, kMost));
  }
  return {std::move(values), std::move(scale), nullptr, one ? -1 : 0, 0};
}

std::vector<float> Dequantize(const QuantizedTensor& tensor) {
  Graph graph;
  GraphBuilder builder(graph);
  const Value* real = EmitDequantized(builder, tensor, "tensor");
  std::vector<TensorPtr> inputs = {tensor.values, tensor.scale};
  if (tensor.zero != nullptr) inputs.push_back(tensor.zero);
  auto outputs = EvaluateNode(*real->producer(), inputs);
  if (!outputs.ok()) return {};
  const TensorView& view = (*outputs)[0]->view();
  return {view.as<float>(), view.as<float>() + view.elements()};
}

ElementSteps StepsOf(const QuantizedTensor& tensor) {
  const Shape& shape = tensor.values->shape();
  const DType dtype = tensor.values->dtype();
  const AxisWalk walk(shape, tensor.axis);
  const int64_t block = tensor.block > 0 ? tensor.block : 1;
  const int64_t blocks = (walk.size + block - 1) / block;
  ElementSteps steps;
  steps.largest = static_cast<float>(LargestOf(dtype));
  // Whole channels are symmetric about 0, as QuantizeByChannel has them.
  steps.least = tensor.block > 0 ? static_cast<float>(LeastOf(dtype)) : -steps.largest;
  const auto* scales = tensor.scale->view().as<float>();
  const std::vector<int32_t> zeros =
      tensor.zero != nullptr ? IntegersOf(*tensor.zero) : std::vector<int32_t>();
  for (int64_t o = 0; o < walk.outer; ++o) {
    for (int64_t k = 0; k < walk.size; ++k) {
      for (int64_t i = 0; i < walk.inner; ++i) {
        const int64_t at = tensor.axis < 0    ? 0
                           : tensor.block > 0 ? (o * blocks + k / block) * walk.inner + i
                                              : k;
        steps.scales.push_back(scales[at]);
        steps.positions.push_back(static_cast<size_t>(at));
        steps.zeros.push_back(zeros.empty() ? 0.0F : static_cast<float>(zeros[static_cast<size_t>(at)]));
      }
    }
  }
  return steps;
}

QuantizedTensor WithIntegers(const QuantizedTensor& tensor, std::span<const int32_t> integers) {
  QuantizedTensor result = tensor;
  auto values = Zeroed(tensor.values->dtype(), tensor.values->shape());
  IntegerWriter write(*values);
  for (size_t i = 0; i < integers.size(); ++i) write.Set(static_cast<int64_t>(i), integers[i]);
  result.values = std::move(values);
  return result;
}

QuantizedTensor WithScales(const QuantizedTensor& tensor, std::span<const float> scales) {
  QuantizedTensor result = tensor;
  auto scale = Constant::Allocate(DType::kF32, tensor.scale->shape());
  const std::vector<size_t> positions = StepsOf(tensor).positions;
  for (size_t i = 0; i < scales.size(); ++i) {
    static_cast<float*>(scale->mutable_data())[positions[i]] = scales[i];
  }
  result.scale = std::move(scale);
  return result;
}

float RoundBlockScale(double scale) {
  const auto bits = std::bit_cast<uint32_t>(static_cast<float>(scale));
  constexpr uint32_t kHalf = 1U << (23 - kBlockScaleBits - 1);
  return std::bit_cast<float>((bits + kHalf) & ~(2 * kHalf - 1));
}

Value* EmitDequantized(GraphBuilder& builder, const QuantizedTensor& tensor, const std::string& name) {
  std::vector<Value*> inputs = {builder.Const(tensor.values, name + ":quantized"),
                                builder.Const(tensor.scale, name + ":scale")};
  if (tensor.zero != nullptr) inputs.push_back(builder.Const(tensor.zero, name + ":zero"));
  Attributes attributes;
  if (tensor.axis >= 0) attributes.Set("axis", int64_t{tensor.axis});
  if (tensor.block > 0) attributes.Set("block_size", tensor.block);
  return builder.Emit("DequantizeLinear", inputs, std::move(attributes));
}

}  // namespace whet::quantize
