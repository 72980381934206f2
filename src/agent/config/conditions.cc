#include "agent/config/conditions.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <vector>

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

std::optional<uint32_t> Hexadecimal(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string_view> Columns(std::string_view line) {
  constexpr char kBlanks[] = " \t";
  std::vector<std::string_view> columns;
  for (size_t at = line.find_first_not_of(kBlanks); at != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    columns.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(kBlanks, end);
  }
  return columns;
}

bool IsMetered(const UpdateConditions& conditions) {
  std::error_code error;
  if (conditions.metered) return true;
  if (!conditions.metered_file.empty() && std::filesystem::exists(conditions.metered_file, error))
    return true;
  if (conditions.metered_interfaces.empty()) return false;
  const std::string interface = DefaultInterface(conditions.proc_net_folder);
  return std::ranges::any_of(conditions.metered_interfaces, [&](std::string_view name) {
    if (!name.ends_with('*')) return interface == name;
    name.remove_suffix(1);
    return interface.starts_with(name);
  });
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

std::string DefaultInterface(const std::string& proc_net_folder) {
  constexpr uint32_t kUp = 1;  // RTF_UP
  std::string best;
  uint32_t best_metric = UINT32_MAX;
  const auto take = [&](std::string_view interface, std::optional<uint32_t> flags,
                        std::optional<uint32_t> metric) {
    if (!flags || (*flags & kUp) == 0 || !metric || *metric >= best_metric || interface == "lo") return;
    best = interface;
    best_metric = *metric;
  };
  std::string line;
  std::ifstream ipv4(proc_net_folder + "/route");
  std::getline(ipv4, line);  // the columns' names
  while (std::getline(ipv4, line)) {
    // Iface Destination Gateway Flags RefCnt Use Metric Mask …
    const std::vector<std::string_view> columns = Columns(line);
    if (columns.size() < 8 || columns[1] != "00000000" || columns[7] != "00000000") continue;
    const auto metric = Number(columns[6]);
    take(columns[0], Hexadecimal(columns[3]),
         metric ? std::optional(static_cast<uint32_t>(*metric)) : std::nullopt);
  }
  if (!best.empty()) return best;
  std::ifstream ipv6(proc_net_folder + "/ipv6_route");
  while (std::getline(ipv6, line)) {
    // destination, its length, source, its length, gateway, metric, references, use, flags, interface
    const std::vector<std::string_view> columns = Columns(line);
    if (columns.size() < 10 || columns[1] != "00") continue;
    take(columns[9], Hexadecimal(columns[8]), Hexadecimal(columns[5]));
  }
  return best;
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
  if (IsMetered(conditions)) return "it waits for a link that is not metered";
  const auto window = ParseWindow(conditions.window);
  if (window && !window->Contains(minute_of_day)) {
    return "it waits for the maintenance window " + conditions.window;
  }
  return {};
}

}  // namespace whet::agent
