// Keeps a FamilyState on disk in two records, so that one of them is whole whatever happens to the other: a
// new state overwrites the older record, and counts once file and folder are synced.
#pragma once

#include <string>

#include "agent/storage/family_state.h"
#include "agent/storage/file_system.h"

namespace whet::agent {

// One thread at a time, and one process: the agent holds a lock on its folder.
class StateStore {
 public:
  // Makes `folder` if it does not exist (its parent does), reads the newest whole record, and syncs it: a
  // record may have been read from the cache of a process that ended before its fsync. No record at all is
  // the state of a new device; an unreadable disk is an error, and nothing is forgotten.
  static Result<StateStore> Open(FileSystem& files, const std::string& folder);

  const FamilyState& state() const { return state_; }

  // The given state with the next sequence number, durable when it returns success. After an error either
  // state may be the one found after a restart, and state() is the old one.
  Status Save(FamilyState next);

  // False after a Save that failed: a restart may find what it was to write. Files that either state relies
  // on must not be touched before another Save succeeded.
  bool certain() const { return certain_; }

 private:
  StateStore(FileSystem& files, std::string folder) : files_(&files), folder_(std::move(folder)) {}
  std::string PathOf(int record) const { return folder_ + (record == 0 ? "/active.0" : "/active.1"); }

  FileSystem* files_;
  std::string folder_;
  FamilyState state_;
  uint64_t highest_sequence_ = 0;  // that may be on disk, of a failed Save too
  bool certain_ = true;
  int durable_ = -1;  // the record that holds state_; the other one is the next to be written
};

}  // namespace whet::agent
