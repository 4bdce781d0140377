// SPDX-License-Identifier: Apache-2.0
#include "engine/decide.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

Column column(const std::string& name, const std::string& type) {
  Column made;
  made.name = name;
  made.type = made.source_type = type;
  return made;
}

Table orders() {
  Table table;
  table.name = {"public", "orders"};
  table.columns = {column("id", "BIGINT"), column("v", "VARCHAR"),
                   column("updated_at", "TIMESTAMPTZ")};
  table.primary_key = {"id"};
  table.replication_key = "updated_at";
  table.incarnation = "1";
  return table;
}

TableState live() {
  TableState state;
  state.live = true;
  state.columns = orders().columns;
  state.primary_key = {"id"};
  state.replication_key = "updated_at";
  state.incarnation = "1";
  state.cursor = "2026-01-01";
  return state;
}

Circumstances there() {
  Circumstances now;
  now.target_exists = true;
  now.target_owner = now.this_owner = "default: public.orders";
  now.now = 1'000'000;
  return now;
}

Loading half_loaded() {
  Loading loading;
  static_cast<Copy&>(loading) = live();
  loading.hidden = "h";
  loading.todo = {"a"};
  loading.todo_rows = loading.todo_bytes = {1};
  loading.rows = 1;
  return loading;
}

struct Row {
  const char* name;
  void (*change)(Table&, TableState&, TableOptions&, Circumstances&);
  std::vector<Step> steps;
};

class DecisionTable : public ::testing::TestWithParam<Row> {};

TEST_P(DecisionTable, Row) {
  Table table = orders();
  TableState state = live();
  TableOptions options;
  Circumstances now = there();
  GetParam().change(table, state, options, now);
  const Decision decision = decide(table, state, options, now);
  EXPECT_FALSE(decision.refusal) << decision.refusal->what();
  EXPECT_EQ(decision.steps, GetParam().steps) << decision.why;
}

#define CHANGE [](Table & table, TableState & state, TableOptions & options, Circumstances & now)
#define UNUSED (void)table, (void)state, (void)options, (void)now

INSTANTIATE_TEST_SUITE_P(
    Decide, DecisionTable,
    ::testing::Values(
        Row{"both_keys", CHANGE { UNUSED;
}  // namespace
, { Step::merge, Step::prune }
}  // namespace sluice
, Row{"deletes_ignored", CHANGE{UNUSED, options.deletes = Deletes::ignore;
}
, { Step::merge }
}
, Row{"delete_check_not_due",
      CHANGE{UNUSED, options.delete_check = {Cadence::Kind::interval, std::chrono::seconds(100)};
state.last_delete_check = now.now - 50;
}
, { Step::merge }
}
, Row{"delete_check_due",
      CHANGE{UNUSED, options.delete_check = {Cadence::Kind::interval, std::chrono::seconds(100)};
state.last_delete_check = now.now - 100;
}
, { Step::merge, Step::prune }
}
, Row{"no_replication_key", CHANGE{UNUSED, table.replication_key = state.replication_key = "";
}
, { Step::refresh }
}
, Row{"no_key", CHANGE{UNUSED, table.primary_key.clear(), state.primary_key.clear();
}
, { Step::refresh }
}
, Row{"big_and_compared_today", CHANGE{UNUSED, table.replication_key = state.replication_key = "";
table.bytes = std::uint64_t{2} << 30;
state.last_full = now.now - 3600;
}
, {}
}
, Row{"big_and_due", CHANGE{UNUSED, table.replication_key = state.replication_key = "";
table.bytes = std::uint64_t{2} << 30;
state.last_full = now.now - 25 * 3600;
}
, { Step::refresh }
}
, Row{"full_every_never", CHANGE{UNUSED, table.replication_key = state.replication_key = "";
options.full_every = Cadence{Cadence::Kind::never, {}};
state.last_full = 1;
}
, {}
}
, Row{"full_every_never_of_another_source",
      CHANGE{UNUSED, table.replication_key = state.replication_key = "";
options.full_every = Cadence{Cadence::Kind::never, {}};
}
, { Step::refresh }
}
, Row{"full_every_never_of_a_rewritten_table",
      CHANGE{UNUSED, table.replication_key = state.replication_key = "";
options.full_every = Cadence{Cadence::Kind::never, {}};
state.last_full = 1;
table.incarnation = "2";
}
, { Step::refresh }
}
, Row{"asked_for_full", CHANGE{UNUSED, now.full = true;
}
, { Step::refresh }
}
, Row{"strategy_full", CHANGE{UNUSED, options.strategy = Strategy::full;
}
, { Step::refresh }
}
, Row{"no_safe_mark_yet", CHANGE{UNUSED, state.cursor.reset();
}
, { Step::refresh }
}
, Row{"rewritten", CHANGE{UNUSED, table.incarnation = "2";
}
, { Step::refresh }
}
, Row{"torn_commit", CHANGE{UNUSED, state.in_flight = true;
}
, { Step::refresh }
}
, Row{"added_column", CHANGE{UNUSED, table.columns.push_back(column("n", "BIGINT"));
}
, { Step::refresh }
}
, Row{"dropped_column", CHANGE{UNUSED, table.columns.erase(table.columns.begin() + 1);
}
, { Step::merge, Step::prune }
}
, Row{"widened", CHANGE{UNUSED, state.columns[0].type = "INTEGER";
}
, { Step::merge, Step::prune }
}
, Row{"settings_changed", CHANGE{UNUSED, now.options = "other";
}
, { Step::load }
}
, Row{"copy_is_gone", CHANGE{UNUSED, now.target_exists = false;
}
, { Step::load }
}
, Row{"append", CHANGE{UNUSED, options.mode = Mode::append;
}
, { Step::append }
}
, Row{"xmin", CHANGE{UNUSED, options.strategy = Strategy::xmin;
table.versions = true;
state.horizon = "700";
}
, { Step::merge, Step::prune }
}
, Row{"xmin_of_itself", CHANGE{UNUSED, table.replication_key.clear();
state.replication_key.clear();
table.versions = true;
table.bytes = std::uint64_t{17} << 20;
state.horizon = "700";
}
, { Step::merge, Step::prune }
}
, Row{"full_of_a_small_table", CHANGE{UNUSED, table.replication_key.clear();
state.replication_key.clear();
table.versions = true;
table.bytes = std::uint64_t{15} << 20;
state.horizon = "700";
}
, { Step::refresh }
}
, Row{"xmin_without_horizon", CHANGE{UNUSED, options.strategy = Strategy::xmin;
table.versions = true;
}
, { Step::refresh }
}
, Row{"xmin_of_a_rewritten_table", CHANGE{UNUSED, options.strategy = Strategy::xmin;
table.versions = true;
state.horizon = "700";
table.incarnation = "2";
}
, { Step::refresh }
}
, Row{"xmin_after_a_torn_commit", CHANGE{UNUSED, options.strategy = Strategy::xmin;
table.versions = true;
state.horizon = "700";
state.in_flight = 200'000;
}
, { Step::refresh }
}
, Row{"half_loaded", CHANGE{UNUSED, state.loading = half_loaded();
}
, { Step::resume }
}
, Row{"half_loaded_and_rewritten", CHANGE{UNUSED, state.loading = half_loaded();
state.live = false;
table.incarnation = "2";
}
, { Step::load }
}
, Row{"rebuild_cut_off_and_rewritten", CHANGE{UNUSED, state.loading = half_loaded();
table.incarnation = "2";
}
, { Step::refresh }
}
, Row{"rebuild_cut_off_and_deletes_are_kept_now", CHANGE{UNUSED, state.loading = half_loaded();
options.deletes = Deletes::ignore;
}
, { Step::merge }
}
, Row{"rebuild_cut_off_and_full_asked_for", CHANGE{UNUSED, state.loading = half_loaded();
now.full = true;
}
, { Step::refresh }
}
, Row{"half_loaded_without_key", CHANGE{UNUSED, state.loading = half_loaded();
state.live = false;
table.primary_key.clear();
state.loading->primary_key.clear();
}
, { Step::load }
}
, Row{"half_loaded_without_replication_key", CHANGE{UNUSED, state.loading = half_loaded();
state.live = false;
table.replication_key = state.loading->replication_key = "";
}
, { Step::resume }
}
, Row{"loaded_but_not_published", CHANGE{UNUSED, state.loading = half_loaded();
state.loading->todo.clear();
table.incarnation = "2";
}
, { Step::resume }
}
, Row{"together_always_due", CHANGE{UNUSED, table.replication_key = state.replication_key = "";
table.bytes = std::uint64_t{2} << 30;
state.last_full = now.now - 1;
now.together = true;
}
, { Step::refresh }
}
, Row{"together_loaded_of_another_table", CHANGE{UNUSED, state.loading = half_loaded();
state.loading->todo.clear();
table.incarnation = "2";
now.together = true;
}
, { Step::refresh }
}),
    [](const auto& row) {
  return row.param.name; });

TEST(Decide, WithoutAKeyByDigestsOfRangesOfTheMarkWhereTheSourceHasThem) {
  Table table = orders();
  table.columns[2].type = "TIMESTAMP_NS";
  table.primary_key.clear();
  TableState state = live();
  state.columns = table.columns;
  state.primary_key.clear();
  state.last_full = there().now - 1;
  TableOptions options;
  const auto strategy = [&] {
    const Decision decision = decide(table, state, options, there());
    EXPECT_EQ(decision.by_digests, decision.strategy == "digest");
    return decision.strategy + ": " + decision.why;
  };
  EXPECT_EQ(strategy(), "full: no primary key");
  table.mark_ranges = true;
  EXPECT_EQ(strategy(), "digest: no primary key; by ranges of updated_at");
  state.incarnation = "2";  // compares everything anyway
  EXPECT_EQ(strategy(), "digest: no primary key; by ranges of updated_at");
  options.full_every = Cadence{};
  state.incarnation = table.incarnation;
  EXPECT_EQ(strategy(), "full: no primary key");
  options.strategy = Strategy::digest;
  EXPECT_EQ(strategy(), "digest: strategy: digest");
  options = {};
  options.strategy = Strategy::full;
  EXPECT_EQ(strategy(), "full: no primary key");
  options = {};
  table.columns[2].type = state.columns[2].type = "DOUBLE";
  EXPECT_EQ(strategy(), "full: no primary key");
  table.columns[2].type = state.columns[2].type = "BIGINT";
  EXPECT_EQ(strategy(), "digest: no primary key; by ranges of updated_at");
  state.in_flight = 1;
  EXPECT_EQ(strategy(), "full: the last run was cut off in the middle of a commit");
  state.in_flight = 0;
  table.replication_key.clear();
  EXPECT_EQ(strategy(), "full: no primary key");
  options.mode = Mode::append;
  table.replication_key = state.replication_key;
  EXPECT_EQ(decide(table, state, options, there()).strategy, "append");
  // A key goes before ranges of the mark.
  table.primary_key = state.primary_key = {"id"};
  options = {};
  EXPECT_EQ(strategy(), "incremental: replication key updated_at");
}

TEST(Decide, WithoutStateEverythingIsLoaded) {
  Circumstances now;
  EXPECT_EQ(decide(orders(), std::nullopt, {}, now).steps, std::vector{Step::load});
}

Fault refusal(void (*change)(Table&, TableState&, TableOptions&, Circumstances&)) {
  Table table = orders();
  TableState state = live();
  TableOptions options;
  Circumstances now = there();
  change(table, state, options, now);
  const Decision decision = decide(table, state, options, now);
  EXPECT_TRUE(decision.refusal);
  EXPECT_TRUE(decision.steps.empty());
  return decision.refusal ? decision.refusal->fault() : Fault::internal;
}

TEST(Decide, RefusesDriftThatLosesValues) {
  EXPECT_EQ(refusal(CHANGE { UNUSED, table.columns[0].type = "INTEGER"; }), Fault::drift);
  EXPECT_EQ(refusal(CHANGE { UNUSED, table.columns[1].type = "BLOB"; }), Fault::drift);
  EXPECT_EQ(refusal(CHANGE { UNUSED, table.primary_key = {"v"}; }), Fault::drift);
}

TEST(Decide, RefusesEveryDriftWhereThatIsAskedFor) {
  const auto added = CHANGE {
    UNUSED, options.on_drift = OnDrift::refuse, table.columns.push_back(column("n", "BIGINT"));
  };
  EXPECT_EQ(refusal(added), Fault::drift);
  EXPECT_EQ(refusal(CHANGE {
              UNUSED, options.on_drift = OnDrift::refuse, state.columns[0].type = "INTEGER";
            }),
            Fault::drift);
  EXPECT_EQ(refusal(CHANGE {
              UNUSED, options.on_drift = OnDrift::refuse,
                      table.columns.erase(table.columns.begin() + 1);
            }),
            Fault::drift);
  Table table = orders();
  TableState state = live();
  TableOptions options;
  Circumstances now = there();
  added(table, state, options, now);
  now.accept_drift = true;
  EXPECT_EQ(decide(table, state, options, now).steps, std::vector{Step::refresh});
  EXPECT_EQ(decide(orders(), live(), options, there()).steps,
            (std::vector{Step::merge, Step::prune}));
}

TEST(Decide, RefusesTablesThatAreNotOurs) {
  EXPECT_EQ(refusal(CHANGE { UNUSED, now.target_owner = ""; }), Fault::ownership);
  EXPECT_EQ(refusal(CHANGE { UNUSED, now.target_owner = "other: a.b"; }), Fault::ownership);
}

TEST(Decide, RefusesSettingsThatCannotWork) {
  EXPECT_EQ(refusal(CHANGE { UNUSED, options.mode = Mode::append, table.replication_key = ""; }),
            Fault::config);
  EXPECT_EQ(refusal(CHANGE {
              UNUSED, options.strategy = Strategy::incremental, table.primary_key.clear();
            }),
            Fault::config);
  EXPECT_EQ(refusal(CHANGE { UNUSED, options.strategy = Strategy::xmin; }), Fault::config);
  EXPECT_EQ(refusal(CHANGE {
              UNUSED, options.strategy = Strategy::xmin, table.versions = true,
                      table.primary_key.clear();
            }),
            Fault::config);
}

TEST(Decide, RefusesCadencesWhereTablesAreSeenTogether) {
  const Cadence never{Cadence::Kind::never, {}};
  const TableOptions every;
  Circumstances now = there();
  now.together = true;
  EXPECT_FALSE(decide(orders(), live(), every, now).refusal);
  TableOptions options;
  options.delete_check = never;
  EXPECT_TRUE(decide(orders(), std::nullopt, options, now).refusal);
  options = {};
  options.full_every = never;
  EXPECT_TRUE(decide(orders(), live(), options, now).refusal);
  options.full_every = Cadence{};
  EXPECT_FALSE(decide(orders(), live(), options, now).refusal);
}

TEST(Decide, RefusesWhatWouldLoseAHistory) {
  EXPECT_EQ(refusal(CHANGE { UNUSED, now.has_history = true, now.options = "others"; }),
            Fault::config);
  EXPECT_EQ(refusal(CHANGE { UNUSED, now.has_history = true, table.primary_key = {"v"}; }),
            Fault::drift);
}

TEST(Decide, AcceptedDriftLoadsAnew) {
  Table table = orders();
  table.columns[1].type = "BLOB";
  Circumstances now = there();
  now.accept_drift = true;
  const Decision decision = decide(table, live(), {}, now);
  EXPECT_EQ(decision.steps, std::vector{Step::load});
  EXPECT_FALSE(decision.brake);
}

TEST(Widens, OnlyWhereEveryValueFits) {
  EXPECT_TRUE(widens("INTEGER", "BIGINT"));
  EXPECT_TRUE(widens("DECIMAL(10,2)", "DECIMAL(12,2)"));
  EXPECT_TRUE(widens("DECIMAL(10,2)", "DECIMAL(14,4)"));
  EXPECT_TRUE(widens("INTEGER", "DECIMAL(12,2)"));
  EXPECT_TRUE(widens("DATE", "TIMESTAMP"));
  EXPECT_FALSE(widens("BIGINT", "INTEGER"));
  EXPECT_FALSE(widens("DECIMAL(10,2)", "DECIMAL(10,4)"));
  EXPECT_FALSE(widens("BIGINT", "DECIMAL(12,2)"));
  EXPECT_FALSE(widens("DOUBLE", "FLOAT"));
  EXPECT_FALSE(widens("VARCHAR", "BLOB"));
}

TEST(Promote, TheNewestSettledMarkWinsAndNothingStarves) {
  TableState state;
  state.pending = {{"1", "a"}, {"2", "b"}, {"3", "c"}};
  promote(state, {true, true, false});
  EXPECT_EQ(state.cursor, "2");
  ASSERT_EQ(state.pending.size(), 1U);
  EXPECT_EQ(state.pending[0].mark, "3");
  promote(state, {false});
  EXPECT_EQ(state.cursor, "2");
}

}  // namespace
}  // namespace sluice
