#include <libpq-fe.h>

#include <cstdlib>
#include <map>

#include "base/hex.h"
#include "fleet/server/sql.h"

namespace whet::fleet::internal {
namespace {

// pg_type.h's numbers; they never change.
enum Oid : unsigned {
  kBool = 16,
  kBytea = 17,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kFloat4 = 700,
  kFloat8 = 701,
  kNumeric = 1700
};

struct ClearResult {
  void operator()(PGresult* result) const { ::PQclear(result); }
};
using ResultPointer = std::unique_ptr<PGresult, ClearResult>;

class PostgresConnection final : public SqlConnection {
 public:
  explicit PostgresConnection(PGconn* connection) : connection_(connection) {}
  ~PostgresConnection() override { ::PQfinish(connection_); }

  Status Run(std::string_view sql, std::span<const SqlValue> parameters, const SqlRowFunction& row) override {
    auto prepared = prepared_.find(sql);
    if (prepared == prepared_.end()) {
      const std::string name = Format("s%zu", prepared_.size());
      const ResultPointer result(
          ::PQprepare(connection_, name.c_str(), std::string(sql).c_str(), 0, nullptr));
      if (::PQresultStatus(result.get()) != PGRES_COMMAND_OK) return Failure(result.get(), sql);
      prepared = prepared_.emplace(std::string(sql), name).first;
    }
    std::vector<std::string> texts(parameters.size());
    std::vector<const char*> values(parameters.size(), nullptr);
    std::vector<int> lengths(parameters.size(), 0);
    std::vector<int> formats(parameters.size(), 0);
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (const auto* number = std::get_if<int64_t>(&parameters[i])) {
        texts[i] = std::to_string(*number);
        values[i] = texts[i].c_str();
      } else if (const auto* real = std::get_if<double>(&parameters[i])) {
        texts[i] = Format("%.17g", *real);
        values[i] = texts[i].c_str();
      } else if (const auto* text = std::get_if<std::string>(&parameters[i])) {
        values[i] = text->c_str();
      } else if (const auto* blob = std::get_if<Blob>(&parameters[i])) {
        values[i] = blob->bytes.data();
        lengths[i] = static_cast<int>(blob->bytes.size());
        formats[i] = 1;
      }
    }
    const ResultPointer result(::PQexecPrepared(connection_, prepared->second.c_str(),
                                                static_cast<int>(parameters.size()), values.data(),
                                                lengths.data(), formats.data(), 0));
    const auto status = ::PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return Failure(result.get(), sql);
    changes_ = std::strtoll(::PQcmdTuples(result.get()), nullptr, 10);
    if (!row) return {};
    const int rows = ::PQntuples(result.get());
    for (int r = 0; r < rows; ++r) row(ReadRow(*result, r));
    return {};
  }

  Status RunScript(const std::string& sql) override {
    const ResultPointer result(::PQexec(connection_, sql.c_str()));
    const auto status = ::PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return Failure(result.get(), sql);
    return {};
  }

  int64_t changes() const override { return changes_; }
  bool is_postgres() const override { return true; }
  bool alive() const override {
    return ::PQstatus(connection_) == CONNECTION_OK && ::PQtransactionStatus(connection_) == PQTRANS_IDLE;
  }

 private:
  Status Failure(const PGresult* result, std::string_view sql) const {
    const char* state = result == nullptr ? nullptr : ::PQresultErrorField(result, PG_DIAG_SQLSTATE);
    // Classes 22, 23 and 42: the data, a constraint, the statement itself. All else may pass.
    const std::string_view kind =
        state == nullptr ? std::string_view() : std::string_view(state).substr(0, 2);
    const bool bug = kind == "22" || kind == "23" || kind == "42";
    std::string message = ::PQerrorMessage(connection_);
    while (message.ends_with('\n')) message.pop_back();
    return Error(bug ? Code::kInternal : Code::kIo, "PostgreSQL: %s", message.c_str())
        .At(std::string(sql.substr(0, 80)));
  }

  static SqlRow ReadRow(const PGresult& result, int row) {
    std::vector<SqlValue> columns;
    const int count = ::PQnfields(&result);
    columns.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      if (::PQgetisnull(&result, row, i) != 0) {
        columns.emplace_back(std::monostate());
        continue;
      }
      const char* text = ::PQgetvalue(&result, row, i);
      const auto length = static_cast<size_t>(::PQgetlength(&result, row, i));
      switch (::PQftype(&result, i)) {
        case kBool: columns.emplace_back(int64_t{text[0] == 't'}); break;
        case kInt2:
        case kInt4:
        case kInt8: columns.emplace_back(int64_t{std::strtoll(text, nullptr, 10)}); break;
        case kFloat4:
        case kFloat8:
        case kNumeric: columns.emplace_back(std::strtod(text, nullptr)); break;
        case kBytea: columns.emplace_back(BlobOf({text, length})); break;
        default: columns.emplace_back(std::string(text, length));
      }
    }
    return SqlRow(std::move(columns));
  }

  // "\x00ff", the text form of bytea.
  static Blob BlobOf(std::string_view text) {
    if (text.starts_with("\\x")) text.remove_prefix(2);
    const auto bytes = FromHex(text);
    return bytes.ok() ? Blob{std::string(bytes->begin(), bytes->end())} : Blob{};
  }

  PGconn* connection_;
  std::map<std::string, std::string, std::less<>> prepared_;
  int64_t changes_ = 0;
};

}  // namespace

Result<std::unique_ptr<SqlConnection>> ConnectPostgres(const std::string& url) {
  PGconn* raw = ::PQconnectdb(url.c_str());
  auto connection = std::make_unique<PostgresConnection>(raw);
  if (::PQstatus(raw) != CONNECTION_OK) {
    std::string message = ::PQerrorMessage(raw);
    while (message.ends_with('\n')) message.pop_back();
    // libpq's message names host and port, never the password.
    return Error(Code::kIo, "cannot connect to PostgreSQL: %s", message.c_str());
  }
  // Notices ("relation exists already") are no news.
  ::PQsetNoticeProcessor(raw, [](void*, const char*) {}, nullptr);
  WHET_RETURN_IF_ERROR(connection->RunScript("SET client_encoding = 'UTF8'; SET extra_float_digits = 3"));
  return std::unique_ptr<SqlConnection>(std::move(connection));
}

}  // namespace whet::fleet::internal
