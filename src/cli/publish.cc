// whet sign and whet publish: a release folder's way into a repository.

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/hex.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/key_files.h"
#include "fleet/delta/make_delta.h"
#include "fleet/json/nlohmann.h"
#include "fleet/release/signing.h"
#include "fleet/tuf/names.h"

namespace whet::cli {
namespace {

void Print(Console& console, const char* what, const fleet::SignedRelease& release) {
  if (console.json()) {
    console.PrintJson({{"done", what},
                       {"role", release.role},
                       {"version", release.role_version},
                       {"targets", release.targets},
                       {"keyids", release.key_ids}});
    return;
  }
  std::string text = Format("%s: %s, version %lld, which vouches for %zu files\n", what, release.role.c_str(),
                            static_cast<long long>(release.role_version), release.targets);
  for (const std::string& id : release.key_ids) text += "  signed by " + id + "\n";
  console.Print(text);
}

// The numbers of a semantic version; a pre-release stands before its release.
std::array<uint64_t, 4> VersionOrder(std::string_view version) {
  std::array<uint64_t, 4> order{};
  const char* at = version.data();
  const char* const end = at + version.size();
  for (size_t i = 0; i < 3; ++i) {
    at = std::from_chars(at, end, order[i]).ptr;
    if (at != end && *at == '.') ++at;
  }
  order[3] = at == end || *at != '-';
  return order;
}

class SignCommand final : public Command {
 public:
  std::string_view name() const override { return "sign"; }
  std::string_view summary() const override {
    return "Sign a release with offline keys; every signer runs it on the same folder";
  }
  std::string_view example() const override {
    return "  whet sign release --repo repo --key alice.key\n"
           "  whet sign release --key bob.key";
  }

  void Define(Arguments& args) override {
    args.Add("RELEASE", folder_, "The folder that whet pack made").Required();
    args.Add("--repo", repository_,
             "The repository's folder, or a copy of it: needed by the first signer, checked against "
             "for the others")
        .Type("FOLDER");
    AddKeyOptions(args, &keys_);
  }

  Status Run(Console& console) override {
    WHET_ASSIGN_OR_RETURN(const auto keys, OpenKeys(keys_));
    std::optional<fleet::Repository> repository;
    if (!repository_.empty()) {
      WHET_ASSIGN_OR_RETURN(repository,
                            fleet::Repository::Open(repository_, std::make_shared<fleet::KeyStore>()));
    }
    WHET_ASSIGN_OR_RETURN(const fleet::SignedRelease release,
                          fleet::SignRelease(folder_, *keys, repository ? &*repository : nullptr));
    Print(console, "signed", release);
    return {};
  }

 private:
  std::string folder_;
  std::string repository_;
  KeyArguments keys_;
};

class PublishCommand final : public Command {
 public:
  std::string_view name() const override { return "publish"; }
  std::string_view summary() const override { return "Put a signed release into a repository"; }
  std::string_view example() const override { return "  whet publish release --repo repo --key online.key"; }

  void Define(Arguments& args) override {
    args.Add("RELEASE", folder_, "The folder that whet pack made and whet sign signed").Required();
    args.Add("--repo", repository_, "The repository's folder").Required().Type("FOLDER");
    args.AddFlag("--no-deltas", no_deltas_, "Make no deltas from the version before");
    AddKeyOptions(args, &keys_);
  }

  Status Run(Console& console) override {
    WHET_ASSIGN_OR_RETURN(const auto keys, OpenKeys(keys_));
    WHET_ASSIGN_OR_RETURN(fleet::Repository repository, fleet::Repository::Open(repository_, keys));
    WHET_ASSIGN_OR_RETURN(const fleet::SignedRelease release, fleet::PublishRelease(folder_, repository));
    Print(console, "published", release);
    return no_deltas_ ? OkStatus() : PublishDeltas(console, repository, *keys, release.role);
  }

 private:
  // From the version before to this one, of each variant. Only what saves at least a tenth is worth a
  // request.
  Status PublishDeltas(Console& console, fleet::Repository& repository, const fleet::KeyStore& keys,
                       const std::string& role_name) const {
    WHET_ASSIGN_OR_RETURN(const fleet::TargetsMetadata targets, repository.Targets());
    const auto deltas = std::ranges::find(targets.delegations, fleet::kDeltasRole, &fleet::Delegation::name);
    const bool can_sign = deltas != targets.delegations.end() &&
                          std::ranges::any_of(deltas->keys.key_ids, [&](const std::string& id) {
                            return keys.Find(id) != nullptr;
                          });
    if (!can_sign) return OkStatus();
    WHET_ASSIGN_OR_RETURN(const fleet::TargetsMetadata role, repository.Role(role_name));
    WHET_ASSIGN_OR_RETURN(const fleet::ReleaseFolder folder, fleet::OpenReleaseFolder(folder_));
    for (const fleet::ReleaseVariant& variant : folder.release.variants) {
      const fleet::TargetFile* base = Former(role, folder.release.version, variant.name);
      const auto result = role.targets.find(variant.target);
      if (!base || result == role.targets.end()) continue;
      const std::string path = folder_ + "/" + variant.name + ".wdelta";
      WHET_ASSIGN_OR_RETURN(const fleet::DeltaReport report,
                            fleet::MakeDelta(repository.TargetFilePath(*base),
                                             repository.TargetFilePath(result->second), path));
      const bool is_worth_it = report.delta_bytes < report.result_bytes - report.result_bytes / 10;
      Status status;
      if (is_worth_it) {
        status = repository.AddDelta(ToHex(report.base_sha256), ToHex(report.result_sha256), path);
      }
      std::error_code error;
      std::filesystem::remove(path, error);
      WHET_RETURN_IF_ERROR(std::move(status));
      if (is_worth_it && !console.json()) {
        console.Print(Format("  delta of %s: %s instead of %s\n", variant.name.c_str(),
                             FormatBytes(report.delta_bytes).c_str(),
                             FormatBytes(report.result_bytes).c_str()));
      }
    }
    return OkStatus();
  }

  // The same variant's Model file of the greatest version below `version`; null if there is none.
  static const fleet::TargetFile* Former(const fleet::TargetsMetadata& role, const std::string& version,
                                         const std::string& variant) {
    const fleet::TargetFile* former = nullptr;
    std::array<uint64_t, 4> greatest{};
    for (const auto& [path, target] : role.targets) {
      const auto custom = nlohmann::json::parse(target.custom, nullptr, /*allow_exceptions=*/false);
      if (!custom.is_object() || custom.value("variant", nlohmann::json()) != nlohmann::json(variant))
        continue;
      const auto own = custom.find("version");
      if (own == custom.end() || !own->is_string()) continue;
      const std::array<uint64_t, 4> order = VersionOrder(own->get<std::string>());
      if (order >= VersionOrder(version) || (former && order < greatest)) continue;
      former = &target;
      greatest = order;
    }
    return former;
  }

  std::string folder_;
  std::string repository_;
  bool no_deltas_ = false;
  KeyArguments keys_;
};

}  // namespace

std::unique_ptr<Command> MakeSignCommand() { return std::make_unique<SignCommand>(); }
std::unique_ptr<Command> MakePublishCommand() { return std::make_unique<PublishCommand>(); }

}  // namespace whet::cli
