// The repository as a device sees it: signed metadata (The Update Framework) decides what is true, plain HTTP
// or a folder brings the bytes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/process/jobs.h"
#include "agent/release/hardware.h"
#include "agent/update/fetch_release.h"
#include "fleet/http/fetch.h"
#include "fleet/tuf/client.h"
#include "fleet/tuf/store.h"

namespace whet::agent {

// One thread.
class SignedRepository : public TargetSource {
 public:
  // What is trusted is kept in the state folder's metadata/; if there is nothing, trust begins with
  // access.root. `fetcher` must outlive it.
  static Result<std::unique_ptr<SignedRepository>> Open(const RepositoryAccess& access,
                                                        fleet::Fetcher& fetcher);

  // One conditional request: whether nothing was published since the last Remember, and what is trusted is
  // still good.
  Result<bool> IsUnchanged();
  Status Refresh();
  // After a Refresh whose news were all taken.
  Status Remember();

  // After Refresh: what a device is to have of a family. The rollout may only name releases that the family's
  // models role signed.
  Result<FamilyOffer> ReadOffer(const RefreshJob& job, const std::string& family, const Machine& machine);

  // After Refresh.
  Status Download(const TargetRef& target, uint64_t first_byte, const std::function<Status()>& restarted,
                  const ByteSink& sink) override;
  std::optional<TargetRef> FindDelta(const std::string& base_sha256,
                                     const std::string& result_sha256) override;
  Status ApplyDelta(FileSystem& files, const std::string& base_path, const std::string& delta_path,
                    const ByteSink& sink) override;

 private:
  SignedRepository(const RepositoryAccess& access, fleet::Fetcher& fetcher);
  Result<TargetRef> Find(const std::string& path);
  Result<std::string> ReadTarget(const TargetRef& target, size_t limit);

  RepositoryAccess access_;
  std::string url_;
  fleet::Fetcher& fetcher_;
  fleet::FolderMetadataStore store_;
  fleet::Client client_;
  std::string etag_;  // of the timestamp.json that IsUnchanged saw
};

// This very device.
Machine ThisMachine(const std::string& power);

}  // namespace whet::agent
