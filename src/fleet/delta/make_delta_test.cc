#include "fleet/delta/make_delta.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fleet/delta/delta_testing.h"
#include "model_file/format.h"

namespace whet::fleet {
namespace {

// Makes and applies; the report of making. The result is compared with what it should be.
DeltaReport RoundTrip(const TemporaryFolder& folder, const std::string& base, const std::string& result) {
  const std::string delta = folder / "delta", made = folder / "made";
  auto report = MakeDelta(base, result, delta);
  if (!report.ok()) {
    ADD_FAILURE() << report.status().ToString();
    return {};
  }
  EXPECT_EQ(std::filesystem::file_size(delta), report->delta_bytes);
  const Status applied = ApplyDelta(base, delta, made, report->result_sha256, report->result_bytes);
  EXPECT_TRUE(applied.ok()) << applied.ToString();
  EXPECT_EQ(ReadBytes(made), ReadBytes(result));
  return *report;
}

DeltaReport RoundTripBytes(const Bytes& base, const Bytes& result) {
  const TemporaryFolder folder;
  WriteBytes(folder / "base", base);
  WriteBytes(folder / "result", result);
  return RoundTrip(folder, folder / "base", folder / "result");
}

TEST(MakeDelta, AnyTwoFiles) {
  const Bytes random = RandomBytes(100000, 1);
  EXPECT_LT(RoundTripBytes(random, random).delta_bytes, 150u);
  RoundTripBytes({}, {});
  RoundTripBytes(random, {});
  RoundTripBytes({}, Bytes(1000, 7));
  RoundTripBytes(Bytes(5, 1), Bytes(7, 1));
  // What can't be compressed hardly grows.
  EXPECT_LT(RoundTripBytes({}, random).delta_bytes, random.size() + random.size() / 100 + 200);
  EXPECT_LT(RoundTripBytes(Bytes(100000, 0), Bytes(400000, 0)).delta_bytes, 1000u);
}

TEST(MakeDelta, BytesThatMoved) {
  const Bytes base = RandomBytes(200000, 2);
  Bytes result(base.begin() + 100000, base.end());
  result.insert(result.end(), 100, 42);
  result.insert(result.end(), base.begin(), base.begin() + 100000);
  for (size_t i = 500; i < result.size(); i += 20000) result[i] ^= 1;
  EXPECT_LT(RoundTripBytes(base, result).delta_bytes, 400u);
}

TEST(MakeDelta, TensorsThatStayedAreOnlyNamed) {
  const TemporaryFolder folder;
  const auto backbone = FloatLayer("backbone", {64, 1024}, Weights(64 * 1024, 1));
  WriteModel(folder / "base", {backbone, FloatLayer("head", {10, 64}, Weights(640, 2))});
  WriteModel(folder / "result", {backbone, FloatLayer("head", {10, 64}, Weights(640, 3))}, {"Relu"});
  const DeltaReport report = RoundTrip(folder, folder / "base", folder / "result");
  EXPECT_EQ(report.tensors, 2u);
  EXPECT_EQ(report.unchanged, 1u);
  EXPECT_LT(report.delta_bytes, 640 * 4 + 400u);
}

TEST(MakeDelta, TensorsInAnotherOrderAndUnderAnotherName) {
  const TemporaryFolder folder;
  const auto first = Weights(20000, 1), second = Weights(20000, 2);
  WriteModel(folder / "base", {FloatLayer("a", {20000}, first), FloatLayer("b", {20000}, second)});
  WriteModel(folder / "result", {FloatLayer("c", {20000}, second), FloatLayer("a", {20000}, first)});
  const DeltaReport report = RoundTrip(folder, folder / "base", folder / "result");
  EXPECT_EQ(report.unchanged, 2u);
  EXPECT_LT(report.delta_bytes, 600u);
}

TEST(MakeDelta, FewChangedElements) {
  const TemporaryFolder folder;
  auto weights = Weights(200000, 1);
  WriteModel(folder / "base", {FloatLayer("w", {200000}, weights)});
  const auto steps = Weights(2000, 2, 0.001f);
  std::mt19937 random(3);
  for (const float step : steps) weights[random() % weights.size()] += step;
  WriteModel(folder / "result", {FloatLayer("w", {200000}, weights)});
  const DeltaReport report = RoundTrip(folder, folder / "base", folder / "result");
  EXPECT_EQ(report.sparse, 1u);
  EXPECT_LT(static_cast<double>(report.delta_bytes), 0.0105 * static_cast<double>(report.result_bytes));
}

TEST(MakeDelta, SmallStepsOfAllElements) {
  const TemporaryFolder folder;
  auto weights = Weights(100000, 1);
  WriteModel(folder / "base", {FloatLayer("w", {1000, 100}, weights)});
  const auto steps = Weights(weights.size(), 2, 0.0001f);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] += steps[i];
  WriteModel(folder / "result", {FloatLayer("w", {1000, 100}, weights)});
  const DeltaReport report = RoundTrip(folder, folder / "base", folder / "result");
  EXPECT_EQ(report.changed, 1u);
  EXPECT_LT(report.delta_bytes, weights.size() * 9 / 4);
}

TEST(MakeDelta, NewWeightsTakeNoMoreThanTheirNoise) {
  const TemporaryFolder folder;
  WriteModel(folder / "base", {FloatLayer("w", {1000, 100}, Weights(100000, 1))});
  WriteModel(folder / "result", {FloatLayer("w", {1000, 100}, Weights(100000, 2))});
  const DeltaReport report = RoundTrip(folder, folder / "base", folder / "result");
  EXPECT_EQ(report.fresh, 1u);
  // Of 32 bits some 26.6 are noise.
  EXPECT_LT(report.delta_bytes, 100000u * 4 * 84 / 100);
}

// Layers with small tensors, so that the index holds these and is compressed, and one that is large.
std::vector<Layer> ManyLayers(const std::string& prefix, int count = 40) {
  std::vector<Layer> layers = {FloatLayer(prefix + "large", {64, 1024}, Weights(64 * 1024, 99))};
  for (int i = 0; i < count; ++i) {
    layers.push_back(
        FloatLayer(prefix + "layer." + std::to_string(i), {64}, Weights(64, static_cast<uint32_t>(i))));
  }
  return layers;
}

uint32_t ReadableFrom(const std::string& delta) { return ReadDeltaHeader(delta)->readable_from; }

TEST(MakeDelta, OtherNamesInACompactModel) {
  const TemporaryFolder folder;
  WriteModel(folder / "base", ManyLayers(""));
  WriteModel(folder / "result", ManyLayers("backbone."));
  const DeltaReport report = RoundTrip(folder, folder / "base", folder / "result");
  EXPECT_EQ(report.unchanged, report.tensors);
  EXPECT_EQ(ReadableFrom(folder / "delta"), 2u);
  EXPECT_LT(report.delta_bytes, 500u);
}

TEST(MakeDelta, OneOfManySmallTensorsChanged) {
  const TemporaryFolder folder;
  auto layers = ManyLayers("");
  WriteModel(folder / "base", layers);
  layers[20] = FloatLayer("layer.19", {64}, Weights(64, 1000));
  WriteModel(folder / "result", layers);
  EXPECT_LT(RoundTrip(folder, folder / "base", folder / "result").delta_bytes, 64 * 4 + 250u);
}

TEST(MakeDelta, SmallTensorsInAnotherOrder) {
  const TemporaryFolder folder;
  auto layers = ManyLayers("", 200);
  WriteModel(folder / "base", layers);
  std::reverse(layers.begin(), layers.end());
  WriteModel(folder / "result", layers);
  const DeltaReport report = RoundTrip(folder, folder / "base", folder / "result");
  EXPECT_EQ(report.unchanged, 1u);
  EXPECT_LT(report.delta_bytes, 10000u);
}

TEST(MakeDelta, BetweenCompactModelsAndOthers) {
  const TemporaryFolder folder;
  WriteModel(folder / "compact", ManyLayers(""));
  WriteModel(folder / "plain", ManyLayers("", 10));
  WriteBytes(folder / "random", RandomBytes(5000, 1));
  for (const auto& [base, result] : {std::pair("compact", "plain"), std::pair("plain", "compact"),
                                     std::pair("random", "compact"), std::pair("compact", "random")}) {
    SCOPED_TRACE(std::string(base) + " to " + result);
    RoundTrip(folder, folder / base, folder / result);
    EXPECT_EQ(ReadableFrom(folder / "delta"), 2u);
  }
  RoundTrip(folder, folder / "random", folder / "plain");
  EXPECT_EQ(ReadableFrom(folder / "delta"), 1u) << "readers of the first version understand it";
}

// As an earlier writer, or another zlib, would have compressed the index.
TEST(MakeDelta, AnIndexThatDevicesWouldCompressOtherwise) {
  const TemporaryFolder folder;
  WriteModel(folder / "base", ManyLayers(""));
  WriteModel(folder / "result", ManyLayers("backbone."));
  const Bytes result = ReadBytes(folder / "result");
  ModelHeader header{};
  std::memcpy(&header, result.data(), sizeof(header));
  const size_t begin = sizeof(header) + sizeof(CompressedIndexHeader);
  const size_t end = sizeof(header) + header.index_bytes;
  // Deflate allows empty stored blocks: one in front.
  Bytes other(result.begin(), result.begin() + static_cast<ptrdiff_t>(begin + 2));
  other.insert(other.end(), {0, 0, 0, 0xff, 0xff});
  other.insert(other.end(), result.begin() + static_cast<ptrdiff_t>(begin + 2),
               result.begin() + static_cast<ptrdiff_t>(end));
  header.index_bytes += 5;
  std::memcpy(other.data(), &header, sizeof(header));
  other.resize(sizeof(header) + AlignTensor(header.index_bytes));
  other.insert(other.end(), result.end() - static_cast<ptrdiff_t>(header.tensor_bytes), result.end());
  WriteBytes(folder / "other", other);
  ASSERT_TRUE(OpenModel(folder / "other").ok());
  RoundTrip(folder, folder / "base", folder / "other");
  EXPECT_EQ(ReadableFrom(folder / "delta"), 1u);
  const DeltaReport from = RoundTrip(folder, folder / "other", folder / "base");
  EXPECT_EQ(ReadableFrom(folder / "delta"), 2u);
  EXPECT_LT(from.delta_bytes, 500u);
}

// Every element type, each with small changes, with other values, and grown by a row.
TEST(MakeDelta, EveryElementType) {
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kF64, DType::kI8, DType::kU8, DType::kI16, DType::kU16,
        DType::kI32, DType::kU32, DType::kI64, DType::kU64, DType::kI4, DType::kU4}) {
    SCOPED_TRACE(static_cast<int>(dtype));
    const TemporaryFolder folder;
    Layer layer{"w", dtype, {40, 16}, RandomBytes(BytesOf(dtype, 640), 5)};
    WriteModel(folder / "base", {layer});
    for (size_t i = 0; i < layer.bytes.size(); i += 7)
      layer.bytes[i] = static_cast<uint8_t>(layer.bytes[i] + 1);
    WriteModel(folder / "changed", {layer});
    const DeltaReport report = RoundTrip(folder, folder / "base", folder / "changed");
    EXPECT_EQ(report.sparse + report.changed, 1u);
    EXPECT_LT(report.delta_bytes, 640u + layer.bytes.size() / 2);
    layer.shape = {41, 16};
    const Bytes row = RandomBytes(BytesOf(dtype, 16), 6);
    layer.bytes.insert(layer.bytes.end(), row.begin(), row.end());
    WriteModel(folder / "grown", {layer});
    EXPECT_LT(RoundTrip(folder, folder / "changed", folder / "grown").delta_bytes, 700 + row.size() * 2);
    WriteModel(folder / "other", {{"w", dtype, {40, 16}, RandomBytes(BytesOf(dtype, 640), 9)}});
    RoundTrip(folder, folder / "base", folder / "other");
  }
}

// More than one block, and numbers that are no numbers.
TEST(MakeDelta, ExtremeFloats) {
  const TemporaryFolder folder;
  std::vector<float> weights(30000), others(30000);
  const Bytes bits = RandomBytes(weights.size() * 8, 4);
  std::memcpy(weights.data(), bits.data(), weights.size() * 4);
  std::memcpy(others.data(), bits.data() + weights.size() * 4, weights.size() * 4);
  for (size_t i = 0; i < weights.size(); i += 3) others[i] = -weights[i];
  others[0] = -0.0f, others[1] = INFINITY, others[2] = -NAN, weights[0] = 0.0f;
  WriteModel(folder / "base", {FloatLayer("w", {30000}, weights)});
  WriteModel(folder / "result", {FloatLayer("w", {30000}, others)});
  EXPECT_LT(RoundTrip(folder, folder / "base", folder / "result").delta_bytes, 123000u);
}

TEST(MakeDelta, SaysWhichFileIsMissing) {
  const TemporaryFolder folder;
  WriteBytes(folder / "base", Bytes(10, 1));
  const auto report = MakeDelta(folder / "base", folder / "nowhere", folder / "delta");
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), Code::kNotFound);
  EXPECT_NE(report.status().ToString().find("nowhere"), std::string::npos);
  EXPECT_EQ(folder.files(), 1u);
}

}  // namespace
}  // namespace whet::fleet
