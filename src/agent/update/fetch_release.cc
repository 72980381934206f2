#include "agent/update/fetch_release.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "fleet/telemetry/report.h"

namespace whet::agent {
namespace {

constexpr uint64_t kReserveBytes = uint64_t{1} << 20;  // left free for the records and the spool

// One file's way from the repository to its final name.
class FileFetch {
 public:
  FileFetch(FileSystem& files, TargetSource& source, const TargetRef& target, const std::string& folder,
            std::string final_path)
      : files_(files),
        source_(source),
        target_(target),
        part_(folder + "/" + target.sha256 + ".part"),
        final_path_(std::move(final_path)) {}

  // Found under its final name, it may still be the work of a try that ended before its last sync.
  Result<bool> IsThere() {
    WHET_ASSIGN_OR_RETURN(const bool there, Matches(final_path_));
    if (there) WHET_RETURN_IF_ERROR(files_.SyncFile(final_path_));
    return there;
  }

  // In full, or from where the last try ended.
  Status Download(uint64_t& downloaded) {
    uint64_t have = 0;
    if (auto size = files_.Size(part_); size.ok()) {
      have = *size;
    } else if (size.status().code() != Code::kNotFound) {
      return size.TakeStatus();
    }
    const bool resumed = have > 0;
    // The end of a file that was being written when the power failed may be anything; all of it is hashed
    // below, and if it is not right, everything is fetched anew.
    if (have > target_.bytes) {
      WHET_RETURN_IF_ERROR(files_.Remove(part_));
      have = 0;
    }
    if (have < target_.bytes || target_.bytes == 0) WHET_RETURN_IF_ERROR(Transfer(have, downloaded));
    WHET_ASSIGN_OR_RETURN(bool right, Matches(part_));
    if (!right && resumed) {
      WHET_RETURN_IF_ERROR(files_.Remove(part_));
      WHET_RETURN_IF_ERROR(Transfer(0, downloaded));
      WHET_ASSIGN_OR_RETURN(right, Matches(part_));
    }
    if (!right) return Wrong();
    return Finish();
  }

  // From the base and a delta.
  Status Make(const std::string& base_path, const std::string& delta_path) {
    {
      WHET_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file, files_.Create(part_));
      uint64_t total = 0;
      WHET_RETURN_IF_ERROR(
          source_.ApplyDelta(files_, base_path, delta_path, [&](std::span<const std::byte> bytes) {
            total += bytes.size();
            return total > target_.bytes ? TooLong() : file->Write(bytes);
          }));
    }
    WHET_ASSIGN_OR_RETURN(const bool right, Matches(part_));
    return right ? Finish() : Wrong();
  }

  Status RemovePart() { return files_.Remove(part_); }

 private:
  Status Transfer(uint64_t have, uint64_t& downloaded) {
    std::unique_ptr<WritableFile> file;
    WHET_ASSIGN_OR_RETURN(file, files_.Append(part_));
    return source_.Download(
        target_, have,
        [&]() -> Status {
          have = 0;
          WHET_ASSIGN_OR_RETURN(file, files_.Create(part_));
          return {};
        },
        [&](std::span<const std::byte> bytes) -> Status {
          if (bytes.size() > target_.bytes - have) return TooLong();
          have += bytes.size();
          downloaded += bytes.size();
          return file->Write(bytes);
        });
  }

  Result<bool> Matches(const std::string& path) {
    auto size = files_.Size(path);
    if (!size.ok()) {
      if (size.status().code() == Code::kNotFound) return false;
      return size.TakeStatus();
    }
    if (*size != target_.bytes) return false;
    WHET_ASSIGN_OR_RETURN(const std::string hash, files_.Sha256OfFile(path));
    return hash == target_.sha256;
  }

  Status Finish() {
    if (Status synced = files_.SyncFile(part_); !synced.ok()) {
      // What the disk refused may now count as written, so that a second sync would lie: begin anew.
      static_cast<void>(files_.Remove(part_).ok());
      return synced;
    }
    return files_.Rename(part_, final_path_);
  }

  Status Wrong() {
    WHET_RETURN_IF_ERROR(files_.Remove(part_));
    return Error(Code::kBadFile, "what the repository sent is not what was signed; it was thrown away")
        .At(target_.name);
  }
  Status TooLong() {
    WHET_RETURN_IF_ERROR(files_.Remove(part_));
    return Error(Code::kLimitExceeded, "the repository sent more than the %llu bytes that were signed",
                 static_cast<unsigned long long>(target_.bytes))
        .At(target_.name);
  }

  FileSystem& files_;
  TargetSource& source_;
  const TargetRef& target_;
  std::string part_;
  std::string final_path_;
};

// A delta that fails in whatever way costs nothing but the download: false, and the full model is fetched.
bool TryDelta(FileSystem& files, TargetSource& source, const FetchJob& job, FileFetch& model,
              FetchReport& report) {
  if (job.base_path.empty()) return false;
  const std::optional<TargetRef> delta = source.FindDelta(job.base_sha256, job.offer.model.sha256);
  if (!delta || !fleet::IsSha256Hex(delta->sha256) || delta->bytes >= job.offer.model.bytes) return false;
  const std::string path = job.folder + "/delta";
  FileFetch fetch(files, source, *delta, job.folder, path);
  const bool made = fetch.Download(report.downloaded_bytes).ok() && model.Make(job.base_path, path).ok();
  // Left behind, it is removed with the slot's next contents.
  static_cast<void>(files.Remove(path).ok());
  if (!made) static_cast<void>(model.RemovePart().ok());
  return made;
}

}  // namespace

std::string ModelPath(const std::string& slot_folder, const std::string& model_sha256) {
  return slot_folder + "/" + model_sha256 + ".whet";
}
std::string ReleasePath(const std::string& slot_folder) { return slot_folder + "/release.json"; }
std::string GoldenPath(const std::string& slot_folder) { return slot_folder + "/golden.bin"; }
std::string PlanFolder(const std::string& slot_folder) { return slot_folder + "/plans"; }

Status ClearSlot(FileSystem& files, const std::string& slot_folder, const std::string& keep) {
  for (const std::string& folder : {slot_folder, PlanFolder(slot_folder)}) {
    auto names = files.List(folder);
    if (!names.ok()) {
      if (names.status().code() == Code::kNotFound) continue;
      return names.TakeStatus();
    }
    for (const std::string& name : *names) {
      if (!keep.empty() && name.starts_with(keep)) continue;
      WHET_RETURN_IF_ERROR(files.Remove(folder + "/" + name));
    }
  }
  return {};
}

Result<FetchReport> FetchRelease(FileSystem& files, TargetSource& source, const FetchJob& job) {
  const Offer& offer = job.offer;
  for (const TargetRef* target : {&offer.release, &offer.model, &offer.golden}) {
    if (!fleet::IsSha256Hex(target->sha256))
      return Error(Code::kBadFile, "the offered file has no SHA-256").At(target->name);
  }
  WHET_RETURN_IF_ERROR(files.MakeFolder(job.folder));
  WHET_RETURN_IF_ERROR(files.SyncFolder(FolderOf(job.folder)));

  FetchReport report;
  FileFetch model(files, source, offer.model, job.folder, ModelPath(job.folder, offer.model.sha256));
  WHET_ASSIGN_OR_RETURN(const bool have_model, model.IsThere());
  if (!have_model) {
    uint64_t have = 0;
    if (auto size = files.Size(job.folder + "/" + offer.model.sha256 + ".part"); size.ok()) have = *size;
    WHET_ASSIGN_OR_RETURN(const uint64_t free, files.FreeBytes(job.folder));
    const uint64_t missing = offer.model.bytes - std::min(have, offer.model.bytes);
    const uint64_t needed =
        missing + offer.golden.bytes + offer.release.bytes + offer.storage_bytes + kReserveBytes;
    if (needed < missing || free < needed) {
      return Error(Code::kLimitExceeded, "the update needs %llu bytes of storage, and %llu are free",
                   static_cast<unsigned long long>(needed), static_cast<unsigned long long>(free))
          .At(job.folder);
    }
    if (have > 0 || !TryDelta(files, source, job, model, report)) {
      WHET_RETURN_IF_ERROR(model.Download(report.downloaded_bytes));
    } else {
      report.used_delta = true;
    }
  }
  const std::pair<const TargetRef*, std::string> others[] = {{&offer.release, ReleasePath(job.folder)},
                                                             {&offer.golden, GoldenPath(job.folder)}};
  for (const auto& [target, path] : others) {
    FileFetch fetch(files, source, *target, job.folder, path);
    WHET_ASSIGN_OR_RETURN(const bool there, fetch.IsThere());
    if (!there) WHET_RETURN_IF_ERROR(fetch.Download(report.downloaded_bytes));
  }
  WHET_RETURN_IF_ERROR(files.SyncFolder(job.folder));
  return report;
}

}  // namespace whet::agent
