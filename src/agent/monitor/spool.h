// Reports that wait to be sent: a bounded queue in a SQLite file (write-ahead log), that survives restarts
// and is shared with the child process that sends. Each report has the boot's next sequence number, so that
// the server takes what comes twice once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

struct sqlite3;

namespace whet::agent {

struct SpooledReport {
  int64_t id = 0;
  uint64_t sequence = 0;
  std::string body;  // OTLP/HTTP JSON
};

// One thread at a time; several processes.
class Spool {
 public:
  // A file that is damaged is moved aside and begun anew: reports are worth less than a working agent.
  static Result<std::unique_ptr<Spool>> Open(const std::string& path, int64_t max_bytes);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // `make` gets the sequence number and gives the body. The oldest reports give way if there are too many
  // bytes. Number and report are stored together or not at all.
  Status Add(const std::string& boot, const std::function<std::string(uint64_t sequence)>& make);
  // The oldest that wait.
  Result<std::vector<SpooledReport>> Oldest(int limit);
  // They were taken by the server, or will never be.
  Status Remove(const std::vector<SpooledReport>& reports);
  Result<int64_t> Count();
  // How many were dropped for want of room, ever.
  Result<int64_t> Dropped();

 private:
  explicit Spool(sqlite3* database, int64_t max_bytes) : database_(database), max_bytes_(max_bytes) {}
  static Result<std::unique_ptr<Spool>> OpenOnce(const std::string& path, int64_t max_bytes);
  Status Execute(const char* sql);

  sqlite3* database_;
  int64_t max_bytes_;
};

}  // namespace whet::agent
