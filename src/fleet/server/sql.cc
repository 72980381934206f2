#include "fleet/server/sql.h"

namespace whet::fleet {

int64_t SqlRow::Int(size_t column) const {
  if (const auto* number = std::get_if<int64_t>(&columns_[column])) return *number;
  if (const auto* real = std::get_if<double>(&columns_[column])) return static_cast<int64_t>(*real);
  return 0;
}

double SqlRow::Real(size_t column) const {
  if (const auto* real = std::get_if<double>(&columns_[column])) return *real;
  if (const auto* number = std::get_if<int64_t>(&columns_[column])) return static_cast<double>(*number);
  return 0;
}

std::string_view SqlRow::Text(size_t column) const {
  const auto* text = std::get_if<std::string>(&columns_[column]);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

std::string_view SqlRow::Bytes(size_t column) const {
  const auto* blob = std::get_if<Blob>(&columns_[column]);
  return blob == nullptr ? std::string_view() : std::string_view(blob->bytes);
}

Status InTransaction(SqlConnection& connection, const std::function<Status()>& body) {
  WHET_RETURN_IF_ERROR(connection.Begin());
  Status status = body();
  if (status.ok()) status = connection.Commit();
  if (!status.ok()) connection.Rollback();
  return status;
}

Result<std::unique_ptr<SqlDatabase>> SqlDatabase::Open(const std::string& url) {
  const bool postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
  std::unique_ptr<SqlDatabase> database(new SqlDatabase(url, postgres));
  WHET_ASSIGN_OR_RETURN(const Lease first, database->Connect());
  return database;
}

Result<SqlDatabase::Lease> SqlDatabase::Connect() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Lease lease(this, std::move(idle_.back()));
      idle_.pop_back();
      return lease;
    }
  }
  WHET_ASSIGN_OR_RETURN(auto connection,
                        postgres_ ? internal::ConnectPostgres(url_) : internal::ConnectSqlite(url_));
  return Lease(this, std::move(connection));
}

SqlDatabase::Lease::~Lease() {
  if (!connection_ || !connection_->alive()) return;
  const std::lock_guard lock(database_->mutex_);
  database_->idle_.push_back(std::move(connection_));
}

}  // namespace whet::fleet
