#include "agent/local_api/applications.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "agent/storage/file_system.h"

namespace whet::agent {

uint64_t Applications::BirthOf(int64_t pid) const {
  // proc(5): the name, in parentheses, may hold anything; the state is the third field, the start the 22nd.
  // Files of /proc claim to be empty, so the size is not asked.
  auto file = PosixFileSystem().Open(Format("%s/%lld/stat", proc_.c_str(), static_cast<long long>(pid)));
  if (!file.ok()) return 0;
  std::string text(4096, '\0');
  auto count = (*file)->Read(std::as_writable_bytes(std::span(text.data(), text.size())));
  if (!count.ok()) return 0;
  text.resize(*count);
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) {
    if (i == 3 && (field == "Z" || field == "X")) return 0;
  }
  return std::strtoull(field.c_str(), nullptr, 10);
}

Status Applications::Started(int64_t pid, const std::string& family, const std::string& version) {
  const uint64_t born = BirthOf(pid);
  if (born == 0) {
    return Error(Code::kNotFound, "the agent sees no process %lld; it may live in another pid namespace",
                 static_cast<long long>(pid));
  }
  Stopped(pid, family);
  const std::lock_guard lock(mutex_);
  if (running_.size() >= kMost)
    return Error(Code::kLimitExceeded, "%zu processes are being watched already", kMost);
  running_.push_back({.pid = pid, .family = family, .version = version, .born = born});
  return {};
}

void Applications::Stopped(int64_t pid, const std::string& family) {
  const std::lock_guard lock(mutex_);
  std::erase_if(running_,
                [&](const Running& running) { return running.pid == pid && running.family == family; });
}

std::vector<Applications::Running> Applications::TakeCrashed() {
  const std::lock_guard lock(mutex_);
  std::vector<Running> crashed;
  std::erase_if(running_, [&](const Running& running) {
    if (BirthOf(running.pid) == running.born) return false;
    crashed.push_back(running);
    return true;
  });
  return crashed;
}

}  // namespace whet::agent
