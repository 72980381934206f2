// What commands print on: tables for people, JSON for machines, progress where someone watches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace whet::cli {

// The answer goes to stdout; everything else to stderr.
class Console {
 public:
  explicit Console(bool json) : json_(json) {}

  bool json() const { return json_; }
  // Is stderr a terminal, and is it not a machine that asks?
  bool interactive() const;

  void Print(std::string_view text) const;
  // One object, indented, with a line's end.
  void PrintJson(const nlohmann::ordered_json& object) const;

 private:
  bool json_;
};

// Columns as wide as their widest cell, parted by two spaces; those in `right` (by index) are right-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> header, const std::vector<size_t>& right = {});
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string ToString() const;
  // The same as a Markdown table.
  std::string ToMarkdown() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the first is the header
  std::vector<bool> right_;
};

// A bar on the terminal's last line; silent where there is no terminal. Cleared when destroyed.
class Progress {
 public:
  Progress(const Console& console, std::string label, size_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Advance(std::string_view what);

 private:
  bool shown_;
  std::string label_;
  size_t total_;
  size_t done_ = 0;
  int64_t last_drawn_ms_ = 0;
};

// "1.25 MB" (decimal), "312 B".
std::string FormatBytes(uint64_t bytes);
// "1.25 G", "312".
std::string FormatCount(double count);

}  // namespace whet::cli
