// SPDX-License-Identifier: Apache-2.0
// Connectors made of a function, and where they are run.
#pragma once

#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "feed/run.h"
#include "support/fake_source.h"

namespace sluice::test {

/// Keeps what a connector said.
class KeptLog : public sdk::Log {
 public:
  void write(sdk::Level level, std::string_view message) override {
    const std::scoped_lock lock(mutex_);
    lines.emplace_back((level == sdk::Level::warning ? "warning: " : "") + std::string(message));
  }
  std::vector<std::string> lines;

 private:
  std::mutex mutex_;
};

class FunctionConnector : public sdk::Connector {
 public:
  using Update = std::function<void(const std::string& state, sdk::Operations& operations)>;
  FunctionConnector(std::vector<sdk::TableSchema> tables, Update update)
      : tables_(std::move(tables)), update_(std::move(update)) {}
  std::vector<sdk::TableSchema> schema(const sdk::Configuration& /*configuration*/) override {
    return tables_;
  }
  void update(const sdk::Configuration& /*configuration*/, const std::string& state,
              sdk::Operations& operations) override {
    update_(state, operations);
  }

 private:
  std::vector<sdk::TableSchema> tables_;
  Update update_;
};

/// A DuckDB file in a folder of its own; syncs into it, and what it holds.
class FeedFile {
 public:
  explicit FeedFile(const std::filesystem::path& path)
      : database({{"threads", "2"}, {"preserve_insertion_order", "false"}}),
        destination(database, path.string()) {}

  /// Throws what ended the sync.
  feed::Calls run(std::vector<sdk::TableSchema> tables, FunctionConnector::Update update) {
    const feed::FeedResult result = ended(std::move(tables), std::move(update));
    if (result.run.error) throw Error(*result.run.error);
    return result.calls;
  }
  feed::FeedResult ended(std::vector<sdk::TableSchema> tables, FunctionConnector::Update update,
                         const feed::FeedOptions& options = {}, const std::stop_token& stop = {}) {
    FunctionConnector connector(std::move(tables), std::move(update));
    Observer nobody;
    return feed::run(database, destination, connector, {}, options, log, nobody, stop);
  }
  duck::Result query(const std::string& sql) {
    duck::Connection connection = database.connect();
    connection.query("SET TimeZone = 'UTC'");
    return connection.query(sql);
  }
  /// Every row of a query as text, one a line, columns apart by |.
  std::string text(const std::string& sql) {
    const duck::Result rows = query(sql);
    std::string all;
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      for (std::size_t j = 0; j < rows.columns(); ++j)
        all += (j == 0 ? "" : "|") + rows.optional(i, j).value_or("NULL");
      all += '\n';
    }
    return all;
  }

  duck::Database database;
  FileDestination destination;
  KeptLog log;
};

}  // namespace sluice::test
