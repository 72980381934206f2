#include "fleet/release/release.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/json/nlohmann.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

Release Example() {
  Release release;
  release.family = "detector";
  release.version = "1.1.0";
  release.created = "2026-11-26T20:00:00Z";
  release.inputs = {{.name = "x", .dtype = DType::kF32, .dims = {-1, 4}, .sha256 = {}}};
  release.outputs = {{.name = "y", .dtype = DType::kF32, .dims = {-1, 2}, .sha256 = {}}};
  release.operators = {"MatMul"};
  release.budgets.latency_ms_mean = 12.5;
  ReleaseVariant variant;
  variant.name = "f32";
  variant.precision = "f32";
  variant.target = "models/detector/1.1.0/f32.whet";
  variant.bytes = 100;
  variant.sha256 = std::string(64, 'a');
  variant.model_id = std::string(64, 'b');
  variant.tensors = {
      {.name = "w", .dtype = DType::kF32, .dims = {4, 2}, .bytes = 32, .sha256 = std::string(64, 'c')}};
  release.variants = {variant};
  release.golden_target = "models/detector/1.1.0/golden.bin";
  release.golden_bytes = 72;
  release.golden_sha256 = std::string(64, 'd');
  GoldenSample sample;
  sample.inputs = {{.name = "x", .dtype = DType::kF32, .dims = {1, 4}, .bytes = 16, .sha256 = {}}};
  sample.outputs = {{.name = "y",
                     .dtype = DType::kF32,
                     .dims = {1, 2},
                     .bytes = 8,
                     .sha256 = {},
                     .offset = 64,
                     .rtol = 1e-3,
                     .atol = 0.5}};
  release.samples = {sample};
  release.reference = ReleaseReference{{-0.5}, {0.25}};
  return release;
}

TEST(Release, IsReadAsItWasWritten) {
  const std::string text = PrintRelease(Example());
  auto release = ParseRelease(text);
  ASSERT_TRUE(release.ok()) << release.status().ToString();
  EXPECT_EQ(PrintRelease(*release), text);
  EXPECT_EQ(release->samples[0].outputs[0].atol, 0.5);
  EXPECT_EQ(release->inputs[0].dims, (std::vector<int64_t>{-1, 4}));
  EXPECT_EQ(release->reference->input_mean[0], -0.5);
}

TEST(Release, RefusesWhatIsNotOne) {
  const Json good = Json::parse(PrintRelease(Example()));
  const auto refuses = [&](const char* pointer, const Json& value) {
    Json changed = good;
    changed[Json::json_pointer(pointer)] = value;
    EXPECT_FALSE(ParseRelease(changed.dump()).ok()) << pointer << " = " << value;
  };
  ASSERT_TRUE(ParseRelease(good.dump()).ok());
  refuses("/format", 2);
  refuses("/family", "../x");
  refuses("/version", "1.1");
  refuses("/variants", Json::array());
  refuses("/variants/0/target", "models/detector/1.1.0/../../../x");
  refuses("/variants/0/target", "models/other/1.1.0/f32.whet");
  refuses("/variants/0/sha256", "aa");
  refuses("/variants/0/power", "solar");
  refuses("/variants/0/bytes", -1);
  refuses("/variants/0/name", "a/b");
  refuses("/variants/0/tensors/0/dtype", "f99");
  refuses("/variants/0/tensors/0/dims", Json::array({-1}));
  refuses("/golden/samples/0/inputs/0/bytes", 17);
  refuses("/golden/samples/0/inputs/0/offset", 1);
  refuses("/golden/samples/0/outputs/0/offset", 128);
  refuses("/golden/samples/0/outputs/0/offset", uint64_t{1} << 60);
  refuses("/golden/samples/0/inputs/0/dims",
          Json::array({int64_t{1} << 39, int64_t{1} << 39, int64_t{1} << 39}));
  refuses("/budgets/latency_ms_mean", -1);
  refuses("/inputs", 5);
  refuses("/inputs/0", "x");
  for (const auto& [name, value] : good.items()) {
    if (name == "reference") continue;
    Json changed = good;
    changed.erase(name);
    EXPECT_FALSE(ParseRelease(changed.dump()).ok()) << name;
  }
  EXPECT_FALSE(ParseRelease(std::string(100000, '[')).ok());
}

}  // namespace
}  // namespace whet::fleet
