// A change of keys that several people sign, each where their key is: nobody needs the key of another.
//
// It is a folder that goes from one signer to the next. ROLE.json is what is to be signed, a role's next
// version (root.json, targets.json, models.detector.json), and signatures/ROLE/KEYID.json is who has.
// Operations on keys make it (RepositoryOptions::draft_folder), SignKeyChange signs it, ApplyKeyChange brings
// it into the repository, whose online keys sign the rest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "fleet/tuf/repository.h"
#include "fleet/tuf/signing_key.h"

namespace whet::fleet {

struct KeyChange {
  struct Role {
    std::string role;
    int64_t version = 0;
    std::vector<std::string> differences;  // a line for each, for people to read before they sign
    std::vector<std::string> signed_by;    // key ids whose signatures are right
    uint64_t missing = 0;                  // signatures
  };
  std::vector<Role> roles;
  bool is_complete() const;
};

// `repository_folder`: the repository or a copy of its metadata, with which the change is compared; empty for
// the first state of a new repository, which has none yet.
Result<KeyChange> ReadKeyChange(const std::string& folder, const std::string& repository_folder);

// Signs each role that one of `keys` may sign; an error if there is none. What the change is afterwards.
Result<KeyChange> SignKeyChange(const std::string& folder, const KeyStore& keys,
                                const std::string& repository_folder);

// Makes the change, or the repository if it is new. `keys` sign what they may as well: snapshot and
// timestamp, and what else of the change is theirs. Nothing is written unless each role is signed by enough
// keys, a root also by enough of those that are trusted so far.
Status ApplyKeyChange(const std::string& folder, const std::string& repository_folder, const KeyStore& keys,
                      const RepositoryOptions& options = {});

}  // namespace whet::fleet
