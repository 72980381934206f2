#include "base/status.h"

#include <cstdarg>
#include <cstdio>

namespace whet {
namespace {

std::string FormatList(const char* format, va_list args) {
  va_list again;
  va_copy(again, args);
  const int length = std::vsnprintf(nullptr, 0, format, args);
  std::string text;
  if (length > 0) {
    text.resize(static_cast<size_t>(length));
    std::vsnprintf(text.data(), text.size() + 1, format, again);
  }
  va_end(again);
  return text;
}

}  // namespace

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kInvalidArgument: return "invalid argument";
    case Code::kNotFound: return "not found";
    case Code::kBadFile: return "bad file";
    case Code::kUnsupported: return "not supported";
    case Code::kIo: return "input/output error";
    case Code::kOutOfMemory: return "out of memory";
    case Code::kLimitExceeded: return "limit exceeded";
    case Code::kInternal: return "internal error";
  }
  return "unknown";
}

Status Status::At(std::string_view outer) && {
  if (rep_) {
    std::string where(outer);
    if (!rep_->where.empty()) where.append(": ").append(rep_->where);
    rep_->where = std::move(where);
  }
  return std::move(*this);
}

std::string Status::ToString() const {
  if (!rep_) return "ok";
  std::string text;
  if (!rep_->where.empty()) text.append(rep_->where).append(": ");
  if (rep_->code == Code::kInternal) text.append("internal error (a bug in Whet): ");
  return text.append(rep_->what);
}

Status Error(Code code, const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = FormatList(format, args);
  va_end(args);
  return {code, std::move(text)};
}

std::string Format(const char* format, ...) {
  va_list args;
  va_start(args, format);
  std::string text = FormatList(format, args);
  va_end(args);
  return text;
}

}  // namespace whet
