// SPDX-License-Identifier: Apache-2.0
// The tables of a run. There is no instant: each statement reads at its own.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "connectors/dolphindb/discovery.h"
#include "connectors/dolphindb/sessions.h"
#include "sluice/source.h"

namespace sluice::dolphindb {

class DolphindbSnapshot : public Snapshot {
 public:
  DolphindbSnapshot(std::shared_ptr<Sessions> sessions, const Stop& stop,
                    std::span<const Table> tables);

  std::string instant() const override;
  std::string clock() const override { return clock_; }
  const std::vector<std::variant<Table, Error>>& tables() const override { return tables_; }
  std::string witness() const override { return "none"; }
  bool settled(const std::string&) const override { return true; }
  Proof proof(const Table&) const override;
  bool consistent(const Table&) const override { return false; }
  /// No session is needed to see what was read, and nothing tells a table that was made anew.
  void check_alive(const TableName&) override {}

  const std::shared_ptr<Sessions>& sessions() const noexcept { return sessions_; }
  const Shape& shape(const TableName& name) const;
  /// What the server's own clock said before anything was read: ms since 1970, in its own zone.
  std::int64_t server_time() const noexcept { return server_time_; }

 private:
  const std::shared_ptr<Sessions> sessions_;
  std::string clock_;
  std::int64_t server_time_ = 0;
  std::map<TableName, Shape> shapes_;
  std::vector<std::variant<Table, Error>> tables_;
};

}  // namespace sluice::dolphindb
