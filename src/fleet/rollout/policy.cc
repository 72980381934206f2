#include "fleet/rollout/policy.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "fleet/json/json.h"
#include "fleet/json/members.h"

namespace whet::fleet {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxBytes = size_t{16} << 10;
constexpr int kMaxDepth = 4;
constexpr size_t kMaxStages = 32;
constexpr int64_t kYearSeconds = int64_t{366} * 24 * 3600;
constexpr uint64_t kMaxDevices = 1'000'000'000;

// Members that are plain numbers, with what they may be.
struct Share {
  const char* name;
  double Policy::* member;
  double least;
  double most;
};
constexpr Share kShares[] = {
    {"alpha_halt", &Policy::alpha_halt, 1e-12, 0.5},
    {"alpha_widen", &Policy::alpha_widen, 1e-12, 0.5},
    {"install_failures", &Policy::install_failures, 1e-6, 0.99},
    {"crashes", &Policy::crashes, 1e-6, 1},
    {"errors", &Policy::errors, 1e-6, 1},
    {"latency_p95", &Policy::latency_p95, 1e-3, 10},
    {"accuracy", &Policy::accuracy, 1e-6, 1},
    {"confidence", &Policy::confidence, 1e-6, 1},
    {"energy", &Policy::energy, 1e-3, 10},
    {"dark", &Policy::dark, 1e-6, 1},
};
struct Number {
  const char* name;
  uint64_t Policy::* member;
};
constexpr Number kNumbers[] = {
    {"min_devices", &Policy::min_devices},
    {"sick_devices", &Policy::sick_devices},
    {"sick_crashes", &Policy::sick_crashes},
};
struct Duration {
  const char* name;
  int64_t Policy::* member;
};
constexpr Duration kDurations[] = {
    {"dwell_s", &Policy::dwell_s},
    {"silence_s", &Policy::silence_s},
    {"accept_after_s", &Policy::accept_after_s},
    {"shadow_s", &Policy::shadow_s},
    {"trial_s", &Policy::trial_s},
};

}  // namespace

Status CheckPolicy(const Policy& policy) {
  if (policy.stages.empty() || policy.stages.size() > kMaxStages) {
    return Error(Code::kInvalidArgument, "a policy has 1 to %zu stages, not %zu", kMaxStages,
                 policy.stages.size());
  }
  double before = 0;
  for (const double percent : policy.stages) {
    if (!(percent > before && percent <= 100)) {
      return Error(Code::kInvalidArgument,
                   "stages are percentages that rise to at most 100, but %g follows %g", percent, before);
    }
    before = percent;
  }
  for (const Share& share : kShares) {
    const double value = policy.*share.member;
    if (!(value >= share.least && value <= share.most)) {
      return Error(Code::kInvalidArgument, "the policy's '%s' is %g, but %g to %g is possible", share.name,
                   value, share.least, share.most);
    }
  }
  for (const Duration& duration : kDurations) {
    const int64_t value = policy.*duration.member;
    if (value < 0 || value > kYearSeconds) {
      return Error(Code::kInvalidArgument,
                   "the policy's '%s' is %lld, but seconds from 0 to %lld are possible", duration.name,
                   static_cast<long long>(value), static_cast<long long>(kYearSeconds));
    }
  }
  if (policy.silence_s == 0) return Error(Code::kInvalidArgument, "the policy's 'silence_s' must be above 0");
  if (policy.min_devices == 0)
    return Error(Code::kInvalidArgument, "the policy's 'min_devices' must be above 0");
  for (const Number& number : kNumbers) {
    if (policy.*number.member > kMaxDevices) {
      return Error(Code::kInvalidArgument, "the policy's '%s' must be at most %llu", number.name,
                   static_cast<unsigned long long>(kMaxDevices));
    }
  }
  return {};
}

Json PolicyToJson(const Policy& policy) {
  Json json = {{"stages", policy.stages}};
  for (const Number& number : kNumbers) json[number.name] = policy.*number.member;
  for (const Share& share : kShares) json[share.name] = policy.*share.member;
  for (const Duration& duration : kDurations) json[duration.name] = policy.*duration.member;
  return json;
}

Result<Policy> PolicyFromJson(const Json& json, const Policy& base) {
  Members members(json, "the policy");
  if (!members.ok()) return members.TakeStatus();
  for (const auto& [key, value] : json.items()) {
    const auto named = [&key](const auto& entry) { return key == entry.name; };
    if (key != "stages" && std::ranges::none_of(kNumbers, named) && std::ranges::none_of(kShares, named) &&
        std::ranges::none_of(kDurations, named)) {
      members.Fail(Format("'%.64s' is not a member of a policy", key.c_str()));
    }
  }
  Policy policy = base;
  if (const Json* stages = members.Find("stages")) {
    policy.stages.clear();
    if (!stages->is_array() || stages->size() > kMaxStages) {
      members.Fail("'stages' is not a list of at most 32 percentages");
    } else {
      for (const Json& stage : *stages) {
        if (!stage.is_number()) members.Fail("'stages' is not a list of numbers");
        policy.stages.push_back(stage.is_number() ? stage.get<double>() : 0);
      }
    }
  }
  for (const Number& number : kNumbers) {
    policy.*number.member = members.Whole(number.name, policy.*number.member, kMaxDevices);
  }
  for (const Share& share : kShares) {
    policy.*share.member = members.Number(share.name, policy.*share.member, share.least, share.most);
  }
  for (const Duration& duration : kDurations) {
    policy.*duration.member = members.Seconds(duration.name, policy.*duration.member, kYearSeconds);
  }
  WHET_RETURN_IF_ERROR(members.TakeStatus());
  WHET_RETURN_IF_ERROR(CheckPolicy(policy));
  return policy;
}

Result<Policy> ParsePolicy(std::string_view text, const Policy& base) {
  WHET_ASSIGN_OR_RETURN(const Json json, ParseJson(text, {kMaxBytes, kMaxDepth}, "the policy"));
  return PolicyFromJson(json, base);
}

}  // namespace whet::fleet
