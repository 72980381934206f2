#include "agent/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/config/conditions.h"

namespace whet::agent {
namespace {

using testing::HasSubstr;

std::string With(const std::string& more) {
  return R"({"families": ["detector"], "repository": "http://localhost/repo", "root": "/etc/whet/root.json")" +
         (more.empty() ? std::string() : ", " + more) + "}";
}

TEST(Config, LeavesDefaultsAndReadsWhatIsSet) {
  const auto config = ParseConfig(With(
      R"("poll_s": 5, "conditions": {"window": "22:30-05:00", "need_charger": true}, "telemetry": {"url": "http://h/v1/metrics"})"));
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->poll_s, 5);
  EXPECT_EQ(config->conditions.window, "22:30-05:00");
  EXPECT_TRUE(config->conditions.need_charger);
  EXPECT_EQ(config->telemetry.url, "http://h/v1/metrics");
  EXPECT_EQ(config->channel, "stable");
}

TEST(Config, NamesTheKeyAtFault) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("pol_s": 5)", "'pol_s'"},
      {R"("poll_s": "5")", "'poll_s'"},
      {R"("poll_s": -1)", "'poll_s'"},
      {R"("conditions": {"min_battery": 5})", "'conditions.min_battery'"},
      {R"("conditions": {"window": "2-5"})", "'conditions.window'"},
      {R"("conditions": 7)", "'conditions'"},
      {R"("telemetry": {"url": "http://h", "mqtt_host": "h"})", "'telemetry.mqtt_host'"},
      {R"("telemetry": {"mqtt_host": "h", "mqtt_password_file": "p"})", "'telemetry.mqtt_user'"},
      {R"("device": "a b")", "'device'"},
      {R"("channel": "../x")", "'channel'"},
      {R"("families": ["../../etc"])", "'families'"},
      {R"("state_folder": "relative")", "'state_folder'"},
  };
  for (const auto& [text, key] : cases) {
    const auto config = ParseConfig(With(text));
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_THAT(config.status().ToString(), HasSubstr(key));
  }
  EXPECT_FALSE(ParseConfig("{").ok());
  EXPECT_FALSE(ParseConfig("[]").ok());
  EXPECT_THAT(ParseConfig("{}").status().ToString(), HasSubstr("'families'"));
}

TEST(Config, TheDevicesNameDoesNotGiveAwayTheMachineId) {
  const std::string path = testing::TempDir() + "/whet_machine_id";
  const std::string id = "0123456789abcdef0123456789abcdef\n";
  std::ofstream(path) << id;
  const auto device = DeviceFromMachineId(path);
  ASSERT_TRUE(device.ok());
  EXPECT_EQ(device->size(), 32U);
  EXPECT_EQ(device->find("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(*device, *DeviceFromMachineId(path));
  std::filesystem::remove(path);
  EXPECT_FALSE(DeviceFromMachineId(path).ok());
}

class Power : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove_all(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void Supply(const std::string& name, const std::vector<std::pair<std::string, std::string>>& files) {
    std::filesystem::create_directories(folder_ + "/" + name);
    for (const auto& [file, text] : files) std::ofstream(folder_ + "/" + name + "/" + file) << text << "\n";
  }
  const std::string folder_ = testing::TempDir() + "/whet_power_supply";
};

TEST_F(Power, IsReadFromTheKernel) {
  EXPECT_TRUE(ReadPower(folder_).mains);
  Supply("BAT0", {{"type", "Battery"}, {"capacity", "41"}});
  Supply("BAT1", {{"type", "Battery"}, {"capacity", "17"}});
  Supply("hid-mouse", {{"type", "Battery"}, {"scope", "Device"}, {"capacity", "3"}});
  EXPECT_FALSE(ReadPower(folder_).mains);
  EXPECT_EQ(ReadPower(folder_).battery_percent, 17);
  Supply("AC", {{"type", "Mains"}, {"online", "0"}});
  EXPECT_FALSE(ReadPower(folder_).mains);
  Supply("AC", {{"type", "Mains"}, {"online", "1"}});
  EXPECT_TRUE(ReadPower(folder_).mains);
}

TEST_F(Power, TheDefaultRoutesInterfaceIsTheKernels) {
  EXPECT_EQ(DefaultInterface(folder_), "");
  std::filesystem::create_directories(folder_);
  std::ofstream(folder_ + "/ipv6_route")
      << "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
         "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n"
         "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
         "fe800000000000000000000000000001 00000400 00000001 00000000 00450003    wwan1\n"
         "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
         "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";
  EXPECT_EQ(DefaultInterface(folder_), "wwan1");
  std::ofstream(folder_ + "/route") << "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
                                       "wwan0\t00000000\t0100A8C0\t0003\t0\t0\t700\t00000000\t0\t0\t0\n"
                                       "down0\t00000000\t0100A8C0\t0002\t0\t0\t50\t00000000\t0\t0\t0\n"
                                       "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                                       "eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                                       "damaged\n";
  EXPECT_EQ(DefaultInterface(folder_), "eth0");
}

TEST_F(Power, DecidesAboutUpdatesAndVariants) {
  UpdateConditions conditions;
  constexpr int noon = 12 * 60;
  const PowerReading low{.mains = false, .battery_percent = 20};
  const PowerReading full{.mains = false, .battery_percent = 90};
  const PowerReading charging{.mains = true, .battery_percent = 20};
  EXPECT_THAT(WhyNotNow(conditions, low, noon), HasSubstr("20 %"));
  EXPECT_EQ(WhyNotNow(conditions, full, noon), "");
  EXPECT_EQ(WhyNotNow(conditions, charging, noon), "");
  conditions.need_charger = true;
  EXPECT_THAT(WhyNotNow(conditions, full, noon), HasSubstr("charger"));
  EXPECT_EQ(PowerKind(conditions, full), "battery");
  EXPECT_EQ(PowerKind(conditions, charging), "mains");
  conditions.power = "battery";
  EXPECT_EQ(PowerKind(conditions, charging), "battery");
  conditions.metered_file = folder_;
  EXPECT_EQ(WhyNotNow(conditions, charging, noon), "");
  std::filesystem::create_directories(folder_);
  EXPECT_THAT(WhyNotNow(conditions, charging, noon), HasSubstr("metered"));
  conditions.metered_file.clear();
  conditions.metered_interfaces = {"wwan0", "ppp*"};
  conditions.proc_net_folder = folder_;
  EXPECT_EQ(WhyNotNow(conditions, charging, noon), "");
  std::ofstream(folder_ + "/route") << "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
                                       "ppp0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\n";
  EXPECT_THAT(WhyNotNow(conditions, charging, noon), HasSubstr("metered"));
  conditions.metered_interfaces = {"eth0"};
  EXPECT_EQ(WhyNotNow(conditions, charging, noon), "");
  conditions.window = "22:30-05:00";
  EXPECT_THAT(WhyNotNow(conditions, charging, noon), HasSubstr("window"));
  EXPECT_EQ(WhyNotNow(conditions, charging, 4 * 60 + 59), "");
  EXPECT_NE(WhyNotNow(conditions, charging, 5 * 60 + 0), "");
  EXPECT_EQ(WhyNotNow(conditions, charging, 22 * 60 + 30), "");
}

}  // namespace
}  // namespace whet::agent
