#include "agent/worker/signed_repository.h"
namespace whet::agent {
std::optional<TargetRef> SignedRepository::FindDelta(const std::string&, const std::string&) {
  return std::nullopt;
}
Status SignedRepository::ApplyDelta(FileSystem&, const std::string&, const std::string&, const ByteSink&) {
  return Error(Code::kUnsupported, "deltas are not supported by this build; the full model is fetched");
}
}  // namespace whet::agent
