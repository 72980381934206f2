// One model family on this device: brings an offered release through fetch, self-test, shadow run and trial,
// and takes it back when it fails. Whatever happens, Current() names a model that is whole and verified.
//
//   steady ─Update─▶ fetch ▶ verify ▶ stage ▶ self-test ─▶ shadow ─▶ trial ─▶ confirmed: steady
//                      │ later: goes on there   │ failed       │ failed    │ failed
//                      ▼                        ▼              ▼           ▼
//                    steady                  quarantined: steady, with the model of before
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "agent/storage/family_state.h"
#include "agent/storage/file_system.h"
#include "agent/storage/state_store.h"
#include "agent/update/fetch_release.h"
#include "agent/update/offer.h"

namespace whet::agent {

struct SelfTestJob {
  std::string family;
  std::string slot_folder;
  std::string model_path;
};

// What the model did on this device.
struct SelfTestReport {
  enum class Outcome { kPassed, kFailed, kOverBudget };
  Outcome outcome = Outcome::kFailed;
  std::string reason;  // of what is not kPassed, in one sentence
  double latency_ms_mean = 0;
  double latency_ms_p95 = 0;
  uint64_t arena_bytes = 0;
};

// The work that takes long or is dangerous; in the agent it is done by child processes.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual Result<FetchReport> Fetch(const FetchJob& job) = 0;
  // A crash or hang of the model is a report that says so. An error is of the machinery: it is tried again.
  virtual Result<SelfTestReport> SelfTest(const SelfTestJob& job) = 0;
};

enum class Outcome { kInstalled, kFailedVerify, kFailedSelfTest, kFailedBudget, kRolledBack };
// "installed", "failed-verify", …: the values of `whet.outcome` (docs/fleet.md).
std::string_view OutcomeName(Outcome outcome);

struct UpdateEvent {
  Outcome outcome;
  Installed release;
  std::string reason;
};

// What the application is to use.
struct CurrentModel {
  std::string version;  // empty: there is none
  std::string variant;
  std::string rollout;
  std::string model_sha256;
  std::string model_path;
  std::string slot_folder;  // release.json, golden.bin, plans/

  bool operator==(const CurrentModel&) const = default;
};

struct UpdaterSettings {
  // An agent that starts this often within one trial has a model that takes the device down.
  int most_starts_in_trial = 3;
};

// One thread at a time.
class Updater {
 public:
  using EventSink = std::function<void(const UpdateEvent&)>;

  // Reads what was, and checks the active model's bytes; one that rotted gives way to the other slot's.
  // `folder` is this family's own; its parent exists.
  static Result<Updater> Open(FileSystem& files, const std::string& folder, UpdaterSettings settings,
                              EventSink events);

  CurrentModel Current() const;
  // The model that is to run beside the current one, its answers unused.
  std::optional<CurrentModel> Shadow() const;
  const FamilyState& state() const { return store_.state(); }
  // Of the shadow run or trial under way.
  double remaining_s() const { return state().stage_s - elapsed_s_; }
  std::string SlotFolder(int slot) const { return folder_ + (slot == 0 ? "/a" : "/b"); }

  // Whether Update would do something with this offer: not what is active, not what failed here before, and
  // no trial or shadow run is under way.
  bool Wants(const Offer& offer) const;
  // Fetches, verifies, stages and self-tests, and begins the shadow run or trial. OK also if the release
  // failed its self-test: it is then in quarantine. An error is worth another try later, which goes on where
  // this one ended.
  Status Update(const Offer& offer, Worker& worker);

  // Time went by in a shadow run or trial.
  Status Advance(double seconds);
  // The shadow run's or trial's model has failed: the model of before is current when this returns, even if
  // the disk refuses to note it (then the error says so, and Advance tries again).
  Status Fail(const std::string& reason);

 private:
  Updater(FileSystem& files, std::string folder, UpdaterSettings settings, EventSink events, StateStore store)
      : files_(&files),
        folder_(std::move(folder)),
        settings_(settings),
        events_(std::move(events)),
        store_(std::move(store)) {}

  Status Recover();
  Result<bool> IsWhole(int slot);
  Status Quarantine(const Offer& offer, const SelfTestReport& report);
  Status Confirm();
  Status NoteFailure();
  CurrentModel Describe(int slot) const;
  void Emit(Outcome outcome, const Installed& release, std::string reason) const;

  FileSystem* files_;
  std::string folder_;
  UpdaterSettings settings_;
  EventSink events_;
  StateStore store_;
  double elapsed_s_ = 0;                // of the stage, as the clock has it; the record lags behind
  std::optional<std::string> failure_;  // of the stage under way, not yet on disk
};

}  // namespace whet::agent
