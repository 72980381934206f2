#include "ops/string_common.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>

#include "ops/cast_common.h"
#include "ops/elements_common.h"

namespace whet::ops {
namespace {

template <typename T>
std::string_view WriteNumber(T value, std::span<char> buffer) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
    const auto [end, error] =
        std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
    return {buffer.data(), end};
  } else {
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    return {buffer.data(), end};
  }
}

// At most 1 + 309 digits before and 1 + 1074 after the point.
std::string_view NumberText(const TensorView& view, int64_t i, std::span<char, 1536> buffer) {
  switch (view.dtype) {
    case DType::kF32: return WriteNumber(view.as<float>()[i], buffer);
    case DType::kF16:
    case DType::kBF16: return WriteNumber(static_cast<float>(LoadFloat(view, i)), buffer);
    case DType::kF64: return WriteNumber(view.as<double>()[i], buffer);
    case DType::kU64: return WriteNumber(view.as<uint64_t>()[i], buffer);
    default: return WriteNumber(LoadInt(view, i), buffer);
  }
}

bool EqualIgnoringCase(std::string_view a, std::string_view upper) {
  if (a.size() != upper.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const char c = a[i] >= 'a' && a[i] <= 'z' ? static_cast<char>(a[i] - 'a' + 'A') : a[i];
    if (c != upper[i]) return false;
  }
  return true;
}

// All of it must be a number.
template <typename T>
bool ParseAll(std::string_view text, T* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  if constexpr (std::is_floating_point_v<T>) {
    // Too large or too small for the type: infinite or zero.
    if (error == std::errc::result_out_of_range && end == text.data() + text.size()) {
      const std::string copy(text);
      *value = static_cast<T>(std::strtod(copy.c_str(), nullptr));
      return true;
    }
  }
  return error == std::errc() && end == text.data() + text.size();
}

template <typename T>
bool ParseFloat(std::string_view text, T* value) {
  std::string_view rest = text;
  const bool minus = rest.starts_with('-');
  if (minus || rest.starts_with('+')) rest.remove_prefix(1);
  if (EqualIgnoringCase(rest, "NAN")) {
    *value = std::numeric_limits<T>::quiet_NaN();
    return true;
  }
  if (EqualIgnoringCase(rest, "INF")) {
    *value = minus ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
    return true;
  }
  // No second sign, and none of the words that from_chars knows.
  if (rest.empty() || (rest[0] != '.' && (rest[0] < '0' || rest[0] > '9'))) return false;
  if (!ParseAll(rest, value)) return false;
  if (minus) *value = -*value;
  return true;
}

bool ParseElement(std::string_view text, const TensorView& to, int64_t i) {
  if (to.dtype == DType::kF32) return ParseFloat(text, &to.as<float>()[i]);
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  uint64_t wide = 0;
  int64_t integer = 0;
  if (!IsFloat(to.dtype) && ParseAll(digits, &integer)) {
    StoreInt(to, i, integer);
    return true;
  }
  if (to.dtype == DType::kU64 && ParseAll(digits, &wide)) {
    to.as<uint64_t>()[i] = wide;
    return true;
  }
  double value = 0;
  if (!ParseFloat(text, &value)) return false;
  StoreFloat(to, i, value);
  return true;
}

// Capital letters from `first` to `last`, each `stride` after the one before; the small one of each is
// `offset` away.
struct CaseRange {
  uint32_t first;
  uint32_t last;
  uint32_t stride;
  int32_t offset;
};
constexpr CaseRange kCases[] = {
    {0x41, 0x5a, 1, 32},     {0xc0, 0xd6, 1, 32},    {0xd8, 0xde, 1, 32},   {0x100, 0x12e, 2, 1},
    {0x132, 0x136, 2, 1},    {0x139, 0x147, 2, 1},   {0x14a, 0x176, 2, 1},  {0x178, 0x178, 1, -121},
    {0x179, 0x17d, 2, 1},  // Latin
    {0x386, 0x386, 1, 38},   {0x388, 0x38a, 1, 37},  {0x38c, 0x38c, 1, 64}, {0x38e, 0x38f, 1, 63},
    {0x391, 0x3a1, 1, 32},   {0x3a3, 0x3ab, 1, 32},  // Greek
    {0x400, 0x40f, 1, 80},   {0x410, 0x42f, 1, 32},  {0x460, 0x480, 2, 1},  {0x48a, 0x4be, 2, 1},
    {0x4c0, 0x4c0, 1, 15},   {0x4c1, 0x4cd, 2, 1},   {0x4d0, 0x52e, 2, 1},  // Cyrillic
    {0x531, 0x556, 1, 48},                                                  // Armenian
    {0x1e00, 0x1e94, 2, 1},  {0x1ea0, 0x1efe, 2, 1},                        // more Latin
    {0xff21, 0xff3a, 1, 32},                                                // full width
};

uint32_t InCase(uint32_t character, StringCase to) {
  for (const CaseRange& range : kCases) {
    const auto shift = static_cast<uint32_t>(to == StringCase::kUpper ? range.offset : 0);
    const uint32_t capital = character - shift;
    if (capital < range.first || capital > range.last || (capital - range.first) % range.stride != 0)
      continue;
    return to == StringCase::kUpper ? capital : character + static_cast<uint32_t>(range.offset);
  }
  return character;
}

// The character that begins `text` and its number of bytes; 0 bytes if it is not UTF-8. Surrogates and longer
// forms than need be have no case, so it does not matter what they are read as.
uint32_t DecodeUtf8(std::string_view text, size_t* bytes) {
  const auto lead = static_cast<uint8_t>(text[0]);
  *bytes = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
  if (*bytes == 0 || *bytes > text.size()) {
    *bytes = 0;
    return 0;
  }
  uint32_t character = *bytes == 1 ? lead : lead & (0x7fu >> *bytes);
  for (size_t i = 1; i < *bytes; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if ((byte & 0xc0) != 0x80) {
      *bytes = 0;
      return 0;
    }
    character = (character << 6) | (byte & 0x3fu);
  }
  return character;
}

void AppendUtf8(uint32_t character, std::string* out) {
  const auto tail = [&](int shift) { *out += static_cast<char>(0x80 | ((character >> shift) & 0x3f)); };
  if (character < 0x80) {
    *out += static_cast<char>(character);
  } else if (character < 0x800) {
    *out += static_cast<char>(0xc0 | (character >> 6));
    tail(0);
  } else {  // no pair of letters has more than three bytes
    *out += static_cast<char>(0xe0 | (character >> 12));
    tail(6);
    tail(0);
  }
}

}  // namespace

Status StringBuffer::End() {
  if (text_.size() > kMaxStringBytes) {
    return Error(Code::kLimitExceeded, "the strings of a tensor are longer than the limit of %llu bytes",
                 static_cast<unsigned long long>(kMaxStringBytes));
  }
  ends_.push_back(text_.size());
  return {};
}

void StringBuffer::Store(ReferenceContext& context, const TensorView& to) const {
  auto* characters = static_cast<char*>(context.Scratch(text_.size() + 1));
  std::memcpy(characters, text_.data(), text_.size());
  size_t begin = 0;
  for (size_t i = 0; i < ends_.size(); ++i) {
    to.as<std::string_view>()[i] = {characters + begin, ends_[i] - begin};
    begin = ends_[i];
  }
}

Status NumbersToStrings(ReferenceContext& context) {
  const TensorView& x = context.input(0);
  StringBuffer strings;
  char buffer[1536];
  for (int64_t i = 0; i < x.elements(); ++i) {
    strings.text() += NumberText(x, i, buffer);
    WHET_RETURN_IF_ERROR(strings.End());
  }
  strings.Store(context, context.output(0));
  return {};
}

Status StringsToNumbers(const TensorView& from, const TensorView& to) {
  const auto strings = StringsOf(from);
  for (size_t i = 0; i < strings.size(); ++i) {
    if (ParseElement(strings[i], to, static_cast<int64_t>(i))) continue;
    constexpr size_t kShown = 40;
    return Error(Code::kInvalidArgument, "element %zu, '%s', is not a number", i,
                 std::string(strings[i].substr(0, kShown)).c_str());
  }
  return {};
}

void AppendInCase(std::string_view text, StringCase to, std::string* out) {
  if (to == StringCase::kSame) {
    *out += text;
    return;
  }
  while (!text.empty()) {
    size_t bytes = 0;
    const uint32_t character = DecodeUtf8(text, &bytes);
    const uint32_t other = bytes > 0 ? InCase(character, to) : 0;
    if (bytes > 0 && other != character) {
      AppendUtf8(other, out);
    } else {
      bytes = std::max<size_t>(bytes, 1);
      *out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
}

}  // namespace whet::ops
