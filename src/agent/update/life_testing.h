// For tests: a repository in memory, a worker that works in this process, and a device's whole life with
// them.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "agent/storage/file_system.h"
#include "agent/update/fetch_release.h"
#include "agent/update/updater.h"
#include "base/hex.h"
#include "model_file/sha256.h"

namespace whet::agent {

inline std::string HashOf(const std::string& text) {
  Sha256Hasher hash;
  hash.Update(std::as_bytes(std::span(text.data(), text.size())));
  return ToHex(hash.Finish());
}

// Targets by name. Its deltas say how many bytes of the base stay, and bring the rest.
class MemoryRepository : public TargetSource {
 public:
  TargetRef Add(const std::string& name, std::string content) {
    TargetRef ref{.name = name, .sha256 = HashOf(content), .bytes = content.size()};
    content_[name] = std::move(content);
    return ref;
  }

  Offer AddRelease(const std::string& version, const std::string& model, double trial_s,
                   double shadow_s = 0) {
    const std::string base = "models/detector/" + version + "/";
    Offer offer;
    offer.family = "detector";
    offer.version = version;
    offer.rollout = "rollout-of-" + version;
    offer.variant = "f32";
    offer.release = Add(base + "release.json", "release " + version);
    offer.model = Add(base + "f32.whet", model);
    offer.golden = Add(base + "golden.bin", "golden " + version);
    offer.trial_s = trial_s;
    offer.shadow_s = shadow_s;
    return offer;
  }

  void AddDelta(const Offer& base, const Offer& result) {
    const std::string& from = content_[base.model.name];
    const std::string& to = content_[result.model.name];
    size_t same = 0;
    while (same < from.size() && same < to.size() && from[same] == to[same]) ++same;
    deltas_[base.model.sha256 + result.model.sha256] =
        Add("deltas/" + base.version + "-" + result.version, std::to_string(same) + "\n" + to.substr(same));
  }

  Status Download(const TargetRef& target, uint64_t first_byte, const std::function<Status()>& restarted,
                  const ByteSink& sink) override {
    ++downloads;
    const auto found = content_.find(target.name);
    if (found == content_.end()) return Error(Code::kNotFound, "no such target").At(target.name);
    std::string content = found->second;
    if (attack) content = attack(target, std::move(content));
    size_t at = static_cast<size_t>(first_byte);
    if (no_ranges && at > 0) {
      WHET_RETURN_IF_ERROR(restarted());
      at = 0;
    }
    first_bytes.push_back(at);
    for (; at < content.size(); at += kPiece) {
      if (break_after > 0 && --break_after == 0) return Error(Code::kIo, "the connection broke");
      const size_t count = std::min(kPiece, content.size() - at);
      WHET_RETURN_IF_ERROR(sink(std::as_bytes(std::span(content.data() + at, count))));
    }
    return {};
  }

  std::optional<TargetRef> FindDelta(const std::string& base, const std::string& result) override {
    const auto found = deltas_.find(base + result);
    return found == deltas_.end() ? std::nullopt : std::optional(found->second);
  }

  Status ApplyDelta(FileSystem& files, const std::string& base_path, const std::string& delta_path,
                    const ByteSink& sink) override {
    WHET_ASSIGN_OR_RETURN(const std::string base, files.ReadSmall(base_path, 1 << 20));
    WHET_ASSIGN_OR_RETURN(const std::string delta, files.ReadSmall(delta_path, 1 << 20));
    const size_t same = std::strtoul(delta.c_str(), nullptr, 10);
    if (same > base.size()) return Error(Code::kBadFile, "the delta is for another base");
    ++deltas_applied;
    const std::string made = base.substr(0, same) + delta.substr(delta.find('\n') + 1);
    for (size_t at = 0; at < made.size(); at += kPiece) {
      const size_t count = std::min(kPiece, made.size() - at);
      WHET_RETURN_IF_ERROR(sink(std::as_bytes(std::span(made.data() + at, count))));
    }
    return {};
  }

  const std::string& content(const TargetRef& ref) const { return content_.at(ref.name); }

  std::function<std::string(const TargetRef&, std::string)> attack;
  int break_after = 0;  // pieces; 0: never
  bool no_ranges = false;
  int downloads = 0;
  int deltas_applied = 0;
  std::vector<size_t> first_bytes;  // of each download

 private:
  static constexpr size_t kPiece = 100;
  std::map<std::string, std::string> content_;
  std::map<std::string, TargetRef> deltas_;
};

// A model that says "bad" is bad. Whatever it is given to test must be what the repository holds.
class MemoryWorker : public Worker {
 public:
  MemoryWorker(FileSystem& files, MemoryRepository& repository) : files_(files), repository_(repository) {}

  Result<FetchReport> Fetch(const FetchJob& job) override {
    offer_ = job.offer;
    return FetchRelease(files_, repository_, job);
  }

  Result<SelfTestReport> SelfTest(const SelfTestJob& job) override {
    ++self_tests;
    WHET_ASSIGN_OR_RETURN(const std::string model, files_.ReadSmall(job.model_path, 1 << 20));
    WHET_ASSIGN_OR_RETURN(const std::string golden, files_.ReadSmall(GoldenPath(job.slot_folder), 1 << 20));
    WHET_ASSIGN_OR_RETURN(const std::string release, files_.ReadSmall(ReleasePath(job.slot_folder), 1 << 20));
    if (model != repository_.content(offer_.model) || golden != repository_.content(offer_.golden) ||
        release != repository_.content(offer_.release)) {
      ++wrong_files;
    }
    WHET_RETURN_IF_ERROR(files_.MakeFolder(PlanFolder(job.slot_folder)));
    WHET_RETURN_IF_ERROR(files_.WriteDurably(PlanFolder(job.slot_folder) + "/plan", "compiled " + model));
    SelfTestReport report;
    report.outcome = SelfTestReport::Outcome::kPassed;
    if (model.find("bad") != std::string::npos) {
      report.outcome = SelfTestReport::Outcome::kFailed;
      report.reason = "golden output 0 is off by 7";
    }
    return report;
  }

  int self_tests = 0;
  int wrong_files = 0;

 private:
  FileSystem& files_;
  MemoryRepository& repository_;
  Offer offer_;
};

// A device from its first model on: 1.0.0 in full; 1.1.0 by a delta, with a shadow run; 1.2.0, which fails
// its self-test; 1.3.0, which fails its trial; the server's way back to 1.0.0, and forth to 1.1.0.
class Life {
 public:
  static constexpr int kPhases = 6;

  Life() {
    std::string body(900, 'w');
    v10_ = repository.AddRelease("1.0.0", body + " first", 10);
    v11_ = repository.AddRelease("1.1.0", body + " second", 10, 5);
    v12_ = repository.AddRelease("1.2.0", body + " bad", 10);
    v13_ = repository.AddRelease("1.3.0", body + " crashes later", 10);
    repository.AddDelta(v10_, v11_);
    repository.AddDelta(v11_, v12_);
    back_ = v10_;
    back_.rollout = "back-to-1.0.0";
  }

  const Offer& OfferOf(int phase) const {
    const Offer* offers[kPhases] = {&v10_, &v11_, &v12_, &v13_, &back_, &v11_};
    return *offers[phase];
  }
  // The versions that may be current while a phase is under way, the last of them when it is done.
  std::vector<std::string> VersionsOf(int phase) const {
    static const std::vector<std::string> kVersions[kPhases] = {{"", "1.0.0"},      {"1.0.0", "1.1.0"},
                                                                {"1.1.0"},          {"1.3.0", "1.1.0"},
                                                                {"1.1.0", "1.0.0"}, {"1.0.0", "1.1.0"}};
    return kVersions[phase];
  }

  // Goes on with a phase until it is done or something fails.
  Status Run(Updater& updater, Worker& worker, int phase) {
    const Offer& offer = OfferOf(phase);
    WHET_RETURN_IF_ERROR(updater.Update(offer, worker));
    for (int second = 0; second < 40 && updater.state().stage != Stage::kSteady; ++second) {
      if (phase == 3 && updater.state().stage == Stage::kTrial) {
        WHET_RETURN_IF_ERROR(updater.Fail("3 crashes in 10 s"));
      }
      WHET_RETURN_IF_ERROR(updater.Advance(1));
    }
    return {};
  }

  bool Done(const Updater& updater, int phase) const {
    return updater.state().stage == Stage::kSteady && updater.Current().version == VersionsOf(phase).back() &&
           !updater.Wants(OfferOf(phase));
  }

  const std::string& ModelOf(const std::string& version) const {
    for (const Offer* offer : {&v10_, &v11_, &v12_, &v13_}) {
      if (offer->version == version) return repository.content(offer->model);
    }
    static const std::string kNone;
    return kNone;
  }

  MemoryRepository repository;

 private:
  Offer v10_, v11_, v12_, v13_, back_;
};

}  // namespace whet::agent
