// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <atomic>
#include <set>
#include <utility>

#include "connectors/duckdb/catalog.h"
#include "connectors/duckdb/endpoint.h"
#include "connectors/duckdb/relation.h"
#include "wire/slot.h"
#include "wire/utf8.h"

namespace sluice::motherduck {
namespace {

using duckdb_file::AttachedTable;

bool is_text(std::string_view bytes) {
  for (std::size_t begin = 0; begin <= bytes.size();) {  // DuckDB's text may hold zero bytes
    const std::size_t end = std::min(bytes.find('\0', begin), bytes.size());
    const auto* from = reinterpret_cast<const wire::Byte*>(bytes.data() + begin);
    if (!wire::valid_utf8(from, end - begin)) return false;
    begin = end + 1;
  }
  return true;
}

/// One statement of the snapshot's session, in its transaction.
class EndpointReader : public Reader {
 public:
  EndpointReader(std::shared_ptr<EndpointSession> session, std::string sql, std::size_t width)
      : session_(std::move(session)), sql_(std::move(sql)), slots_(width) {}
  EndpointReader(const EndpointReader&) = delete;
  EndpointReader& operator=(const EndpointReader&) = delete;
  ~EndpointReader() override {
    if (reading_) give_up();
  }

  void start(const Chunk&) override { done_ = false; }

  bool next(Batch& batch) override try {
    test_cancelled();
    if (done_) return false;
    if (!reading_) {
      // While another table is read this is a sign of life.
      if (!session_->acquire()) return true;
      reading_ = true;
      session_->session().start(sql_);
    }
    for (std::size_t i = 0; i < slots_.size(); ++i) slots_[i].bind(batch.vector(i), heap_);
    heap_ = 0;
    std::size_t rows = 0;
    while (rows < Batch::kMaxRows && heap_ < Batch::kMaxBytes) {
      const wire::TextSession::Step step = session_->session().step();
      test_cancelled();
      if (step == wire::TextSession::Step::waiting) {
        if (rows > 0) break;
        continue;  // an empty batch would be a sign of life, and the server gives none
      }
      if (step == wire::TextSession::Step::end) {
        done_ = true;
        reading_ = false;
        session_->release(true);
        break;
      }
      add(rows++, batch);
    }
    batch.set_size(rows);
    return !done_;
  } catch (...) {
    if (std::exchange(reading_, false)) give_up();
    throw;
  }

  void cancel() noexcept override { cancelled_ = true; }

 private:
  void add(std::size_t row, Batch& batch) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      const std::optional<std::string_view> value = session_->session().value(i);
      if (!value) {
        slots_[i].set_null(row);
        continue;
      }
      if (!is_text(*value)) throw Error(Fault::data, "MotherDuck sent text that is not UTF-8");
      batch.bytes += value->size();
      slots_[i].set_string(row, reinterpret_cast<const wire::Byte*>(value->data()),
                           static_cast<std::uint32_t>(value->size()));
    }
  }

  void test_cancelled() const {
    if (cancelled_) throw Error(Fault::cancelled, "stopped while reading");
  }

  void give_up() noexcept {
    session_->session().abandon();
    session_->release(false);
  }

  const std::shared_ptr<EndpointSession> session_;
  const std::string sql_;
  std::vector<wire::Slot> slots_;
  std::size_t heap_ = 0;
  bool reading_ = false;
  bool done_ = false;
  std::atomic<bool> cancelled_{false};
};

constexpr const char* kWriters =
    "other clients can write to MotherDuck meanwhile, and by clocks that sluice cannot read";

/// One transaction of one session: DuckDB's transactions see one instant
/// (duckdb.org/docs/stable/sql/statements/transactions), and MotherDuck's follow them, also over
/// the endpoint (motherduck.com/docs/sql-reference/duckdb-sql-reference/transactions).
class EndpointSnapshot : public Snapshot {
 public:
  EndpointSnapshot(std::string t0, const std::string& shown,
                   std::shared_ptr<EndpointSession> session,
                   std::vector<std::variant<Table, Error>> tables)
      : t0_(std::move(t0)),
        clock_(t0_ + "+00"),
        instant_(clock_ + ", " + shown + ", one transaction"),
        session_(std::move(session)),
        tables_(std::move(tables)) {}

  std::string instant() const override { return instant_; }
  std::string clock() const override { return clock_; }
  /// The same without a zone: UTC.
  const std::string& t0() const { return t0_; }
  const std::vector<std::variant<Table, Error>>& tables() const override { return tables_; }
  std::string witness() const override { return "endpoint"; }
  bool settled(const std::string&) const override { return true; }
  Proof proof(const Table&) const override { return {false, kWriters}; }
  void check_alive(const TableName&) override { session_->check_alive(); }

  const std::shared_ptr<EndpointSession>& session() const { return session_; }
  const Table& own(const TableName& name) const {
    for (const auto& each : tables_) {
      const Table* table = std::get_if<Table>(&each);
      if (table != nullptr && table->name == name) return *table;
    }
    throw Error(Fault::schema, name.text() + " is not in this snapshot");
  }

 private:
  std::string t0_, clock_, instant_;
  std::shared_ptr<EndpointSession> session_;
  std::vector<std::variant<Table, Error>> tables_;
};

class EndpointSource : public Source {
 public:
  EndpointSource(duck::Database& database, Login login, Dial dial, std::function<bool()> stop)
      : database_(database),
        login_(std::move(login)),
        dial_(std::move(dial)),
        stop_(std::move(stop)) {
    const wire::TextRows found =
        asked("SELECT database_name FROM duckdb_databases() WHERE lower(database_name) = lower(" +
              duck::literal(login_.name) + ")");
    if (found.empty()) {
      throw Error(Fault::config, login_.shown + ": this account has no such database",
                  "see its name in MotherDuck; shares are read without via=postgres");
    }
    catalog_ = found[0][0].value_or("");
  }

  /// As without via=postgres: the same database, and the copies of it stay.
  std::string identity() override {
    try {
      const wire::TextRows uuid =
          asked("SELECT CAST(uuid AS VARCHAR) FROM MD_INFORMATION_SCHEMA.DATABASES WHERE name = " +
                duck::literal(catalog_));
      if (!uuid.empty() && uuid[0][0]) return "motherduck:" + *uuid[0][0];
    } catch (const Error& error) {
      if (error.retryable() || error.fault() == Fault::cancelled) throw;
    }
    return "motherduck:" + catalog_;
  }

  std::vector<Finding> findings() override {
    const Endpoint& endpoint = *login_.endpoint;
    return {{true,
             "MotherDuck's PostgreSQL endpoint " + endpoint.host +
                 ": TLS is on, the server's certificate is verified",
             ""}};
  }

  Catalog discover(std::span<const TableName> named) override {
    return discover([this](const std::string& sql) { return asked(sql); }, named);
  }

  std::unique_ptr<Snapshot> snapshot(std::span<const Table> tables) override {
    std::vector<TableName> names;
    for (const Table& table : tables) names.push_back(table.name);
    // A view that cannot be read would end the transaction: looked at before.
    const Catalog before = discover(names);
    std::vector<TableName> views;
    for (const Table& each : before.tables) {
      if (each.view) views.push_back(each.name);
    }
    const auto session = std::make_shared<EndpointSession>(login_, dial_, stop_);
    // The clock first: what others commit from here on is above the mark.
    const std::string t0 =
        session->ask("SELECT strftime(now() AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')")
            .at(0)
            .at(0)
            .value_or("");
    session->ask("BEGIN TRANSACTION");
    Catalog catalog = discover(session->asking(), views);
    std::vector<std::variant<Table, Error>> found;
    for (const TableName& name : names) found.push_back(look_up(catalog, before, name));
    return std::make_unique<EndpointSnapshot>(t0, login_.shown, session, std::move(found));
  }

  Plan plan(Snapshot& snapshot, const Table& table, const Read& read) override {
    const auto& own = dynamic_cast<const EndpointSnapshot&>(snapshot);
    const AttachedTable attached = attached_table(own, table.name);
    duck::Connection local = database_.connect();
    for (const Column& column : read.columns) {
      if (const std::string why = no_text(local, column.type); !why.empty())
        throw Error(Fault::config, table.name.text() + ": column " + column.name + ": " + why);
    }
    Plan plan;
    plan.table = table;
    plan.read = read;
    plan.as_text = true;
    plan.rows = read.keys.empty() ? attached.table->rows : read.keys.size();
    plan.chunks.push_back({"all", plan.rows, read.keys.empty() ? attached.table->bytes : 0});
    // Where a mistake of the user's does not end the transaction of all tables.
    duckdb_file::check_words([this](const std::string& sql) { return asked(sql); }, attached,
                             table);
    const wire::Ask ask = own.session()->asking();
    plan.misfits = duckdb_file::find_misfits(ask, attached, table, read);
    if (!table.replication_key.empty() && read.keys.empty())
      plan.until = ask(duckdb_file::until_query(attached, table, own.t0())).at(0).at(0);
    return plan;
  }

  std::unique_ptr<Reader> reader(Snapshot& snapshot, const Plan& plan,
                                 std::span<const std::size_t> projection) override {
    const auto& own = dynamic_cast<const EndpointSnapshot&>(snapshot);
    duck::Connection local = database_.connect();
    std::string list;
    for (const std::size_t at : projection)
      list += (list.empty() ? "" : ", ") + as_text(local, plan.read.columns.at(at));
    return std::make_unique<EndpointReader>(
        own.session(),
        "SELECT " + list + " FROM " +
            duckdb_file::relation(attached_table(own, plan.table.name), plan.table, plan.read),
        projection.size());
  }

 private:
  /// By a session outside of any transaction: another one after an error.
  wire::TextRows asked(const std::string& sql) {
    const std::lock_guard lock(mutex_);
    if (session_ == nullptr) session_ = std::make_unique<EndpointSession>(login_, dial_, stop_);
    try {
      session_->check_alive();
    } catch (const Error&) {
      session_ = std::make_unique<EndpointSession>(login_, dial_, stop_);
    }
    return session_->ask(sql);
  }

  Catalog discover(const wire::Ask& ask, std::span<const TableName> named) {
    Catalog found = duckdb_file::read_catalog(ask, catalog_, std::nullopt, named);
    const std::set<TableName> collated = duckdb_file::collated_tables(ask, catalog_);
    duck::Connection local = database_.connect();
    Catalog catalog;
    catalog.skipped = std::move(found.skipped);
    for (Table& table : found.tables) {
      table.incarnation = "table";  // as in source.cpp
      table.fivetran_prefix = catalog_;
      std::string why;
      for (const Column& column : table.columns) {
        if (why = no_text(local, column.type); !why.empty()) {
          catalog.skipped.push_back({table.name, "column " + column.name + ": " + why,
                                     "leave via=postgres out: DuckDB's extension reads it"});
          break;
        }
      }
      if (why.empty()) catalog.tables.push_back(std::move(table));
    }
    const std::lock_guard lock(collated_mutex_);
    collated_ = collated;
    return catalog;
  }

  AttachedTable attached_table(const EndpointSnapshot& snapshot, const TableName& name) {
    const Table& own = snapshot.own(name);
    const std::lock_guard lock(collated_mutex_);
    return {duckdb_file::sql_name(catalog_, name), &own, own.view || collated_.contains(name)};
  }

  static std::variant<Table, Error> look_up(const Catalog& catalog, const Catalog& before,
                                            const TableName& name) {
    for (const Table& table : catalog.tables) {
      if (table.name == name) return table;
    }
    for (const Catalog* each : {&catalog, &before}) {
      for (const Skipped& skipped : each->skipped) {
        if (skipped.name == name)
          return Error(Fault::schema, name.text() + ": " + skipped.why, skipped.hint);
      }
    }
    return Error(Fault::schema, name.text() + " does not exist");
  }

  duck::Database& database_;
  const Login login_;
  const Dial dial_;
  const std::function<bool()> stop_;
  std::string catalog_;
  std::mutex mutex_;
  std::unique_ptr<EndpointSession> session_;
  std::mutex collated_mutex_;
  std::set<TableName> collated_;
};

}  // namespace

std::unique_ptr<Source> endpoint_source(duck::Database& database, Login login, Dial dial,
                                        std::function<bool()> stop) {
  return std::make_unique<EndpointSource>(database, std::move(login), std::move(dial),
                                          std::move(stop));
}

}  // namespace sluice::motherduck
