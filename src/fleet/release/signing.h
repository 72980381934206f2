// How a release folder gets its signatures and comes into a repository.
//
// What is signed is the next version of the role models.FAMILY: its targets so far and the release's. It
// stands in the folder as role.json, and each signature as signatures/KEYID.json, so that the folder can go
// from one signer to the next.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "fleet/release/pack.h"
#include "fleet/tuf/repository.h"

namespace whet::fleet {

struct SignedRelease {
  std::string role;
  int64_t role_version = 0;
  size_t targets = 0;                // that the signatures vouch for, those of former releases too
  std::vector<std::string> key_ids;  // that have signed
};

// Signs with every key of `keys`. The first signer gives the repository, from which role.json is made. A
// later one may: then it is also checked that role.json vouches for nothing else than what is published there
// and this release.
Result<SignedRelease> SignRelease(const std::string& folder, const KeyStore& keys,
                                  const Repository* repository);

// Puts the release into the repository, whose keys sign snapshot and timestamp.
Result<SignedRelease> PublishRelease(const std::string& folder, Repository& repository);

}  // namespace whet::fleet
