#include "agent/release/hardware.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace whet::agent {
namespace {

using testing::HasSubstr;

TEST(Hardware, FitsOnlyTheHardwareItNames) {
  fleet::Release release;
  release.requirements = {.architectures = {"x86_64"}, .isa = "avx2", .memory_bytes = 1000};
  release.variants.resize(2);
  release.variants[0].name = "int8";
  release.variants[0].power = "battery";
  release.variants[1].name = "f32";
  const Machine machine{.architecture = "x86_64", .isa = "avx512", .memory_bytes = 1000, .power = "mains"};
  EXPECT_EQ(WhyNotHere(release, machine), "");
  EXPECT_EQ(ChooseVariant(release, machine)->name, "f32");
  Machine other = machine;
  other.power = "battery";
  EXPECT_EQ(ChooseVariant(release, other)->name, "int8");
  other = machine;
  other.architecture = "aarch64";
  EXPECT_THAT(WhyNotHere(release, other), HasSubstr("aarch64"));
  other = machine;
  other.isa = "portable";
  EXPECT_THAT(WhyNotHere(release, other), HasSubstr("avx2"));
  other = machine;
  other.memory_bytes = 999;
  EXPECT_THAT(WhyNotHere(release, other), HasSubstr("memory"));
}

}  // namespace
}  // namespace whet::agent
