// SPDX-License-Identifier: Apache-2.0
// `feed_program FILE CHECKPOINTS ROWS`: a connector that goes on from its state for this many
// checkpoints. Checkpoint n upserts ROWS rows of which half are new, updates and removes some of
// the older ones, and every third one truncates first. For tests that kill it: see expected() in
// tests/unit/feed_crash_test.cpp.
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "support/feed.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  using namespace sluice;
  const int checkpoints = std::atoi(argv[2]);
  const std::int64_t rows = std::atol(argv[3]);
  const sdk::TableSchema t{
      "t",
      {"id"},
      {{"id", {sdk::Type::int64}}, {"n", {sdk::Type::int64}}, {"v", {sdk::Type::string}}},
      {}};
  try {
    test::FeedFile file(argv[1]);
    file.run({t}, [&](const std::string& state, sdk::Operations& operations) {
      std::int64_t n = nlohmann::json::parse(state).value("n", std::int64_t{0});
      sdk::Table& table = operations.table("t");
      for (int i = 0; i < checkpoints; ++i, ++n) {
        if (n % 3 == 2) table.truncate();
        const std::int64_t first = n * rows / 2;
        for (std::int64_t id = first; id < first + rows; ++id)
          table.upsert().set(0, id).set(1, n).set(
              2, "row " + std::to_string(id) + " as of " + std::to_string(n));
        table.update().set(0, first).set(2, "updated");
        table.remove().set(0, first + 1);
        if (n % 2 == 1)
          operations.table("of " + std::to_string(n))
              .upsert()
              .set(operations.table("of " + std::to_string(n)).column("x"), n);
        operations.checkpoint("{\"n\": " + std::to_string(n + 1) + "}");
      }
    });
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
