#include "agent/storage/state_store.h"

#include <algorithm>
#include <utility>

namespace whet::agent {

Result<StateStore> StateStore::Open(FileSystem& files, const std::string& folder) {
  WHET_RETURN_IF_ERROR(files.MakeFolder(folder));
  WHET_RETURN_IF_ERROR(files.SyncFolder(FolderOf(folder)));
  StateStore store(files, folder);
  for (int record = 0; record < 2; ++record) {
    auto bytes = files.ReadSmall(store.PathOf(record), kMaxRecordBytes);
    if (!bytes.ok()) {
      // Longer than a record can be is no record; what cannot be read may be one.
      const Code code = bytes.status().code();
      if (code == Code::kNotFound || code == Code::kLimitExceeded) continue;
      return bytes.TakeStatus();
    }
    auto state = DecodeRecord(*bytes);
    if (!state.ok()) continue;
    store.highest_sequence_ = std::max(store.highest_sequence_, state->sequence);
    if (store.durable_ >= 0 && state->sequence <= store.state_.sequence) continue;
    store.state_ = std::move(*state);
    store.durable_ = record;
  }
  if (store.durable_ >= 0) {
    WHET_RETURN_IF_ERROR(files.SyncFile(store.PathOf(store.durable_)));
    WHET_RETURN_IF_ERROR(files.SyncFolder(folder));
  }
  return store;
}

Status StateStore::Save(FamilyState next) {
  next.sequence = ++highest_sequence_;
  const int record = durable_ == 0 ? 1 : 0;
  certain_ = false;
  {
    WHET_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, files_->Create(PathOf(record)));
    WHET_RETURN_IF_ERROR(file->Write(EncodeRecord(next)));
    WHET_RETURN_IF_ERROR(file->Sync());
  }
  WHET_RETURN_IF_ERROR(files_->SyncFolder(folder_));
  certain_ = true;
  durable_ = record;
  state_ = std::move(next);
  return {};
}

}  // namespace whet::agent
