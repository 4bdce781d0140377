// SPDX-License-Identifier: Apache-2.0
// What a row costs that a connector sends over gRPC: `host_bench ROWS [CHECKPOINT_ROWS]` hosts a
// server that repeats one message of 100 rows of ten columns, in a process of its own;
// `host_bench FOLDER [ROWS]` a connector in Python (tests/support/connectors/big), whose
// interpreter is $PYTHON. The rows go into a DuckDB file; beside it what such rows cost from a
// connector in the same process, and, of the server, to receive and nothing else. Exit 1 above the
// bar: 9 us of CPU a row, all told, and 60 MB more than in the same process.
// `host_bench HOST:PORT NAME=VALUE..` only receives what a connector that runs sends, and drops it.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "duck/duck.h"
#include "feed/run.h"
#include "fivetran/channel.h"
#include "fivetran/host.h"

namespace {

using namespace sluice;
namespace proto = fivetran_sdk::v2;

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

/// Of this process, MB.
double peak() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) * 1024 / 1e6;
  }
  return 0;
}

struct Cost {
  double cpu, peak;  ///< us a row, MB
};

Cost report(const char* what, Spent before, std::int64_t rows) {
  const Spent after = now();
  const double each = 1e6 / static_cast<double>(rows);
  const Cost cost{(after.cpu - before.cpu) * each, peak()};
  std::printf("%-28s wall %6.2f s, %5.2f us a row; CPU %6.2f s, %5.2f us a row; peak %4.0f MB\n",
              what, after.wall - before.wall, (after.wall - before.wall) * each,
              after.cpu - before.cpu, cost.cpu, cost.peak);
  std::fflush(stdout);
  return cost;
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

constexpr std::array<std::pair<const char*, proto::DataType>, 10> kColumns{
    {{"id", proto::LONG},
     {"customer", proto::INT},
     {"amount", proto::DECIMAL},
     {"rate", proto::DOUBLE},
     {"ordered", proto::NAIVE_DATE},
     {"updated_at", proto::UTC_DATETIME},
     {"paid", proto::BOOLEAN},
     {"status", proto::STRING},
     {"email", proto::STRING},
     {"comment", proto::STRING}}};

/// The same rows, from within.
class Within final : public sdk::Connector {
 public:
  Within(std::int64_t rows, std::int64_t checkpoint) : rows_(rows), checkpoint_(checkpoint) {}
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
    for (std::int64_t i = 0; i < rows_; ++i) {
      const std::string amount = std::to_string(i % 10'000) + ".25";
      const std::string email = "customer" + std::to_string(i % 100'000) + "@example.com";
      const std::string comment = "order " + std::to_string(i) + " was packed with care";
      table.upsert()
          .set(0, i)
          .set(1, i % 100'000)
          .set(2, sdk::Decimal{amount})
          .set(3, static_cast<double>(i) * 0.25)
          .set(4, sdk::Date{static_cast<std::int32_t>(i % 20'000)})
          .set(5, sdk::UtcDateTime{1'700'000'000'000'000 + i * 1000})
          .set(6, i % 3 == 0)
          .set(7, i % 2 == 0 ? "open" : "shipped")
          .set(8, std::string_view(email))
          .set(9, std::string_view(comment));
      if (i % checkpoint_ == checkpoint_ - 1) operations.checkpoint("{}");
    }
    operations.checkpoint("{}");
  }

 private:
  std::int64_t rows_, checkpoint_;
};

class Server final : public proto::SourceConnector::Service {
 public:
  Server(std::int64_t rows, std::int64_t checkpoint) : rows_(rows), checkpoint_(checkpoint) {}

  grpc::Status ConfigurationForm(grpc::ServerContext*, const proto::ConfigurationFormRequest*,
                                 proto::ConfigurationFormResponse*) override {
    return {};
  }
  grpc::Status Schema(grpc::ServerContext*, const proto::SchemaRequest*,
                      proto::SchemaResponse* response) override {
    proto::Table& table = *response->mutable_without_schema()->add_tables();
    table.set_name("orders");
    for (const auto& [name, type] : kColumns) {
      proto::Column& column = *table.add_columns();
      column.set_name(name);
      column.set_type(type);
      column.set_primary_key(type == proto::LONG);
      if (type != proto::DECIMAL) continue;
      column.mutable_params()->mutable_decimal()->set_precision(15);
      column.mutable_params()->mutable_decimal()->set_scale(2);
    }
    return {};
  }
  grpc::Status Update(grpc::ServerContext*, const proto::UpdateRequest*,
                      grpc::ServerWriter<proto::UpdateResponse>* writer) override {
    proto::UpdateResponse checkpoint;
    checkpoint.mutable_checkpoint()->set_state_json("{}");
    for (std::int64_t i = 0; i < rows_;) {
      proto::UpdateResponse batch;
      for (int n = 0; n < 100; ++n, ++i) add(*batch.mutable_records()->add_records(), i);
      writer->Write(batch);
      if (i % checkpoint_ == 0) writer->Write(checkpoint);
    }
    writer->Write(checkpoint);
    return {};
  }

 private:
  static void add(proto::Record& record, std::int64_t i) {
    record.set_table_name("orders");
    auto& data = *record.mutable_data();
    data["id"].set_long_value(i);
    data["customer"].set_int_value(static_cast<std::int32_t>(i % 100'000));
    data["amount"].set_decimal(std::to_string(i % 10'000) + ".25");
    data["rate"].set_double_value(static_cast<double>(i) * 0.25);
    data["ordered"].mutable_naive_date()->set_seconds(i % 20'000 * 86'400);
    auto& time = *data["updated_at"].mutable_utc_datetime();
    time.set_seconds(1'700'000'000 + i / 1000);
    time.set_nanos(static_cast<std::int32_t>(i % 1000 * 1'000'000));
    data["paid"].set_boolean(i % 3 == 0);
    data["status"].set_text(i % 2 == 0 ? "open" : "shipped");
    data["email"].set_text("customer" + std::to_string(i % 100'000) + "@example.com");
    data["comment"].set_text("order " + std::to_string(i) + " was packed with care");
  }
  std::int64_t rows_, checkpoint_;
};

/// In the child that was forked for it; ends with it.
[[noreturn]] void serve(std::int64_t rows, std::int64_t checkpoint, int tell) {
  Server server(rows, checkpoint);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&server);
  const auto running = builder.BuildAndStart();
  if (::write(tell, &port, sizeof port) == sizeof port) running->Wait();
  std::_Exit(1);
}

/// Ends the process where rows are missing.
Cost measure(const char* what, sdk::Connector& connector, const sdk::Configuration& configuration,
             std::int64_t rows) {
  const auto folder = std::filesystem::temp_directory_path() / "sluice-host-bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  Cost cost{};
  {
    duck::Database database({{"threads", "2"},
                             {"memory_limit", "256MB"},
                             {"temp_directory", (folder / "spill").string()},
                             {"preserve_insertion_order", "false"}});
    File file(database, (folder / "host.duckdb").string());
    Quiet log;
    Observer nobody;
    const Spent before = now();
    const auto result = feed::run(database, file, connector, configuration, {}, log, nobody);
    cost = report(what, before, rows);
    if (result.run.error) std::printf("%s\n", result.run.error->what());
    const auto same = database.connect().query("SELECT count(*) = " + std::to_string(rows) +
                                               " FROM dst.main.orders");
    if (!same.boolean(0, 0)) {
      std::printf("ROWS ARE MISSING\n");
      std::_Exit(1);
    }
  }
  std::filesystem::remove_all(folder);
  return cost;
}

/// In a process of its own.
Cost measure_within(std::int64_t rows, std::int64_t checkpoint) {
  std::array<int, 2> told{};
  Cost cost{};
  if (pipe(told.data()) != 0) std::_Exit(1);
  const pid_t child = fork();
  if (child == 0) {
    Within within(rows, checkpoint);
    cost = measure("in the same process", within, {}, rows);
    std::_Exit(::write(told[1], &cost, sizeof cost) == sizeof cost ? 0 : 1);
  }
  close(told[1]);
  if (::read(told[0], &cost, sizeof cost) != sizeof cost) std::_Exit(1);
  waitpid(child, nullptr, 0);
  return cost;
}

int verdict(const Cost& within, const Cost& hosted) {
  const bool holds = hosted.cpu <= 9 && hosted.peak - within.peak <= 60;
  std::printf("  bar %s: %.2f us of CPU a row <= 9, %.0f MB more <= 60\n",
              holds ? "holds" : "MISSED", hosted.cpu, hosted.peak - within.peak);
  return holds ? 0 : 1;
}

int drain(const std::string& address, int fields, char** given) {
  proto::UpdateRequest request;
  request.set_state_json("{}");
  for (int i = 0; i < fields; ++i) {
    const std::string field = given[i];
    const std::size_t equals = field.find('=');
    (*request.mutable_configuration())[field.substr(0, equals)] = field.substr(equals + 1);
  }
  const Spent before = now();
  fivetran::UpdateStream stream(fivetran::open_channel(address, fivetran::HostOptions().keepalive),
                                request);
  std::uint64_t bytes = 0, messages = 0;
  for (std::string message; stream.next(message); ++messages) bytes += message.size();
  const Spent after = now();
  std::printf("{\"wall\": %.3f, \"cpu\": %.3f, \"bytes\": %llu, \"messages\": %llu}\n",
              after.wall - before.wall, after.cpu - before.cpu,
              static_cast<unsigned long long>(bytes), static_cast<unsigned long long>(messages));
  if (!stream.status().ok()) std::printf("%s\n", stream.status().error_message().c_str());
  return stream.status().ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "1000000";
  if (first.find(':') != std::string::npos) return drain(first, argc - 2, argv + 2);
  Quiet log;
  fivetran::HostOptions options;
  options.log = &log;
  if (std::filesystem::is_directory(first)) {
    if (const char* python = std::getenv("PYTHON")) options.python = python;
    const std::string rows = argc > 2 ? argv[2] : "100000";
    const Cost within = measure_within(std::atol(rows.c_str()), 40'000);
    const auto hosted = fivetran::host_folder(first, options);
    return verdict(within, measure("Python's SDK, hosted", *hosted, {{"rows", rows}},
                                   std::atol(rows.c_str())));
  }
  const std::int64_t rows = std::atol(first.c_str());
  const std::int64_t checkpoint = argc > 2 ? std::atol(argv[2]) : 1'000'000;
  const Cost within = measure_within(rows, checkpoint);
  std::array<int, 2> told{};
  if (pipe(told.data()) != 0) return 1;
  const pid_t child = fork();
  if (child == 0) serve(rows, checkpoint, told[1]);
  int port = 0;
  if (::read(told[0], &port, sizeof port) != sizeof port) return 1;
  const std::string address = "127.0.0.1:" + std::to_string(port);
  {
    const Spent before = now();
    fivetran::UpdateStream stream(
        fivetran::open_channel(address, fivetran::HostOptions().keepalive), {});
    std::uint64_t bytes = 0;
    for (std::string message; stream.next(message);) bytes += message.size();
    report("received, not decoded", before, rows);
    std::printf("%.1f bytes a row\n", static_cast<double>(bytes) / static_cast<double>(rows));
  }
  const auto hosted = fivetran::host_address(address, options);
  const Cost cost = measure("hosted", *hosted, {}, rows);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return verdict(within, cost);
}
