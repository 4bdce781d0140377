// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <set>
#include <utility>

#include "connectors/duckdb/catalog.h"
#include "connectors/duckdb/connector.h"
#include "connectors/duckdb/endpoint.h"
#include "connectors/duckdb/file.h"
#include "connectors/duckdb/motherduck.h"
#include "connectors/duckdb/relation.h"

namespace sluice::duckdb_file {
namespace {

/// While nobody else can write, whatever is committed later was begun later: every mark is safe at
/// once, and there is nothing to wait for. Where others can, each statement sees an instant of its
/// own, and no mark is proven.
class CatalogSnapshot : public Snapshot {
 public:
  CatalogSnapshot(std::string t0, const AttachedDatabase& database,
                  std::vector<std::variant<Table, Error>> tables)
      : t0_(std::move(t0)),
        clock_(t0_ + "+00"),
        instant_(clock_ + ", " +
                 (database.writers().empty() ? "file " + database.name()
                                             : database.name() + ", no snapshot")),
        writers_(database.writers()),
        tables_(std::move(tables)) {}

  std::string instant() const override { return instant_; }
  std::string clock() const override { return clock_; }
  /// The same without a zone: UTC.
  const std::string& t0() const { return t0_; }
  const std::vector<std::variant<Table, Error>>& tables() const override { return tables_; }
  std::string witness() const override { return "file"; }
  bool settled(const std::string&) const override { return true; }
  Proof proof(const Table& table) const override {
    if (!writers_.empty()) return {false, writers_, true};
    if (table.view) return {false, "a view's rows can change without a write to its file"};
    const Column* key = table.column(table.replication_key);
    if (key != nullptr && duck::is_temporal(key->source_type) &&
        key->source_type != "TIMESTAMP WITH TIME ZONE") {
      return {false,
              "sessions in different time zones can stamp a " + key->source_type + " differently"};
    }
    return {};
  }
  bool consistent(const Table&) const override { return writers_.empty(); }
  void check_alive(const TableName&) override {}

 private:
  std::string t0_, clock_, instant_, writers_;
  std::vector<std::variant<Table, Error>> tables_;
};

class CatalogSource : public Source {
 public:
  explicit CatalogSource(std::unique_ptr<const AttachedDatabase> attached)
      : attached_(std::move(attached)) {
    duck::Connection connection = attached_->connect();
    collated_ = collated_tables(ask(connection), attached_->catalog());
  }

  std::string identity() override { return attached_->identity(); }
  std::optional<std::int64_t> position() override { return attached_->position(); }
  std::vector<Finding> findings() override { return attached_->findings(); }

  Catalog discover(std::span<const TableName> named) override {
    duck::Connection connection = attached_->connect();
    Catalog catalog =
        read_catalog(ask(connection), attached_->catalog(), attached_->bytes(connection), named);
    for (Table& table : catalog.tables) {
      // A database says nothing of when a table was made, and oids are given anew at each attach.
      // The name of the table has to do: what it would protect (chunk bounds of a load that goes on
      // in a later run) this source does not have.
      table.incarnation = "table";
      table.fivetran_prefix = attached_->fivetran_prefix();
    }
    return catalog;
  }

  std::unique_ptr<Snapshot> snapshot(std::span<const Table> tables) override {
    // The clock first: what others commit from here on is above the mark.
    const std::string t0 =
        attached_->connect()
            .query("SELECT strftime(now() AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')")
            .text(0, 0);
    std::vector<TableName> names;
    for (const Table& table : tables) names.push_back(table.name);
    Catalog catalog = discover(names);
    std::vector<std::variant<Table, Error>> found;
    for (const TableName& name : names) found.push_back(look_up(catalog, name));
    return std::make_unique<CatalogSnapshot>(t0, *attached_, std::move(found));
  }

  Plan plan(Snapshot& snapshot, const Table& table, const Read& read) override {
    const Table* own = nullptr;
    for (const auto& each : snapshot.tables()) {
      const Table* candidate = std::get_if<Table>(&each);
      if (candidate != nullptr && candidate->name == table.name) own = candidate;
    }
    if (own == nullptr) throw Error(Fault::schema, table.name.text() + " is not in this snapshot");
    const AttachedTable attached{sql_name(attached_->catalog(), table.name), own,
                                 own->view || collated_.contains(table.name)};
    Plan plan;
    plan.table = table;
    plan.read = read;
    plan.rows = read.keys.empty() ? own->rows : read.keys.size();
    duck::Connection connection = attached_->connect();
    check_words(ask(connection), attached, table);
    plan.misfits = find_misfits(ask(connection), attached, table, read);
    plan.relation = relation(attached, table, read);
    if (!table.replication_key.empty() && read.keys.empty()) {
      const std::string& t0 = dynamic_cast<const CatalogSnapshot&>(snapshot).t0();
      plan.until = connection.query(until_query(attached, table, t0)).optional(0, 0);
    }
    return plan;
  }

  std::unique_ptr<Reader> reader(Snapshot&, const Plan&, std::span<const std::size_t>) override {
    throw Error(Fault::internal,
                "what DuckDB has attached it reads by itself: its plans have no chunks");
  }

 private:
  static std::variant<Table, Error> look_up(const Catalog& catalog, const TableName& name) {
    for (const Table& table : catalog.tables) {
      if (table.name == name) return table;
    }
    for (const Skipped& skipped : catalog.skipped) {
      if (skipped.name == name)
        return Error(Fault::schema, name.text() + ": " + skipped.why, skipped.hint);
    }
    return Error(Fault::schema, name.text() + " does not exist");
  }

  std::unique_ptr<const AttachedDatabase> attached_;
  std::set<TableName> collated_;
};

}  // namespace

std::unique_ptr<Source> source(duck::Database& database, SourceOptions options) {
  return std::make_unique<CatalogSource>(
      std::make_unique<AttachedFile>(database, options.path, Access::read, options.patience));
}

}  // namespace sluice::duckdb_file

namespace sluice::motherduck {

std::unique_ptr<Source> source(duck::Database& database, const Options& options) {
  Login login = login_of(options, false);
  if (login.endpoint)
    return endpoint_source(database, std::move(login), options.dial, options.stop);
  return std::make_unique<duckdb_file::CatalogSource>(
      std::make_unique<AttachedMotherduck>(database, options, false));
}

}  // namespace sluice::motherduck
