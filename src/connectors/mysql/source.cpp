// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "connectors/mysql/connection.h"
#include "connectors/mysql/connector.h"
#include "connectors/mysql/digest.h"
#include "connectors/mysql/discovery.h"
#include "connectors/mysql/findings.h"
#include "connectors/mysql/plan.h"
#include "connectors/mysql/reader.h"
#include "connectors/mysql/snapshot.h"
#include "connectors/mysql/statement.h"

namespace sluice::mysql {
namespace {

class MysqlSource : public Source {
 public:
  MysqlSource(const std::string& url, const SourceOptions& options)
      : options_(options),
        login_(std::make_shared<const Login>(
            login_of(url, options.application_name, options.password))),
        rate_(options.max_rate_bytes > 0 ? std::make_shared<wire::RateLimit>(options.max_rate_bytes)
                                         : nullptr) {}

  std::string identity() override;
  std::optional<std::int64_t> position() override;
  Catalog discover(std::span<const TableName> named) override;
  std::unique_ptr<Snapshot> snapshot(std::span<const Table> tables) override;
  Plan plan(Snapshot& snapshot, const Table& table, const Read& read) override;
  std::unique_ptr<Reader> reader(Snapshot& snapshot, const Plan& plan,
                                 std::span<const std::size_t> projection) override;
  RowDigest row_digest(Snapshot& snapshot, const Table& table, const std::vector<Column>& columns,
                       duck::Connection& copy) override;
  std::vector<Finding> findings() override;

 private:
  /// The session of identity() and discover(), kept for the next snapshot.
  std::unique_ptr<Connection> take_session();
  void keep_session(std::unique_ptr<Connection> session);

  const SourceOptions options_;
  const std::shared_ptr<const Login> login_;
  const std::shared_ptr<wire::RateLimit> rate_;  // null: no limit
  std::mutex mutex_;
  std::unique_ptr<Connection> session_;
};

std::unique_ptr<Connection> MysqlSource::take_session() {
  {
    const std::lock_guard lock(mutex_);
    if (session_ && !session_->broken()) return std::move(session_);
  }
  return std::make_unique<Connection>(login_, options_.stop);
}

void MysqlSource::keep_session(std::unique_ptr<Connection> session) {
  const std::lock_guard lock(mutex_);
  session_ = std::move(session);
}

// MySQL has a name of its own for each data folder; MariaDB is known by where the folder is.
std::string MysqlSource::identity() {
  std::unique_ptr<Connection> session = take_session();
  std::string server;
  if (session->dialect() == Dialect::mysql && session->version() >= 50600) {
    server = "mysql server " + session->query("SELECT @@server_uuid").text(0, 0);
  } else if (session->dialect() == Dialect::singlestore) {
    // Behind one address there may be several aggregators, and nothing that all of them tell alike.
    server = "singlestore at " + login_->host + ":" +
             std::to_string(login_->port == 0 ? 3306 : login_->port);
  } else {
    const Rows rows = session->query("SELECT @@hostname, @@port, @@datadir");
    server = "mariadb server " + rows.text(0, 0) + ":" + rows.text(0, 1) + rows.text(0, 2);
  }
  keep_session(std::move(session));
  return login_->database.empty() ? server : server + ", database " + login_->database;
}

// How far InnoDB's log has come. MySQL tells it from 8.0.30 on. A crash that takes a part of the
// log back is a set back, too: what the copy has may be gone.
std::optional<std::int64_t> MysqlSource::position() {
  std::unique_ptr<Connection> session = take_session();
  if (session->dialect() == Dialect::singlestore) {
    keep_session(std::move(session));
    return std::nullopt;
  }
  const Rows rows = session->query(
      "SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_lsn_current', "
      "'Innodb_redo_log_current_lsn')");
  keep_session(std::move(session));
  if (rows.size() == 0) return std::nullopt;
  return rows.integer(0, 1);
}

Catalog MysqlSource::discover(std::span<const TableName> named) {
  std::unique_ptr<Connection> session = take_session();
  Discovered found = mysql::discover(*session, {named, false});
  Catalog catalog;
  for (Shape& each : found.shapes) catalog.tables.push_back(std::move(each.table));
  catalog.skipped = std::move(found.skipped);
  keep_session(std::move(session));
  return catalog;
}

std::unique_ptr<Snapshot> MysqlSource::snapshot(std::span<const Table> tables) {
  return std::make_unique<MysqlSnapshot>(take_session(), options_.max_readers, options_.stop,
                                         tables, options_.lock_timeout_s);
}

/// The user's own words, tried by themselves: what the server says of them names the option.
void check_where(MysqlSnapshot& snapshot, const Table& table, const Stop& stop) try {
  snapshot.ask("EXPLAIN SELECT 1 FROM " + identifier(table.name.schema, table.name.name) +
                   " WHERE (" + table.where + "\n)",
               stop);
} catch (const Error& error) {
  if (error.fault() != Fault::config && error.fault() != Fault::schema) throw;
  throw Error(Fault::config, table.name.text() + ": where: " + error.what(),
              "where: is a predicate in the source's SQL, like \"amount > 0\"");
}

// The server compares with what is no date, or no number, as if it were 0.
void check_start(MysqlSnapshot& snapshot, const Table& table, const Stop& stop) {
  const Shape& shape = snapshot.shape(table.name);
  const std::string& key = table.replication_key;
  const std::string& start = *table.start;
  bool valid = true;
  if (is_integer(shape.wire(key))) {
    const std::size_t digits = start.starts_with('-') ? 1 : 0;
    valid =
        start.size() > digits && start.find_first_not_of("0123456789", digits) == std::string::npos;
  } else if (is_date(shape.wire(key))) {
    const auto answer = snapshot.ask(
        "SELECT CAST(" + replication_literal(shape, key, start) + " AS DATETIME(6))", stop);
    valid = !answer.empty() && answer[0][0];
  }
  if (!valid)
    throw Error(Fault::config,
                table.name.text() + ": start: \"" + start + "\" is no " +
                    shape.table.columns[shape.position(key)].source_type,
                "start: is a value of the replication key, like 2026-01-31");
}

Plan MysqlSource::plan(Snapshot& snapshot, const Table& table, const Read& read) {
  auto& taken = dynamic_cast<MysqlSnapshot&>(snapshot);
  if (taken.dialect() != Dialect::singlestore) {
    if (!table.where.empty()) check_where(taken, table, options_.stop);
    if (table.start) check_start(taken, table, options_.stop);
  }
  return make_plan(taken, table, read, options_.stop);
}

std::unique_ptr<Reader> MysqlSource::reader(Snapshot& snapshot, const Plan& plan,
                                            std::span<const std::size_t> projection) {
  auto& taken = dynamic_cast<MysqlSnapshot&>(snapshot);
  const Shape& shape = taken.shape(plan.table.name);
  std::vector<ReadColumn> columns;
  for (const std::size_t i : projection) {
    const Column& column = plan.read.columns[i];
    const bool key =
        std::ranges::find(plan.table.primary_key, column.name) != plan.table.primary_key.end();
    columns.push_back({column, key, plan.table.name.text()});
  }
  const std::vector<std::size_t> positions(projection.begin(), projection.end());
  return std::make_unique<StreamReader>(
      taken.sessions(), std::move(columns),
      [&taken, &shape, &plan, positions](const Chunk& chunk, const Stop& stop) -> Statement {
        const Dialect dialect = taken.dialect();
        const std::optional<ResultPart> part = result_part(chunk);
        if (!part) return {select_statement(shape, dialect, plan, positions, chunk), {}};
        const auto share = taken.results().share(*part, result_query(shape, dialect, plan), stop);
        if (!share.table.empty())
          return {partition_query(share.table, positions, part->partition),
                  [&taken, part = *part] { taken.results().was_read(part); }};
        return {select_statement(shape, dialect, plan, positions,
                                 Chunk{share.all ? "{}" : R"({"none": true})", 0, 0}),
                {}};
      },
      rate_);
}

RowDigest MysqlSource::row_digest(Snapshot& snapshot, const Table& table,
                                  const std::vector<Column>& columns, duck::Connection& copy) {
  auto& taken = dynamic_cast<MysqlSnapshot&>(snapshot);
  register_copy_digest(copy);
  if (const std::string why = digests_differ(taken, options_.stop, copy); !why.empty())
    return {"", why};
  const Shape& shape = taken.shape(table.name);
  const RowDigest server = server_digest(shape, columns);
  // SHA1, the only hash that it has and we trust, takes as long as sending five keys.
  return server.why_not.empty() ? RowDigest{copy_digest(shape, columns), "", true} : server;
}

std::vector<Finding> MysqlSource::findings() {
  std::unique_ptr<Connection> session = take_session();
  std::vector<Finding> found = find(*session, options_.max_readers);
  keep_session(std::move(session));
  return found;
}

}  // namespace

std::unique_ptr<Source> source(const std::string& url, SourceOptions options) {
  return std::make_unique<MysqlSource>(url, options);
}

}  // namespace sluice::mysql
