// A client that sends exactly the bytes it is given, for tests of servers.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace whet::fleet::testing {

// "HTTP/1.1 200 OK\r\n…" taken apart.
struct RawAnswer {
  int status = 0;  // 0: the connection ended without an answer
  std::string head;
  std::string body;

  // A header's value; "" if there is none.
  std::string Header(std::string_view name) const {
    const std::string start = "\r\n" + std::string(name) + ": ";
    const size_t at = head.find(start);
    if (at == std::string::npos) return {};
    const size_t from = at + start.size();
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

class RawConnection {
 public:
  explicit RawConnection(int port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    SetTimeout();
  }
  explicit RawConnection(const std::string& unix_path)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, unix_path.c_str(), sizeof(address.sun_path) - 1);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    SetTimeout();
  }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;
  ~RawConnection() { ::close(fd_); }

  bool connected() const { return connected_; }
  int fd() const { return fd_; }

  // False when the other side has closed.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // Until `text` has been read, or the end, or 30 s without a byte. What was read is returned, and more of
  // it may follow `text`.
  std::string ReadUntil(std::string_view text) {
    char buffer[65536];
    while (text.empty() || read_.find(text) == std::string::npos) {
      const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (got <= 0) break;
      read_.append(buffer, static_cast<size_t>(got));
    }
    return read_;
  }

  // One answer with a Content-Length, on a connection that stays open; head and body. "" if it ends early.
  std::string ReadOne() {
    read_.clear();
    const size_t head = ReadUntil("\r\n\r\n").find("\r\n\r\n");
    const size_t at = read_.find("Content-Length: ");
    if (head == std::string::npos || at == std::string::npos || at > head) return {};
    const size_t all = head + 4 + static_cast<size_t>(std::strtoul(read_.c_str() + at + 16, nullptr, 10));
    char buffer[4096];
    while (read_.size() < all) {
      const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (got <= 0) return {};
      read_.append(buffer, static_cast<size_t>(got));
    }
    return read_;
  }

  // To the connection's end (send "Connection: close").
  RawAnswer ReadAnswer() {
    const std::string all = ReadUntil("");
    RawAnswer answer;
    const size_t end = all.find("\r\n\r\n");
    if (end == std::string::npos || all.size() < 12) return answer;
    answer.head = all.substr(0, end + 2);
    answer.body = all.substr(end + 4);
    answer.status = std::atoi(all.c_str() + 9);
    return answer;
  }

 private:
  void SetTimeout() const {
    const timeval timeout{30, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  }
  int fd_;
  bool connected_ = false;
  std::string read_;
};

// One request on a connection of its own. `headers`: lines that end in \r\n.
inline RawAnswer Ask(int port, std::string_view method, std::string_view target,
                     std::string_view headers = "", std::string_view body = "") {
  RawConnection connection(port);
  std::string text =
      std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n";
  text += headers;
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  text += "\r\n";
  text += body;
  connection.Send(text);
  return connection.ReadAnswer();
}

}  // namespace whet::fleet::testing
