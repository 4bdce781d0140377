// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <mutex>
#include <utility>

#include "connectors/postgres/connection.h"
#include "connectors/postgres/connector.h"
#include "connectors/postgres/digest.h"
#include "connectors/postgres/discovery.h"
#include "connectors/postgres/findings.h"
#include "connectors/postgres/oids.h"
#include "connectors/postgres/plan.h"
#include "connectors/postgres/reader.h"
#include "connectors/postgres/snapshot.h"
#include "planted.h"

namespace sluice::postgres {
namespace {

/// How the columns of digest_columns() travel.
WireType digest_wire(std::size_t column) {
  constexpr std::int32_t kNumeric38 = (38 << 16) + 4;  // numeric(38,0), as atttypmod has it
  WireType wire;
  wire.oid = column < 2 ? oid::kInt8 : oid::kNumeric;
  if (column == 2) wire.typmod = kNumeric38;
  return wire;
}

class PostgresSource : public Source {
 public:
  PostgresSource(const std::string& url, const SourceOptions& options)
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
  /// What `ask` makes of it. One that is lost meanwhile, with its node, is made anew once: nothing
  /// was read yet.
  template <typename Ask>
  auto asked(const Ask& ask) {
    std::unique_ptr<Connection> session = take_session();
    const auto keep = [&](auto answer) {
      const std::lock_guard lock(mutex_);
      session_ = std::move(session);
      return answer;
    };
    try {
      return keep(ask(*session));
    } catch (const Error& error) {
      if (!session->broken() || error.fault() != Fault::connection) throw;
    }
    session = std::make_unique<Connection>(login_, options_.stop);
    return keep(ask(*session));
  }

  const SourceOptions options_;
  const std::shared_ptr<const Login> login_;
  const std::shared_ptr<wire::RateLimit> rate_;  // null: no limit
  std::mutex mutex_;
  std::unique_ptr<Connection> session_;
};

std::unique_ptr<Connection> PostgresSource::take_session() {
  {
    const std::lock_guard lock(mutex_);
    if (session_ && !session_->broken()) return std::move(session_);
  }
  return std::make_unique<Connection>(login_, options_.stop);
}

/// Where the server does not tell, the database alone has to do.
std::string system_of(Connection& session) {
  if (!session.dialect().one_server) {  // a node's control file is its own; old releases tell none
    const Rows nodes = session.query("SELECT * FROM yb_servers() LIMIT 1");
    const int universe = nodes.column("universe_uuid");
    if (universe >= 0 && nodes.size() == 1) return "universe " + nodes.string(0, universe);
    return "universe without identifier";
  }
  try {
    return "system " +
           session.query("SELECT system_identifier FROM pg_control_system()").string(0, 0);
  } catch (const Error& error) {  // closed on some managed servers
    if (error.fault() != Fault::permission && error.fault() != Fault::schema) throw;
    return "system without identifier";
  }
}

std::string PostgresSource::identity() {
  return asked([](Connection& session) {
    const std::string system = system_of(session);
    const Rows rows =
        session.query("SELECT datname, oid FROM pg_database WHERE datname = current_database()");
    return (session.dialect().one_server ? "postgresql " : "yugabytedb ") + system + ", database " +
           rows.string(0, 0) + " (" + rows.string(0, 1) + ")";
  });
}

std::optional<std::int64_t> PostgresSource::position() {
  return asked([](Connection& session) -> std::optional<std::int64_t> {
    // The time of a cluster goes on when it is set back.
    if (!session.dialect().one_server) return std::nullopt;
    return session.query("SELECT txid_snapshot_xmax(txid_current_snapshot())").integer(0, 0);
  });
}

Catalog PostgresSource::discover(std::span<const TableName> named) {
  return asked([&](Connection& session) {
    Discovered found = postgres::discover(session, {named, false});
    Catalog catalog;
    for (Shape& each : found.shapes) catalog.tables.push_back(std::move(each.table));
    catalog.skipped = std::move(found.skipped);
    return catalog;
  });
}

std::unique_ptr<Snapshot> PostgresSource::snapshot(std::span<const Table> tables) {
  return std::make_unique<PostgresSnapshot>(
      take_session(),
      std::make_shared<Sessions>(login_, options_.max_readers, options_.lock_timeout_ms), tables,
      options_.lock_timeout_ms);
}

Plan PostgresSource::plan(Snapshot& snapshot, const Table& table, const Read& read) {
  auto& taken = dynamic_cast<PostgresSnapshot&>(snapshot);
  const Borrowed session(*taken.sessions(), options_.stop);
  return make_plan(*session, taken.answers(), taken.shape(table.name), taken.observed(), table,
                   read);
}

std::unique_ptr<Reader> PostgresSource::reader(Snapshot& snapshot, const Plan& plan,
                                               std::span<const std::size_t> projection) {
  auto& taken = dynamic_cast<PostgresSnapshot&>(snapshot);
  const Shape& shape = taken.shape(plan.table.name);
  std::vector<ReadColumn> columns;
  for (const std::size_t i : projection) {
    const Column& column = plan.read.columns[i];
    if (!plan.read.digest.empty()) {
      columns.push_back({column, digest_wire(i), false, plan.table.name.text()});
      continue;
    }
    const bool key =
        std::ranges::find(plan.table.primary_key, column.name) != plan.table.primary_key.end();
    columns.push_back(
        {column, shape.wires[shape.position(column.name)], key, plan.table.name.text()});
  }
  const std::vector<std::size_t> positions(projection.begin(), projection.end());
  std::shared_ptr<Sessions> sessions = taken.sessions();
  if (plan.read.from && planted("prune-older-snapshot")) {
    const std::shared_ptr<Snapshot> later = this->snapshot(std::span(&plan.table, 1));
    sessions = {later, dynamic_cast<PostgresSnapshot&>(*later).sessions().get()};
  }
  return std::make_unique<CopyReader>(
      std::move(sessions), std::move(columns),
      [&shape, &plan, positions](const Chunk& chunk) {
        return select_statement(shape, plan, positions, chunk);
      },
      rate_);
}

RowDigest PostgresSource::row_digest(Snapshot& snapshot, const Table& table,
                                     const std::vector<Column>& columns, duck::Connection& copy) {
  auto& taken = dynamic_cast<PostgresSnapshot&>(snapshot);
  {
    const Borrowed session(*taken.sessions(), options_.stop);
    if (const std::string why = hashes_differ(*session, taken.answers()); !why.empty())
      return {"", why};
  }
  const RowDigest server = server_digest(taken.shape(table.name), columns);
  if (!server.why_not.empty()) return server;
  register_copy_digest(copy);
  std::string list;
  for (const Column& each : columns) list += (list.empty() ? "" : ", ") + duck::quoted(each.name);
  return {std::string(kCopyDigest) + "(" + list + ")", ""};
}

std::vector<Finding> PostgresSource::findings() {
  return asked([&](Connection& session) { return find(session, options_.max_readers); });
}

}  // namespace

std::unique_ptr<Source> source(const std::string& url, SourceOptions options) {
  return std::make_unique<PostgresSource>(url, options);
}

}  // namespace sluice::postgres
