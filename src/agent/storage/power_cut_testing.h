// For tests: a disk in memory that loses power. It keeps apart what programs see and what has reached the
// medium, and on a cut lets any part of the difference survive, in any order:
//   - a file's unsynced writes and truncations: each whole, in part, or not at all, holes filled with zeros
//   - a folder's unsynced entries: each created, renamed or removed name on its own; a rename may have made
//   the
//     new name without losing the old one, or lost the old without making the new
// A cut comes before, in the middle of or after the n-th operation that changes anything; all operations fail
// from then on, until Restart.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "agent/storage/file_system.h"

namespace whet::agent {

class PowerCutFileSystem : public FileSystem {
 public:
  enum class Moment { kBefore, kMiddle, kAfter };

  explicit PowerCutFileSystem(uint64_t seed) : random_(seed) { folders_[""]; }

  // Counted from now on, from 0.
  void CutAt(int64_t operation, Moment moment) {
    operations_ = 0;
    cut_at_ = operation;
    moment_ = moment;
  }
  void CutNever() { cut_at_ = -1; }
  bool off() const { return off_; }
  int64_t operations() const { return operations_; }

  // Every operation fails with this probability, changing nothing or, if it writes, half of what it should.
  void FailRandomly(double probability) { fail_ = probability; }
  void set_free_bytes(uint64_t bytes) { free_bytes_ = bytes; }

  // Power comes back: what had been synced is there, and of the rest what chance left.
  void Restart() {
    if (off_) Lose();
    off_ = false;
    cut_at_ = -1;
    ++epoch_;
  }

  Result<std::unique_ptr<WritableFile>> Create(const std::string& path) override {
    return OpenForWriting(path, /*truncate=*/true);
  }
  Result<std::unique_ptr<WritableFile>> Append(const std::string& path) override {
    return OpenForWriting(path, /*truncate=*/false);
  }

  Result<std::unique_ptr<ReadableFile>> Open(const std::string& path) override {
    WHET_RETURN_IF_ERROR(Readable(path));
    const auto inode = Find(path);
    if (inode == nullptr) return Missing(path);
    return std::unique_ptr<ReadableFile>(std::make_unique<Reader>(*this, inode));
  }

  Result<uint64_t> Size(const std::string& path) override {
    WHET_RETURN_IF_ERROR(Readable(path));
    const auto inode = Find(path);
    if (inode == nullptr) return Missing(path);
    return uint64_t{inode->seen.size()};
  }

  Status Rename(const std::string& from, const std::string& to) override {
    const auto inode = Find(from);
    return Change(from, [&](bool half) {
      if (inode == nullptr) return Missing(from);
      SetEntry(from, nullptr);
      SetEntry(to, inode);
      if (half) SyncSomeEntries(FolderOf(to));
      return Status();
    });
  }

  Status Remove(const std::string& path) override {
    if (!off_ && Find(path) == nullptr) return {};
    return Change(path, [&](bool half) {
      SetEntry(path, nullptr);
      if (half) SyncSomeEntries(FolderOf(path));
      return Status();
    });
  }

  // Folders are few and made once: they are on the medium at once.
  Status MakeFolder(const std::string& path) override {
    WHET_RETURN_IF_ERROR(Readable(path));
    folders_[path];
    return {};
  }

  Status SyncFile(const std::string& path) override {
    const auto inode = Find(path);
    return Change(path, [&](bool half) {
      if (inode == nullptr) return Missing(path);
      half ? SyncSomeData(*inode) : SyncData(*inode);
      return Status();
    });
  }

  Status SyncFolder(const std::string& path) override {
    return Change(path, [&](bool half) {
      half ? SyncSomeEntries(path) : SyncEntries(path);
      return Status();
    });
  }

  Result<std::vector<std::string>> List(const std::string& path) override {
    WHET_RETURN_IF_ERROR(Readable(path));
    if (!folders_.contains(path)) return Missing(path);
    std::vector<std::string> names;
    for (const auto& [name, inode] : folders_[path].seen) names.push_back(name);
    return names;
  }

  Result<uint64_t> FreeBytes(const std::string& path) override {
    WHET_RETURN_IF_ERROR(Readable(path));
    return free_bytes_;
  }

 private:
  struct Write {
    bool truncate = false;
    size_t offset = 0;
    std::string bytes;
  };
  struct Inode {
    std::string seen;
    std::string durable;
    std::vector<Write> pending;
  };
  using InodePtr = std::shared_ptr<Inode>;
  struct Folder {
    std::map<std::string, InodePtr> seen;
    std::map<std::string, InodePtr> durable;
    std::vector<std::pair<std::string, InodePtr>> pending;  // null: removed
  };

  class Writer : public WritableFile {
   public:
    Writer(PowerCutFileSystem& disk, InodePtr inode)
        : disk_(disk), inode_(std::move(inode)), epoch_(disk.epoch_) {}
    Status Write(std::span<const std::byte> bytes) override {
      return disk_.Change("file", [&](bool half) {
        if (epoch_ != disk_.epoch_) return Error(Code::kIo, "the file was open when the power failed");
        std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        if (half) text.resize(text.size() / 2);
        const size_t offset = inode_->seen.size();
        inode_->seen += text;
        inode_->pending.push_back({.truncate = false, .offset = offset, .bytes = std::move(text)});
        return Status();
      });
    }
    Status Sync() override {
      return disk_.Change("file", [&](bool half) {
        half ? disk_.SyncSomeData(*inode_) : disk_.SyncData(*inode_);
        return Status();
      });
    }

   private:
    PowerCutFileSystem& disk_;
    InodePtr inode_;
    uint64_t epoch_;
  };

  class Reader : public ReadableFile {
   public:
    Reader(PowerCutFileSystem& disk, InodePtr inode) : disk_(disk), inode_(std::move(inode)) {}
    Result<size_t> Read(std::span<std::byte> buffer) override {
      WHET_RETURN_IF_ERROR(disk_.Readable("file"));
      const size_t count = std::min(buffer.size(), inode_->seen.size() - offset_);
      std::memcpy(buffer.data(), inode_->seen.data() + offset_, count);
      offset_ += count;
      return count;
    }

   private:
    PowerCutFileSystem& disk_;
    InodePtr inode_;
    size_t offset_ = 0;
  };

  static Status Missing(const std::string& path) { return Error(Code::kNotFound, "no such file").At(path); }
  static Status PowerFailed() { return Error(Code::kIo, "the power has failed"); }
  static std::string NameOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

  bool Chance(double probability) { return std::uniform_real_distribution<>(0, 1)(random_) < probability; }

  Status Readable(const std::string& path) {
    if (off_) return PowerFailed();
    if (fail_ > 0 && Chance(fail_)) return Error(Code::kIo, "the disk failed at random").At(path);
    return {};
  }

  // Runs an operation that changes something, unless the power fails before it.
  template <typename Operation>
  Status Change(const std::string& path, const Operation& operation) {
    if (off_) return PowerFailed();
    const bool cut = operations_++ == cut_at_;
    if (cut && moment_ == Moment::kBefore) {
      off_ = true;
      return PowerFailed();
    }
    if (!cut && fail_ > 0 && Chance(fail_)) {
      if (Chance(0.5)) static_cast<void>(operation(/*half=*/true));
      return Error(Code::kIo, "the disk failed at random").At(path);
    }
    const Status status = operation(/*half=*/cut && moment_ == Moment::kMiddle);
    if (cut) {
      off_ = true;
      return PowerFailed();
    }
    return status.ok() ? Status() : Error(status.code(), "%s", status.ToString().c_str());
  }

  InodePtr Find(const std::string& path) {
    const auto folder = folders_.find(FolderOf(path));
    if (folder == folders_.end()) return nullptr;
    const auto entry = folder->second.seen.find(NameOf(path));
    return entry == folder->second.seen.end() ? nullptr : entry->second;
  }

  void SetEntry(const std::string& path, InodePtr inode) {
    Folder& folder = folders_[FolderOf(path)];
    if (inode == nullptr) {
      folder.seen.erase(NameOf(path));
    } else {
      folder.seen[NameOf(path)] = inode;
    }
    folder.pending.emplace_back(NameOf(path), std::move(inode));
  }

  Result<std::unique_ptr<WritableFile>> OpenForWriting(const std::string& path, bool truncate) {
    InodePtr inode = Find(path);
    WHET_RETURN_IF_ERROR(Change(path, [&](bool) {
      if (!folders_.contains(FolderOf(path))) return Missing(FolderOf(path));
      if (inode == nullptr) {
        inode = std::make_shared<Inode>();
        SetEntry(path, inode);
      } else if (truncate) {
        inode->seen.clear();
        inode->pending.push_back({.truncate = true, .offset = 0, .bytes = {}});
      }
      return Status();
    }));
    return std::unique_ptr<WritableFile>(std::make_unique<Writer>(*this, std::move(inode)));
  }

  static void Apply(Inode& inode, const Write& write, size_t count) {
    if (write.truncate) {
      inode.durable.clear();
      return;
    }
    if (inode.durable.size() < write.offset + count) inode.durable.resize(write.offset + count, '\0');
    inode.durable.replace(write.offset, count, write.bytes, 0, count);
  }
  static void SyncData(Inode& inode) {
    inode.durable = inode.seen;
    inode.pending.clear();
  }
  // Any of the pending writes, in any order, whole or in part; those that made it are no longer pending.
  void SyncSomeData(Inode& inode) {
    std::vector<Write> pending = std::move(inode.pending);
    inode.pending.clear();
    const bool in_order = Chance(0.5);
    if (!in_order) std::ranges::shuffle(pending, random_);
    for (Write& write : pending) {
      if (Chance(0.4)) {
        Apply(inode, write, write.bytes.size());
      } else if (Chance(0.5) && !write.bytes.empty()) {
        Apply(inode, write, std::uniform_int_distribution<size_t>(0, write.bytes.size())(random_));
        inode.pending.push_back(std::move(write));
      } else {
        inode.pending.push_back(std::move(write));
      }
    }
  }

  static void ApplyEntry(Folder& folder, const std::pair<std::string, InodePtr>& entry) {
    if (entry.second == nullptr) {
      folder.durable.erase(entry.first);
    } else {
      folder.durable[entry.first] = entry.second;
    }
  }
  void SyncEntries(const std::string& path) {
    Folder& folder = folders_[path];
    folder.durable = folder.seen;
    folder.pending.clear();
  }
  void SyncSomeEntries(const std::string& path) {
    Folder& folder = folders_[path];
    auto pending = std::move(folder.pending);
    folder.pending.clear();
    if (Chance(0.5)) std::ranges::shuffle(pending, random_);
    for (auto& entry : pending) {
      if (Chance(0.5)) {
        ApplyEntry(folder, entry);
      } else {
        folder.pending.push_back(std::move(entry));
      }
    }
  }

  void Lose() {
    std::map<Inode*, bool> done;
    for (auto& [path, folder] : folders_) {
      for (const auto* entries : {&folder.seen, &folder.durable}) {
        for (const auto& [name, inode] : *entries) {
          if (!done.emplace(inode.get(), true).second) continue;
          SyncSomeData(*inode);
          inode->seen = inode->durable;
          inode->pending.clear();
        }
      }
      SyncSomeEntries(path);
      folder.seen = folder.durable;
      folder.pending.clear();
    }
  }

  std::mt19937_64 random_;
  std::map<std::string, Folder> folders_;
  bool off_ = false;
  int64_t operations_ = 0;
  int64_t cut_at_ = -1;
  Moment moment_ = Moment::kBefore;
  uint64_t epoch_ = 0;
  double fail_ = 0;
  uint64_t free_bytes_ = uint64_t{1} << 40;
};

}  // namespace whet::agent
