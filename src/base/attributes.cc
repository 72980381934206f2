#include "base/attributes.h"

#include <algorithm>

namespace whet {
namespace {

auto LowerBound(auto& entries, std::string_view name) {
  return std::lower_bound(
      entries.begin(), entries.end(), name,
      [](const Attributes::Entry& entry, std::string_view key) { return entry.name < key; });
}

}  // namespace

std::string_view AttributeKindName(AttributeKind kind) {
  constexpr std::string_view kNames[] = {"int", "float", "string", "ints", "floats", "strings"};
  return kNames[static_cast<size_t>(kind)];
}

bool Attributes::Entry::operator==(const Entry&) const = default;

Attributes::Attributes() = default;
Attributes::Attributes(const Attributes&) = default;
Attributes::Attributes(Attributes&&) noexcept = default;
Attributes& Attributes::operator=(const Attributes&) = default;
Attributes& Attributes::operator=(Attributes&&) noexcept = default;
Attributes::~Attributes() = default;
bool Attributes::operator==(const Attributes&) const = default;

Attributes::Attributes(std::initializer_list<Entry> entries) {
  for (const Entry& entry : entries) Set(entry.name, entry.value);
}

const Attribute* Attributes::Find(std::string_view name) const {
  const auto it = LowerBound(entries_, name);
  return it != entries_.end() && it->name == name ? &it->value : nullptr;
}

void Attributes::Set(std::string_view name, Attribute value) {
  const auto it = LowerBound(entries_, name);
  if (it != entries_.end() && it->name == name) {
    it->value = std::move(value);
  } else {
    entries_.insert(it, Entry{std::string(name), std::move(value)});
  }
}

void Attributes::Remove(std::string_view name) {
  const auto it = LowerBound(entries_, name);
  if (it != entries_.end() && it->name == name) entries_.erase(it);
}

int64_t Attributes::Int(std::string_view name, int64_t fallback) const {
  const Attribute* value = Find(name);
  const auto* typed = value ? std::get_if<int64_t>(value) : nullptr;
  return typed ? *typed : fallback;
}

double Attributes::Float(std::string_view name, double fallback) const {
  const Attribute* value = Find(name);
  const auto* typed = value ? std::get_if<double>(value) : nullptr;
  return typed ? *typed : fallback;
}

std::string_view Attributes::String(std::string_view name, std::string_view fallback) const {
  const Attribute* value = Find(name);
  const auto* typed = value ? std::get_if<std::string>(value) : nullptr;
  return typed ? std::string_view(*typed) : fallback;
}

std::span<const int64_t> Attributes::Ints(std::string_view name) const {
  const Attribute* value = Find(name);
  const auto* typed = value ? std::get_if<std::vector<int64_t>>(value) : nullptr;
  return typed ? std::span<const int64_t>(*typed) : std::span<const int64_t>();
}

std::span<const double> Attributes::Floats(std::string_view name) const {
  const Attribute* value = Find(name);
  const auto* typed = value ? std::get_if<std::vector<double>>(value) : nullptr;
  return typed ? std::span<const double>(*typed) : std::span<const double>();
}

std::span<const std::string> Attributes::Strings(std::string_view name) const {
  const Attribute* value = Find(name);
  const auto* typed = value ? std::get_if<std::vector<std::string>>(value) : nullptr;
  return typed ? std::span<const std::string>(*typed) : std::span<const std::string>();
}

}  // namespace whet
