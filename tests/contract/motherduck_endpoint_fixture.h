// SPDX-License-Identifier: Apache-2.0
// Runs from what stands in for MotherDuck's PostgreSQL endpoint into a file.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "support/copy.h"
#include "support/endpoint_double.h"

namespace sluice::testing {

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::unique_ptr<Source> source_at(duck::Database& database, const std::string& url,
                                         const Secret& token) {
  SourceSettings settings;
  settings.password = token;
  return make_source(database, url, settings);
}

class MotherduckEndpoint : public ::testing::Test {
 protected:
  MotherduckEndpoint() {
    options_.retries = 0;
    options_.schema = "public";
  }

  RunResult run() { return copy_.sync(service_.url(), options_, service_.token()); }
  /// The receipts by table, of a run in which all went well.
  std::map<std::string, Receipt> synced() {
    const RunResult result = run();
    EXPECT_EQ(result.exit_code(), 0);
    std::map<std::string, Receipt> receipts;
    for (const Receipt& each : result.receipts) {
      EXPECT_EQ(each.error, "") << each.table.text();
      receipts[each.table.name] = each;
    }
    return receipts;
  }
  /// Every row and value, as values and as texts: of nested values the texts can be ambiguous, and
  /// intervals of unlike parts are equal.
  void expect_equal(const std::string& table) {
    const std::string name = duck::quoted(table);
    const auto differences = [&](const std::string& a, const std::string& b,
                                 const std::string& what) {
      return service_
          .query("SELECT count(*)::VARCHAR FROM (SELECT " + what + " FROM " + a + name +
                 " EXCEPT ALL SELECT " + what + " FROM " + b + name + ")")
          .at(0);
    };
    service_.query("ATTACH " + duck::literal(copy_.file()) + " AS copy (READ_ONLY)");
    for (const std::string what : {"*", "CAST(COLUMNS(*) AS VARCHAR)"}) {
      EXPECT_EQ(differences("shop.main.", "copy.public.", what), "0") << table << " lacks " << what;
      EXPECT_EQ(differences("copy.public.", "shop.main.", what), "0") << table << " has " << what;
    }
    EXPECT_NE(service_.query("SELECT count(*)::VARCHAR FROM copy.public." + name).at(0), "0");
    service_.query("DETACH copy");
  }

  EndpointDouble service_;
  Copy copy_;
  SyncOptions options_;
};

}  // namespace sluice::testing
