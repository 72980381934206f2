#include "agent/process/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

extern char** environ;

namespace whet::agent {
namespace {

using Clock = std::chrono::steady_clock;

class Pipe {
 public:
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    Close(read_);
    Close(write_);
  }
  bool Open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read_ = ends[0];
    write_ = ends[1];
    return true;
  }
  static void Close(int& fd) {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
  int read_ = -1;
  int write_ = -1;
};

void SetNonBlocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

// Writes what the pipe takes of `input`; closes it at the end, or when nobody reads.
void Feed(Pipe& pipe, std::string_view input, size_t& sent) {
  while (sent < input.size()) {
    const ssize_t count = ::write(pipe.write_, input.data() + sent, input.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) break;
    sent += static_cast<size_t>(count);
  }
  Pipe::Close(pipe.write_);
}

// Takes what is there; false at the end of what the child writes.
bool Drain(int fd, std::string& output, size_t limit, bool& too_much) {
  char buffer[8192];
  while (true) {
    const ssize_t count = ::read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN;
    if (count == 0) return false;
    const size_t room = limit - output.size();
    too_much = too_much || static_cast<size_t>(count) > room;
    output.append(buffer, std::min(static_cast<size_t>(count), room));
  }
}

}  // namespace

Result<ChildResult> RunChild(const ChildJob& job) {
  Pipe in;
  Pipe out;
  if (!in.Open() || !out.Open()) return Error(Code::kIo, "cannot make a pipe: %s", std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.read_, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write_, STDOUT_FILENO);
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  sigdelset(&signals, SIGKILL);
  sigdelset(&signals, SIGSTOP);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> arguments;
  for (const std::string& argument : job.command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0)
    return Error(Code::kIo, "cannot start the program: %s", std::strerror(error)).At(job.command[0]);

  Pipe::Close(in.read_);
  Pipe::Close(out.write_);
  SetNonBlocking(in.write_);
  SetNonBlocking(out.read_);
  ChildResult result;
  size_t sent = 0;
  bool reading = true;
  bool too_much = false;
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(job.deadline_s));
  while (true) {
    if (in.write_ >= 0) Feed(in, job.input, sent);
    pollfd waits[2] = {{out.read_, POLLIN, 0}, {in.write_, POLLOUT, 0}};
    ::poll(waits, in.write_ >= 0 ? 2 : 1, 100);
    if (reading) reading = Drain(out.read_, result.output, job.max_output, too_much);
    if (!reading) break;
    const bool stop = job.waiting && job.waiting();
    result.timed_out = Clock::now() >= deadline || stop;
    if (result.timed_out || too_much) break;
    // A grandchild may hold the pipe open after the child has gone.
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == pid) {
      Drain(out.read_, result.output, job.max_output, too_much);
      break;
    }
  }
  // At the pipe's end the child is about to go, by itself unless it hangs.
  int status = 0;
  while (true) {
    if (result.timed_out || too_much || Clock::now() >= deadline) {
      result.timed_out = result.timed_out || Clock::now() >= deadline;
      ::kill(-pid, SIGKILL);
      while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
      break;
    }
    const pid_t ended = ::waitpid(pid, &status, WNOHANG);
    if (ended == pid || (ended < 0 && errno != EINTR)) break;
    ::poll(nullptr, 0, 5);
    if (job.waiting && job.waiting()) result.timed_out = true;
  }
  ::kill(-pid, SIGKILL);
  if (WIFEXITED(status)) result.exit_status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  if (too_much)
    return Error(Code::kLimitExceeded, "it wrote more than %zu bytes", job.max_output).At(job.command[0]);
  return result;
}

std::string Describe(const ChildResult& result, double deadline_s) {
  if (result.timed_out) return Format("took longer than %g s", deadline_s);
  if (result.signal != 0)
    return Format("was ended by signal %d (%s)", result.signal, ::strsignal(result.signal));
  return Format("ended with status %d", result.exit_status);
}

}  // namespace whet::agent
