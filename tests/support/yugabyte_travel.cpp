// SPDX-License-Identifier: Apache-2.0
// A session of what stands in for a YugabyteDB: reading as of a time, and what it says otherwise
// than PostgreSQL.
#include <stdexcept>
#include <utility>

#include "support/yugabyte_session.h"

namespace sluice::testing {

using pgwire::Message;

namespace {

std::string as_literal(const std::string& text) {
  std::string out = "'";
  for (const char each : text) out += each == '\'' ? "''" : std::string(1, each);
  return out + "'";
}

}  // namespace

/// Before a statement: makes it read as of the session's yb_read_time, if it has one. What it says:
/// why not.
std::optional<YugabyteSession::Fault> YugabyteSession::travel(const RewrittenStatement& statement) {
  if (!travels_ || statement.steers || status_ == 'E') return std::nullopt;
  const Answer now =
      aside("SHOW yb_double.yb_read_time; SHOW transaction_isolation; SHOW transaction_read_only");
  if (now.rows.size() != 3) throw std::runtime_error("no answer about yb_read_time");
  const std::string time = now.rows[0][0];
  if (pinned_ && time != *pinned_)
    return Fault{"0A000", "the double cannot change yb_read_time in a transaction that has read"};
  if (pinned_) return changed_since(statement);
  if (time == "0" || time.empty()) return std::nullopt;
  if (now.rows[1][0] == "serializable" && now.rows[2][0] == "off") {
    return Fault{"XX000",
                 "Transactions with serializable isolation can not be performed while yb_read_time "
                 "is set to nonzero. Try setting the transaction as read only or try another "
                 "isolation level."};
  }
  const std::optional<std::string> snapshot = cluster_.snapshot_of(time);
  if (!snapshot) {
    if (statement.says("from") || statement.says("copy") || statement.says("table"))
      return Fault::snapshot_too_old();
    return std::nullopt;
  }
  if (std::optional<Fault> fault = begin_travel(time, *snapshot)) return fault;
  return changed_since(statement);
}

std::optional<YugabyteSession::Fault> YugabyteSession::begin_travel(const std::string& time,
                                                                    const std::string& snapshot) {
  const std::string importing = "SET TRANSACTION SNAPSHOT " + as_literal(snapshot);
  wrapped_ = status_ == 'I';
  const Answer answer =
      aside((wrapped_ ? "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
                      : "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; ") +
            importing);
  if (!answer.error.empty()) {
    return Fault{"0A000",
                 "the double cannot read as of yb_read_time in a transaction that has read already "
                 "(" +
                     answer.error + ")"};
  }
  pinned_ = time;
  return std::nullopt;
}

/// A guess at what YugabyteDB says; that it refuses is documented ("not before the last DDL").
std::optional<YugabyteSession::Fault> YugabyteSession::changed_since(
    const RewrittenStatement& statement) {
  const Answer seen = aside("SELECT id FROM pg_catalog.yb_double_ddl");
  std::set<std::string> known;
  for (const auto& each : seen.rows) known.insert(each[0]);
  for (const auto& each : cluster_.noted_ddl()) {
    if (!known.contains(*each[0]) && statement.says(*each[1])) return Fault::schema_mismatch();
  }
  return std::nullopt;
}

/// The end of a transaction that was only there for the time of one statement.
void YugabyteSession::come_back() {
  if (wrapped_) aside(status_ == 'E' ? "ROLLBACK" : "COMMIT");
  wrapped_ = false;
  if (status_ == 'I') pinned_.reset();
  if (std::exchange(signs_again_, false) && status_ == 'I') sign();
}

/// The server's word as YugabyteDB would say it.
Message YugabyteSession::told(const Message& message) const {
  if (!own_database_) return message;
  if (message.type == 'S') {
    std::size_t at = 0;
    if (pgwire::text_at(message.body, at) == "server_version")
      return {'S', std::string("server_version") + '\0' + cluster_.options_.version + '\0'};
    return message;
  }
  if (message.type == 'T') {
    return pgwire::with_names(message, [](const std::string& name) {
      return name.starts_with("yb_double") ? without_own_names(name) : name;
    });
  }
  if (message.type != 'E' && message.type != 'N') return message;
  pgwire::Fields fields = pgwire::fields_of(message);
  const std::string text = pgwire::field(fields, 'M'), state = pgwire::field(fields, 'C');
  std::optional<Refusal> refusal = refusal_of(text);
  if (refusal && refusal_ && text.find("yb_double_no_value") != std::string::npos)
    refusal = refusal_;
  if (state == "25006" && pinned_) {
    // PgSession of YugabyteDB's pggate, an IllegalState: which has no SQLSTATE of its own.
    bool rows = false;
    for (const char* each : {"INSERT", "UPDATE", "DELETE", "MERGE", "COPY FROM", "SELECT FOR"})
      rows = rows || text.find(each) != std::string::npos;
    refusal = {"XX000", std::string(rows ? "Write DML" : "DDL") +
                            " operation can not be performed while yb_read_time is set to "
                            "nonzero."};
  }
  if (refusal) return pgwire::error("ERROR", refusal->state, refusal->text);
  for (auto& [code, value] : fields) value = without_own_names(std::move(value));
  return pgwire::with_fields(message.type, fields);
}

}  // namespace sluice::testing
