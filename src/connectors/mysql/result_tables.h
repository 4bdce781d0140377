// SPDX-License-Identifier: Apache-2.0
// SingleStore's materialized result tables: the rows of one statement, kept by the cluster while
// the session lives that made them, so that several sessions read what one instant showed, a
// partition each.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "connectors/mysql/connection.h"
#include "connectors/mysql/statement.h"

namespace sluice::mysql {

/// Of one Snapshot. For any thread.
class ResultTables {
 public:
  explicit ResultTables(std::shared_ptr<const Login> login);

  /// For the chunks of one plan. Nothing is made yet.
  std::string new_name();
  /// Result tables are in the sessions' database alone.
  bool can_be_in(const std::string& database) const { return database == login_->database; }

  /// Where the rows of a part are. No table: the server made none; then one of the parts is all of
  /// the rows, and the others are nothing.
  struct Share {
    std::string table;
    bool all = false;
  };
  /// Makes the table when a part of it is first asked for. A name of another snapshot stands for a
  /// table of this one: what that left to be read is read of what the source holds now, as any
  /// chunk of a load that is gone on with.
  Share share(const ResultPart& part, const std::string& query, const Stop& stop);
  /// Drops the table once all its parts were read.
  void was_read(const ResultPart& part) noexcept;

 private:
  struct Made {
    std::string name;  ///< empty: it was refused
    std::size_t all = 0;
    std::set<std::size_t> read;
  };
  bool make(const std::string& name, const std::string& query, const Stop& stop);

  const std::shared_ptr<const Login> login_;
  const std::string prefix_;
  std::mutex mutex_;
  std::atomic<std::size_t> names_{0};
  std::unique_ptr<Connection> maker_;  ///< the tables go with it
  std::map<std::string, Made> made_;   ///< by what ResultPart calls them
};

}  // namespace sluice::mysql
