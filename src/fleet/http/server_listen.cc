// Sockets to listen on.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "fleet/http/server_internal.h"

namespace whet::fleet::internal {
namespace {

constexpr int kBacklog = 1024;

Status SystemError(const char* what, const std::string& address) {
  const int error = errno;
  const Code code = error == EADDRINUSE || error == EACCES ? Code::kInvalidArgument : Code::kIo;
  return Error(code, "%s: %s", what, std::strerror(error)).At(address);
}

// Whether somebody listens on the Unix socket.
bool IsAlive(const sockaddr_un& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;
  const bool alive = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
                     errno != ECONNREFUSED;
  ::close(fd);
  return alive;
}

Result<Listener> ListenUnix(const std::string& path, int mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return Error(Code::kInvalidArgument, "a Unix socket's path has 1 to %zu bytes",
                 sizeof(address.sun_path) - 1)
        .At(path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat info{};
  if (::lstat(path.c_str(), &info) == 0) {
    if (!S_ISSOCK(info.st_mode)) {
      return Error(Code::kInvalidArgument, "there is a file of this name that is not a socket").At(path);
    }
    if (IsAlive(address))
      return Error(Code::kInvalidArgument, "another process listens on this socket").At(path);
    ::unlink(path.c_str());
  }
  Listener listener;
  listener.fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener.fd < 0) return SystemError("cannot make a socket", path);
  // Nobody can connect before listen, so the permissions are right from the first connection on.
  if (::bind(listener.fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::chmod(path.c_str(), static_cast<mode_t>(mode)) != 0 || ::listen(listener.fd, kBacklog) != 0) {
    auto status = SystemError("cannot listen", path);
    ::close(listener.fd);
    return status;
  }
  listener.unix_path = path;
  return listener;
}

}  // namespace

Result<Listener> Listen(const std::string& address, int unix_mode) {
  if (address.starts_with("unix:")) return ListenUnix(address.substr(5), unix_mode);
  const size_t colon = address.rfind(':');
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  unsigned short number = 0;
  const auto [end, bad] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (bad != std::errc() || end != port.data() + port.size()) {
    return Error(Code::kInvalidArgument, "an address to listen on is HOST:PORT, [IPV6]:PORT or unix:PATH")
        .At(address);
  }
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
      error != 0) {
    return Error(Code::kInvalidArgument, "%s", ::gai_strerror(error)).At(address);
  }
  Listener listener;
  listener.fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  bool ok = listener.fd >= 0 && ::setsockopt(listener.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
            ::bind(listener.fd, found->ai_addr, found->ai_addrlen) == 0 &&
            ::listen(listener.fd, kBacklog) == 0;
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  ok = ok && ::getsockname(listener.fd, reinterpret_cast<sockaddr*>(&bound), &size) == 0;
  if (!ok) {
    auto status = SystemError("cannot listen", address);
    if (listener.fd >= 0) ::close(listener.fd);
    ::freeaddrinfo(found);
    return status;
  }
  ::freeaddrinfo(found);
  const bool v6 = bound.ss_family == AF_INET6;
  listener.port = ntohs(v6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
  listener.host = AddressText(reinterpret_cast<sockaddr*>(&bound));
  if (v6) listener.host = "[" + listener.host + "]";
  return listener;
}

std::string AddressText(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address != nullptr && address->sa_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof(text));
    return text;
  }
  if (address != nullptr && address->sa_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text, sizeof(text));
    const std::string_view view = text;
    return std::string(
        view.starts_with("::ffff:") && view.find('.') != std::string_view::npos ? view.substr(7) : view);
  }
  return "unix";
}

}  // namespace whet::fleet::internal
