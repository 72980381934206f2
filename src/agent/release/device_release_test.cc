#include "agent/release/device_release.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace whet::agent {
namespace {

using testing::HasSubstr;

const std::string kHash(64, 'a');

std::string Release(const std::string& model = "models/detector/1.1.0/f32.whet",
                    const std::string& dims = "[1, 4]", const std::string& offset = "0") {
  return R"({"format": 1, "family": "detector", "version": "1.1.0",
    "requires": {"architectures": ["x86_64"], "isa": "avx2", "memory_bytes": 1000, "storage_bytes": 5},
    "budgets": {"latency_ms_mean": 12.5, "arena_bytes": 4096},
    "variants": [{"name": "int8", "target": "models/detector/1.1.0/int8.whet", "bytes": 10, "sha256": ")" +
         kHash + R"(", "power": "battery"}, {"name": "f32", "target": ")" + model +
         R"(", "bytes": 40, "sha256": ")" + kHash +
         R"(", "power": "any"}],
    "golden": {"target": "models/detector/1.1.0/golden.bin", "bytes": 64, "sha256": ")" +
         kHash + R"(", "samples": [{"inputs": [{"name": "x", "dtype": "f32", "dims": )" + dims +
         R"(, "offset": )" + offset +
         R"(, "bytes": 16}], "outputs": []}]},
    "reference": {"input_mean": [0.5], "input_std": [0.25]}})";
}

TEST(DeviceRelease, ReadsWhatADeviceNeeds) {
  const auto release = ParseDeviceRelease(Release());
  ASSERT_TRUE(release.ok()) << release.status().ToString();
  EXPECT_EQ(release->version, "1.1.0");
  EXPECT_EQ(release->budget_latency_ms_mean, 12.5);
  EXPECT_EQ(release->variants[1].target.bytes, 40U);
  EXPECT_EQ(release->samples[0].inputs[0].dims, (std::vector<int64_t>{1, 4}));
  EXPECT_EQ(release->reference_std[0], 0.25);
}

TEST(DeviceRelease, RefusesPathsAndSizesThatLeadElsewhere) {
  for (const char* path : {"models/other/1.1.0/f32.whet", "models/detector/1.1.0/../../../etc/passwd",
                           "/etc/passwd", "models/detector/1.1.0/", "models/detector/1.1.0/a/b", ""}) {
    EXPECT_FALSE(ParseDeviceRelease(Release(path)).ok()) << path;
  }
  for (const char* dims : {"[1, 5]", "[-1, 4]", "[4294967296, 4294967296, 4294967296]", "[1.5]", "7"}) {
    EXPECT_FALSE(ParseDeviceRelease(Release("models/detector/1.1.0/f32.whet", dims)).ok()) << dims;
  }
  for (const char* offset : {"64", "1", "18446744073709551552", "-64"}) {
    EXPECT_FALSE(ParseDeviceRelease(Release("models/detector/1.1.0/f32.whet", "[1, 4]", offset)).ok())
        << offset;
  }
  EXPECT_FALSE(ParseDeviceRelease(std::string(100000, '[')).ok());
  EXPECT_FALSE(ParseDeviceRelease("{}").ok());
}

TEST(DeviceRelease, FitsOnlyTheHardwareItNames) {
  const auto release = ParseDeviceRelease(Release());
  ASSERT_TRUE(release.ok());
  const Machine machine{.architecture = "x86_64", .isa = "avx512", .memory_bytes = 1000, .power = "mains"};
  EXPECT_EQ(WhyNotHere(*release, machine), "");
  EXPECT_EQ(ChooseVariant(*release, machine)->name, "f32");
  Machine other = machine;
  other.power = "battery";
  EXPECT_EQ(ChooseVariant(*release, other)->name, "int8");
  other = machine;
  other.architecture = "aarch64";
  EXPECT_THAT(WhyNotHere(*release, other), HasSubstr("aarch64"));
  other = machine;
  other.isa = "portable";
  EXPECT_THAT(WhyNotHere(*release, other), HasSubstr("avx2"));
  other = machine;
  other.memory_bytes = 999;
  EXPECT_THAT(WhyNotHere(*release, other), HasSubstr("memory"));
}

}  // namespace
}  // namespace whet::agent
