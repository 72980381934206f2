#include "measure/latency.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <vector>

namespace whet {
namespace {

double Percentile(const std::vector<double>& sorted, double part) {
  const double position = part * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (position - static_cast<double>(below));
}

}  // namespace

LatencySummary Summarize(std::span<const double> milliseconds) {
  if (milliseconds.empty()) return {};
  std::vector<double> sorted(milliseconds.begin(), milliseconds.end());
  std::sort(sorted.begin(), sorted.end());
  const double sum = std::accumulate(sorted.begin(), sorted.end(), 0.0);
  return {sum / static_cast<double>(sorted.size()),
          Percentile(sorted, 0.5),
          Percentile(sorted, 0.95),
          Percentile(sorted, 0.99),
          sorted.front(),
          sorted.back()};
}

int64_t NowNanoseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

uint64_t PeakRssBytes() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return 0;
  char line[256];
  unsigned long long kilobytes = 0;
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    if (std::sscanf(line, "VmHWM: %llu kB", &kilobytes) == 1) break;
  }
  std::fclose(file);
  return kilobytes * 1024;
}

void ResetPeakRss() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
  // 5 makes the peak the present size (proc(5), clear_refs).
  if (std::FILE* file = std::fopen("/proc/self/clear_refs", "w"); file != nullptr) {
    std::fputs("5", file);
    std::fclose(file);
  }
}

std::optional<double> ReadEnergyJoules() {
  std::FILE* file = std::fopen("/sys/class/powercap/intel-rapl:0/energy_uj", "r");
  if (file == nullptr) return std::nullopt;
  unsigned long long microjoules = 0;
  const bool read = std::fscanf(file, "%llu", &microjoules) == 1;
  std::fclose(file);
  if (!read) return std::nullopt;
  return static_cast<double>(microjoules) * 1e-6;
}

}  // namespace whet
