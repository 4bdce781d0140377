// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <mutex>

#include "connectors/dolphindb/connector.h"
#include "connectors/dolphindb/digest.h"
#include "connectors/dolphindb/findings.h"
#include "connectors/dolphindb/plan.h"
#include "connectors/dolphindb/reader.h"

namespace sluice::dolphindb {
namespace {

constexpr std::uint64_t kLeastFetch = 8'192, kMostFetch = 131'072;
constexpr std::uint64_t kBytesOfBlock = std::uint64_t{2} << 20;  // stays in a processor's cache

class DolphindbSource : public Source {
 public:
  DolphindbSource(const std::string& url, SourceOptions options)
      : options_(std::move(options)),
        sessions_(std::make_shared<Sessions>(
            std::make_shared<const Login>(login_of(url, options_.password)))),
        rate_(options_.max_rate_bytes > 0
                  ? std::make_shared<wire::RateLimit>(options_.max_rate_bytes)
                  : nullptr) {}

  /// The controller's name is the same whatever node the URL names.
  std::string identity() override {
    const Borrowed session(*sessions_, options_.stop, has_shared());
    std::string cluster;
    try {
      const std::vector<std::string> told = session->call("getControllerAlias").texts();
      cluster = told.empty() ? "" : told.front();
    } catch (const Error& error) {
      if (error.retryable() || error.fault() == Fault::cancelled) throw;
    }
    const std::string& database = sessions_->login().database;
    return "dolphindb cluster " +
           (cluster.empty() ? sessions_->login().nodes.front().text() : cluster) +
           (database.empty() ? "" : ", database " + database);
  }

  Catalog discover(std::span<const TableName>) override {
    const Borrowed session(*sessions_, options_.stop, has_shared());
    Discovered found = dolphindb::discover(*session);
    Catalog catalog;
    for (Shape& each : found.shapes) catalog.tables.push_back(std::move(each.table));
    catalog.skipped = std::move(found.skipped);
    return catalog;
  }

  std::unique_ptr<Snapshot> snapshot(std::span<const Table> tables) override {
    return std::make_unique<DolphindbSnapshot>(sessions_, options_.stop, tables);
  }

  Plan plan(Snapshot& snapshot, const Table& table, const Read& read) override {
    return make_plan(dynamic_cast<DolphindbSnapshot&>(snapshot), table, read, options_.stop);
  }

  std::unique_ptr<Reader> reader(Snapshot& snapshot, const Plan& plan,
                                 std::span<const std::size_t> projection) override {
    const Shape& shape = dynamic_cast<DolphindbSnapshot&>(snapshot).shape(plan.table.name);
    if (!plan.read.digest.empty()) {
      return std::make_unique<DigestReader>(
          sessions_, shape,
          [&shape, &plan](const Chunk& chunk) {
            const Slice slice = Slice::of(chunk.bounds);
            const DigestItems made = digest_items(shape, plan.table, plan.read, slice);
            DigestReader::Asked asked;
            asked.query = select_query(shape, plan.table, plan.read, slice, made.items);
            if (!made.group_by.empty()) asked.query.script += " group by " + made.group_by;
            asked.nulls = made.group_by.empty();
            asked.first = slice.base >> plan.read.buckets->bits;
            return asked;
          },
          std::vector<std::size_t>(projection.begin(), projection.end()));
    }
    std::vector<ReadColumn> columns;
    for (const std::size_t i : projection) {
      const Column& column = plan.read.columns[i];
      columns.push_back({column, shape.type(column.name), plan.table.name.text()});
    }
    return std::make_unique<BlockReader>(
        sessions_, shape.in_memory, fetch_size(shape), columns,
        [&shape, &plan, items = column_list(plan.read.columns, projection)](const Chunk& chunk) {
          return select_query(shape, plan.table, plan.read, Slice::of(chunk.bounds), items);
        },
        rate_);
  }

  RowDigest row_digest(Snapshot& snapshot, const Table& table, const std::vector<Column>& columns,
                       duck::Connection& copy) override {
    const Shape& shape = dynamic_cast<DolphindbSnapshot&>(snapshot).shape(table.name);
    const Borrowed session(*sessions_, options_.stop, shape.in_memory);
    return dolphindb::row_digest(*session, shape, columns, copy);
  }

  std::vector<Finding> findings() override { return find(*sessions_, options_.stop); }

 private:
  /// Whether tables may be among them that only the first node has.
  bool has_shared() const {
    const std::string& database = sessions_->login().database;
    return database.empty() || database == kShared;
  }
  std::uint64_t fetch_size(const Shape& shape) const {
    const std::uint64_t asked = sessions_->login().fetch_size;
    if (asked > 0) return asked;
    return std::clamp(kBytesOfBlock / std::max<std::uint64_t>(1, shape.row_bytes()), kLeastFetch,
                      kMostFetch);
  }

  const SourceOptions options_;
  const std::shared_ptr<Sessions> sessions_;
  const std::shared_ptr<wire::RateLimit> rate_;  // null: no limit
};

}  // namespace

std::unique_ptr<Source> source(const std::string& url, SourceOptions options) {
  return std::make_unique<DolphindbSource>(url, std::move(options));
}

}  // namespace sluice::dolphindb
