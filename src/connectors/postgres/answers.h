// SPDX-License-Identifier: Apache-2.0
// What a snapshot has been asked already: under it, the same question has the same answer.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connectors/postgres/connection.h"

namespace sluice::postgres {

/// The answers of one snapshot. For any thread; two that ask at once may both be sent to the
/// server.
class Answers {
 public:
  using Row = std::vector<std::optional<std::string>>;

  /// The rows of this query, asked by `session` at the first time only.
  std::vector<Row> ask(Connection& session, const std::string& sql) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = known_.find(sql); found != known_.end()) return found->second;
    }
    const Rows answer = session.query_patiently(sql);
    std::vector<Row> rows(static_cast<std::size_t>(answer.size()));
    for (int row = 0; row < answer.size(); ++row) {
      for (int column = 0; column < answer.width(); ++column) {
        auto& value = rows[static_cast<std::size_t>(row)].emplace_back();
        if (!answer.null(row, column)) value = answer.string(row, column);
      }
    }
    const std::lock_guard lock(mutex_);
    return known_.emplace(sql, std::move(rows)).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<Row>> known_;
};

/// A question goes to the server once for each snapshot.
struct Asking {
  Connection& session;
  Answers& answers;
  std::vector<Answers::Row> operator()(const std::string& sql) const {
    return answers.ask(session, sql);
  }
};

}  // namespace sluice::postgres
