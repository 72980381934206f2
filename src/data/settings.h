// "key=value,key=value": the text in which pre- and post-processing are stored with a model and typed by
// people.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace whet::data {

// Pairs are parted by ',', the entries of a list by '|' or ':'. Within a name, the characters , = | : % and
// everything not printable are written as %XX. Numbers may be fractions ("1/255") when read.
using Settings = std::vector<std::pair<std::string, std::string>>;

// Keys must be unique; the values are still escaped.
Result<Settings> ParseSettings(std::string_view text);

Status ParseSetting(std::string_view text, int low, int high, int* value);
Status ParseSetting(std::string_view text, float* value);  // finite
Status ParseSetting(std::string_view text, bool* value);   // "yes" or "no"
Status ParseSetting(std::string_view text, std::vector<int>* values);
Status ParseSetting(std::string_view text, std::vector<float>* values);
Status ParseSetting(std::string_view text, std::vector<std::string>* names);

// A setting that is one of a few words.
template <typename Value>
struct SettingWord {
  Value value;
  std::string_view text;
};

template <typename Value, size_t n>
Status ParseSetting(std::string_view text, const SettingWord<Value> (&words)[n], Value* value) {
  std::string known;
  for (const SettingWord<Value>& word : words) {
    if (word.text == text) {
      *value = word.value;
      return {};
    }
    if (!known.empty()) known += ", ";
    known += word.text;
  }
  return Error(Code::kInvalidArgument, "'%s' is not one of %s", std::string(text.substr(0, 64)).c_str(),
               known.c_str());
}

template <typename Value, size_t n>
std::string_view SettingWordOf(Value value, const SettingWord<Value> (&words)[n]) {
  for (const SettingWord<Value>& word : words) {
    if (word.value == value) return word.text;
  }
  return "";
}

// "resize" is unknown; known are: …
Status UnknownSetting(std::string_view key, std::string_view known);

class SettingsWriter {
 public:
  void Add(std::string_view key, std::string_view word);
  void Add(std::string_view key, int value) { Add(key, std::to_string(value)); }
  // The shortest decimal that reads back as the same float.
  void Add(std::string_view key, float value);
  void Add(std::string_view key, const std::vector<int>& values);
  void Add(std::string_view key, const std::vector<float>& values);
  void Add(std::string_view key, const std::vector<std::string>& names);
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace whet::data
