#include "agent/worker/signed_repository.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <ctime>
#include <utility>

#include "agent/storage/file_system.h"
#include "base/hex.h"
#include "fleet/json/nlohmann.h"
#include "fleet/rollout/document.h"
#include "fleet/telemetry/report.h"
#include "model_file/sha256.h"
#include "whet/whet.h"

namespace whet::agent {
namespace {

constexpr size_t kMaxRootBytes = 512000;
constexpr size_t kMaxTimestampBytes = 16384;

std::string UrlOf(const std::string& repository) {
  std::string url = repository.starts_with('/') ? "file://" + repository : repository;
  while (url.ends_with('/')) url.pop_back();
  return url;
}

std::string PollPath(const RepositoryAccess& access) { return access.state_folder + "/poll.json"; }

}  // namespace

Machine ThisMachine(const std::string& power) {
  utsname name{};
  ::uname(&name);
  return {.architecture = static_cast<const char*>(name.machine),
          .isa = whet_best_isa(),
          .memory_bytes = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                          static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)),
          .power = power};
}

SignedRepository::SignedRepository(const RepositoryAccess& access, fleet::Fetcher& fetcher)
    : access_(access),
      url_(UrlOf(access.url)),
      fetcher_(fetcher),
      store_(access.state_folder + "/metadata"),
      client_({.metadata_url = url_ + "/metadata",
               .targets_url = url_ + "/targets",
               .bearer_token = {},
               .limits = {},
               .clock = {}},
              store_, fetcher) {}

Result<std::unique_ptr<SignedRepository>> SignedRepository::Open(const RepositoryAccess& access,
                                                                 fleet::Fetcher& fetcher) {
  WHET_RETURN_IF_ERROR(PosixFileSystem().MakeFolder(access.state_folder + "/metadata"));
  std::unique_ptr<SignedRepository> repository(new SignedRepository(access, fetcher));
  WHET_ASSIGN_OR_RETURN(const std::optional<std::string> trusted,
                        repository->store_.Load("root", kMaxRootBytes));
  if (!trusted) {
    WHET_ASSIGN_OR_RETURN(const std::string root, PosixFileSystem().ReadSmall(access.root, kMaxRootBytes));
    Status status = fleet::ClientInit(repository->store_, root);
    if (!status.ok()) return std::move(status).At(access.root);
  }
  return repository;
}

Result<bool> SignedRepository::IsUnchanged() {
  fleet::FetchRequest request;
  request.url = url_ + "/metadata/timestamp.json";
  request.max_bytes = kMaxTimestampBytes;
  int64_t good_until = 0;
  if (auto text = PosixFileSystem().ReadSmall(PollPath(access_), 4096); text.ok()) {
    const nlohmann::json seen = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
    const auto etag = seen.is_object() ? seen.find("etag") : seen.end();
    const auto until = seen.is_object() ? seen.find("good_until") : seen.end();
    if (etag != seen.end() && etag->is_string() && until != seen.end() && until->is_number_integer()) {
      request.if_none_match = etag->get<std::string>();
      good_until = until->get<int64_t>();
    }
  }
  WHET_ASSIGN_OR_RETURN(
      const fleet::FetchResponse response,
      fetcher_.Fetch(request, [](uint64_t, std::span<const std::byte>) { return Status(); }));
  // The answer is not signed: all it can do is to keep what is trusted, until that expires, or to start a
  // refresh.
  if (response.status == 304 && !request.if_none_match.empty()) return std::time(nullptr) < good_until;
  WHET_RETURN_IF_ERROR(fleet::RequireSuccess(request, response));
  etag_ = response.etag;
  return false;
}

Status SignedRepository::Refresh() { return client_.Refresh(); }

Status SignedRepository::Remember() {
  const fleet::TimestampMetadata* timestamp = client_.timestamp();
  if (etag_.empty() || timestamp == nullptr) return {};
  const nlohmann::json seen = {{"etag", etag_}, {"good_until", timestamp->expires}};
  return PosixFileSystem().WriteDurably(PollPath(access_),
                                        seen.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

Result<TargetRef> SignedRepository::Find(const std::string& path) {
  WHET_ASSIGN_OR_RETURN(const fleet::TargetFile target, client_.FindTarget(path));
  const auto hash = target.hashes.find("sha256");
  if (hash == target.hashes.end())
    return Error(Code::kBadFile, "the signed metadata gives no SHA-256 of it").At(path);
  return TargetRef{.name = target.path, .sha256 = hash->second, .bytes = target.length};
}

Status SignedRepository::Download(const TargetRef& target, uint64_t first_byte,
                                  const std::function<Status()>& restarted, const ByteSink& sink) {
  if (first_byte >= target.bytes && target.bytes > 0) return {};
  fleet::TargetFile file;
  file.path = target.name;
  file.length = target.bytes;
  file.hashes["sha256"] = target.sha256;
  fleet::FetchRequest request;
  request.url = client_.TargetUrl(file);
  request.first_byte = first_byte;
  request.max_bytes = target.bytes;
  bool first = true;
  WHET_ASSIGN_OR_RETURN(
      const fleet::FetchResponse response,
      fetcher_.Fetch(request, [&](uint64_t offset, std::span<const std::byte> bytes) -> Status {
        if (std::exchange(first, false) && offset != first_byte) WHET_RETURN_IF_ERROR(restarted());
        return sink(bytes);
      }));
  return fleet::RequireSuccess(request, response);
}

Result<std::string> SignedRepository::ReadTarget(const TargetRef& target, size_t limit) {
  if (target.bytes > limit) return Error(Code::kLimitExceeded, "is too long").At(target.name);
  std::string text;
  Sha256Hasher hash;
  WHET_RETURN_IF_ERROR(Download(
      target, 0, [] { return Status(); },
      [&](std::span<const std::byte> bytes) {
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        hash.Update(bytes);
        return Status();
      }));
  if (text.size() != target.bytes || ToHex(hash.Finish()) != target.sha256) {
    return Error(Code::kBadFile, "what the repository sent is not what was signed").At(target.name);
  }
  return text;
}

Result<FamilyOffer> SignedRepository::ReadOffer(const RefreshJob& job, const std::string& family,
                                                const Machine& machine) {
  FamilyOffer result;
  result.family = family;
  const std::string path = "rollouts/" + job.channel + "/" + family + ".json";
  auto found = Find(path);
  if (!found.ok()) {
    if (found.status().code() != Code::kNotFound) return found.TakeStatus();
    result.refused = "channel '" + job.channel + "' has no rollout of '" + family + "'";
    return result;
  }
  WHET_ASSIGN_OR_RETURN(const std::string text, ReadTarget(*found, fleet::kMaxDocumentBytes));
  auto document = fleet::ParseRolloutDocument(text);
  if (!document.ok()) return document.TakeStatus().At(path);
  if (document->channel != job.channel || document->family != family) {
    return Error(Code::kBadFile, "it is the rollout of another channel or family").At(path);
  }

  const fleet::ReleaseName& name = fleet::ReleaseFor(*document, job.device);
  auto release_target = Find(fleet::ReleaseTarget(family, name.version, "release.json"));
  if (!release_target.ok()) return release_target.TakeStatus().At(path);
  if (release_target->sha256 != name.release_sha256) {
    return Error(Code::kBadFile,
                 "the rollout names a release of %s that the models role did not sign; it is refused",
                 name.version.c_str())
        .At(path);
  }
  WHET_ASSIGN_OR_RETURN(const std::string release_text, ReadTarget(*release_target, fleet::kMaxReleaseBytes));
  auto parsed = fleet::ParseRelease(release_text);
  if (!parsed.ok()) return parsed.TakeStatus().At(release_target->name);
  const fleet::Release& release = *parsed;
  if (release.family != family || release.version != name.version) {
    return Error(Code::kBadFile, "it says that it is another release").At(release_target->name);
  }
  result.refused = WhyNotHere(release, machine);
  if (!result.refused.empty()) return result;

  const fleet::ReleaseVariant* variant = ChooseVariant(release, machine);
  Offer offer;
  offer.family = family;
  offer.version = name.version;
  offer.rollout = document->rollout;
  offer.variant = variant->name;
  offer.release = *release_target;
  offer.storage_bytes = release.requirements.storage_bytes;
  if (document->candidate && name == *document->candidate)
    offer.shadow_s = static_cast<double>(document->shadow_s);
  offer.trial_s = static_cast<double>(document->trial_s);
  WHET_ASSIGN_OR_RETURN(offer.model, Find(variant->target));
  WHET_ASSIGN_OR_RETURN(offer.golden, Find(release.golden_target));
  const bool signed_alike = offer.model.sha256 == variant->sha256 && offer.model.bytes == variant->bytes &&
                            offer.golden.sha256 == release.golden_sha256 &&
                            offer.golden.bytes == release.golden_bytes;
  if (!signed_alike) {
    return Error(Code::kBadFile, "its files are not those that the metadata signs").At(release_target->name);
  }
  result.offer = std::move(offer);
  return result;
}

}  // namespace whet::agent
