// SPDX-License-Identifier: Apache-2.0
// Histories in a PostgreSQL server, or in what stands in front of one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/history_server.h"
#include "support/postgres_server.h"

namespace sluice::testing {

class PostgresHistories : public HistoryServer {
 public:
  explicit PostgresHistories(std::size_t worker);

  const HistorySql& sql() const override;
  HistorySession& look() override { return *look_; }
  std::unique_ptr<HistorySession> session(bool patient) override;

  Flavour fitting(const Flavour& flavour) const override { return flavour; }
  std::string url(const Flavour& flavour, bool few_rights) const override;
  void make_user(const std::vector<HistoryTable>& tables, const Flavour& flavour, bool few_rights,
                 Dice& dice) override;
  // A standby's marks are worth nothing.
  bool needs_overlap(const Flavour& flavour, bool) const override { return flavour.standby; }
  bool reader_beside_writers() const override { return false; }
  void choose(HistoryTable&, Dice&) const override {}

  bool expected(const std::string& message) const override;
  std::string begin(HistoryWriter&, const Flavour&, const std::string&, Dice& dice) const override;
  std::string end(const HistoryWriter&, bool commit) const override;
  std::string prepare(const HistoryWriter&, std::string& name) const override;
  void prepared(HistoryWriter&, const std::string&) override {}
  std::string end_prepared(const std::string& name, bool commit) const override;
  std::string alone(const std::string& change) const override { return change; }
  void recover(HistoryWriter& writer, const std::string& message) override;
  std::string truncate(const HistoryTable& table) const override;
  Reshape reshape(HistoryTable&, Dice&) const override { return {}; }

  std::string lock_gate(const std::string& gate) const override;
  std::string unlock_gate(const std::string& gate) const override;
  std::string gated(const std::string& gate, const std::string& change) const override;
  bool waits_at(const HistoryWriter& writer, const std::string& gate) override;
  std::string after_message() const override { return "ROLLBACK"; }
  bool message_inserts() const override { return false; }

  bool snapshot_taken() override;
  void follow() override { database_.server().wait_for_standby(); }
  void hold(bool held) override;
  std::string lock_table(const HistoryTable& table) const override;
  bool run_waits() override;
  std::string clock() const override;
  std::string micros_of(const std::string& instant) const override;
  std::string start(const std::string& ahead) const override;
  std::string labelled(const std::string& micros) const override;

 protected:
  static constexpr const char* kReader = "history_reader";  ///< the role with few rights
  PostgresDatabase database_;

 private:
  std::unique_ptr<HistorySession> look_;
};

}  // namespace sluice::testing
