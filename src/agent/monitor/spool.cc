#include "agent/monitor/spool.h"

#include <sqlite3.h>

#include <cstdio>
#include <utility>

namespace whet::agent {
namespace {

constexpr char kSchema[] =
    "PRAGMA journal_mode=WAL;"
    "PRAGMA synchronous=NORMAL;"
    "PRAGMA cache_size=-64;"  // KiB: the agent is small
    "PRAGMA wal_autocheckpoint=64;"
    "PRAGMA journal_size_limit=262144;"
    "CREATE TABLE IF NOT EXISTS report(id INTEGER PRIMARY KEY AUTOINCREMENT, sequence INTEGER NOT NULL,"
    " body TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS boot(name TEXT PRIMARY KEY, next INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL);"
    "INSERT OR IGNORE INTO counter VALUES('bytes', 0), ('dropped', 0);";

Status SqlError(sqlite3* database, const char* action) {
  return Error(Code::kIo, "cannot %s the spool of reports: %s", action, sqlite3_errmsg(database));
}

class Statement {
 public:
  Statement(sqlite3* database, const char* sql) : database_(database) {
    good_ = sqlite3_prepare_v2(database, sql, -1, &statement_, nullptr) == SQLITE_OK;
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  Statement& Bind(int index, int64_t value) {
    good_ = good_ && sqlite3_bind_int64(statement_, index, value) == SQLITE_OK;
    return *this;
  }
  Statement& Bind(int index, const std::string& value) {
    good_ = good_ && sqlite3_bind_text(statement_, index, value.data(), static_cast<int>(value.size()),
                                       SQLITE_TRANSIENT) == SQLITE_OK;
    return *this;
  }
  // True for a row, false at the end.
  Result<bool> Step() {
    const int code = good_ ? sqlite3_step(statement_) : SQLITE_ERROR;
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return SqlError(database_, "use");
  }
  Status Run() {
    auto row = Step();
    return row.ok() ? Status() : row.TakeStatus();
  }
  int64_t Int(int column) { return sqlite3_column_int64(statement_, column); }
  std::string Text(int column) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text == nullptr ? std::string()
                           : std::string(text, static_cast<size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_ = nullptr;
  bool good_ = false;
};

Result<int64_t> One(sqlite3* database, const char* sql) {
  Statement statement(database, sql);
  WHET_ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Int(0) : int64_t{0};
}

// Everything between its making and Commit, or nothing.
class Transaction {
 public:
  explicit Transaction(sqlite3* database) : database_(database) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction() {
    if (open_) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Status Begin() {
    if (sqlite3_exec(database_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) != SQLITE_OK)
      return SqlError(database_, "write");
    open_ = true;
    return {};
  }
  Status Commit() {
    if (sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr) != SQLITE_OK)
      return SqlError(database_, "write");
    open_ = false;
    return {};
  }

 private:
  sqlite3* database_;
  bool open_ = false;
};

}  // namespace

Result<std::unique_ptr<Spool>> Spool::OpenOnce(const std::string& path, int64_t max_bytes) {
  sqlite3* database = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  std::unique_ptr<Spool> spool(new Spool(database, max_bytes));
  if (code != SQLITE_OK) return SqlError(database, "open").At(path);
  sqlite3_busy_timeout(database, 2000);
  if (sqlite3_exec(database, kSchema, nullptr, nullptr, nullptr) != SQLITE_OK) {
    const int error = sqlite3_errcode(database);
    const Code kind = error == SQLITE_CORRUPT || error == SQLITE_NOTADB ? Code::kBadFile : Code::kIo;
    return Error(kind, "cannot open the spool of reports: %s", sqlite3_errmsg(database)).At(path);
  }
  return spool;
}

Result<std::unique_ptr<Spool>> Spool::Open(const std::string& path, int64_t max_bytes) {
  auto spool = OpenOnce(path, max_bytes);
  if (spool.ok() || spool.status().code() != Code::kBadFile) return spool;
  for (const char* suffix : {"-wal", "-shm"}) std::remove((path + suffix).c_str());
  std::rename(path.c_str(), (path + ".damaged").c_str());
  return OpenOnce(path, max_bytes);
}

Spool::~Spool() { sqlite3_close(database_); }

Status Spool::Execute(const char* sql) {
  return sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) == SQLITE_OK ? Status()
                                                                              : SqlError(database_, "write");
}

Status Spool::Add(const std::string& boot, const std::function<std::string(uint64_t)>& make) {
  Transaction transaction(database_);
  WHET_RETURN_IF_ERROR(transaction.Begin());
  WHET_RETURN_IF_ERROR(Statement(database_, "INSERT OR IGNORE INTO boot VALUES(?, 1)").Bind(1, boot).Run());
  WHET_RETURN_IF_ERROR(Statement(database_, "DELETE FROM boot WHERE name <> ?").Bind(1, boot).Run());
  WHET_ASSIGN_OR_RETURN(const int64_t sequence, One(database_, "SELECT next FROM boot"));
  WHET_RETURN_IF_ERROR(Execute("UPDATE boot SET next = next + 1"));
  const std::string body = make(static_cast<uint64_t>(sequence));
  const auto bytes = static_cast<int64_t>(body.size());
  if (bytes > max_bytes_)
    return Error(Code::kLimitExceeded, "a report is larger than the whole spool may be");
  WHET_RETURN_IF_ERROR(Statement(database_, "INSERT INTO report(sequence, body) VALUES(?, ?)")
                           .Bind(1, sequence)
                           .Bind(2, body)
                           .Run());
  WHET_RETURN_IF_ERROR(
      Statement(database_, "UPDATE counter SET value = value + ? WHERE name = 'bytes'").Bind(1, bytes).Run());
  while (true) {
    WHET_ASSIGN_OR_RETURN(const int64_t total,
                          One(database_, "SELECT value FROM counter WHERE name = 'bytes'"));
    if (total <= max_bytes_) break;
    WHET_RETURN_IF_ERROR(
        Execute("UPDATE counter SET value = value - (SELECT length(CAST(body AS BLOB)) FROM report ORDER BY "
                "id LIMIT 1) "
                "WHERE name = 'bytes';"
                "UPDATE counter SET value = value + 1 WHERE name = 'dropped';"
                "DELETE FROM report WHERE id = (SELECT min(id) FROM report)"));
  }
  return transaction.Commit();
}

Result<std::vector<SpooledReport>> Spool::Oldest(int limit) {
  Statement statement(database_, "SELECT id, sequence, body FROM report ORDER BY id LIMIT ?");
  statement.Bind(1, int64_t{limit});
  std::vector<SpooledReport> reports;
  while (true) {
    WHET_ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return reports;
    reports.push_back({.id = statement.Int(0),
                       .sequence = static_cast<uint64_t>(statement.Int(1)),
                       .body = statement.Text(2)});
  }
}

Status Spool::Remove(const std::vector<SpooledReport>& reports) {
  Transaction transaction(database_);
  WHET_RETURN_IF_ERROR(transaction.Begin());
  for (const SpooledReport& report : reports) {
    Statement statement(database_, "DELETE FROM report WHERE id = ?");
    WHET_RETURN_IF_ERROR(statement.Bind(1, report.id).Run());
    // Another process may have made room of it meanwhile.
    if (sqlite3_changes(database_) == 0) continue;
    WHET_RETURN_IF_ERROR(Statement(database_, "UPDATE counter SET value = value - ? WHERE name = 'bytes'")
                             .Bind(1, static_cast<int64_t>(report.body.size()))
                             .Run());
  }
  return transaction.Commit();
}

Result<int64_t> Spool::Count() { return One(database_, "SELECT count(*) FROM report"); }

Result<int64_t> Spool::Dropped() {
  return One(database_, "SELECT value FROM counter WHERE name = 'dropped'");
}

}  // namespace whet::agent
