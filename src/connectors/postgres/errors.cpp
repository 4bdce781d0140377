// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/errors.h"

#include <cctype>
#include <regex>

namespace sluice::postgres {
namespace {

std::string one_line(std::string text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.pop_back();
  std::string out;
  for (const char each : text) {
    if (each == '\n') {
      out += "; ";
    } else if (each != '\t' || out.empty() || out.back() != ' ') {
      out += each == '\t' ? ' ' : each;
    }
  }
  return out;
}

std::string field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string() : std::string(text);
}

// Of a statement that we did not cancel: whoever cancels one of ours never looks at its answer.
constexpr std::string_view kQueryCanceled = "57014";
constexpr std::string_view kLockTimeout = "55P03";
constexpr std::string_view kSnapshotTooOld = "72000";
constexpr std::string_view kInternal = "XX000";

// What passes by itself in a cluster, where its code does not say so: a node that is not reached
// yet, a schema that not all nodes know yet.
bool passes(const std::string& message) {
  static const std::regex passing(
      "schema version mismatch|catalog version mismatch|read restart|restart read required|"
      "timed out|network error|service unavailable|not the leader|heartbeat",
      std::regex::icase);
  return std::regex_search(message, passing);
}

}  // namespace

std::string told(const std::string& text, PGconn* connection, const Login& login) {
  // The password may be a file's, which only libpq has read.
  wire::Secrets secrets = login.secrets;
  if (const char* used = PQpass(connection)) secrets.add(used);
  return one_line(secrets.hidden(text));
}

Fault fault_of(std::string_view sqlstate) {
  struct Entry {
    std::string_view prefix;
    Fault fault;
  };
  static constexpr Entry kFaults[] = {
      {"40001", Fault::conflict},    // serialization, or a standby's conflict with recovery
      {"40P01", Fault::conflict},    // deadlock
      {"25P02", Fault::conflict},    // after one of these: the transaction is of no more use
      {"72000", Fault::conflict},    // snapshot too old
      {"55P03", Fault::conflict},    // lock_timeout
      {"08", Fault::connection},     // lost, or never there
      {"25P03", Fault::connection},  // idle in transaction for too long: the session was ended
      {"25P04", Fault::connection},  // transaction_timeout: the session was ended
      {"57P", Fault::connection},    // shutdown, crash, still starting, database dropped
      {"53100", Fault::connection},  // disk full there
      {"53200", Fault::connection},  // out of memory there
      {"53300", Fault::connection},  // too many connections
      {"28", Fault::authentication}, {"42501", Fault::permission},
      {"3D000", Fault::config},                               // no such database
      {"42601", Fault::config},                               // syntax: the user's own predicate
      {"21", Fault::data},                                    // of a subquery in a view
      {"22", Fault::data},           {"XX001", Fault::data},  // a damaged table
      {"XX002", Fault::data},                                 // a damaged index
  };
  for (const Entry& each : kFaults) {
    if (sqlstate.substr(0, each.prefix.size()) == each.prefix) return each.fault;
  }
  return Fault::schema;  // the source refuses the statement: it is not as the plan thought
}

Error error_of(const PGresult* result, PGconn* connection, const Login& login) {
  const std::string state = field(result, PG_DIAG_SQLSTATE);
  if (state.empty()) {
    const std::string text = told(PQerrorMessage(connection), connection, login);
    return Error(Fault::connection,
                 "connection lost: " + (text.empty() ? "no answer from the server" : text));
  }
  std::string message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (const std::string detail = field(result, PG_DIAG_MESSAGE_DETAIL); !detail.empty())
    message += ": " + detail;
  std::string hint = field(result, PG_DIAG_MESSAGE_HINT);
  if (state == kQueryCanceled) {
    message = "cancelled by the server: " + message;
    hint =
        "a statement_timeout (a pooler's or proxy's: sluice sets its own sessions' to 0) or an "
        "administrator ended it";
  } else if (state == kLockTimeout && hint.empty()) {
    hint =
        "a session that wants the table for itself (ALTER TABLE, VACUUM FULL, TRUNCATE) holds its "
        "lock or waits for it";
  }
  if (state == kSnapshotTooOld && hint.empty())
    hint =
        "the server keeps what a snapshot shows for a while only (YugabyteDB: "
        "timestamp_history_retention_interval_sec, 15 minutes unless set); snapshot: table takes "
        "one for each table";
  const Fault fault = (state == kInternal || state.starts_with("YB")) && passes(message)
                          ? Fault::conflict
                          : fault_of(state);
  return Error(fault, told(message, connection, login) + " (" + state + ")",
               told(hint, connection, login));
}

}  // namespace sluice::postgres
