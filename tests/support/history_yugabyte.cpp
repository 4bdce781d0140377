// SPDX-License-Identifier: Apache-2.0
// Histories in what stands in for a YugabyteDB: writers write to the PostgreSQL behind it, runs
// read through its nodes, which fail, stop and start meanwhile.
#include <array>
#include <atomic>

#include "support/history_parts.h"
#include "support/history_postgres.h"
#include "support/yugabyte_double.h"

namespace sluice::testing {
namespace {

using Fault = YugabyteDouble::Fault;

constexpr const char* kPassword = "reader";

/// What asks for rows, and in what the fault comes.
constexpr std::array kReads{"COPY (SELECT", "COPY (SELECT", "COPY (SELECT",
                            "COPY (SELECT", "yb_hash_code", "yb_tablet_metadata",
                            "EXPLAIN",      "o(oid, file)", "greatest(least(m"};

class YugabyteHistories : public PostgresHistories {
 public:
  using PostgresHistories::PostgresHistories;

  Flavour fitting(const Flavour& flavour) const override {
    Flavour its = flavour;
    its.standby = its.versions = false;
    its.unmarked = its.first_killed && !its.filtered;
    return its;
  }
  std::string url(const Flavour&, bool few_rights) const override {
    const std::string url = cluster_->url_of(entries_);
    if (!few_rights) return url;
    return std::string("yugabytedb://") + kReader + ":" + kPassword + url.substr(url.find('@'));
  }
  void make_user(const std::vector<HistoryTable>& tables, const Flavour& flavour, bool few_rights,
                 Dice& dice) override;
  /// A node does not see the transactions of the others.
  bool needs_overlap(const Flavour&, bool) const override { return true; }
  bool reader_beside_writers() const override { return true; }

  std::string before_step(Dice& dice) override;
  std::string before_run(std::size_t) override;
  int failed_reads() override {
    cluster_->forget_faults();
    return failed_.exchange(0);
  }
  bool snapshot_taken() override { return cluster_->statements(taking_).size() > taken_; }
  /// Nothing that a run would wait for.
  std::string lock_table(const HistoryTable&) const override { return {}; }
  bool run_waits() override { return false; }
  Reshape reshape(HistoryTable& table, Dice& dice) const override {
    const std::string column = dice.chance(50) ? table.drop_column(dice) : "";
    if (column.empty()) return {};
    return {"ALTER TABLE " + table.name() + " DROP COLUMN " + column, true};
  }

 private:
  void begin_cluster(const Flavour& flavour, Dice& dice);
  void declare(const HistoryTable& table, Dice& dice);
  std::string stop_or_start(Dice& dice);

  std::vector<std::size_t> entries_;  ///< the nodes that the URL names
  std::vector<bool> stopped_;         ///< by node
  std::string taking_;                ///< what the first session is told that reads as of a moment
  std::size_t taken_ = 0;
  std::atomic<int> failed_ = 0;
  Dice dice_{0};
  std::unique_ptr<YugabyteDouble> cluster_;
};

void YugabyteHistories::make_user(const std::vector<HistoryTable>& tables, const Flavour& flavour,
                                  bool few_rights, Dice& dice) {
  PostgresHistories::make_user(tables, flavour, few_rights, dice);
  if (few_rights) exec(std::string("ALTER ROLE ") + kReader + " PASSWORD '" + kPassword + "'");
  dice_ = dice.fork();
  begin_cluster(flavour, dice_);
  for (const HistoryTable& table : tables) declare(table, dice_);
}

/// Another one for each history: in what releases differ, it differs.
void YugabyteHistories::begin_cluster(const Flavour& flavour, Dice& dice) {
  cluster_.reset();
  YugabyteDouble::Options how;
  how.nodes = static_cast<std::size_t>(dice.from(2, 3));
  how.tablet_metadata = dice.chance(80);
  taking_ = "SET yb_read_time TO";
  if (dice.chance(25)) {
    how.read_time = false;
    // Where there is no one moment, nothing is promised of one.
    how.exported_snapshots = flavour.watched() || flavour.digest || dice.chance(60);
    taking_ = how.exported_snapshots ? "SET TRANSACTION SNAPSHOT" : "READ ONLY DEFERRABLE";
  }
  cluster_ = std::make_unique<YugabyteDouble>(database_, how);
  stopped_.assign(how.nodes, false);
  entries_ = dice.chance(30) ? std::vector<std::size_t>{0} : std::vector<std::size_t>{0, 1};
}

void YugabyteHistories::declare(const HistoryTable& table, Dice& dice) {
  using TableKind = HistoryTable::Kind;
  if (!table.has_key()) return;
  const std::string split = table.kind() == TableKind::pair ? "((1, 'Key 7'), (3, MINVALUE))"
                            : table.kind() == TableKind::uuid
                                ? "(('40000000-0000-0000-0000-000000000000'), "
                                  "('a0000000-0000-0000-0000-000000000000'))"
                                : "((-40), (0), (60), (300))";
  const int how = dice.which({60, 25});
  const YugabyteDouble::Sharding sharding =
      how == 0   ? YugabyteDouble::hash(dice.from(1, 8), dice.from(1, table.key_parts()))
      : how == 1 ? YugabyteDouble::range("SPLIT AT VALUES " + split)
                 : YugabyteDouble::colocated();
  cluster_->declare(table.name(), sharding);
  for (int i = 0; table.partitioned() && i < 3; ++i)
    cluster_->declare(table.name() + "_" + std::to_string(i), sharding);
}

/// Also beside a run. One node that the URL names is always there.
std::string YugabyteHistories::stop_or_start(Dice& dice) {
  const auto node = static_cast<std::size_t>(dice.below(static_cast<int>(stopped_.size())));
  const std::string name = "node " + std::to_string(node);
  if (stopped_[node]) {
    cluster_->start_node(node);
    stopped_[node] = false;
    return name + " starts";
  }
  std::size_t left = 0;
  for (const std::size_t each : entries_) left += each != node && !stopped_[each] ? 1U : 0U;
  if (left == 0) return {};
  cluster_->stop_node(node);
  stopped_[node] = true;
  return name + " stops";
}

std::string YugabyteHistories::before_step(Dice& dice) {
  switch (dice.which({4, 1})) {
    case 0:
      return stop_or_start(dice);
    case 1:
      cluster_->expire_read_times();
      return "what was read as of until now is too old";
    default:
      return {};
  }
}

std::string YugabyteHistories::before_run(std::size_t) {
  static constexpr std::array kFaults{&Fault::read_restart, &Fault::snapshot_too_old,
                                      &Fault::schema_mismatch, &Fault::shutdown, &Fault::cutting};
  std::string what;
  for (int left = dice_.which({75, 19}); left > 0; --left) {
    const std::string read = dice_.pick(kReads);
    const int row = read.starts_with("COPY") && dice_.chance(60) ? dice_.from(1, 80) : 0;
    const auto place = static_cast<std::size_t>(dice_.below(static_cast<int>(kFaults.size())));
    const Fault fault = kFaults[place]();
    what += (what.empty() ? "to fail: " : ", ") + read + " at row " + std::to_string(row) +
            " with " + (fault.cut ? "a cut" : fault.state);
    cluster_->at_row(read, static_cast<std::size_t>(row), [this, fault] {
      ++failed_;
      return fault;
    });
  }
  taken_ = cluster_->statements(taking_).size();
  return what;
}

}  // namespace

HistoryEngine yugabyte_histories() {
  return {"yugabyte_history_tests",
          [](std::size_t worker) { PostgresServer::numbered(worker); },
          [](std::size_t worker) -> std::unique_ptr<HistoryServer> {
            return std::make_unique<YugabyteHistories>(worker);
          },
          [](std::size_t) {},
          true,
          true};
}

}  // namespace sluice::testing
