// Whether this is a moment for an update: power, link, time of day.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/config/config.h"

namespace whet::agent {

// What /sys/class/power_supply says (kernel: Documentation/ABI/testing/sysfs-class-power).
struct PowerReading {
  bool mains = true;                   // a charger is online, or there is no battery at all
  std::optional<int> battery_percent;  // of the emptiest battery of the device itself
};
PowerReading ReadPower(const std::string& power_supply_folder);

// The interface of the default route with the least metric, IPv4 before IPv6 (kernel: proc/net/route and
// proc/net/ipv6_route); empty if there is none.
std::string DefaultInterface(const std::string& proc_net_folder);

// Minutes since midnight; `end` before `begin` spans midnight.
struct DayWindow {
  int begin = 0;
  int end = 0;
  bool Contains(int minute) const;
};
std::optional<DayWindow> ParseWindow(std::string_view text);

// "mains" or "battery": the kind of variant that a device takes.
std::string PowerKind(const UpdateConditions& conditions, const PowerReading& power);

// Why no update may be fetched or installed now; empty if it may. `minute_of_day` is
// local time since midnight.
std::string WhyNotNow(const UpdateConditions& conditions, const PowerReading& power, int minute_of_day);

}  // namespace whet::agent
