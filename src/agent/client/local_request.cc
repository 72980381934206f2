#include "agent/client/local_request.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace whet::agent {
namespace {

constexpr size_t kMaxAnswer = size_t{1} << 20;

class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

LocalAnswer Failed(const std::string& what) {
  LocalAnswer answer;
  answer.error = what;
  return answer;
}

std::string LastError() { return std::strerror(errno); }

}  // namespace

LocalAnswer RequestLocally(const std::string& socket, const std::string& method, const std::string& path,
                           const std::string& body, double seconds) {
  const Socket connection;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof(address.sun_path)) return Failed("the socket's path is too long");
  std::memcpy(address.sun_path, socket.c_str(), socket.size() + 1);
  timeval limit{};
  limit.tv_sec = static_cast<time_t>(seconds);
  limit.tv_usec = static_cast<suseconds_t>((seconds - std::floor(seconds)) * 1e6);
  ::setsockopt(connection.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(connection.fd(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (::connect(connection.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return Failed("no agent answers at " + socket + ": " + LastError());
  }
  const std::string request =
      method + " " + path +
      " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t count = ::send(connection.fd(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return Failed("the agent hung up: " + LastError());
    sent += static_cast<size_t>(count);
  }
  std::string text;
  char buffer[4096];
  while (text.size() < kMaxAnswer) {
    const ssize_t count = ::recv(connection.fd(), buffer, sizeof(buffer), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failed("the agent does not answer: " + LastError());
    if (count == 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  LocalAnswer answer;
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || std::sscanf(text.c_str(), "HTTP/1.1 %d", &answer.status) != 1) {
    return Failed("what answers at " + socket + " is no agent");
  }
  answer.body = text.substr(end + 4);
  return answer;
}

}  // namespace whet::agent
