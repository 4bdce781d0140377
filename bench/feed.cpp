// SPDX-License-Identifier: Apache-2.0
// What a row of a connector costs: `feed ROWS CHECKPOINT_ROWS [random]`, ten columns into a DuckDB
// file, beside `create table as` of the same rows.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "duck/duck.h"
#include "feed/run.h"

namespace {

using namespace sluice;

struct Spent {
  double wall, cpu;
};

Spent now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  const auto wall = std::chrono::steady_clock::now().time_since_epoch();
  return {std::chrono::duration<double>(wall).count(),
          seconds(usage.ru_utime) + seconds(usage.ru_stime)};
}

std::string peak() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM")) return line;
  }
  return "";
}

void report(const char* what, Spent before, std::int64_t rows) {
  const Spent after = now();
  const double each = 1e6 / static_cast<double>(rows);
  std::printf("%-28s wall %6.2f s, %5.2f us a row; CPU %6.2f s, %5.2f us a row; %s\n", what,
              after.wall - before.wall, (after.wall - before.wall) * each, after.cpu - before.cpu,
              (after.cpu - before.cpu) * each, peak().c_str());
}

class File : public Destination {
 public:
  File(duck::Database& database, const std::string& path) : connection_(database.connect()) {
    connection_.query("ATTACH " + duck::literal(path) + " AS dst (STORAGE_VERSION 'v1.4.0')");
  }
  const std::string& catalog() const override { return catalog_; }
  std::string name() const override { return catalog_; }
  void finish() override { connection_.query("CHECKPOINT dst"); }

 private:
  duck::Connection connection_;
  std::string catalog_ = "dst";
};

class Quiet : public sdk::Log {
  void write(sdk::Level, std::string_view) override {}
};

/// A number between two words, in memory of its own: what is measured is not printf.
class Text {
 public:
  std::string_view operator()(std::string_view before, std::int64_t number,
                              std::string_view after) {
    char* end = std::ranges::copy(before, memory_.data()).out;
    end = std::to_chars(end, memory_.data() + memory_.size(), number).ptr;
    end = std::ranges::copy(after, end).out;
    return {memory_.data(), static_cast<std::size_t>(end - memory_.data())};
  }

 private:
  std::array<char, 64> memory_{};
};

class Rows : public sdk::Connector {
 public:
  Rows(std::int64_t rows, std::int64_t checkpoint, bool random)
      : rows_(rows), checkpoint_(checkpoint), random_(random) {}
  std::vector<sdk::TableSchema> schema(const sdk::Configuration&) override {
    using sdk::Type;
    return {{"orders",
             {"id"},
             {{"id", {Type::int64}},
              {"customer", {Type::int32}},
              {"amount", {Type::decimal, 15, 2}},
              {"rate", {Type::float64}},
              {"ordered", {Type::naive_date}},
              {"updated_at", {Type::utc_datetime}},
              {"paid", {Type::boolean}},
              {"status", {Type::string}},
              {"email", {Type::string}},
              {"comment", {Type::string}}},
             {}}};
  }
  void update(const sdk::Configuration&, const std::string&, sdk::Operations& operations) override {
    sdk::Table& table = operations.table("orders");
    Text amount, email, comment;
    for (std::int64_t i = 0; i < rows_; ++i) {
      // Odd, so that every id comes once.
      const std::int64_t id = random_
                                  ? static_cast<std::int64_t>(
                                        static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15ULL >> 1)
                                  : i;
      table.upsert()
          .set(0, id)
          .set(1, i % 100'000)
          .set(2, sdk::Decimal{amount("", i % 10'000, ".25")})
          .set(3, static_cast<double>(i) * 0.25)
          .set(4, sdk::Date{static_cast<std::int32_t>(i % 20'000)})
          .set(5, sdk::UtcDateTime{1'700'000'000'000'000 + i * 1000})
          .set(6, i % 3 == 0)
          .set(7, i % 2 == 0 ? "open" : "shipped")
          .set(8, email("customer", i % 100'000, "@example.com"))
          .set(9, comment("order ", i, " was packed with care"));
      if ((i + 1) % checkpoint_ == 0) operations.checkpoint("{}");
    }
    operations.checkpoint("{}");
  }

 private:
  std::int64_t rows_, checkpoint_;
  bool random_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t rows = argc > 1 ? std::atol(argv[1]) : 3'000'000;
  const std::int64_t checkpoint = argc > 2 ? std::atol(argv[2]) : 1'000'000;
  const bool random = argc > 3;
  const auto folder = std::filesystem::temp_directory_path() / "sluice-feed-bench";
  std::filesystem::create_directories(folder);
  for (const auto& each : std::filesystem::directory_iterator(folder))
    std::filesystem::remove_all(each.path());
  {
    duck::Database database({{"threads", "2"},
                             {"memory_limit", "256MB"},
                             {"temp_directory", (folder / "spill").string()},
                             {"preserve_insertion_order", "false"}});
    File file(database, (folder / "feed.duckdb").string());
    Rows connector(rows, checkpoint, random);
    Quiet log;
    const Spent before = now();
    Observer nobody;
    const auto result = feed::run(database, file, connector, {}, {}, log, nobody);
    if (result.run.error) std::printf("%s\n", result.run.error->what());
    report("connector", before, rows);
    duck::Connection connection = database.connect();
    connection.query("ATTACH " + duck::literal((folder / "ctas.duckdb").string()) +
                     " AS other (STORAGE_VERSION 'v1.4.0')");
    const Spent between = now();
    connection.query("CREATE TABLE other.orders AS FROM dst.main.orders; CHECKPOINT other");
    report("create table as", between, rows);
    const auto same =
        connection.query("SELECT count(*) = " + std::to_string(rows) + " FROM other.orders");
    std::printf("%s\n", same.boolean(0, 0) ? "all rows are there" : "ROWS ARE MISSING");
  }
  std::filesystem::remove_all(folder);
  return 0;
}
