// SPDX-License-Identifier: Apache-2.0
// What a connector is handed: its changes go into buffers, and a checkpoint applies and commits
// them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/told.h"
#include "feed/left_out.h"
#include "feed/targets.h"

namespace sluice::feed {

class FeedOperations final : public sdk::Operations {
 public:
  /// Undoes what crashes left.
  FeedOperations(duck::Connection& connection, const StateStore& states, const FeedOptions& options,
                 sdk::Log& log, Told& told, const std::stop_token& stop);

  void declare(const std::vector<sdk::TableSchema>& tables);
  sdk::Table& table(std::string_view name, std::string_view schema) override;
  void declare(const sdk::TableSchema& table) override;
  void checkpoint(std::string_view state) override;
  sdk::Log& log() override { return log_; }
  bool stopped() const noexcept override { return session_.stop.stop_requested(); }

  /// What update() is to begin with.
  const std::string& state() const noexcept { return state_; }
  /// After update() has returned: commits what came behind the last checkpoint.
  void finish();
  /// The first error of an operation; null: none.
  const std::exception_ptr& failed() const noexcept { return session_.failed; }
  /// What was committed, and what the connector did.
  void report(FeedResult& result) const;

 private:
  struct Fed {
    Known* known;
    std::unique_ptr<ChangeBuffer> buffer;
    Receipt receipt;
  };
  struct Work;

  Fed& add(const TableName& name, const sdk::TableSchema* declared);
  void check_settings();
  void check_documents(const ChangeBuffer& buffer, const Staged& staged);
  std::vector<Work> prepare();
  void apply(Load& load, Work& work, const std::string& synced);
  void commit(const std::string& state);
  void committed(std::vector<Work>& work);

  duck::Connection& connection_;
  const StateStore& states_;
  const FeedOptions& options_;
  sdk::Log& log_;
  Told& told_;
  std::optional<FeedState> feed_;
  std::map<std::string, std::string> settings_;  ///< hashes
  Targets targets_;
  Session session_;
  std::string state_;
  std::uint64_t checkpoints_ = 0;
  bool ending_ = false;  ///< a table is to be truncated now that update() has returned
  std::vector<std::unique_ptr<Fed>> fed_;
  std::map<TableName, std::size_t> by_name_;                ///< folded
  std::map<TableName, std::unique_ptr<LeftOut>> left_out_;  ///< folded
};

}  // namespace sluice::feed
