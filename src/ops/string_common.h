// Strings as elements of tensors. They are bytes; where characters matter, UTF-8.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/reference.h"

namespace whet::ops {

// The strings of one result may not be longer together.
inline constexpr uint64_t kMaxStringBytes = uint64_t{1} << 32;

inline std::span<const std::string_view> StringsOf(const TensorView& view) {
  return {view.as<const std::string_view>(), static_cast<size_t>(view.elements())};
}

// The elements of a result, written one after the other.
class StringBuffer {
 public:
  // What is appended to it belongs to the present element …
  std::string& text() { return text_; }
  // … which ends here. An error if all are too long together.
  Status End();
  // As many elements as `to` has, in memory that lives until the reference returns.
  void Store(ReferenceContext& context, const TensorView& to) const;

 private:
  std::string text_;
  std::vector<size_t> ends_;
};

// Input 0 as text in output 0: the shortest decimal fraction (or the whole integer), without an exponent,
// that reads back as the same; INF, -INF, NaN; booleans as 1 and 0.
Status NumbersToStrings(ReferenceContext& context);
// Decimal numbers, also with an exponent, INF, +INF, -INF and NaN in any case. Anything else is an error. To
// integers like a cast of the number.
Status StringsToNumbers(const TensorView& from, const TensorView& to);

enum class StringCase : uint8_t { kSame, kLower, kUpper };
// As the locale en_US maps single characters: Latin, Greek, Cyrillic and Armenian letters one for one.
// Characters without such a partner (ß has none of one character) and bytes that are not UTF-8 stay as they
// are.
void AppendInCase(std::string_view text, StringCase to, std::string* out);

}  // namespace whet::ops
