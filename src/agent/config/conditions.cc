#include "agent/config/conditions.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "base/status.h"

namespace whet::agent {
namespace {

std::string FirstLine(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::optional<int> Number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int> Minute(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hours = Number(text.substr(0, 2));
  const auto minutes = Number(text.substr(3));
  if (!hours || !minutes || *hours < 0 || *hours > 24 || *minutes < 0 || *minutes > 59) return std::nullopt;
  return *hours * 60 + *minutes;
}

}  // namespace

PowerReading ReadPower(const std::string& power_supply_folder) {
  PowerReading power;
  bool charger = false;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(power_supply_folder, error)) {
    const std::string type = FirstLine(entry.path() / "type");
    if (type == "Battery") {
      // A mouse's battery is not ours.
      if (FirstLine(entry.path() / "scope") == "Device") continue;
      const auto percent = Number(FirstLine(entry.path() / "capacity"));
      if (percent) power.battery_percent = std::min(*percent, power.battery_percent.value_or(100));
    } else if (FirstLine(entry.path() / "online") == "1") {
      charger = true;
    }
  }
  power.mains = charger || !power.battery_percent;
  return power;
}

bool DayWindow::Contains(int minute) const {
  return begin <= end ? minute >= begin && minute < end : minute >= begin || minute < end;
}

std::optional<DayWindow> ParseWindow(std::string_view text) {
  if (text.size() != 11 || text[5] != '-') return std::nullopt;
  const auto begin = Minute(text.substr(0, 5));
  const auto end = Minute(text.substr(6));
  if (!begin || !end) return std::nullopt;
  return DayWindow{*begin, *end};
}

std::string PowerKind(const UpdateConditions& conditions, const PowerReading& power) {
  if (conditions.power != "auto") return conditions.power;
  return power.mains ? "mains" : "battery";
}

std::string WhyNotNow(const UpdateConditions& conditions, const PowerReading& power, int minute_of_day) {
  if (!power.mains && conditions.need_charger) return "it waits for a charger";
  if (!power.mains && power.battery_percent && *power.battery_percent < conditions.min_battery_percent) {
    return Format("it waits for the battery, at %d %%, to have %d %%", *power.battery_percent,
                  conditions.min_battery_percent);
  }
  std::error_code error;
  if (conditions.metered ||
      (!conditions.metered_file.empty() && std::filesystem::exists(conditions.metered_file, error))) {
    return "it waits for a link that is not metered";
  }
  const auto window = ParseWindow(conditions.window);
  if (window && !window->Contains(minute_of_day)) {
    return "it waits for the maintenance window " + conditions.window;
  }
  return {};
}

}  // namespace whet::agent
