#include "agent/storage/family_state.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "fleet/json/nlohmann.h"

namespace whet::agent {
namespace {

using nlohmann::json;

constexpr std::string_view kMagic = "WHETACT1";
constexpr size_t kHeaderBytes = 8 + 8 + 4;
constexpr size_t kMaxText = 256;

// CRC-32 as in IEEE 802.3 (reflected, polynomial 0xEDB88320).
uint32_t Crc32(std::string_view bytes) {
  static constexpr auto kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320U : 0U);
      table[i] = value;
    }
    return table;
  }();
  uint32_t crc = ~0U;
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<uint8_t>(c)) & 0xFF];
  return ~crc;
}

template <typename T>
void Append(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename T>
T ReadInt(std::string_view bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return value;
}

// Fields of the wrong type or beyond their limits leave `ok` false; the record is then no record.
class Fields {
 public:
  explicit Fields(const json& object) : object_(object), ok_(object.is_object()) {}
  bool ok() const { return ok_; }

  std::string Text(const char* key) {
    const json* value = Find(key);
    if (value == nullptr || !value->is_string()) return Fail(std::string());
    std::string text = value->get<std::string>();
    if (text.size() > kMaxText) return Fail(std::string());
    return text;
  }
  double Number(const char* key) {
    const json* value = Find(key);
    return value != nullptr && value->is_number() ? value->get<double>() : Fail(0.0);
  }
  int64_t Integer(const char* key, int64_t low, int64_t high) {
    const json* value = Find(key);
    if (value == nullptr || !value->is_number_integer()) return Fail(low);
    const int64_t number = value->get<int64_t>();
    return number >= low && number <= high ? number : Fail(low);
  }
  bool Flag(const char* key) {
    const json* value = Find(key);
    return value != nullptr && value->is_boolean() ? value->get<bool>() : Fail(false);
  }
  const json& Array(const char* key, size_t most) {
    static const json kEmpty = json::array();
    const json* value = Find(key);
    if (value == nullptr || !value->is_array() || value->size() > most) {
      ok_ = false;
      return kEmpty;
    }
    return *value;
  }

 private:
  const json* Find(const char* key) {
    if (!object_.is_object()) return nullptr;
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }
  template <typename T>
  T Fail(T value) {
    ok_ = false;
    return value;
  }

  const json& object_;
  bool ok_;
};

json ToJson(const Installed& slot) {
  return {{"version", slot.version},           {"release_sha256", slot.release_sha256},
          {"model_sha256", slot.model_sha256}, {"model_bytes", slot.model_bytes},
          {"variant", slot.variant},           {"rollout", slot.rollout},
          {"confirmed", slot.confirmed}};
}

}  // namespace

std::string_view StageName(Stage stage) {
  switch (stage) {
    case Stage::kSteady: return "steady";
    case Stage::kShadow: return "shadow";
    case Stage::kTrial: return "trial";
  }
  return "";
}

bool FamilyState::IsQuarantined(std::string_view release_sha256, std::string_view rollout) const {
  return std::ranges::any_of(quarantine, [&](const Quarantined& item) {
    return item.release_sha256 == release_sha256 && item.rollout == rollout;
  });
}

void FamilyState::AddToQuarantine(Quarantined item) {
  item.reason.resize(std::min(item.reason.size(), kMaxText));
  std::erase_if(quarantine,
                [&](const Quarantined& old) { return old.release_sha256 == item.release_sha256; });
  if (quarantine.size() >= kMaxQuarantined) quarantine.erase(quarantine.begin());
  quarantine.push_back(std::move(item));
}

std::string EncodeRecord(const FamilyState& state) {
  json slots = json::array();
  for (const Installed& slot : state.slots) slots.push_back(ToJson(slot));
  json quarantine = json::array();
  for (const Quarantined& item : state.quarantine) {
    quarantine.push_back({{"version", item.version},
                          {"release_sha256", item.release_sha256},
                          {"rollout", item.rollout},
                          {"reason", item.reason}});
  }
  const json object = {{"active", state.active},
                       {"slots", std::move(slots)},
                       {"stage", static_cast<int>(state.stage)},
                       {"stage_s", state.stage_s},
                       {"then_trial_s", state.shadow_then_trial_s},
                       {"elapsed_s", state.elapsed_s},
                       {"starts", state.starts},
                       {"quarantine", std::move(quarantine)}};
  return SealRecord(state.sequence, object.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string SealRecord(uint64_t sequence, std::string_view text) {
  std::string out(kMagic);
  Append(out, sequence);
  Append(out, static_cast<uint32_t>(text.size()));
  out += text;
  Append(out, Crc32(out));
  return out;
}

Result<FamilyState> DecodeRecord(std::string_view bytes) {
  const auto bad = [](const char* why) {
    return Error(Code::kBadFile, "the record of what is active %s", why);
  };
  if (bytes.size() < kHeaderBytes + 4 || bytes.size() > kMaxRecordBytes || !bytes.starts_with(kMagic)) {
    return bad("is not one, or only a part of one");
  }
  const uint32_t length = ReadInt<uint32_t>(bytes.substr(16));
  if (length != bytes.size() - kHeaderBytes - 4) return bad("is cut short");
  const std::string_view sealed = bytes.substr(0, bytes.size() - 4);
  if (Crc32(sealed) != ReadInt<uint32_t>(bytes.substr(sealed.size())))
    return bad("does not match its checksum");

  const json object = json::parse(sealed.substr(kHeaderBytes), nullptr, /*allow_exceptions=*/false);
  Fields fields(object);
  FamilyState state;
  state.sequence = ReadInt<uint64_t>(bytes.substr(8));
  state.active = static_cast<int>(fields.Integer("active", kNoSlot, kSlotCount - 1));
  state.stage = static_cast<Stage>(fields.Integer("stage", 0, static_cast<int>(Stage::kTrial)));
  state.stage_s = fields.Number("stage_s");
  state.shadow_then_trial_s = fields.Number("then_trial_s");
  state.elapsed_s = fields.Number("elapsed_s");
  state.starts = static_cast<int>(fields.Integer("starts", 0, 1 << 20));
  const json& slots = fields.Array("slots", kSlotCount);
  if (slots.size() != kSlotCount) return bad("has the wrong number of slots");
  bool ok = fields.ok();
  for (int i = 0; i < kSlotCount; ++i) {
    Fields slot(slots[static_cast<size_t>(i)]);
    state.slots[i] = {.version = slot.Text("version"),
                      .release_sha256 = slot.Text("release_sha256"),
                      .model_sha256 = slot.Text("model_sha256"),
                      .model_bytes = static_cast<uint64_t>(slot.Integer("model_bytes", 0, int64_t{1} << 50)),
                      .variant = slot.Text("variant"),
                      .rollout = slot.Text("rollout"),
                      .confirmed = slot.Flag("confirmed")};
    ok = ok && slot.ok();
  }
  for (const json& entry : fields.Array("quarantine", FamilyState::kMaxQuarantined)) {
    Fields item(entry);
    state.quarantine.push_back({.version = item.Text("version"),
                                .release_sha256 = item.Text("release_sha256"),
                                .rollout = item.Text("rollout"),
                                .reason = item.Text("reason")});
    ok = ok && item.ok();
  }
  if (!ok || !fields.ok()) return bad("lacks a field or holds one of the wrong kind");
  if (state.active != kNoSlot && state.slots[state.active].empty())
    return bad("names an empty slot as active");
  return state;
}

}  // namespace whet::agent
