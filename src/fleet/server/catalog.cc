#include "fleet/server/catalog.h"

#include <algorithm>

#include "fleet/json/nlohmann.h"
#include "fleet/telemetry/report.h"
#include "fleet/tuf/names.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kModelsPrefix = "models.";  // of roles: ModelsRole
constexpr std::string_view kReleaseFile = "/release.json";

const ReleaseVariant* Variant(const Release& release, std::string_view name) {
  for (const ReleaseVariant& variant : release.variants) {
    if (name.empty() || variant.name == name) return &variant;
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

std::string TextOf(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// The operators of `to` that `from` has not.
Json NewOperators(const Release& from, const Release& to) {
  Json list = Json::array();
  for (const std::string& name : to.operators) {
    if (std::ranges::find(from.operators, name) == from.operators.end()) list.push_back(name);
  }
  return list;
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

Result<std::shared_ptr<const Release>> Catalog::Read(const TargetFile& target) {
  const std::string hash = HashOf(target);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = read_.find(hash); found != read_.end()) return found->second;
  }
  WHET_ASSIGN_OR_RETURN(const std::string text, repository_.ReadTarget(target.path, kMaxReleaseBytes));
  auto release = ParseRelease(text);
  if (!release.ok()) return release.TakeStatus().At(target.path);
  auto shared = std::make_shared<const Release>(std::move(*release));
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
    for (const ReleaseVariant& variant : release->variants) {
      variants.push_back({{"name", variant.name}, {"bytes", variant.bytes}, {"sha256", variant.sha256}});
    }
    const ReleaseBudgets& budgets = release->budgets;
    items.push_back({{"family", release->family},
                     {"version", release->version},
                     {"created", release->created},
                     {"notes", release->notes},
                     {"variants", std::move(variants)},
                     {"budgets",
                      {{"latency_ms_mean", budgets.latency_ms_mean},
                       {"latency_ms_p95", budgets.latency_ms_p95},
                       {"arena_bytes", budgets.arena_bytes},
                       {"energy_mj", budgets.energy_mj}}},
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
  std::shared_ptr<const Release> both[2];
  for (const TargetFile& target : releases) {
    if (VersionOf(target) != version && VersionOf(target) != against) continue;
    WHET_ASSIGN_OR_RETURN(both[VersionOf(target) == version ? 1 : 0], Read(target));
  }
  if (version == against) both[0] = both[1];
  const ReleaseVariant* variants[2];
  for (int i = 0; i < 2; ++i) {
    const std::string wanted(i == 0 ? against : version);
    variants[i] = both[i] ? Variant(*both[i], variant_name) : nullptr;
    if (variants[i] == nullptr) {
      return Error(Code::kNotFound, "the repository has no release %s of %s with such a variant",
                   wanted.c_str(), std::string(family).c_str());
    }
  }

  Json tensors = Json::array();
  const auto add = [&](const ReleaseTensor& tensor, const char* change) {
    tensors.push_back({{"name", tensor.name},
                       {"change", change},
                       {"bytes", tensor.bytes},
                       {"dtype", DTypeName(tensor.dtype)},
                       {"dims", tensor.dims}});
  };
  std::map<std::string_view, const ReleaseTensor*> old;
  for (const ReleaseTensor& tensor : variants[0]->tensors) old[tensor.name] = &tensor;
  for (const ReleaseTensor& tensor : variants[1]->tensors) {
    const auto found = old.find(tensor.name);
    if (found == old.end()) {
      add(tensor, "added");
      continue;
    }
    const ReleaseTensor& before = *found->second;
    const bool same =
        before.sha256 == tensor.sha256 && before.dtype == tensor.dtype && before.dims == tensor.dims;
    add(tensor, same ? "unchanged" : "changed");
    old.erase(found);
  }
  for (const auto& [name, tensor] : old) add(*tensor, "removed");

  Json delta_bytes = nullptr;
  if (const auto deltas = repository_.Role(kDeltasRole); deltas.ok()) {
    for (const auto& [path, target] : deltas->targets) {
      const Json custom = Json::parse(target.custom, nullptr, false);
      if (custom.is_object() && TextOf(custom, "base") == variants[0]->sha256 &&
          TextOf(custom, "result") == variants[1]->sha256) {
        delta_bytes = target.length;
      }
    }
  }
  return Json{{"tensors", std::move(tensors)},
              {"delta_bytes", std::move(delta_bytes)},
              {"full_bytes", variants[1]->bytes},
              {"operators",
               {{"added", NewOperators(*both[0], *both[1])}, {"removed", NewOperators(*both[1], *both[0])}}}};
}

}  // namespace whet::fleet
