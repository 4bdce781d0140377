// SPDX-License-Identifier: Apache-2.0
// What stands in for a YugabyteDB (support/yugabyte_double.h), and a client that tells all it is
// told.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

#include "support/postgres_test.h"
#include "support/yugabyte_double.h"

namespace sluice {

using testing::PostgresServer;
using testing::YugabyteDouble;

/// A session by libpq. An answer is its rows as text, "1|one\n2|two", or "ERROR state: message", or
/// "LOST" where the connection is.
class PlainClient {
 public:
  explicit PlainClient(const std::string& url) : handle_(PQconnectdb(url.c_str()), PQfinish) {
    PQsetNoticeProcessor(
        handle_.get(),
        [](void* to, const char* text) { static_cast<std::string*>(to)->append(text); }, &notices);
  }
  bool connected() const { return PQstatus(handle_.get()) == CONNECTION_OK; }
  std::string why_not() const { return PQerrorMessage(handle_.get()); }
  PGconn* handle() const { return handle_.get(); }

  /// One message of the simple protocol; of several results the first error, else the last one.
  std::string run(const std::string& sql) {
    PQsendQuery(handle_.get(), sql.c_str());
    return all_told();
  }
  /// By the extended protocol.
  std::string bound(const std::string& sql, const std::vector<std::string>& values) {
    std::vector<const char*> texts;
    for (const std::string& each : values) texts.push_back(each.c_str());
    PQsendQueryParams(handle_.get(), sql.c_str(), static_cast<int>(texts.size()), nullptr,
                      texts.data(), nullptr, nullptr, 0);
    return all_told();
  }
  /// A COPY .. TO STDOUT: its bytes, and after them the error if there is one.
  std::string copied(const std::string& sql) {
    std::string all = told(PQexec(handle_.get(), sql.c_str()));
    char* part = nullptr;
    for (int size = 0; (size = PQgetCopyData(handle_.get(), &part, 0)) > 0; PQfreemem(part))
      all.append(part, static_cast<std::size_t>(size));
    while (PGresult* result = PQgetResult(handle_.get())) all += told(result);
    return all;
  }
  /// "idle", "in transaction", "in error" or "lost".
  std::string state() const {
    switch (PQtransactionStatus(handle_.get())) {
      case PQTRANS_IDLE:
        return "idle";
      case PQTRANS_INTRANS:
        return "in transaction";
      case PQTRANS_INERROR:
        return "in error";
      default:
        return "lost";
    }
  }
  std::string notices;

 private:
  std::string all_told() {
    if (!connected()) return "LOST";
    std::string all;
    while (PGresult* result = PQgetResult(handle_.get())) {
      const std::string now = told(result);
      if (!all.starts_with("ERROR ")) all = now;
    }
    return all;
  }
  std::string told(PGresult* result) const {
    const std::unique_ptr<PGresult, void (*)(PGresult*)> owner(result, PQclear);
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) {
      const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
      if (state == nullptr) return "LOST";
      return std::string("ERROR ") + state + ": " +
             PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    }
    std::string rows;
    for (int row = 0; row < PQntuples(result); ++row) {
      rows += row == 0 ? "" : "\n";
      for (int column = 0; column < PQnfields(result); ++column)
        rows += std::string(column == 0 ? "" : "|") + PQgetvalue(result, row, column);
    }
    return rows;
  }
  std::unique_ptr<PGconn, void (*)(PGconn*)> handle_;
};

class YugabyteDoubleFixture : public testing::PostgresTest {
 protected:
  void SetUp() override {
    PostgresTest::SetUp();
    if (IsSkipped()) return;
    if (PostgresServer::instance().version() < 15) GTEST_SKIP() << "wants PostgreSQL 15 or newer";
    db->exec(
        "CREATE TABLE t (id int PRIMARY KEY, s text, b bytea);"
        "INSERT INTO t SELECT g, 'row ' || g, decode(md5(g::text), 'hex') FROM "
        "generate_series(1, 100) g");
  }
  void begin(const YugabyteDouble::Options& options = {}) {
    cluster = std::make_unique<YugabyteDouble>(*db, options);
  }
  std::string plain_url(std::size_t node = 0, const std::string& parameters = {}) const {
    return cluster->url_of({node}, parameters, "postgresql");
  }
  PlainClient client(std::size_t node = 0, const std::string& parameters = {}) const {
    return PlainClient(plain_url(node, parameters));
  }

  std::unique_ptr<YugabyteDouble> cluster;
};

}  // namespace sluice
