// SPDX-License-Identifier: Apache-2.0
// Every sequence of up to four operations over two keys, cut by checkpoints in every way, against a
// model that applies one operation after another. Sequences that truncate at the same places share
// a table, each with two keys of its own, so that all of them take a few dozen checkpoints.
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/feed.h"

namespace sluice::test {
namespace {

using sdk::Type;

// ---- the model
struct ModelRow {
  std::optional<std::int64_t> a, b, c;
  bool deleted = false;
  std::size_t synced = 0;  ///< the checkpoint, counted from 0
};

enum class Kind { upsert, update, remove, truncate };
struct Operation {
  Kind kind;
  int key = 0;  ///< 0 or 1, of its sequence
};

using Model = std::map<std::int64_t, ModelRow>;

// Values say the step that wrote them. An upsert leaves `c` out, an update `a`; every other update
// sets `b` to NULL.
void apply_to(Model& model, Operation operation, std::int64_t key, int step, std::size_t at) {
  const auto row = model.find(key);
  const bool there = row != model.end();
  switch (operation.kind) {
    case Kind::upsert:
      model[key] = {step * 10 + 1, step * 10 + 2, std::nullopt, false, at};
      break;
    case Kind::update:
      if (!there) break;
      row->second.b = step % 2 == 0 ? std::nullopt : std::optional<std::int64_t>(step * 10 + 3);
      row->second.c = step * 10 + 4;
      row->second.deleted = false;
      row->second.synced = at;
      break;
    case Kind::remove:
      if (!there) break;
      row->second.deleted = true;
      row->second.synced = at;
      break;
    case Kind::truncate:
      for (auto& [each, marked] : model) marked.deleted = true;
      break;
  }
}

std::string text_of(const Model& model, const std::vector<std::string>& stamps) {
  const auto number = [](const std::optional<std::int64_t>& value) {
    return value ? std::to_string(*value) : std::string("NULL");
  };
  std::string all;
  for (const auto& [key, row] : model) {
    all += std::to_string(key) + "|" + number(row.a) + "|" + number(row.b) + "|" + number(row.c) +
           "|" + (row.deleted ? "true" : "false") + "|" + stamps.at(row.synced) + "\n";
  }
  return all;
}

/// The first line that is not the same, of both.
std::string first_difference(const std::string& one, const std::string& other) {
  std::istringstream left(one), right(other);
  std::string a, b;
  while (true) {
    const bool more = static_cast<bool>(std::getline(left, a));
    const bool more_too = static_cast<bool>(std::getline(right, b));
    if (!more && !more_too) return "";
    if (!more || !more_too || a != b) return (more ? a : "none") + " <> " + (more_too ? b : "none");
  }
}

// ---- the same through the SDK
/// declared: columns as in the model. late: each comes to be with its first value, and one widens.
/// keyless: rows are their one value, and are known by `_fivetran_id`.
enum class Shape { declared, late, keyless };

void apply_to(sdk::Table& table, Operation operation, std::int64_t key, int step, Shape shape) {
  const auto id = table.column("id");
  if (shape == Shape::keyless) {
    table.upsert().set(id, key);
    return;
  }
  const auto a = table.column("a"), b = table.column("b"), c = table.column("c");
  if (operation.kind == Kind::upsert) {
    const std::int64_t value = step * 10 + 1;
    sdk::Row& row = table.upsert().set(id, key).set(b, step * 10 + 2);
    shape == Shape::late&& step % 2 == 1 ? row.set(a, std::to_string(value)) : row.set(a, value);
  } else if (operation.kind == Kind::update) {
    sdk::Row& row = table.update().set(id, key).set(c, step * 10 + 4);
    step % 2 == 0 ? row.set(b, std::monostate()) : row.set(b, step * 10 + 3);
  } else {
    table.remove().set(id, key);
  }
}

std::vector<std::pair<std::string, sdk::DataType>> columns_of(Shape shape) {
  const sdk::DataType number{Type::int64};
  if (shape == Shape::late) return {};
  if (shape == Shape::keyless) return {{"id", number}};
  return {{"id", number}, {"a", number}, {"b", number}, {"c", number}};
}

/// The rows as text_of() writes them; columns that are not there yet as NULL.
std::string rows_of(FeedFile& file, const std::string& table, Shape shape) {
  std::string columns = shape == Shape::keyless ? "id, NULL, NULL, NULL" : "id, a, b, c";
  if (shape == Shape::late) {
    const std::string there = file.text(
        "SELECT string_agg(column_name, ',') FROM duckdb_columns() WHERE database_name = "
        "'dst' AND table_name = '" +
        table + "'");
    if (there == "NULL\n") return "";
    columns = "id";
    for (const std::string each : {",a", ",b", ",c"})
      columns += there.find(each) == std::string::npos ? ",NULL" : each;
  }
  return file.text("SELECT COLUMNS(*)::VARCHAR FROM (SELECT " + columns +
                   ", _fivetran_deleted, epoch_us(_fivetran_synced) FROM dst.main." + table +
                   " ORDER BY id)");
}

/// All sequences of `length` operations, those that truncate at the places of `truncates` (bits).
std::vector<std::vector<Operation>> sequences(int length, unsigned truncates, Shape shape) {
  std::vector<std::vector<Operation>> all{{}};
  for (int step = 0; step < length; ++step) {
    std::vector<std::vector<Operation>> longer;
    for (const auto& each : all) {
      const auto add = [&](Operation operation) {
        longer.push_back(each);
        longer.back().push_back(operation);
      };
      if ((truncates >> step & 1U) != 0) {
        add({Kind::truncate});
        continue;
      }
      for (const Kind kind : {Kind::upsert, Kind::update, Kind::remove}) {
        if (shape == Shape::keyless && kind != Kind::upsert) continue;
        add({kind, 0});
        add({kind, 1});
      }
    }
    all = std::move(longer);
  }
  return all;
}

struct Golden {
  std::string name;
  std::vector<std::vector<Operation>> sequences;
  Model model;
};

/// One sync: step by step through every sequence of this length, with a checkpoint behind the steps
/// of `cuts` (bits) and behind the last. Changes are held in memory, in temp tables, or in both.
void check(const std::filesystem::path& path, int length, unsigned cuts, Shape shape) {
  FeedFile file(path);
  std::vector<Golden> tables;
  std::vector<sdk::TableSchema> schemas;
  for (unsigned truncates = 0; truncates < 1U << length; ++truncates) {
    const std::string name = "t" + std::to_string(truncates);
    tables.push_back({name, sequences(length, truncates, shape), {}});
    const std::vector<std::string> key{"id"};
    schemas.push_back(
        {name, shape == Shape::keyless ? std::vector<std::string>() : key, columns_of(shape), {}});
  }
  feed::FeedOptions options;
  if (cuts % 3 == 1) options.memory = 0;
  if (cuts % 3 == 2) options.memory = 400'000;  // a block of six of the tables
  std::vector<std::string> stamps;
  const auto update = [&](const std::string& /*state*/, sdk::Operations& operations) {
    for (int step = 0; step < length; ++step) {
      for (Golden& each : tables) {
        sdk::Table& table = operations.table(each.name);
        for (std::size_t i = 0; i < each.sequences.size(); ++i) {
          const Operation operation = each.sequences[i][static_cast<std::size_t>(step)];
          const auto key = static_cast<std::int64_t>(2 * i) + operation.key;
          if (operation.kind != Kind::truncate) apply_to(table, operation, key, step, shape);
          if (operation.kind == Kind::truncate && i == 0) table.truncate();
          apply_to(each.model, operation, key, step, stamps.size());
          if (shape == Shape::keyless && operation.kind == Kind::upsert) {
            ModelRow& row = each.model[key];
            row.a = row.b = std::nullopt;
          }
        }
      }
      if ((cuts >> step & 1U) == 0 && step + 1 < length) continue;
      operations.checkpoint("{\"step\": " + std::to_string(step) + "}");
      const auto feed =
          file.query("SELECT value FROM dst._sluice.meta WHERE key = 'feed of default'");
      stamps.push_back(
          std::to_string(nlohmann::json::parse(feed.text(0, 0)).at("synced").get<std::int64_t>()));
      for (const Golden& each : tables) {
        ASSERT_EQ(first_difference(rows_of(file, each.name, shape), text_of(each.model, stamps)),
                  "")
            << each.name << ", length " << length << ", cuts " << cuts << ", step " << step;
      }
    }
  };
  const auto result = file.ended(schemas, update, options);
  EXPECT_FALSE(result.run.error) << result.run.error->what();
  EXPECT_EQ(stamps.size(), static_cast<std::size_t>(std::popcount(cuts)) + 1);
}

class FeedGolden : public ::testing::Test {
 protected:
  FeedGolden()
      : folder(std::filesystem::temp_directory_path() /
               ("sluice-feed-golden-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~FeedGolden() override { std::filesystem::remove_all(folder); }
  void check_all(int length, Shape shape) {
    for (unsigned cuts = 0; cuts < 1U << (length - 1); ++cuts) {
      check(folder / (std::to_string(length) + "-" + std::to_string(cuts) + ".duckdb"), length,
            cuts, shape);
      if (HasFatalFailure()) return;
    }
  }
  std::filesystem::path folder;
};

TEST_F(FeedGolden, EverySequenceOfFourOperationsOverTwoKeys) {
  for (int length = 1; length <= 4; ++length) check_all(length, Shape::declared);
}

TEST_F(FeedGolden, EverySequenceWhereColumnsComeLateAndWiden) {
  for (int length = 1; length <= 3; ++length) check_all(length, Shape::late);
}

TEST_F(FeedGolden, EverySequenceWithoutAKey) {
  for (int length = 1; length <= 4; ++length) check_all(length, Shape::keyless);
}

}  // namespace
}  // namespace sluice::test
