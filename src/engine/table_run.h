// SPDX-License-Identifier: Apache-2.0
// One table in one run: decides, reads, writes, commits. Used by one thread at a time, on a DuckDB
// connection that no other thread uses.
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/apply.h"
#include "engine/decide.h"
#include "engine/load.h"
#include "engine/promises.h"
#include "engine/scan.h"
#include "engine/select.h"
#include "engine/state.h"
#include "sluice/sync.h"

namespace sluice {

/// What the tables of one run share.
struct RunContext {
  duck::Database& database;
  Destination& destination;
  const SyncOptions& options;
  const StateStore& states;
  const Inventory& inventory;
  ScanContext scan;
  std::function<void(const TableName&, std::uint64_t rows_so_far)> unit_committed;
  std::function<void(const TableName&)> published;
  std::function<void(const Plan&)> reading;
  Promises* promises = nullptr;  ///< of the plan that the run does; none: it plans by itself
};

class TableRun {
 public:
  /// `table`: as the snapshot has it, the user's options not yet applied.
  TableRun(const RunContext& context, duck::Connection& connection, Snapshot& snapshot,
           const Table& table, std::shared_ptr<Progress> progress);

  /// Applies the options, looks at state and target, and decides; writes nothing. Throws what
  /// refuses the table.
  const Decision& decide();
  /// Does what was decided, but for what readers see: that is left to publish(). receipt() is
  /// filled as it goes, also when this throws.
  void prepare();
  /// Keeps what was prepared from tables that come after on the same connection. `number` is this
  /// table's own.
  void set_aside(std::size_t number);
  /// Shows readers what `runs` have prepared, all of it in one commit. They share a connection and
  /// a snapshot. Throws, and nothing is seen.
  static void publish(std::span<TableRun* const> runs);

  /// After decide(): compares so much of the copy with the source, and rewrites what differs if
  /// that is wanted.
  Verified verify(Sync::Repair repair, double percent);
  /// After publish(): compares what it brought up to date with the source as it was read, into the
  /// receipt; or says there why not. Throws where the comparison fails.
  void verify_run();

  const Receipt& receipt() const noexcept { return receipt_; }
  /// After decide(): what a run would do, and what that would cost the source.
  TablePlan foresee();

 private:
  /// A commit that inserts this many rows into a published table can be torn by a crash: DuckDB
  /// keeps row groups of 122,880 rows outside its log.
  static constexpr std::uint64_t kTearable = 100'000;

  /// What a merge will write, staged in temp tables and counted, with nothing written yet.
  struct Changes {
    apply::Merge merge;
    std::uint64_t inserted = 0, updated = 0, gone = 0, missing = 0;
    std::optional<std::string> until;
    std::string digests;  ///< of the keys that the copy will have: TableState::digests
    std::uint64_t arriving() const { return inserted + updated + missing; }
  };
  /// Of sluice_diff.
  struct Difference {
    std::uint64_t inserted = 0, updated = 0, deleted = 0;
  };
  /// What is left to publish().
  struct Rest {
    std::optional<TableState> next;    ///< none: nothing
    std::string hidden;                ///< the table that takes the copy's place; empty: none does
    std::string digests;               ///< that are kept with it: TableState::digests
    std::function<void(Load&)> write;  ///< then the copy's rows are written, from what is staged
    std::string aside;                 ///< what the names of the staged tables end in
  };

  bool loads() const;  ///< it is decided that rows go into a hidden table
  bool finds_deletes() const { return sluice::finds_deletes(decision_, options_); }
  void foresee_read(TablePlan& plan);
  std::string reads();
  std::string reads_range() const;
  bool counts_deletes() const;
  std::optional<std::uint64_t> expected_deletes() const;
  bool have_digests(const std::vector<Column>& columns);
  bool rows_have_digests() { return have_digests(table_.columns); }
  bool keys_by_digests();
  bool braked(std::uint64_t deleted, std::uint64_t of) const;
  std::vector<Column> key_columns() const;  ///< as the source has them
  std::vector<Column> landed_key() const;
  void aim();  ///< target_ and shape_, by landing_
  Circumstances circumstances() const;
  std::string columns_lost() const;
  void load();
  void begin_loading(const Loading& loading);
  void load_units(Loading loading, const Plan& plan);
  void finish_load();
  void count_replacement(const Loading& loading);
  void discard_loading();
  void drop_hidden(const Loading& loading);
  apply::Target hidden_target(const Loading& loading) const;
  void resume();
  bool settle_mixed_load();
  bool digests_tell();
  bool settle_by_digests(const apply::Target& hidden);
  void merge(bool prune);
  void refresh();
  void refresh_keyed();
  void refresh_multiset();
  bool may_rebuild() const;
  void heal_torn_commit();
  void append();

  void leave(TableState next, std::function<void(Load&)> write = {});
  void rename(Load& load) const;
  void write(Load& load);
  void published();
  void bring_back();
  bool together() const { return context_.options.publish == Publish::together; }
  bool cloned() const { return target_.name != landing_.name; }
  void clone();
  bool moves_to_clone(std::uint64_t arriving);

  void pin_rows();  ///< before rowids are staged; until they are used
  void check_pin();
  void stage(const Plan& range);
  /// None when the copy lacks so many keys that comparing everything is cheaper.
  std::optional<Changes> stage_changes(const apply::Target& target, const Read& read, bool prune);
  Read changed_rows();
  std::string horizon() const { return table_.versions ? snapshot_.horizon() : ""; }
  std::optional<std::uint64_t> stage_missing();
  /// Where the copy and the source may differ.
  struct Differing {
    bool anywhere = true;
    std::optional<Buckets> buckets;         ///< none: everywhere
    std::string own;                        ///< the condition on the copy's rows
    bool both = false;                      ///< which holds for the source's rows, too
    std::string why_rows;                   ///< not empty: digests could not tell
    std::optional<std::uint64_t> compared;  ///< rows of the copy in a sample; none: all
  };
  Differing where_to_look();
  Differing differing_buckets(double percent = 100);
  std::int64_t bucket_of_run(int bits);
  std::optional<Differing> differing_part(const Changes& changes);
  bool stage_chunk(std::uint64_t turn, std::uint64_t limit);
  Difference check_part(const Changes& changes);
  void remember_comparison();
  Plan plan_there(Differing& differing);
  void narrow(Differing& differing, Relation& relation, const Plan& rows,
              const apply::Target& target, const std::vector<Column>& compared);
  void stage_rows(const Plan& rows, const Differing& differing,
                  const std::function<void(Relation&, const std::string&)>& use);
  void stage_difference(const Plan& plan, const Differing& differing, std::uint64_t limit,
                        apply::Gone gone);
  apply::Gone gone() const;
  static std::string rows_there(const std::string& landed_rows, const Differing& differing);
  void stage_multiset(const Plan& plan, const Differing& differing);
  void stage_new(const Plan& rows, const Differing& differing);
  Verified compare(Sync::Repair repair, apply::Gone gone, double percent = 100);
  std::string why_not_verified() const;
  void verify_versions(Verified& verified, Sync::Repair repair);
  void verify_unique(Verified& verified, const std::string& where, Sync::Repair repair);
  void verify_keyed(Verified& verified, const Plan& rows, const Differing& differing,
                    Sync::Repair repair, apply::Gone gone);
  void verify_multiset(Verified& verified, const Plan& rows, const Differing& differing,
                       Sync::Repair repair, apply::Gone gone);
  std::uint64_t count_difference();
  void write_difference(Load& load, const Difference& what);
  bool prune_by_digests(const apply::Target& target, const std::vector<Column>& keys,
                        Changes& changes);
  std::string kept_digests() const;
  bool trusts_digests(const std::string& cut, std::uint64_t rows) const;
  void keep_digests(Load& load) const;
  void write_changes(Load& load, const apply::Target& target, const Changes& changes);

  Plan plan(const std::vector<Column>& columns, const std::optional<std::string>& from = {});
  /// The relation as a FROM item with the destination's column names.
  std::string landed(const Relation& relation, const Plan& plan) const;
  std::optional<std::string> lower_bound(const std::optional<std::string>& mark);
  void prove_user_key();
  void check_brake(std::uint64_t gone, std::uint64_t of) const;
  void announce(const Plan& plan);
  void record(const Relation& relation, const Plan& plan);
  void guarantee(const char* by_class);
  std::uint64_t rows_in(const std::string& temp_table) const;
  void announce_in_flight(std::uint64_t rows);
  void note(const std::string& line);  ///< once, however often it is found
  /// Throws, and nothing is written, where the instant that was read can no longer be trusted.
  void commit(Load& load, TableState next);
  void replace_state(Load& load, TableState& next) const;
  void tell_what_waits();  ///< notes what holds back a mark of an earlier run
  /// The state after this run: `until` joins the pending marks, and what is settled bounds the
  /// next.
  TableState next_state(const std::optional<std::string>& until) const;
  const std::vector<std::string>& key() const { return landing_.table.primary_key; }
  const std::vector<Column>& columns() const { return landing_.table.columns; }
  Copy copy() const;
  void keep_landed_types(const Copy& copy);
  void remember_shape();
  void drop_staged();
  void use_text(const std::string& column);

  const RunContext& context_;
  duck::Connection& connection_;
  Snapshot& snapshot_;
  Table table_;
  std::shared_ptr<Progress> progress_;
  TableOptions options_;
  Landing landing_;
  std::optional<TableState> stored_;  ///< as it is in the destination now
  TableState state_;  ///< the same, but that a big commit is announced in `stored_` only
  Decision decision_;
  apply::Target target_;  ///< what is written: the copy, or its clone
  Shape shape_;
  std::string fingerprint_;
  const std::int64_t now_ = std::time(nullptr);  ///< Unix seconds
  Receipt receipt_;
  Rest rest_;
  std::optional<Pin> pin_;
  std::optional<Interruptible> interruptible_;  ///< where the destination is a service
};

}  // namespace sluice
