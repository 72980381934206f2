#include "data/settings.h"

#include <charconv>
#include <cmath>

namespace whet::data {
namespace {

std::string Quoted(std::string_view text) {
  std::string quoted(1, '\'');
  quoted += text.substr(0, 64);
  quoted += '\'';
  return quoted;
}

bool ParseFloat(std::string_view text, float* value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && rest == end && std::isfinite(*value);
}

std::vector<std::string_view> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find_first_of(separators);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Status Unescape(std::string_view text, std::string* plain) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      *plain += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return Error(Code::kInvalidArgument, "%s has a %% that two hexadecimal digits do not follow",
                   Quoted(text).c_str());
    }
    *plain += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return {};
}

std::string Escape(std::string_view plain) {
  std::string text;
  for (char c : plain) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 127 || std::string_view(",=|:%").find(c) != std::string_view::npos) {
      text += Format("%%%02X", byte);
    } else {
      text += c;
    }
  }
  return text;
}

std::string Shortest(float value) {
  char text[32];
  const auto result = std::to_chars(text, text + sizeof(text), value);
  return {text, result.ptr};
}

}  // namespace

Result<Settings> ParseSettings(std::string_view text) {
  Settings settings;
  if (text.empty()) return settings;
  for (std::string_view pair : Split(text, ",")) {
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return Error(Code::kInvalidArgument, "%s is not of the form key=value", Quoted(pair).c_str());
    }
    std::string key(pair.substr(0, equals));
    for (const auto& [other, value] : settings) {
      if (other == key) return Error(Code::kInvalidArgument, "%s is given twice", Quoted(key).c_str());
    }
    settings.emplace_back(std::move(key), std::string(pair.substr(equals + 1)));
  }
  return settings;
}

Status ParseSetting(std::string_view text, int low, int high, int* value) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *value);
  if (error != std::errc() || rest != end || *value < low || *value > high) {
    return Error(Code::kInvalidArgument, "%s is not a whole number from %d to %d", Quoted(text).c_str(), low,
                 high);
  }
  return {};
}

Status ParseSetting(std::string_view text, float* value) {
  const size_t slash = text.find('/');
  bool valid = ParseFloat(text.substr(0, slash), value);
  if (valid && slash != std::string_view::npos) {
    float divisor = 0;
    valid = ParseFloat(text.substr(slash + 1), &divisor) && std::isfinite(*value / divisor);
    if (valid) *value /= divisor;
  }
  if (!valid) return Error(Code::kInvalidArgument, "%s is not a number", Quoted(text).c_str());
  return {};
}

Status ParseSetting(std::string_view text, bool* value) {
  if (text != "yes" && text != "no") {
    return Error(Code::kInvalidArgument, "%s is neither yes nor no", Quoted(text).c_str());
  }
  *value = text == "yes";
  return {};
}

Status ParseSetting(std::string_view text, std::vector<int>* values) {
  values->clear();
  for (std::string_view part : Split(text, "|:")) {
    WHET_RETURN_IF_ERROR(ParseSetting(part, 0, 1 << 24, &values->emplace_back()));
  }
  return {};
}

Status ParseSetting(std::string_view text, std::vector<float>* values) {
  values->clear();
  for (std::string_view part : Split(text, "|:")) {
    WHET_RETURN_IF_ERROR(ParseSetting(part, &values->emplace_back()));
  }
  return {};
}

Status ParseSetting(std::string_view text, std::vector<std::string>* names) {
  names->clear();
  for (std::string_view part : Split(text, "|")) {
    WHET_RETURN_IF_ERROR(Unescape(part, &names->emplace_back()));
  }
  return {};
}

Status UnknownSetting(std::string_view key, std::string_view known) {
  return Error(Code::kInvalidArgument, "%s is not a known setting; known are: %.*s", Quoted(key).c_str(),
               static_cast<int>(known.size()), known.data());
}

void SettingsWriter::Add(std::string_view key, std::string_view word) {
  if (!text_.empty()) text_ += ',';
  text_ += key;
  text_ += '=';
  text_ += word;
}

void SettingsWriter::Add(std::string_view key, float value) { Add(key, Shortest(value)); }

void SettingsWriter::Add(std::string_view key, const std::vector<int>& values) {
  std::string list;
  for (int value : values) {
    if (!list.empty()) list += ':';
    list += std::to_string(value);
  }
  Add(key, list);
}

void SettingsWriter::Add(std::string_view key, const std::vector<float>& values) {
  std::string list;
  for (float value : values) {
    if (!list.empty()) list += ':';
    list += Shortest(value);
  }
  Add(key, list);
}

void SettingsWriter::Add(std::string_view key, const std::vector<std::string>& names) {
  std::string list;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) list += '|';  // also after an empty name
    list += Escape(names[i]);
  }
  Add(key, list);
}

}  // namespace whet::data
