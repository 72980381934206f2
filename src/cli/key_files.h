// Keys on the command line: where their files are and where the passphrase comes from.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "fleet/tuf/signing_key.h"

namespace whet::cli {

class Arguments;

struct PassphraseArguments {
  std::string file;  // its first line; empty: $WHET_PASSPHRASE, or else the terminal
};
void AddPassphraseOption(Arguments& args, PassphraseArguments* arguments);

struct KeyArguments {
  std::vector<std::string> files;
  std::string folder;  // every *.key in it
  PassphraseArguments passphrase;
};
// --key, --keys and --passphrase-file.
void AddKeyOptions(Arguments& args, KeyArguments* arguments);

// The passphrase of `what`, for a prompt; asked for twice if it is a new one.
Result<std::string> ReadPassphrase(const PassphraseArguments& arguments, const std::string& what,
                                   bool is_new);

// All keys that the arguments name; none is fine. On a terminal each file's passphrase is asked for unless
// the last one opens it too.
Result<std::shared_ptr<const fleet::KeyStore>> OpenKeys(const KeyArguments& arguments);

// A public key: 64 hexadecimal digits, or a key file, whose passphrase this does not need.
Result<std::string> ReadPublicKey(const std::string& text);

}  // namespace whet::cli
