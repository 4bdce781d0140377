// SPDX-License-Identifier: Apache-2.0
// The changes of one table since the last checkpoint, written straight into a stage's blocks.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "feed/cells.h"
#include "feed/fold.h"
#include "feed/stage.h"
#include "sluice/connector.h"
#include "sluice/sync.h"
#include "sluice/table.h"

namespace sluice::feed {

class ChangeBuffer;

/// Throws Fault::config where a table that has so many columns is to have one more: names that are
/// made of values would fill the memory.
void check_columns(const TableName& table, std::size_t columns);

/// True counts of what a connector did.
struct Calls {
  std::uint64_t upserts = 0, updates = 0, removes = 0, truncates = 0;
  std::uint64_t schema_changes = 0, checkpoints = 0;
};

/// What the buffers of one sync share.
struct Session {
  duck::Connection& connection;
  std::stop_token stop;
  std::function<void(const ChangeBuffer&)> begun;  ///< called with the first change of a table
  Held held;
  ChangeBuffer* open = nullptr;  ///< the one whose row has not ended
  std::exception_ptr failed;     ///< the first error of an operation, thrown again by each later
  std::int64_t synced = 0;       ///< `_fivetran_synced` of the last checkpoint; 0: none

  /// What every operation begins with. Throws Fault::cancelled where the sync is to stop.
  void next();
  /// The same of a checkpoint, which is committed first.
  void end_row();
  void check_stop() const;
  /// Runs `work`, and keeps what it throws.
  template <class Work>
  decltype(auto) guarded(Work&& work) {
    if (failed) std::rethrow_exception(failed);
    try {
      return work();
    } catch (...) {
      failed = std::current_exception();
      throw;
    }
  }
};

/// What a ChangeBuffer knows of a column. Positions never change.
struct BufferColumn {
  std::string name;                   ///< at the destination
  std::optional<sdk::DataType> type;  ///< none: no value yet, so it is not there yet
  bool declared = false;
  bool key = false;
  /// The name that the connector gave it, folded; empty: none in this sync.
  std::string source{};
};

class ChangeBuffer final : public sdk::Table, public sdk::Row {
 public:
  /// `number`: of this buffer among the session's. `columns` hold the key first.
  ChangeBuffer(Session& session, TableName table, std::size_t number, Naming naming,
               std::vector<BufferColumn> columns);
  ChangeBuffer(const ChangeBuffer&) = delete;
  ChangeBuffer& operator=(const ChangeBuffer&) = delete;

  std::size_t column(std::string_view name) override;
  Row& upsert() override { return begin(Change::upsert); }
  Row& update() override { return begin(Change::update); }
  Row& remove() override { return begin(Change::remove); }
  void truncate() override;
  void truncate_at_end() override;
  Row& set(std::size_t column, const sdk::Value& value) override;

  /// As Operations::declare says; no row is open.
  void declare(const sdk::TableSchema& declared);
  /// Of the rows that truncate_at_end() is about, the latest `_fivetran_synced`; none: not called.
  const std::optional<std::int64_t>& outdated() const noexcept { return outdated_; }

  /// Ends the row that is open; throws if it has no key.
  void end_row();
  /// No more comes before the checkpoint.
  void close() { close_block(); }
  /// After close(), until the next change. Empty: nothing happened to the table.
  Staged staged();
  /// What was staged is done with.
  void clear();

  const TableName& table() const noexcept { return table_; }
  Calls& calls() noexcept { return calls_; }
  const std::shared_ptr<Progress>& progress() const noexcept { return progress_; }
  const std::vector<BufferColumn>& columns() const noexcept { return columns_; }
  /// The primary key; empty: the table has none, and is known by `_fivetran_id`.
  std::vector<std::string> key() const;

 private:
  Row& begin(Change change);
  Error wrong(const std::string& what, const std::string& hint = {}) const;
  void put(std::size_t column, const sdk::Value& value);
  std::string place(std::size_t column) const;
  void retype(std::size_t column, const sdk::DataType& type);
  void settle(std::size_t column, const sdk::DataType& type);
  void start();
  void open_block();
  void close_block();
  std::vector<Stage::Column> layout() const;
  void follow_key();

  Session& session_;
  const TableName table_;
  const Naming naming_;
  Calls calls_;
  std::shared_ptr<Progress> progress_ = std::make_shared<Progress>();
  bool has_key_;
  std::vector<BufferColumn> columns_;
  std::unordered_map<std::string, std::size_t> positions_;  ///< by the connector's folded name
  Stage stage_;
  std::vector<std::size_t> laid_out_;  ///< the stage's columns, as they got a type
  bool made_ = false;                  ///< the stage knows them
  bool block_ = false;                 ///< one is open, and the cells below are its
  Cells change_, given_cells_;
  std::vector<Cells> cells_;  ///< by column; data is null where it has no type
  std::size_t size_ = 0;      ///< rows of the block that have ended
  bool open_ = false;
  Change now_ = Change::upsert;
  std::string given_;  ///< by column: '1' where the open row has a value or a NULL that was set
  bool updates_ = false, removes_ = false;
  std::optional<std::uint64_t> truncated_;  ///< rows staged before the last truncate
  std::optional<std::int64_t> outdated_;
  // Whether each row has a higher key than the one before, where that is easily seen.
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  bool ascending_ = true;
  std::size_t number_key_ = kNone;  ///< the key's one column, if it holds whole numbers or times
  std::int64_t first_key_ = 0;
  std::optional<std::int64_t> last_key_;
};

}  // namespace sluice::feed
