// The part of SignedRepository that knows deltas.
#include <utility>

#include "agent/worker/signed_repository.h"
#include "fleet/delta/apply/apply_delta.h"
#include "fleet/json/nlohmann.h"

namespace whet::agent {
namespace {}  // namespace

std::optional<TargetRef> SignedRepository::FindDelta(const std::string& base_sha256,
                                                     const std::string& result_sha256) {
  if (base_sha256.size() != 64 || result_sha256.size() != 64) return std::nullopt;
  const std::string path =
      "deltas/" + base_sha256.substr(0, 16) + "-" + result_sha256.substr(0, 16) + ".wdelta";
  auto target = client_.FindTarget(path);
  if (!target.ok()) return std::nullopt;
  // The names are short: what the delta leads from and to is said in full beside them.
  const nlohmann::json custom = nlohmann::json::parse(target->custom, nullptr, /*allow_exceptions=*/false);
  const auto says = [&](const char* key, const std::string& hash) {
    const auto it = custom.is_object() ? custom.find(key) : custom.end();
    return it != custom.end() && it->is_string() && it->get_ref<const std::string&>() == hash;
  };
  const auto hash = target->hashes.find("sha256");
  if (!says("base", base_sha256) || !says("result", result_sha256) || hash == target->hashes.end())
    return std::nullopt;
  return TargetRef{.name = path, .sha256 = hash->second, .bytes = target->length};
}

Status SignedRepository::ApplyDelta(FileSystem& files, const std::string& base_path,
                                    const std::string& delta_path, const ByteSink& sink) {
  WHET_ASSIGN_OR_RETURN(const fleet::DeltaHeader header, fleet::ReadDeltaHeader(delta_path));
  WHET_ASSIGN_OR_RETURN(const fleet::BaseFile base, fleet::BaseFile::Open(base_path));
  fleet::DeltaExpectation expected;
  expected.base_bytes = base.size();
  // The result is compared with the hash that was signed by whoever called this; here with what the delta
  // promises.
  expected.result_sha256 = header.result_sha256;
  expected.result_bytes = header.result_bytes;
  fleet::DeltaDecoder decoder(
      expected, [&](uint64_t offset, std::span<std::byte> bytes) { return base.ReadAt(offset, bytes); },
      sink);
  WHET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> delta, files.Open(delta_path));
  std::vector<std::byte> buffer(size_t{16} << 10);
  while (true) {
    WHET_ASSIGN_OR_RETURN(const size_t count, delta->Read(buffer));
    if (count > 0) WHET_RETURN_IF_ERROR(decoder.Write(std::span(buffer.data(), count)));
    if (count < buffer.size()) return decoder.Finish();
  }
}

}  // namespace whet::agent
