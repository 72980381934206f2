// For tests: a repository in a folder that signs whatever it is told to, the wrong things too.
#pragma once

#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/hex.h"
#include "base/utc_time.h"
#include "fleet/json/nlohmann.h"
#include "fleet/rollout/document.h"
#include "fleet/tuf/canonical_json.h"
#include "fleet/tuf/names.h"
#include "fleet/tuf/signing_key.h"
#include "model_file/sha256.h"

namespace whet::agent {

class TestRepository {
 public:
  using json = nlohmann::json;

  TestRepository(std::string folder, const std::string& family, const std::string& channel)
      : folder_(std::move(folder)), family_(family), channel_(channel) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ + "/metadata");
    for (const std::string& role : {std::string("root"), std::string("targets"), std::string("snapshot"),
                                    std::string("timestamp"), Models(), Rollouts(), std::string("deltas")}) {
      auto key = fleet::SigningKey::Generate();
      keys_.emplace(role, std::make_unique<fleet::SigningKey>(std::move(*key)));
      signed_targets_[role];
    }
    json roles;
    for (const char* role : {"root", "targets", "snapshot", "timestamp"})
      roles[role] = {{"keyids", {keys_[role]->id()}}, {"threshold", 1}};
    json keys;
    for (const char* role : {"root", "targets", "snapshot", "timestamp"})
      keys[keys_[role]->id()] = fleet::Ed25519KeyJson(keys_[role]->public_hex());
    Write("1.root.json", Sign("root", {{"_type", "root"},
                                       {"spec_version", "1.0.31"},
                                       {"version", 1},
                                       {"expires", Expiry()},
                                       {"consistent_snapshot", true},
                                       {"keys", keys},
                                       {"roles", roles}}));
  }

  std::string root_path() const { return folder_ + "/metadata/1.root.json"; }
  const std::string& folder() const { return folder_; }

  struct Added {
    std::string name;
    std::string sha256;
    uint64_t bytes = 0;
  };
  // A target that `role` signs, once Publish is called.
  Added AddTarget(const std::string& role, const std::string& name, const std::string& content,
                  const json& custom = nullptr) {
    Sha256Hasher hash;
    hash.Update(std::as_bytes(std::span(content.data(), content.size())));
    const Added added{name, ToHex(hash.Finish()), content.size()};
    const std::string path = folder_ + "/targets/" + fleet::HashedTargetPath(name, added.sha256);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    json target = {{"length", added.bytes}, {"hashes", {{"sha256", added.sha256}}}};
    if (!custom.is_null()) target["custom"] = custom;
    signed_targets_[role][name] = std::move(target);
    return added;
  }
  // Where a target's bytes lie.
  std::string PathOf(const Added& added) const {
    return folder_ + "/targets/" + fleet::HashedTargetPath(added.name, added.sha256);
  }

  // A release of one variant; `change` may spoil its release.json.
  Added AddRelease(const std::string& version, const std::string& model, const std::string& golden,
                   json samples, json budgets = json::object(),
                   const std::function<void(json&)>& change = {}) {
    const std::string base = "models/" + family_ + "/" + version + "/";
    const Added whet = AddTarget(Models(), base + "f32.whet", model);
    const Added bin = AddTarget(Models(), base + "golden.bin", golden);
    json release = {{"format", 1},
                    {"family", family_},
                    {"version", version},
                    {"created", "2026-11-26T20:00:00Z"},
                    {"notes", ""},
                    {"inputs", json::array()},
                    {"outputs", json::array()},
                    {"operators", json::array()},
                    {"requires", {{"architectures", json::array()}, {"isa", ""}}},
                    {"budgets", std::move(budgets)},
                    {"variants",
                     {{{"name", "f32"},
                       {"precision", "f32"},
                       {"model_id", whet.sha256},
                       {"tensors", json::array()},
                       {"target", whet.name},
                       {"bytes", whet.bytes},
                       {"sha256", whet.sha256},
                       {"power", "any"}}}},
                    {"golden",
                     {{"target", bin.name},
                      {"bytes", bin.bytes},
                      {"sha256", bin.sha256},
                      {"samples", std::move(samples)}}}};
    if (change) change(release);
    return AddTarget(Models(), base + "release.json", release.dump());
  }

  void SetRollout(const std::string& rollout, const std::string& version, const std::string& release_sha256,
                  int64_t trial_s) {
    fleet::RolloutDocument document;
    document.channel = channel_;
    document.family = family_;
    document.rollout = rollout;
    document.state = fleet::RolloutState::kDone;
    document.stable = {.version = version, .release_sha256 = release_sha256};
    document.trial_s = trial_s;
    document.sequence = ++rollouts_;
    document.updated = FormatUtcTime(std::time(nullptr));
    AddTarget(Rollouts(), "rollouts/" + channel_ + "/" + family_ + ".json",
              fleet::PrintRolloutDocument(document));
  }

  void Publish(int64_t lifetime_s = 3600) {
    lifetime_s_ = lifetime_s;
    ++version_;
    json meta;
    for (const std::string& role : {Models(), Rollouts(), std::string("deltas")}) {
      json body = {{"_type", "targets"},
                   {"spec_version", "1.0.31"},
                   {"version", version_},
                   {"expires", Expiry()},
                   {"targets", signed_targets_[role]}};
      if (body["targets"].is_null()) body["targets"] = json::object();
      const std::string name = fleet::RoleFileName(role);
      Write(std::to_string(version_) + "." + name, Sign(role, std::move(body)));
      meta[role + ".json"] = {{"version", version_}};
    }
    json keys;
    json delegated = json::array();
    const std::pair<std::string, std::string> paths[] = {{Models(), "models/" + family_ + "/*/*"},
                                                         {Rollouts(), "rollouts/" + channel_ + "/*"},
                                                         {"deltas", "deltas/*"}};
    for (const auto& [role, path] : paths) {
      keys[keys_[role]->id()] = fleet::Ed25519KeyJson(keys_[role]->public_hex());
      delegated.push_back({{"name", role},
                           {"keyids", {keys_[role]->id()}},
                           {"threshold", 1},
                           {"terminating", true},
                           {"paths", {path}}});
    }
    Write(std::to_string(version_) + ".targets.json",
          Sign("targets", {{"_type", "targets"},
                           {"spec_version", "1.0.31"},
                           {"version", version_},
                           {"expires", Expiry()},
                           {"targets", json::object()},
                           {"delegations", {{"keys", keys}, {"roles", delegated}}}}));
    meta["targets.json"] = {{"version", version_}};
    Write(std::to_string(version_) + ".snapshot.json", Sign("snapshot", {{"_type", "snapshot"},
                                                                         {"spec_version", "1.0.31"},
                                                                         {"version", version_},
                                                                         {"expires", Expiry()},
                                                                         {"meta", meta}}));
    Write("timestamp.json", Sign("timestamp", {{"_type", "timestamp"},
                                               {"spec_version", "1.0.31"},
                                               {"version", version_},
                                               {"expires", Expiry()},
                                               {"meta", {{"snapshot.json", {{"version", version_}}}}}}));
  }

  std::string Models() const { return "models." + family_; }
  std::string Rollouts() const { return "rollouts." + channel_; }

 private:
  std::string Expiry() const { return FormatUtcTime(std::time(nullptr) + lifetime_s_); }

  std::string Sign(const std::string& role, json body) {
    const auto canonical = fleet::CanonicalJson(body);
    const json signature = {{"keyid", keys_[role]->id()}, {"sig", ToHex(keys_[role]->Sign(*canonical))}};
    return json({{"signatures", {signature}}, {"signed", std::move(body)}}).dump();
  }
  // As a web server's clients see it: whole or not at all.
  void Write(const std::string& name, const std::string& content) {
    const std::string path = folder_ + "/metadata/" + name;
    std::ofstream(path + ".new", std::ios::binary) << content;
    std::filesystem::rename(path + ".new", path);
  }

  std::string folder_;
  std::string family_;
  std::string channel_;
  std::map<std::string, std::unique_ptr<fleet::SigningKey>> keys_;
  std::map<std::string, json> signed_targets_;
  int64_t lifetime_s_ = 3600;
  int version_ = 0;
  uint64_t rollouts_ = 0;
};

}  // namespace whet::agent
