#include "fleet/tuf/target_verifier.h"

#include <sodium.h>

#include <array>

#include "base/file.h"
#include "base/hex.h"

namespace whet::fleet {

struct TargetVerifier::State {
  uint64_t length = 0;
  uint64_t taken = 0;
  std::vector<uint8_t> sha256;  // expected; empty if the target has none
  std::vector<uint8_t> sha512;
  crypto_hash_sha256_state sha256_state{};
  crypto_hash_sha512_state sha512_state{};
};

TargetVerifier::TargetVerifier(std::unique_ptr<State> state) : state_(std::move(state)) {}
TargetVerifier::TargetVerifier(TargetVerifier&&) noexcept = default;
TargetVerifier& TargetVerifier::operator=(TargetVerifier&&) noexcept = default;
TargetVerifier::~TargetVerifier() = default;

Result<TargetVerifier> TargetVerifier::Create(const TargetFile& target) {
  auto state = std::make_unique<State>();
  state->length = target.length;
  if (const auto hash = target.hashes.find("sha256"); hash != target.hashes.end()) {
    WHET_ASSIGN_OR_RETURN(state->sha256, FromHex(hash->second));
  }
  if (const auto hash = target.hashes.find("sha512"); hash != target.hashes.end()) {
    WHET_ASSIGN_OR_RETURN(state->sha512, FromHex(hash->second));
  }
  if (state->sha256.empty() && state->sha512.empty()) {
    return Error(Code::kUnsupported, "has only hashes of unknown kinds").At(target.path);
  }
  crypto_hash_sha256_init(&state->sha256_state);
  crypto_hash_sha512_init(&state->sha512_state);
  return TargetVerifier(std::move(state));
}

Status TargetVerifier::Update(std::span<const std::byte> bytes) {
  if (bytes.size() > state_->length - state_->taken) {
    return Error(Code::kLimitExceeded, "is longer than the %llu bytes that were signed for it",
                 static_cast<unsigned long long>(state_->length));
  }
  state_->taken += bytes.size();
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  if (!state_->sha256.empty()) crypto_hash_sha256_update(&state_->sha256_state, data, bytes.size());
  if (!state_->sha512.empty()) crypto_hash_sha512_update(&state_->sha512_state, data, bytes.size());
  return OkStatus();
}

Status TargetVerifier::Finish() {
  if (state_->taken != state_->length) {
    return Error(Code::kBadFile, "is %llu bytes, but %llu were signed for it",
                 static_cast<unsigned long long>(state_->taken),
                 static_cast<unsigned long long>(state_->length));
  }
  std::vector<uint8_t> sha256(crypto_hash_sha256_BYTES);
  std::vector<uint8_t> sha512(crypto_hash_sha512_BYTES);
  crypto_hash_sha256_final(&state_->sha256_state, sha256.data());
  crypto_hash_sha512_final(&state_->sha512_state, sha512.data());
  if (!state_->sha256.empty() && sha256 != state_->sha256) {
    return Error(Code::kBadFile, "does not have the sha256 that was signed for it");
  }
  if (!state_->sha512.empty() && sha512 != state_->sha512) {
    return Error(Code::kBadFile, "does not have the sha512 that was signed for it");
  }
  return OkStatus();
}

uint64_t TargetVerifier::bytes() const { return state_->taken; }

Result<bool> FileIsTarget(const std::string& path, const TargetFile& target) {
  auto file = MappedFile::Open(path);
  if (!file.ok()) {
    if (file.status().code() == Code::kNotFound) return false;
    return file.TakeStatus();
  }
  if (file->bytes().size() != target.length) return false;
  WHET_ASSIGN_OR_RETURN(TargetVerifier verifier, TargetVerifier::Create(target));
  WHET_RETURN_IF_ERROR(verifier.Update(file->bytes()));
  return verifier.Finish().ok();
}

}  // namespace whet::fleet
