// whet tuf: a plain client of a TUF repository (the commands of the public conformance suite), and the making
// of repositories.

#include <filesystem>

#include "base/utc_time.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/key_files.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/client.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/repository.h"

namespace whet::cli {
namespace {

constexpr size_t kMaxRootBytes = size_t{1} << 20;

class TufCommand final : public Command {
 public:
  std::string_view name() const override { return "tuf"; }
  std::string_view summary() const override {
    return "Make a repository of releases, or fetch from one (The Update Framework)";
  }
  std::string_view example() const override {
    return "  whet tuf create repo --root keys/root.key --targets keys/targets.key --online keys/online.key "
           "--keys keys\n"
           "  whet tuf delegate models.detector --repo repo --signer alice.key --signer bob.key --threshold "
           "2 --keys keys\n"
           "  whet tuf show --repo repo\n"
           "  whet tuf --metadata-dir trusted init repo/metadata/1.root.json\n"
           "  whet tuf --metadata-dir trusted --metadata-url https://host/repo/metadata refresh\n"
           "  whet tuf --metadata-dir trusted --metadata-url https://host/repo/metadata --target-dir got \\\n"
           "      --target-base-url https://host/repo/targets --target-name rollouts/stable/detector.json "
           "download";
  }

  void Define(Arguments& args) override {
    args.RequireAction();
    args.Add("--metadata-dir", metadata_folder_, "Where trusted metadata is kept").Type("FOLDER");
    args.Add("--metadata-url", metadata_url_, "Where the repository's metadata is").Type("URL");
    args.Add("--target-name", target_names_, "A target to download").Type("PATH").Repeatable();
    args.Add("--target-base-url", target_url_, "Where the repository's targets are").Type("URL");
    args.Add("--target-dir", target_folder_, "Where downloaded targets go").Type("FOLDER");

    init_ = args.AddAction("init", "Trust a root.json, which must have come by a safe way");
    init_.Add("ROOT", root_, "The root.json").Required();
    refresh_ = args.AddAction("refresh", "Bring the trusted metadata up to date");
    download_ = args.AddAction("download", "Refresh, then fetch and verify targets");

    create_ = args.AddAction("create", "Make a new repository");
    create_.Add("FOLDER", repository_, "The folder to make it in").Required();
    create_.Add("--root", plan_.root.public_keys, "A key of the root role")
        .Type("KEY")
        .Required()
        .Repeatable();
    create_.Add("--root-threshold", plan_.root.threshold, "How many of them must sign").ShowDefault();
    create_.Add("--targets", plan_.targets.public_keys, "A key of the targets role")
        .Type("KEY")
        .Required()
        .Repeatable();
    create_.Add("--targets-threshold", plan_.targets.threshold, "How many of them must sign").ShowDefault();
    create_.Add("--online", online_, "The key of snapshot, timestamp and deltas").Type("KEY").Required();
    delegate_ = args.AddAction("delegate", "Let keys speak for models.FAMILY or rollouts.CHANNEL");
    delegate_.Add("ROLE", role_, "models.FAMILY or rollouts.CHANNEL").Required();
    delegate_.Add("--signer", signers_.public_keys, "A key of the role: a key file, or 64 hexadecimal digits")
        .Type("KEY")
        .Required()
        .Repeatable();
    delegate_.Add("--threshold", signers_.threshold, "How many of them must sign").ShowDefault();
    renew_ =
        args.AddAction("renew", "Sign anew what has lived half of its life (whet serve does this by itself)");
    show_ = args.AddAction("show", "Print the roles, their keys, versions and expiry, and their targets");
    for (Arguments sub : {delegate_, renew_, show_}) {
      sub.Add("--repo", repository_, "The repository's folder").Required().Type("FOLDER");
    }
    for (Arguments sub : {create_, delegate_}) {
      sub.Add("--draft", options_.draft_folder,
              "Sign nothing, and write what has to be signed into this new folder ('whet key sign')")
          .Type("FOLDER");
    }
    for (Arguments sub : {create_, delegate_, renew_}) AddKeyOptions(sub, &keys_);
  }

  Status Run(Console& console) override {
    if (init_.given() || refresh_.given() || download_.given()) return RunClient(console);
    WHET_ASSIGN_OR_RETURN(const auto keys, OpenKeys(keys_));
    if (create_.given()) return Create(console, keys);
    WHET_ASSIGN_OR_RETURN(fleet::Repository repository, fleet::Repository::Open(repository_, keys, options_));
    if (show_.given()) return Show(console, repository);
    if (renew_.given()) {
      WHET_ASSIGN_OR_RETURN(const bool renewed, repository.RefreshOnlineRoles());
      return Say(console, renewed ? "signed anew" : "nothing was due");
    }
    return Delegate(console, repository);
  }

 private:
  static Status Say(Console& console, const std::string& what) {
    if (console.json()) {
      console.PrintJson({{"done", what}});
    } else {
      console.Print(what + "\n");
    }
    return {};
  }

  bool IsDraft() const { return !options_.draft_folder.empty(); }
  Status SayDrafted(Console& console) const {
    return Say(console, "drafted in " + options_.draft_folder + "; its signers run 'whet key sign' on it");
  }

  static Status Needs(const std::string& value, const char* option) {
    if (!value.empty()) return OkStatus();
    return Error(Code::kInvalidArgument, "%s is missing", option);
  }

  Status RunClient(Console& console) {
    WHET_RETURN_IF_ERROR(Needs(metadata_folder_, "--metadata-dir"));
    fleet::FolderMetadataStore store(metadata_folder_);
    if (init_.given()) {
      WHET_ASSIGN_OR_RETURN(const std::string root, fleet::ReadSmallFile(root_, kMaxRootBytes));
      WHET_RETURN_IF_ERROR(fleet::ClientInit(store, root).At(root_));
      return Say(console, "trusted");
    }
    WHET_RETURN_IF_ERROR(Needs(metadata_url_, "--metadata-url"));
    if (download_.given()) {
      WHET_RETURN_IF_ERROR(Needs(target_url_, "--target-base-url"));
      WHET_RETURN_IF_ERROR(Needs(target_folder_, "--target-dir"));
      if (target_names_.empty()) return Error(Code::kInvalidArgument, "--target-name is missing");
    }
    WHET_ASSIGN_OR_RETURN(const auto fetcher, fleet::MakeFetcher());
    fleet::ClientOptions options;
    options.metadata_url = metadata_url_;
    options.targets_url = target_url_;
    fleet::Client client(options, store, *fetcher);
    WHET_RETURN_IF_ERROR(client.Refresh());
    if (refresh_.given()) return Say(console, "up to date");
    for (const std::string& name : target_names_) {
      WHET_ASSIGN_OR_RETURN(const fleet::TargetFile target, client.FindTarget(name));
      // One flat folder: a target's name leads nowhere else.
      WHET_RETURN_IF_ERROR(client.Download(target, target_folder_ + "/" + fleet::PercentEncode(name)));
    }
    return Say(console, Format("downloaded %zu", target_names_.size()));
  }

  static Status ToPublicKeys(fleet::RoleSigners& signers) {
    for (std::string& key : signers.public_keys) {
      WHET_ASSIGN_OR_RETURN(key, ReadPublicKey(key));
    }
    return OkStatus();
  }

  Status Create(Console& console, const std::shared_ptr<const fleet::KeyStore>& keys) {
    WHET_RETURN_IF_ERROR(ToPublicKeys(plan_.root));
    WHET_RETURN_IF_ERROR(ToPublicKeys(plan_.targets));
    WHET_ASSIGN_OR_RETURN(const std::string online, ReadPublicKey(online_));
    plan_.snapshot = plan_.timestamp = plan_.deltas = {{online}, 1};
    auto created = fleet::Repository::Create(repository_, keys, plan_, options_);
    if (!created.ok()) return created.TakeStatus();
    if (IsDraft()) return SayDrafted(console);
    return Say(console,
               "made " + repository_ + "; devices trust it by " + repository_ + "/metadata/1.root.json");
  }

  Status Delegate(Console& console, fleet::Repository& repository) {
    const size_t dot = role_.find('.');
    const std::string kind = role_.substr(0, dot);
    const std::string rest = dot == std::string::npos ? "" : role_.substr(dot + 1);
    if ((kind != "models" && kind != "rollouts") || rest.empty()) {
      return Error(Code::kInvalidArgument, "'%s' is neither models.FAMILY nor rollouts.CHANNEL",
                   role_.c_str());
    }
    WHET_RETURN_IF_ERROR(ToPublicKeys(signers_));
    const std::string path = kind + "/" + rest + (kind == "models" ? "/*/*" : "/*");
    WHET_RETURN_IF_ERROR(repository.Delegate(role_, {path}, signers_));
    if (IsDraft()) return SayDrafted(console);
    return Say(console, role_ + " may speak for " + path);
  }

  Status Show(Console& console, const fleet::Repository& repository) {
    WHET_ASSIGN_OR_RETURN(const fleet::RootMetadata root, repository.Root());
    WHET_ASSIGN_OR_RETURN(const fleet::TargetsMetadata targets, repository.Targets());
    WHET_ASSIGN_OR_RETURN(const fleet::SnapshotMetadata snapshot, repository.Snapshot());
    WHET_ASSIGN_OR_RETURN(const fleet::TimestampMetadata timestamp, repository.Timestamp());
    auto roles = nlohmann::ordered_json::array();
    Table table({"role", "version", "expires", "keys", "targets"}, {1, 4});
    const auto add = [&](const std::string& role, const fleet::RoleKeys& keys,
                         const fleet::SignedMetadata* metadata, const fleet::TargetsMetadata* files) {
      std::string ids;
      for (const std::string& id : keys.key_ids) ids += (ids.empty() ? "" : " ") + id.substr(0, 12);
      const std::string expires = metadata ? FormatUtcTime(metadata->expires) : "";
      table.Add({role, metadata ? std::to_string(metadata->version) : "-",
                 metadata ? expires : "not published yet",
                 Format("%llu of ", static_cast<unsigned long long>(keys.threshold)) + ids,
                 files ? std::to_string(files->targets.size()) : ""});
      nlohmann::ordered_json entry = {
          {"role", role}, {"threshold", keys.threshold}, {"keyids", keys.key_ids}};
      if (metadata) {
        entry["version"] = metadata->version;
        entry["expires"] = expires;
      }
      if (files) {
        entry["targets"] = nlohmann::ordered_json::array();
        for (const auto& [path, target] : files->targets) entry["targets"].push_back(path);
      }
      roles.push_back(std::move(entry));
    };
    add("root", root.roles.at("root"), &root, nullptr);
    add("targets", root.roles.at("targets"), &targets, &targets);
    add("snapshot", root.roles.at("snapshot"), &snapshot, nullptr);
    add("timestamp", root.roles.at("timestamp"), &timestamp, nullptr);
    for (const fleet::Delegation& delegation : targets.delegations) {
      auto role = repository.Role(delegation.name);
      add(delegation.name, delegation.keys, role.ok() ? &*role : nullptr, role.ok() ? &*role : nullptr);
    }
    if (console.json()) {
      console.PrintJson({{"roles", roles}});
    } else {
      console.Print(table.ToString());
    }
    return {};
  }

  Arguments init_;
  Arguments refresh_;
  Arguments download_;
  Arguments create_;
  Arguments delegate_;
  Arguments renew_;
  Arguments show_;
  std::string metadata_folder_;
  std::string metadata_url_;
  std::vector<std::string> target_names_;
  std::string target_url_;
  std::string target_folder_;
  std::string root_;
  std::string repository_;
  std::string role_;
  std::string online_;
  fleet::RepositoryPlan plan_;
  fleet::RepositoryOptions options_;
  fleet::RoleSigners signers_;
  KeyArguments keys_;
};

}  // namespace

std::unique_ptr<Command> MakeTufCommand() { return std::make_unique<TufCommand>(); }

}  // namespace whet::cli
