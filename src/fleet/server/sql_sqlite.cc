#include <sqlite3.h>

#include <map>

#include "fleet/server/sql.h"

namespace whet::fleet::internal {
namespace {

constexpr int kBusyMs = 20000;

class SqliteConnection final : public SqlConnection {
 public:
  explicit SqliteConnection(sqlite3* database) : database_(database) {}
  ~SqliteConnection() override {
    for (const auto& [sql, statement] : statements_) ::sqlite3_finalize(statement);
    ::sqlite3_close(database_);
  }

  Status Run(std::string_view sql, std::span<const SqlValue> parameters, const SqlRowFunction& row) override {
    WHET_ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepare(sql));
    Status status = Step(statement, parameters, row);
    ::sqlite3_reset(statement);
    ::sqlite3_clear_bindings(statement);
    return status;
  }

  Status RunScript(const std::string& sql) override {
    return ::sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK ? OkStatus()
                                                                                          : Failure(sql);
  }

  int64_t changes() const override { return ::sqlite3_changes64(database_); }
  bool is_postgres() const override { return false; }
  bool alive() const override { return ::sqlite3_get_autocommit(database_) != 0; }

 private:
  Status Failure(std::string_view sql) const {
    const int code = ::sqlite3_errcode(database_) & 0xff;
    const bool bug = code == SQLITE_ERROR || code == SQLITE_MISUSE || code == SQLITE_CONSTRAINT;
    return Error(bug ? Code::kInternal : Code::kIo, "SQLite: %s", ::sqlite3_errmsg(database_))
        .At(std::string(sql.substr(0, 80)));
  }

  Result<sqlite3_stmt*> Prepare(std::string_view sql) {
    if (const auto it = statements_.find(sql); it != statements_.end()) return it->second;
    sqlite3_stmt* statement = nullptr;
    if (::sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                             &statement, nullptr) != SQLITE_OK) {
      return Failure(sql);
    }
    statements_.emplace(std::string(sql), statement);
    return statement;
  }

  Status Step(sqlite3_stmt* statement, std::span<const SqlValue> parameters, const SqlRowFunction& row) {
    for (size_t i = 0; i < parameters.size(); ++i) {
      const int index = ::sqlite3_bind_parameter_index(statement, Format("$%zu", i + 1).c_str());
      if (index == 0) return Error(Code::kInternal, "the statement has no parameter %zu", i + 1);
      if (Bind(statement, index, parameters[i]) != SQLITE_OK) return Failure(::sqlite3_sql(statement));
    }
    while (true) {
      const int result = ::sqlite3_step(statement);
      if (result == SQLITE_DONE) return {};
      if (result != SQLITE_ROW) return Failure(::sqlite3_sql(statement));
      if (row) row(ReadRow(statement));
    }
  }

  // The values outlive the step, so nothing is copied.
  static int Bind(sqlite3_stmt* statement, int index, const SqlValue& value) {
    if (const auto* number = std::get_if<int64_t>(&value))
      return ::sqlite3_bind_int64(statement, index, *number);
    if (const auto* real = std::get_if<double>(&value)) return ::sqlite3_bind_double(statement, index, *real);
    if (const auto* text = std::get_if<std::string>(&value)) {
      return ::sqlite3_bind_text64(statement, index, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    if (const auto* blob = std::get_if<Blob>(&value)) {
      return ::sqlite3_bind_blob64(statement, index, blob->bytes.data(), blob->bytes.size(), SQLITE_STATIC);
    }
    return ::sqlite3_bind_null(statement, index);
  }

  static SqlRow ReadRow(sqlite3_stmt* statement) {
    std::vector<SqlValue> columns;
    const int count = ::sqlite3_column_count(statement);
    columns.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      const auto bytes = [&] { return static_cast<size_t>(::sqlite3_column_bytes(statement, i)); };
      switch (::sqlite3_column_type(statement, i)) {
        case SQLITE_INTEGER: columns.emplace_back(int64_t{::sqlite3_column_int64(statement, i)}); break;
        case SQLITE_FLOAT: columns.emplace_back(::sqlite3_column_double(statement, i)); break;
        case SQLITE_TEXT: {
          const auto* text = reinterpret_cast<const char*>(::sqlite3_column_text(statement, i));
          columns.emplace_back(std::string(text, bytes()));
          break;
        }
        case SQLITE_BLOB: {
          const auto* blob = static_cast<const char*>(::sqlite3_column_blob(statement, i));
          columns.emplace_back(Blob{blob == nullptr ? std::string() : std::string(blob, bytes())});
          break;
        }
        default: columns.emplace_back(std::monostate());
      }
    }
    return SqlRow(std::move(columns));
  }

  sqlite3* database_;
  std::map<std::string, sqlite3_stmt*, std::less<>> statements_;
};

}  // namespace

Result<std::unique_ptr<SqlConnection>> ConnectSqlite(const std::string& path) {
  sqlite3* database = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (::sqlite3_open_v2(path.c_str(), &database, flags, nullptr) != SQLITE_OK) {
    auto status =
        Error(Code::kIo, "cannot open the SQLite database: %s", ::sqlite3_errmsg(database)).At(path);
    ::sqlite3_close(database);
    return status;
  }
  auto connection = std::make_unique<SqliteConnection>(database);
  ::sqlite3_busy_timeout(database, kBusyMs);
  // Readers do not wait for the writer, and a commit is on the disk when it returns.
  if (auto status =
          connection->RunScript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
                                "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536;");
      !status.ok()) {
    return std::move(status).At(path);
  }
  return std::unique_ptr<SqlConnection>(std::move(connection));
}

}  // namespace whet::fleet::internal
