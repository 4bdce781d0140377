// SPDX-License-Identifier: Apache-2.0
// A source whose tables are DuckDB tables of the test's own instance, read through readers chunk by
// chunk, with faults on demand. What the engine does with it can be compared with plain SQL. No
// model in this: it knows no where, start, types that a user chose and clock, digests only of
// ranges of the replication key, and takes text as it comes (wire/slot.h does not).
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "duck/duck.h"
#include "sluice/source.h"

namespace sluice::test {

/// Columns of type VARCHAR and such that have 4, 8 or 16 bytes. The tables live in the attached
/// database `fake`, schema `main`.
class FakeSource : public Source {
 public:
  explicit FakeSource(duck::Database& database)
      : database_(database), connection_(database.connect()) {
    connection_.query("ATTACH ':memory:' AS fake");
  }

  duck::Result sql(const std::string& text) { return connection_.query(text); }

  /// Rows per chunk of whole-table reads.
  std::size_t chunk_rows = 1000;
  /// Called before each snapshot is taken, after the tables were discovered.
  std::function<void()> before_snapshot;
  /// Called before each batch with the number of batches read so far; may throw or sleep.
  std::function<void(int)> before_batch;
  /// Called before each plan; may throw.
  std::function<void()> before_plan;
  /// Called before each chunk with the name of its table; may throw.
  std::function<void(const std::string&)> before_chunk;
  std::map<std::string, std::vector<std::string>> keys;
  std::map<std::string, std::string> replication_keys;
  std::map<std::string, std::string> incarnations;
  /// Tables that a snapshot cannot lock, and why.
  std::map<std::string, Error> locked;
  std::map<std::string, std::uint64_t> estimates;  ///< of rows; 0: none
  bool mark_ranges = false;                        ///< Table::mark_ranges
  std::string no_digests;                          ///< not empty: why there are none
  std::string identity_text = "fake";
  /// What its clock says; empty: a second more at each snapshot.
  std::string clock;
  std::optional<std::int64_t> position_number;
  /// Witnesses of snapshots taken while this is false are never settled.
  std::atomic<bool> quiet{true};
  std::atomic<int> snapshots{0};
  /// Whether its snapshots have lost their connection.
  std::atomic<bool> gone{false};
  /// Whether its snapshots are instants.
  bool consistent = true;
  /// Keys that a read by key does not find.
  std::string lost_keys = "false";

  std::string identity() override { return identity_text; }
  std::optional<std::int64_t> position() override { return position_number; }

  Catalog discover(std::span<const TableName>) override {
    Catalog catalog;
    duck::Connection c = database_.connect();
    const auto names = c.query(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'fake' ORDER BY table_name");
    for (std::size_t i = 0; i < names.rows(); ++i)
      catalog.tables.push_back(table(c, names.text(i, 0)));
    return catalog;
  }

  std::unique_ptr<Snapshot> snapshot(std::span<const Table> tables) override {
    struct Fake : Snapshot {
      std::vector<std::variant<Table, Error>> shapes;
      std::string mine, taken_at;
      std::atomic<bool>* now_quiet = nullptr;
      std::string instant() const override { return "instant " + mine; }
      std::string clock() const override { return taken_at; }
      const std::vector<std::variant<Table, Error>>& tables() const override { return shapes; }
      std::string witness() const override { return now_quiet->load() ? "quiet" : "busy"; }
      bool is_consistent = true;
      bool consistent(const Table&) const override { return is_consistent; }
      bool settled(const std::string& text) const override {
        return text == "quiet" || now_quiet->load();
      }
      Proof proof(const Table&) const override { return {}; }
      const std::atomic<bool>* gone = nullptr;
      void check_alive(const TableName&) override {
        if (gone->load()) throw Error(Fault::connection, "the snapshot is gone");
      }
    };
    if (before_snapshot) before_snapshot();
    auto snapshot = std::make_unique<Fake>();
    duck::Connection c = database_.connect();
    for (const Table& each : tables) {
      const auto why = locked.find(each.name.name);
      if (why != locked.end()) {
        snapshot->shapes.emplace_back(why->second);
      } else {
        snapshot->shapes.emplace_back(table(c, each.name.name));
      }
    }
    snapshot->mine = std::to_string(++snapshots);
    snapshot->taken_at =
        clock.empty() ? c.query("SELECT (TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(" +
                                snapshot->mine + "))::VARCHAR")
                            .text(0, 0)
                      : clock;
    snapshot->now_quiet = &quiet;
    snapshot->gone = &gone;
    snapshot->is_consistent = consistent;
    return snapshot;
  }

  Plan plan(Snapshot&, const Table& table, const Read& read) override {
    if (before_plan) before_plan();
    duck::Connection c = database_.connect();
    Plan plan;
    plan.table = table;
    plan.read = read;
    std::string where = "true";
    if (read.from) {
      const std::string key = duck::quoted(table.replication_key);
      where = "(" + key + " >= " + duck::literal(*read.from) +
              "::" + table.column(table.replication_key)->type + " OR " + key + " IS NULL)";
    }
    if (!read.keys.empty()) {
      std::string tuples;
      for (const auto& tuple : read.keys) {
        std::string values;
        for (const std::string& value : tuple)
          values += (values.empty() ? "" : ", ") + duck::literal(value);
        tuples += (tuples.empty() ? "(" : ", (") + values + ")";
      }
      std::string names;
      for (const std::string& name : table.primary_key) {
        names += (names.empty() ? "" : ", ") + duck::quoted(name) + "::VARCHAR";
      }
      where = "(" + names + ") IN (" + tuples + ") AND NOT (" + lost_keys + ")";
    }
    if (read.buckets) {
      if (read.buckets->by == Buckets::By::hashes)
        throw Error(Fault::internal, "this source has only ranges");
      where = in_ranges(table, *read.buckets);
    }
    const std::string from = " FROM fake.main." + duck::quoted(table.name.name);
    plan.rows = static_cast<std::uint64_t>(c.query("SELECT count(*)" + from).integer(0, 0));
    const auto limit = c.query("SELECT coalesce(max(rowid) + 1, 0)" + from).integer(0, 0);
    const auto step = static_cast<std::int64_t>(chunk_rows);
    for (std::int64_t low = 0; low < limit; low += step) {
      plan.chunks.push_back({where + " AND rowid >= " + std::to_string(low) + " AND rowid < " +
                                 std::to_string(low + step),
                             chunk_rows, chunk_rows * 8});
    }
    if (!table.replication_key.empty() && read.keys.empty()) {
      plan.until =
          c.query("SELECT max(" + duck::quoted(table.replication_key) + ")::VARCHAR" + from)
              .optional(0, 0);
    }
    return plan;
  }

  RowDigest row_digest(Snapshot& snapshot, const Table& table, const std::vector<Column>& columns,
                       duck::Connection& copy) override {
    if (!mark_ranges) return Source::row_digest(snapshot, table, columns, copy);
    return {digest_of(columns), no_digests};
  }

  std::unique_ptr<Reader> reader(Snapshot&, const Plan& plan,
                                 std::span<const std::size_t> projection) override {
    return std::make_unique<FakeReader>(*this, plan, projection);
  }

 private:
  class FakeReader : public Reader {
   public:
    FakeReader(FakeSource& source, const Plan& plan, std::span<const std::size_t> projection)
        : source_(source), connection_(source.database_.connect()), table_(plan.table.name.name) {
      if (!plan.read.digest.empty()) {
        const Column& mark = *range_column(plan.table);
        const std::string width = std::to_string(std::int64_t{1} << plan.read.buckets->bits);
        // Rounded towards minus infinity, in another way than the engine's.
        const std::string number = number_of(mark) + "::HUGEINT";
        digests_ = "SELECT coalesce(((" + number + " - ((" + number + " % " + width + ") + " +
                   width + ") % " + width + ") // " + width + ")::BIGINT, (" +
                   std::to_string(Buckets::kNulls) +
                   ")::BIGINT) AS bucket, count(*) AS rows, sum(" + digest_of(plan.read.digest) +
                   ")::DECIMAL(38,0) AS digest";
      }
      for (const std::size_t i : projection) {
        const Column& column = plan.read.columns[i];
        select_ += (select_.empty() ? "" : ", ") + duck::quoted(column.name);
      }
    }
    void start(const Chunk& chunk) override {
      if (source_.before_chunk) source_.before_chunk(table_);
      const std::string from = " FROM fake.main." + duck::quoted(table_) + " WHERE " + chunk.bounds;
      const std::string sql =
          "SELECT " + select_ +
          (digests_.empty() ? from : " FROM (" + digests_ + from + " GROUP BY bucket)");
      duckdb_destroy_result(&result_);
      if (duckdb_query(connection_.handle(), sql.c_str(), &result_) != DuckDBSuccess) {
        throw Error(Fault::internal, duckdb_result_error(&result_));
      }
    }
    bool next(Batch& batch) override {
      if (source_.before_batch) source_.before_batch(source_.batches_++);
      if (cancelled_) throw Error(Fault::cancelled, "cancelled");
      duckdb_data_chunk from = duckdb_fetch_chunk(result_);
      if (from == nullptr) return false;
      const idx_t size = duckdb_data_chunk_get_size(from);
      for (idx_t column = 0; column < batch.width(); ++column) {
        copy(duckdb_data_chunk_get_vector(from, column), batch.vector(column), size);
      }
      duckdb_destroy_data_chunk(&from);
      batch.set_size(size);
      batch.bytes = size * 8;
      return true;
    }
    void cancel() noexcept override { cancelled_ = true; }
    ~FakeReader() override { duckdb_destroy_result(&result_); }

   private:
    static void copy(duckdb_vector from, duckdb_vector to, idx_t size) {
      duckdb_logical_type type = duckdb_vector_get_column_type(from);
      const duckdb_type id = duckdb_get_type_id(type);
      duckdb_destroy_logical_type(&type);
      std::uint64_t* valid = duckdb_vector_get_validity(from);
      duckdb_vector_ensure_validity_writable(to);
      std::uint64_t* to_valid = duckdb_vector_get_validity(to);
      for (idx_t row = 0; row < size; ++row) {
        const bool null = valid != nullptr && !duckdb_validity_row_is_valid(valid, row);
        duckdb_validity_set_row_validity(to_valid, row, !null);
        if (null) continue;
        if (id == DUCKDB_TYPE_VARCHAR) {
          auto& text = static_cast<duckdb_string_t*>(duckdb_vector_get_data(from))[row];
          duckdb_vector_assign_string_element_len(to, row, duckdb_string_t_data(&text),
                                                  duckdb_string_t_length(text));
        } else if (id == DUCKDB_TYPE_DATE || id == DUCKDB_TYPE_INTEGER) {
          put<std::int32_t>(from, to, row);
        } else if (id == DUCKDB_TYPE_DECIMAL) {
          put<duckdb_hugeint>(from, to, row);
        } else {
          put<std::int64_t>(from, to, row);
        }
      }
    }

    template <class Value>
    static void put(duckdb_vector from, duckdb_vector to, idx_t row) {
      static_cast<Value*>(duckdb_vector_get_data(to))[row] =
          static_cast<Value*>(duckdb_vector_get_data(from))[row];
    }

    FakeSource& source_;
    duck::Connection connection_;
    std::string table_, select_, digests_;
    duckdb_result result_{};
    std::atomic<bool> cancelled_{false};
  };

  static std::string digest_of(const std::vector<Column>& columns) {
    std::string names;
    for (const Column& each : columns)
      names += (names.empty() ? "" : ", ") + duck::quoted(each.name);
    return "(hash(row(" + names + ")::VARCHAR) // 2)::BIGINT";
  }
  /// As struct Buckets says; NULL: NULL.
  static std::string number_of(const Column& column) {
    const std::string name = duck::quoted(column.name);
    const bool is_date = column.type == "DATE";
    const std::string most = is_date ? "2147483647" : "9223372036854775807";
    std::string number = "epoch_us(" + name + ")";
    if (!duck::is_temporal(column.type)) return name;
    if (is_date) number = "date_diff('day', DATE '1970-01-01', " + name + ")";
    if (column.type == "TIMESTAMP_S") number = "epoch(" + name + ")::BIGINT";
    if (column.type == "TIMESTAMP_MS") number = "epoch_ms(" + name + ")";
    if (column.type == "TIMESTAMP_NS") number = "epoch_ns(" + name + ")";
    return "(CASE WHEN NOT isinf(" + name + ") THEN " + number + " WHEN " + name +
           " > '2000-01-01'" + " THEN " + most + " WHEN " + name + " < '2000-01-01' THEN -" + most +
           " END)";
  }
  /// The condition that a row is in one of `buckets.only`.
  static std::string in_ranges(const Table& table, const Buckets& buckets) {
    if (buckets.only.empty()) return "true";
    const Column& mark = *range_column(table);
    std::string condition = buckets.nulls() ? duck::quoted(mark.name) + " IS NULL" : "false";
    for (const KeyRange& each : key_ranges(buckets))
      condition += " OR " + number_of(mark) + " BETWEEN " + std::to_string(each.first) + " AND " +
                   std::to_string(each.last);
    return "(" + condition + ")";
  }

  Table table(duck::Connection& c, const std::string& name) const {
    Table table;
    table.name = {"main", name};
    const auto columns = c.query(
        "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'fake' AND "
        "table_name = ? ORDER BY "
        "column_index",
        {name});
    for (std::size_t i = 0; i < columns.rows(); ++i) {
      Column column;
      column.name = columns.text(i, 0);
      column.type = column.source_type = columns.text(i, 1);
      table.columns.push_back(column);
    }
    if (const auto key = keys.find(name); key != keys.end()) {
      table.primary_key = key->second;
      table.key_origin = KeyOrigin::primary;
    }
    if (const auto key = replication_keys.find(name); key != replication_keys.end()) {
      table.replication_key = key->second;
    }
    table.mark_ranges = mark_ranges;
    if (const auto rows = estimates.find(name); rows != estimates.end()) table.rows = rows->second;
    if (const auto at = incarnations.find(name); at != incarnations.end())
      table.incarnation = at->second;
    return table;
  }

  duck::Database& database_;
  duck::Connection connection_;
  std::atomic<int> batches_{0};
};

/// A destination in a DuckDB file, attached as `dst`.
class FileDestination : public Destination {
 public:
  FileDestination(duck::Database& database, std::string path)
      : connection_(database.connect()), path_(std::move(path)) {
    connection_.query("ATTACH " + duck::literal(path_) + " AS dst (STORAGE_VERSION 'v1.4.0')");
  }
  ~FileDestination() override {
    try {
      connection_.query("DETACH dst");
    } catch (const std::exception&) {
    }
  }
  const std::string& catalog() const override { return catalog_; }
  std::string name() const override { return path_; }
  void finish() override {}

 private:
  duck::Connection connection_;
  std::string path_;
  std::string catalog_ = "dst";
};

}  // namespace sluice::test
