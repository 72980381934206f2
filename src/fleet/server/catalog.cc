#include "fleet/server/catalog.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "fleet/telemetry/report.h"
#include "fleet/telemetry/strict_json.h"
#include "fleet/tuf/names.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxReleaseBytes = size_t{16} << 20;
constexpr int kMaxDepth = 12;
constexpr std::string_view kModelsPrefix = "models.";  // of roles: ModelsRole
constexpr std::string_view kReleaseFile = "/release.json";

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

uint64_t NumberOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

// An array's objects; nothing for what is not one.
std::vector<const Json*> Objects(const Json& object, const char* key) {
  std::vector<const Json*> objects;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return objects;
  for (const Json& item : *found) {
    if (item.is_object()) objects.push_back(&item);
  }
  return objects;
}

Json Dims(const Json& tensor) {
  const auto found = tensor.find("dims");
  return found != tensor.end() && found->is_array() ? *found : Json::array();
}

const Json* Variant(const Json& release, std::string_view name) {
  for (const Json* variant : Objects(release, "variants")) {
    if (name.empty() || TextOf(*variant, "name") == name) return variant;
  }
  return nullptr;
}

std::string HashOf(const TargetFile& target) {
  const auto found = target.hashes.find("sha256");
  return found == target.hashes.end() ? std::string() : found->second;
}

// "models/detector/1.1.0/release.json" → "1.1.0".
std::string_view VersionOf(const TargetFile& target) {
  std::string_view path = target.path;
  path.remove_suffix(kReleaseFile.size());
  return path.substr(path.rfind('/') + 1);
}

std::set<std::string> Strings(const Json& object, const char* key) {
  std::set<std::string> strings;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return strings;
  for (const Json& item : *found) {
    if (item.is_string()) strings.insert(item.get<std::string>());
  }
  return strings;
}

}  // namespace

Result<std::vector<TargetFile>> Catalog::Releases(std::string_view family) const {
  std::vector<TargetFile> releases;
  WHET_ASSIGN_OR_RETURN(const TargetsMetadata targets, repository_.Targets());
  for (const Delegation& delegation : targets.delegations) {
    if (!delegation.name.starts_with(kModelsPrefix)) continue;
    if (!family.empty() && std::string_view(delegation.name).substr(kModelsPrefix.size()) != family) continue;
    auto role = repository_.Role(delegation.name);
    if (!role.ok()) {
      if (role.status().code() == Code::kNotFound) continue;  // nothing was published in it yet
      return role.TakeStatus();
    }
    for (auto& [path, target] : role->targets) {
      if (path.ends_with(kReleaseFile)) releases.push_back(target);
    }
  }
  return releases;
}

Result<std::shared_ptr<const Json>> Catalog::Read(const TargetFile& target) {
  const std::string hash = HashOf(target);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = read_.find(hash); found != read_.end()) return found->second;
  }
  WHET_ASSIGN_OR_RETURN(const std::string text, repository_.ReadTarget(target.path, kMaxReleaseBytes));
  WHET_ASSIGN_OR_RETURN(Json json, ParseStrictJson(text, kMaxReleaseBytes, kMaxDepth, target.path));
  if (!json.is_object()) return Error(Code::kBadFile, "the release is no JSON object").At(target.path);
  auto shared = std::make_shared<const Json>(std::move(json));
  const std::lock_guard lock(mutex_);
  read_[hash] = shared;
  return shared;
}

Result<Json> Catalog::List(std::string_view family) {
  WHET_ASSIGN_OR_RETURN(const auto releases, Releases(family));
  std::vector<Json> items;
  for (const TargetFile& target : releases) {
    WHET_ASSIGN_OR_RETURN(const auto release, Read(target));
    Json variants = Json::array();
    for (const Json* variant : Objects(*release, "variants")) {
      variants.push_back({{"name", TextOf(*variant, "name")},
                          {"bytes", NumberOf(*variant, "bytes")},
                          {"sha256", TextOf(*variant, "sha256")}});
    }
    items.push_back({{"family", TextOf(*release, "family")},
                     {"version", TextOf(*release, "version")},
                     {"created", TextOf(*release, "created")},
                     {"notes", TextOf(*release, "notes")},
                     {"variants", std::move(variants)},
                     {"budgets", release->contains("budgets") ? (*release)["budgets"] : Json::object()},
                     {"release_sha256", HashOf(target)}});
  }
  std::ranges::stable_sort(items, [](const Json& a, const Json& b) { return a["created"] > b["created"]; });
  return Json(std::move(items));
}

Result<ReleaseName> Catalog::Find(std::string_view family, std::string_view version) {
  if (!IsFamily(family) || !IsVersion(version)) {
    return Error(Code::kInvalidArgument, "a release is named by a family and a semantic version");
  }
  WHET_ASSIGN_OR_RETURN(const auto releases, Releases(family));
  for (const TargetFile& target : releases) {
    if (VersionOf(target) == version) return ReleaseName{std::string(version), HashOf(target)};
  }
  return Error(Code::kNotFound, "the repository has no release %s of %s", std::string(version).c_str(),
               std::string(family).c_str());
}

Result<Json> Catalog::Diff(std::string_view family, std::string_view version, std::string_view against,
                           std::string_view variant_name) {
  WHET_ASSIGN_OR_RETURN(const auto releases, Releases(family));
  std::shared_ptr<const Json> both[2];
  for (const TargetFile& target : releases) {
    if (VersionOf(target) != version && VersionOf(target) != against) continue;
    WHET_ASSIGN_OR_RETURN(both[VersionOf(target) == version ? 1 : 0], Read(target));
  }
  if (version == against) both[0] = both[1];
  const Json* variants[2];
  for (int i = 0; i < 2; ++i) {
    const std::string wanted(i == 0 ? against : version);
    variants[i] = both[i] ? Variant(*both[i], variant_name) : nullptr;
    if (variants[i] == nullptr) {
      return Error(Code::kNotFound, "the repository has no release %s of %s with such a variant",
                   wanted.c_str(), std::string(family).c_str());
    }
  }

  Json tensors = Json::array();
  const auto add = [&](const Json& tensor, const char* change) {
    tensors.push_back({{"name", TextOf(tensor, "name")},
                       {"change", change},
                       {"bytes", NumberOf(tensor, "bytes")},
                       {"dtype", TextOf(tensor, "dtype")},
                       {"dims", Dims(tensor)}});
  };
  std::map<std::string, const Json*> old;
  for (const Json* tensor : Objects(*variants[0], "tensors")) old[TextOf(*tensor, "name")] = tensor;
  for (const Json* tensor : Objects(*variants[1], "tensors")) {
    const auto found = old.find(TextOf(*tensor, "name"));
    if (found == old.end()) {
      add(*tensor, "added");
      continue;
    }
    const bool same = TextOf(*found->second, "sha256") == TextOf(*tensor, "sha256") &&
                      TextOf(*found->second, "dtype") == TextOf(*tensor, "dtype") &&
                      Dims(*found->second) == Dims(*tensor);
    add(*tensor, same ? "unchanged" : "changed");
    old.erase(found);
  }
  for (const auto& [name, tensor] : old) add(*tensor, "removed");

  Json delta_bytes = nullptr;
  if (const auto deltas = repository_.Role(kDeltasRole); deltas.ok()) {
    for (const auto& [path, target] : deltas->targets) {
      const Json custom = Json::parse(target.custom, nullptr, false);
      if (custom.is_object() && TextOf(custom, "base") == TextOf(*variants[0], "sha256") &&
          TextOf(custom, "result") == TextOf(*variants[1], "sha256")) {
        delta_bytes = target.length;
      }
    }
  }
  const auto operators = [&](int from, int to) {
    Json list = Json::array();
    const auto there = Strings(*both[from], "operators");
    for (const std::string& name : Strings(*both[to], "operators")) {
      if (!there.contains(name)) list.push_back(name);
    }
    return list;
  };
  return Json{{"tensors", std::move(tensors)},
              {"delta_bytes", std::move(delta_bytes)},
              {"full_bytes", NumberOf(*variants[1], "bytes")},
              {"operators", {{"added", operators(0, 1)}, {"removed", operators(1, 0)}}}};
}

}  // namespace whet::fleet
