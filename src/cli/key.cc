// whet key: signing keys, and which of them a repository's roles have.

#include "fleet/tuf/key.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/console.h"
#include "cli/key_files.h"
#include "fleet/json/nlohmann.h"
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
           "  whet key revoke KEYID --repo repo --keys keys";
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
    for (Arguments sub : {add_, rotate_, threshold_, revoke_}) {
      sub.Add("--repo", repository_, "The repository's folder").Required().Type("FOLDER");
      AddKeyOptions(sub, &keys_);
    }
  }

  Status Run(Console& console) override {
    if (new_.given()) return New(console);
    if (show_.given()) return Show(console);
    WHET_ASSIGN_OR_RETURN(const auto keys, OpenKeys(keys_));
    WHET_ASSIGN_OR_RETURN(fleet::Repository repository, fleet::Repository::Open(repository_, keys));
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
  static Status Done(Console& console, const char* what) {
    if (console.json()) {
      console.PrintJson({{"done", what}});
    } else {
      console.Print(Format("%s\n", what));
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
  std::string file_;
  std::string repository_;
  std::string role_;
  std::string old_id_;
  std::string new_key_;
  uint64_t count_ = 0;
  KeyArguments keys_;
};

}  // namespace

std::unique_ptr<Command> MakeKeyCommand() { return std::make_unique<KeyCommand>(); }

}  // namespace whet::cli
