#include "api/plan_cache.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

namespace whet {
namespace {

namespace fs = std::filesystem;

TEST(PlanCache, TheLeastRecentlyUsedPlansGo) {
  const fs::path folder = fs::path(testing::TempDir()) / "whet_plan_cache_test";
  fs::remove_all(folder);
  fs::create_directories(folder);
  const auto now = fs::file_time_type::clock::now();
  const auto write = [&](const char* name, int hours_ago) {
    std::ofstream(folder / name) << std::string(1000, 'x');
    fs::last_write_time(folder / name, now - std::chrono::hours(hours_ago));
  };
  write("old.plan", 3);
  write("middle.plan", 2);
  write("new.plan", 1);
  write("other.txt", 9);
  TouchCachedPlan((folder / "old.plan").string());
  TrimPlanCache(folder.string(), 2500);
  EXPECT_TRUE(fs::exists(folder / "old.plan"));
  EXPECT_FALSE(fs::exists(folder / "middle.plan"));
  EXPECT_TRUE(fs::exists(folder / "new.plan"));
  EXPECT_TRUE(fs::exists(folder / "other.txt"));
  TrimPlanCache(folder.string(), 0);
  EXPECT_FALSE(fs::exists(folder / "new.plan"));
  EXPECT_TRUE(fs::exists(folder / "other.txt"));
  TrimPlanCache((folder / "missing").string(), 0);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace whet
