#include "cli/console.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "base/status.h"
#include "fleet/json/nlohmann.h"

namespace whet::cli {
namespace {

int64_t NowMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// Characters, for UTF-8: bytes that do not continue another.
size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Scaled(double value, double step, const char* unit) {
  constexpr const char* kPrefixes[] = {"", "k", "M", "G", "T", "P"};
  size_t prefix = 0;
  while (value >= step && prefix + 1 < std::size(kPrefixes)) {
    value /= step;
    ++prefix;
  }
  if (prefix == 0) return Format("%.0f%s%s", value, *unit != '\0' ? " " : "", unit);
  return Format("%.*f %s%s", value < 10 ? 2 : value < 100 ? 1 : 0, value, kPrefixes[prefix], unit);
}

}  // namespace

bool Console::interactive() const { return !json_ && ::isatty(STDERR_FILENO) == 1; }

void Console::Print(std::string_view text) const { std::fwrite(text.data(), 1, text.size(), stdout); }

void Console::PrintJson(const nlohmann::ordered_json& object) const {
  // Names in models may be any bytes; what is not UTF-8 becomes U+FFFD.
  Print(object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

Table::Table(std::vector<std::string> header, const std::vector<size_t>& right) : right_(header.size()) {
  for (size_t column : right) right_[column] = true;
  rows_.push_back(std::move(header));
}

std::string Table::ToString() const {
  std::vector<size_t> widths(right_.size());
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], WidthOf(row[i]));
  }
  std::string text;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - WidthOf(row[i]), ' ');
      if (i > 0) line += "  ";
      line += right_[i] ? space + row[i] : row[i] + space;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line;
    text += '\n';
  }
  return text;
}

std::string Table::ToMarkdown() const {
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    text += '|';
    for (const std::string& cell : rows_[r]) {
      text += ' ';
      text += cell;
      text += " |";
    }
    text += '\n';
    if (r > 0) continue;
    text += '|';
    for (bool right : right_) text += right ? "--:|" : "---|";
    text += '\n';
  }
  return text;
}

Progress::Progress(const Console& console, std::string label, size_t total)
    : shown_(console.interactive() && total > 1), label_(std::move(label)), total_(total) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::Advance(std::string_view what) {
  ++done_;
  if (!shown_) return;
  constexpr int64_t kRedrawMs = 100;
  const int64_t now = NowMs();
  if (now - last_drawn_ms_ < kRedrawMs && done_ < total_) return;
  last_drawn_ms_ = now;
  constexpr size_t kCells = 30;
  const size_t full = std::min(done_, total_) * kCells / total_;
  const std::string bar = std::string(full, '=') + std::string(kCells - full, ' ');
  std::fprintf(stderr, "\r\033[K%s [%s] %zu/%zu %s", label_.c_str(), bar.c_str(), done_, total_,
               std::string(what.substr(0, 40)).c_str());
  std::fflush(stderr);
}

std::string FormatBytes(uint64_t bytes) { return Scaled(static_cast<double>(bytes), 1000, "B"); }

std::string FormatCount(double count) { return Scaled(count, 1000, ""); }

}  // namespace whet::cli
