// whet key: signing keys, and which of them a repository's roles have.

#include "fleet/tuf/key.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/key_files.h"
#include "fleet/json/nlohmann.h"
#include "fleet/tuf/key_change.h"
#include "fleet/tuf/repository.h"

namespace whet::cli {
namespace {

class KeyCommand final : public Command {
 public:
  std::string_view name() const override { return "key"; }
  std::string_view summary() const override {
    return "Make signing keys, and add, rotate or revoke them in a repository";
  }
  std::string_view example() const override {
    return "  whet key new keys/release.key\n"
           "  whet key show keys/release.key\n"
           "  whet key rotate --repo repo --role timestamp --old KEYID --new keys/online2.key --keys keys\n"
           "  whet key revoke KEYID --repo repo --keys keys\n"
           "  whet key rotate --repo repo --role root --old KEYID --new carol.pub --draft change\n"
           "  whet key sign change --repo copy-of-repo --key alice.key\n"
           "  whet key apply change --repo repo --key online.key";
  }

  void Define(Arguments& args) override {
    args.RequireAction();
    new_ = args.AddAction("new", "Make an Ed25519 key in a new file, under a passphrase");
    new_.Add("FILE", file_, "The file to make, best NAME.key").Required();
    AddPassphraseOption(new_, &keys_.passphrase);
    show_ = args.AddAction("show", "Print the id and the public part of a key");
    show_.Add("KEY", file_, "A key file, or a public key of 64 hexadecimal digits").Required();
    add_ = args.AddAction("add", "Give a role one more key");
    add_.Add("KEY", new_key_, "A key file, or a public key of 64 hexadecimal digits").Required();
    rotate_ = args.AddAction("rotate", "Put a new key in the place of an old one");
    rotate_.Add("--old", old_id_, "The id of the key that goes").Required().Type("KEYID");
    rotate_.Add("--new", new_key_, "The key that comes: a key file, or 64 hexadecimal digits")
        .Type("KEY")
        .Required();
    threshold_ = args.AddAction("threshold", "Set how many of a role's keys must sign");
    threshold_.Add("COUNT", count_, "At least 1, at most as many as the role has keys").Required();
    revoke_ = args.AddAction("revoke", "Take a key out of every role");
    revoke_.Add("KEYID", old_id_, "The id of the key").Required();
    for (Arguments sub : {add_, rotate_, threshold_}) {
      sub.Add("--role", role_,
              "root, targets, snapshot, timestamp, deltas, models.FAMILY or rollouts.CHANNEL")
          .Type("ROLE")
          .Required();
    }
    sign_ = args.AddAction("sign", "Sign a change that --draft made; each key's holder where the key is");
    sign_.Add("CHANGE", draft_, "The folder of the change").Required();
    sign_.Add("--repo", repository_, "The repository's folder, or a copy of it: shows what changes")
        .Type("FOLDER");
    apply_ = args.AddAction("apply", "Make a change that enough keys have signed");
    apply_.Add("CHANGE", draft_, "The folder of the change").Required();
    for (Arguments sub : {add_, rotate_, threshold_, revoke_}) {
      sub.Add("--draft", draft_, "Sign nothing, and write what has to be signed into this new folder")
          .Type("FOLDER");
    }
    for (Arguments sub : {add_, rotate_, threshold_, revoke_, apply_}) {
      sub.Add("--repo", repository_, "The repository's folder").Required().Type("FOLDER");
    }
    for (Arguments sub : {add_, rotate_, threshold_, revoke_, sign_, apply_}) AddKeyOptions(sub, &keys_);
  }

  Status Run(Console& console) override {
    if (new_.given()) return New(console);
    if (show_.given()) return Show(console);
    WHET_ASSIGN_OR_RETURN(const auto keys, OpenKeys(keys_));
    if (sign_.given()) return Sign(console, *keys);
    if (apply_.given()) {
      WHET_RETURN_IF_ERROR(fleet::ApplyKeyChange(draft_, repository_, *keys));
      return Done(console, "changed");
    }
    fleet::RepositoryOptions options;
    options.draft_folder = draft_;
    WHET_ASSIGN_OR_RETURN(fleet::Repository repository, fleet::Repository::Open(repository_, keys, options));
    if (revoke_.given()) {
      WHET_RETURN_IF_ERROR(repository.RevokeKey(old_id_));
      return Done(console, "revoked");
    }
    if (threshold_.given()) {
      WHET_RETURN_IF_ERROR(repository.SetThreshold(role_, count_));
      return Done(console, "threshold set");
    }
    WHET_ASSIGN_OR_RETURN(const std::string public_key, ReadPublicKey(new_key_));
    if (add_.given()) {
      WHET_RETURN_IF_ERROR(repository.AddKey(role_, public_key));
      return Done(console, "added");
    }
    WHET_RETURN_IF_ERROR(repository.RotateKey(role_, old_id_, public_key));
    return Done(console, "rotated");
  }

 private:
  Status Done(Console& console, const char* what) const {
    const bool is_draft = !draft_.empty() && !apply_.given();
    if (is_draft) what = "drafted";
    if (console.json()) {
      console.PrintJson({{"done", what}});
    } else {
      console.Print(
          Format("%s%s\n", what, is_draft ? "; its signers run 'whet key sign' on the folder" : ""));
    }
    return {};
  }

  Status Sign(Console& console, const fleet::KeyStore& keys) {
    WHET_ASSIGN_OR_RETURN(const fleet::KeyChange change, fleet::SignKeyChange(draft_, keys, repository_));
    auto roles = nlohmann::ordered_json::array();
    std::string text;
    for (const fleet::KeyChange::Role& role : change.roles) {
      roles.push_back({{"role", role.role},
                       {"version", role.version},
                       {"differences", role.differences},
                       {"signed_by", role.signed_by},
                       {"missing", role.missing}});
      text += Format("%s, version %lld\n", role.role.c_str(), static_cast<long long>(role.version));
      for (const std::string& difference : role.differences) text += "  " + difference + "\n";
      for (const std::string& id : role.signed_by) text += "  signed by " + id + "\n";
      if (role.missing > 0) {
        text += Format("  %llu more must sign\n", static_cast<unsigned long long>(role.missing));
      }
    }
    if (console.json()) {
      console.PrintJson({{"complete", change.is_complete()}, {"roles", roles}});
    } else {
      console.Print(text);
    }
    return {};
  }

  static void PrintKey(Console& console, const std::string& id, const std::string& public_key) {
    if (console.json()) {
      console.PrintJson({{"keyid", id}, {"public", public_key}});
    } else {
      console.Print("keyid  " + id + "\npublic " + public_key + "\n");
    }
  }

  Status New(Console& console) {
    WHET_ASSIGN_OR_RETURN(const std::string passphrase,
                          ReadPassphrase(keys_.passphrase, file_, /*is_new=*/true));
    WHET_ASSIGN_OR_RETURN(const fleet::SigningKey key, fleet::SigningKey::Generate());
    WHET_RETURN_IF_ERROR(fleet::WriteKeyFile(file_, key, passphrase));
    PrintKey(console, key.id(), key.public_hex());
    return {};
  }

  Status Show(Console& console) {
    WHET_ASSIGN_OR_RETURN(const std::string public_key, ReadPublicKey(file_));
    WHET_ASSIGN_OR_RETURN(const std::string id, fleet::KeyIdOf(fleet::Ed25519KeyJson(public_key)));
    PrintKey(console, id, public_key);
    return {};
  }

  Arguments new_;
  Arguments show_;
  Arguments add_;
  Arguments rotate_;
  Arguments threshold_;
  Arguments revoke_;
  Arguments sign_;
  Arguments apply_;
  std::string file_;
  std::string repository_;
  std::string draft_;
  std::string role_;
  std::string old_id_;
  std::string new_key_;
  uint64_t count_ = 0;
  KeyArguments keys_;
};

}  // namespace

std::unique_ptr<Command> MakeKeyCommand() { return std::make_unique<KeyCommand>(); }

}  // namespace whet::cli
