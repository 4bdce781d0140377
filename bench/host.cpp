// SPDX-License-Identifier: Apache-2.0
// What a row costs that a connector sends over gRPC: `host_bench ROWS [CHECKPOINT_ROWS]` hosts a
// server that repeats one message of 100 rows of ten columns, in a process of its own;
// `host_bench FOLDER [ROWS]` a connector in Python, whose interpreter is $PYTHON. The rows go into
// a DuckDB file; then beside it what the same messages cost to receive and nothing else.
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

int measure(sdk::Connector& connector, const sdk::Configuration& configuration, std::int64_t rows) {
  const auto folder = std::filesystem::temp_directory_path() / "sluice-host-bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  bool good = false;
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
    report("hosted, into a file", before, rows);
    if (result.run.error) std::printf("%s\n", result.run.error->what());
    const auto same = database.connect().query("SELECT count(*) = " + std::to_string(rows) +
                                               " FROM dst.main.orders");
    good = same.boolean(0, 0);
    std::printf("%s\n", good ? "all rows are there" : "ROWS ARE MISSING");
  }
  std::filesystem::remove_all(folder);
  return good ? 0 : 1;
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
  fivetran::UpdateStream stream(fivetran::open_channel(address), request);
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
    const auto hosted = fivetran::host_folder(first, options);
    return measure(*hosted, {{"rows", rows}}, std::atol(rows.c_str()));
  }
  const std::int64_t rows = std::atol(first.c_str());
  const std::int64_t checkpoint = argc > 2 ? std::atol(argv[2]) : 1'000'000;
  std::array<int, 2> told{};
  if (pipe(told.data()) != 0) return 1;
  const pid_t child = fork();
  if (child == 0) serve(rows, checkpoint, told[1]);
  int port = 0;
  if (::read(told[0], &port, sizeof port) != sizeof port) return 1;
  const std::string address = "127.0.0.1:" + std::to_string(port);
  {
    const Spent before = now();
    fivetran::UpdateStream stream(fivetran::open_channel(address), {});
    std::uint64_t bytes = 0;
    for (std::string message; stream.next(message);) bytes += message.size();
    report("received, not decoded", before, rows);
    std::printf("%.1f bytes a row\n", static_cast<double>(bytes) / static_cast<double>(rows));
  }
  const auto hosted = fivetran::host_address(address, options);
  const int failed = measure(*hosted, {}, rows);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return failed;
}
