#include "agent/update/updater.h"

#include <utility>

namespace whet::agent {
namespace {

// Elapsed time is noted this often, so that a restart does not begin a trial anew, and flash is spared.
constexpr int kNotesPerStage = 10;

Installed Describe(const Offer& offer) {
  return {.version = offer.version,
          .release_sha256 = offer.release.sha256,
          .model_sha256 = offer.model.sha256,
          .model_bytes = offer.model.bytes,
          .variant = offer.variant,
          .rollout = offer.rollout,
          .confirmed = false};
}

}  // namespace

std::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kInstalled: return "installed";
    case Outcome::kFailedVerify: return "failed-verify";
    case Outcome::kFailedSelfTest: return "failed-selftest";
    case Outcome::kFailedBudget: return "failed-budget";
    case Outcome::kRolledBack: return "rolled-back";
  }
  return "";
}

Result<Updater> Updater::Open(FileSystem& files, const std::string& folder, UpdaterSettings settings,
                              EventSink events) {
  WHET_ASSIGN_OR_RETURN(StateStore store, StateStore::Open(files, folder));
  Updater updater(files, folder, settings, std::move(events), std::move(store));
  WHET_RETURN_IF_ERROR(updater.Recover());
  return updater;
}

Status Updater::Recover() {
  FamilyState next = state();
  elapsed_s_ = next.elapsed_s;
  if (next.active != kNoSlot) {
    WHET_ASSIGN_OR_RETURN(const bool whole, IsWhole(next.active));
    if (!whole) {
      const int other = next.inactive();
      next.slots[next.active] = {};
      next.active = kNoSlot;
      next.stage = Stage::kSteady;
      if (!next.slots[other].empty()) {
        WHET_ASSIGN_OR_RETURN(const bool other_whole, IsWhole(other));
        if (other_whole) next.active = other;
      }
      return store_.Save(std::move(next));
    }
  }
  if (next.stage == Stage::kSteady) return {};
  ++next.starts;
  if (next.starts <= settings_.most_starts_in_trial) return store_.Save(std::move(next));
  return Fail(Format("the agent started %d times during its trial; the model seems to take the device down",
                     next.starts));
}

Result<bool> Updater::IsWhole(int slot) {
  const Installed& model = state().slots[slot];
  auto hash = files_->Sha256OfFile(ModelPath(SlotFolder(slot), model.model_sha256));
  if (!hash.ok()) {
    if (hash.status().code() == Code::kNotFound) return false;
    return hash.TakeStatus();
  }
  return *hash == model.model_sha256;
}

CurrentModel Updater::Describe(int slot) const {
  if (slot == kNoSlot || state().slots[slot].empty()) return {};
  const Installed& model = state().slots[slot];
  return {.version = model.version,
          .variant = model.variant,
          .rollout = model.rollout,
          .model_sha256 = model.model_sha256,
          .model_path = ModelPath(SlotFolder(slot), model.model_sha256),
          .slot_folder = SlotFolder(slot)};
}

CurrentModel Updater::Current() const {
  if (failure_ && state().stage == Stage::kTrial) return Describe(state().inactive());
  return Describe(state().active);
}

std::optional<CurrentModel> Updater::Shadow() const {
  if (failure_ || state().stage != Stage::kShadow) return std::nullopt;
  return Describe(state().inactive());
}

bool Updater::Wants(const Offer& offer) const {
  if (state().stage != Stage::kSteady) return false;
  const Installed* active = state().active_model();
  if (active != nullptr && active->release_sha256 == offer.release.sha256 &&
      active->model_sha256 == offer.model.sha256) {
    return false;
  }
  return !state().IsQuarantined(offer.release.sha256, offer.rollout);
}

Status Updater::Update(const Offer& offer, Worker& worker) {
  if (!Wants(offer)) return {};
  const int slot = state().inactive();
  const Installed& old = state().slots[slot];

  // The way back to what was confirmed here before needs neither network nor trial.
  if (!old.empty() && old.confirmed && old.release_sha256 == offer.release.sha256 &&
      old.model_sha256 == offer.model.sha256) {
    WHET_ASSIGN_OR_RETURN(const bool whole, IsWhole(slot));
    if (whole) {
      FamilyState next = state();
      next.active = slot;
      next.slots[slot].rollout = offer.rollout;
      WHET_RETURN_IF_ERROR(store_.Save(std::move(next)));
      Emit(Outcome::kInstalled, state().slots[slot], {});
      return {};
    }
  }

  // No record may vouch for files that are about to change.
  if (!old.empty() || !store_.certain()) {
    FamilyState next = state();
    next.slots[slot] = {};
    WHET_RETURN_IF_ERROR(store_.Save(std::move(next)));
  }
  const std::string folder = SlotFolder(slot);
  WHET_RETURN_IF_ERROR(ClearSlot(*files_, folder, /*keep=*/offer.model.sha256));
  const CurrentModel base = Current();
  auto fetched = worker.Fetch(
      {.offer = offer, .folder = folder, .base_path = base.model_path, .base_sha256 = base.model_sha256});
  if (!fetched.ok()) {
    if (fetched.status().code() == Code::kBadFile) {
      Emit(Outcome::kFailedVerify, whet::agent::Describe(offer), fetched.status().ToString());
    }
    return fetched.TakeStatus();
  }
  WHET_ASSIGN_OR_RETURN(const SelfTestReport report,
                        worker.SelfTest({.family = offer.family,
                                         .slot_folder = folder,
                                         .model_path = ModelPath(folder, offer.model.sha256)}));
  if (report.outcome != SelfTestReport::Outcome::kPassed) return Quarantine(offer, report);

  FamilyState next = state();
  next.slots[slot] = whet::agent::Describe(offer);
  const bool shadow = offer.shadow_s > 0 && next.active != kNoSlot;
  next.stage = shadow ? Stage::kShadow : Stage::kTrial;
  next.stage_s = shadow ? offer.shadow_s : offer.trial_s;
  next.shadow_then_trial_s = offer.trial_s;
  next.elapsed_s = 0;
  next.starts = 0;
  if (!shadow) next.active = slot;
  WHET_RETURN_IF_ERROR(store_.Save(std::move(next)));
  elapsed_s_ = 0;
  return Advance(0);
}

Status Updater::Quarantine(const Offer& offer, const SelfTestReport& report) {
  FamilyState next = state();
  next.AddToQuarantine({.version = offer.version,
                        .release_sha256 = offer.release.sha256,
                        .rollout = offer.rollout,
                        .reason = report.reason});
  WHET_RETURN_IF_ERROR(store_.Save(std::move(next)));
  Emit(report.outcome == SelfTestReport::Outcome::kOverBudget ? Outcome::kFailedBudget
                                                              : Outcome::kFailedSelfTest,
       whet::agent::Describe(offer), report.reason);
  return ClearSlot(*files_, SlotFolder(state().inactive()));
}

Status Updater::Advance(double seconds) {
  if (state().stage == Stage::kSteady) return {};
  if (failure_) return NoteFailure();
  elapsed_s_ += seconds;
  if (elapsed_s_ >= state().stage_s) return Confirm();
  if (elapsed_s_ - state().elapsed_s < state().stage_s / kNotesPerStage) return {};
  FamilyState next = state();
  next.elapsed_s = elapsed_s_;
  return store_.Save(std::move(next));
}

Status Updater::Confirm() {
  FamilyState next = state();
  next.elapsed_s = 0;
  next.starts = 0;
  if (next.stage == Stage::kShadow) {
    next.active = next.inactive();
    next.stage = Stage::kTrial;
    next.stage_s = next.shadow_then_trial_s;
    WHET_RETURN_IF_ERROR(store_.Save(std::move(next)));
    elapsed_s_ = 0;
    return Advance(0);
  }
  next.stage = Stage::kSteady;
  next.slots[next.active].confirmed = true;
  WHET_RETURN_IF_ERROR(store_.Save(std::move(next)));
  elapsed_s_ = 0;
  Emit(Outcome::kInstalled, *state().active_model(), {});
  return {};
}

Status Updater::Fail(const std::string& reason) {
  if (state().stage == Stage::kSteady) return {};
  if (!failure_) failure_ = reason;
  return NoteFailure();
}

Status Updater::NoteFailure() {
  FamilyState next = state();
  const int slot = next.stage == Stage::kTrial ? next.active : next.inactive();
  const Installed failed = next.slots[slot];
  if (next.stage == Stage::kTrial) {
    next.active = next.slots[next.inactive()].empty() ? kNoSlot : next.inactive();
  }
  next.slots[slot] = {};
  next.stage = Stage::kSteady;
  next.elapsed_s = 0;
  next.starts = 0;
  next.AddToQuarantine({.version = failed.version,
                        .release_sha256 = failed.release_sha256,
                        .rollout = failed.rollout,
                        .reason = *failure_});
  WHET_RETURN_IF_ERROR(store_.Save(std::move(next)));
  Emit(Outcome::kRolledBack, failed, *failure_);
  failure_.reset();
  elapsed_s_ = 0;
  return {};
}

void Updater::Emit(Outcome outcome, const Installed& release, std::string reason) const {
  if (events_) events_({.outcome = outcome, .release = release, .reason = std::move(reason)});
}

}  // namespace whet::agent
