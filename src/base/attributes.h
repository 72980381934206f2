// An operator's attributes: named constants that are part of what a node computes, such as an axis or
// strides.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace whet {

using Attribute = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>>;

// Ordered as in Attribute's alternatives, so that index() is the kind.
enum class AttributeKind : uint8_t { kInt, kFloat, kString, kInts, kFloats, kStrings };
std::string_view AttributeKindName(AttributeKind kind);

// A small map, sorted by name so that equal sets print equally.
class Attributes {
 public:
  struct Entry {
    std::string name;
    Attribute value;
    bool operator==(const Entry&) const;
  };

  // Out of line like all that handles the variant: nearly every source includes this.
  Attributes();
  Attributes(std::initializer_list<Entry> entries);
  Attributes(const Attributes&);
  Attributes(Attributes&&) noexcept;
  Attributes& operator=(const Attributes&);
  Attributes& operator=(Attributes&&) noexcept;
  ~Attributes();

  // Null if there is none of that name.
  const Attribute* Find(std::string_view name) const;
  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  void Set(std::string_view name, Attribute value);
  void Remove(std::string_view name);

  // The value, or `fallback` if it is absent. The verifier has checked kinds by the operator's definition
  // before anything asks; asking for another kind returns the fallback too.
  int64_t Int(std::string_view name, int64_t fallback = 0) const;
  double Float(std::string_view name, double fallback = 0) const;
  std::string_view String(std::string_view name, std::string_view fallback = {}) const;
  // Empty if absent.
  std::span<const int64_t> Ints(std::string_view name) const;
  std::span<const double> Floats(std::string_view name) const;
  std::span<const std::string> Strings(std::string_view name) const;

  bool empty() const { return entries_.empty(); }
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }
  bool operator==(const Attributes&) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace whet
