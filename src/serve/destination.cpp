// SPDX-License-Identifier: Apache-2.0
#include "serve/destination.h"

#include <chrono>
#include <cstdio>
#include <thread>

#include "serve/log.h"
#include "serve/migrate.h"
#include "serve/server.h"
#include "serve/tables.h"
#include "serve/truncate.h"
#include "serve/write.h"
#include "sluice/error.h"

namespace sluice::serve {
namespace {

using Settings = google::protobuf::Map<std::string, std::string>;
constexpr const char* kOrigin = "sdk_destination";
constexpr int kTries = 6;

std::string setting(const Settings& configuration, const char* name) {
  const auto found = configuration.find(name);
  return found == configuration.end() ? "" : found->second;
}

std::string url_of(const Settings& configuration) {
  std::string url = setting(configuration, "destination");
  if (!url.empty()) return url;
  throw Error(Fault::config, "the configuration has no `destination`",
              "duckdb:/PATH/FILE.duckdb, or md:DATABASE with `token`");
}

/// Work of a call at its destination: done again where somebody else was in the way.
template <typename Work>
void visit(Places& places, const Settings& configuration, const std::string& schema,
           const std::set<std::string>& names, const Work& work) {
  std::set<std::string> tables;
  refuse_own_name(schema);
  for (const std::string& each : names) {
    refuse_own_name(each);
    tables.insert(schema + "." + each);
  }
  const std::string url = url_of(configuration), token = setting(configuration, "token");
  if (!token.empty()) duck::hide(Secret(token));
  for (int attempt = 1;; ++attempt) {
    try {
      Visit visit(places, url, token, tables);
      return work(visit.connection(), visit.catalog());
    } catch (const Error& error) {
      if (!error.retryable() || attempt == kTries) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50) * (1 << attempt));
  }
}

/// What a call said of itself, and how it ended.
template <typename Response, typename Work>
grpc::Status answer(const char* call, const std::string& about, Response& response,
                    const Work& work) {
  const auto began = std::chrono::steady_clock::now();
  const std::string what = std::string(call) + (about.empty() ? "" : " " + about);
  try {
    const std::string said = work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, " (%.3f s)", took.count());
    log_line(kOrigin, LogLevel::info, what + (said.empty() ? "" : ": " + said) + seconds);
    return grpc::Status::OK;
  } catch (const Error& error) {
    const std::string text = status_text(error);
    log_line(kOrigin, LogLevel::severe, what + ": " + text);
    if (error.fault() == Fault::authentication || error.fault() == Fault::permission) {
      response.mutable_task()->set_message(text);
      return grpc::Status::OK;
    }
    return {status_code(error), text};
  } catch (const std::exception& error) {
    log_line(kOrigin, LogLevel::severe, what + ": a bug of sluice");
    return {grpc::StatusCode::INTERNAL, "a bug of sluice, please report it"};
  }
}

std::string told(const Written& written) {
  std::string text = std::to_string(written.replaced) + " rows replaced, " +
                     std::to_string(written.updated) + " updated, " +
                     std::to_string(written.deleted) + " deleted";
  if (written.ended > 0) text += ", versions of " + std::to_string(written.ended) + " ended";
  return text;
}

/// With room for long records only where some turned out to need it.
template <typename Write>
Written write(const Write& with_long_records) {
  try {
    return with_long_records(false);
  } catch (const TooLong&) {
    return with_long_records(true);
  }
}

}  // namespace

grpc::Status DestinationService::ConfigurationForm(grpc::ServerContext*,
                                                   const proto::ConfigurationFormRequest*,
                                                   proto::ConfigurationFormResponse* response) {
  proto::FormField* destination = response->add_fields();
  destination->set_name("destination");
  destination->set_label("Destination");
  destination->set_required(true);
  destination->set_description("A DuckDB file of this machine, or a database of MotherDuck");
  destination->set_placeholder("duckdb:/data/warehouse.duckdb or md:warehouse");
  destination->set_text_field(proto::PLAIN_TEXT);
  proto::FormField* token = response->add_fields();
  token->set_name("token");
  token->set_label("MotherDuck token");
  token->set_required(false);
  token->set_description("For md: only");
  token->set_text_field(proto::PASSWORD);
  proto::ConfigurationTest* test = response->add_tests();
  test->set_name("write");
  test->set_label("The destination opens, and can be written to");
  return grpc::Status::OK;
}

grpc::Status DestinationService::Test(grpc::ServerContext*, const proto::TestRequest* request,
                                      proto::TestResponse* response) {
  try {
    visit(places_, request->configuration(), {}, {}, [](auto& connection, const auto& catalog) {
      const std::string schema = duck::quoted(catalog) + "._sluice_test";
      duck::Transaction transaction(connection);  // rolled back
      connection.query("CREATE SCHEMA " + schema);
      connection.query("CREATE TABLE " + schema + ".t (i INTEGER)");
    });
    response->set_success(true);
    log_line(kOrigin, LogLevel::info, "Test: passed");
  } catch (const Error& error) {
    response->set_failure(status_text(error));
    log_line(kOrigin, LogLevel::warning, "Test: " + status_text(error));
  }
  return grpc::Status::OK;
}

grpc::Status DestinationService::Capabilities(grpc::ServerContext*,
                                              const proto::CapabilitiesRequest*,
                                              proto::CapabilitiesResponse* response) {
  response->set_batch_file_format(proto::CSV);
  return grpc::Status::OK;
}

grpc::Status DestinationService::DescribeTable(grpc::ServerContext*,
                                               const proto::DescribeTableRequest* request,
                                               proto::DescribeTableResponse* response) {
  const std::string name = request->schema_name() + "." + request->table_name();
  return answer("DescribeTable", name, *response, [&]() -> std::string {
    visit(places_, request->configuration(), request->schema_name(), {request->table_name()},
          [&](auto& connection, const auto& catalog) {
            const auto table =
                find_table(connection, catalog, request->schema_name(), request->table_name());
            response->Clear();
            if (!table) return response->set_not_found(true);
            response->mutable_table()->set_name(table->name);
            for (const ServedColumn& each : table->columns)
              describe(each, *response->mutable_table()->add_columns());
          });
    return response->has_table() ? "" : "not found";
  });
}

grpc::Status DestinationService::CreateTable(grpc::ServerContext*,
                                             const proto::CreateTableRequest* request,
                                             proto::CreateTableResponse* response) {
  const std::string name = request->schema_name() + "." + request->table().name();
  return answer("CreateTable", name, *response, [&] {
    visit(places_, request->configuration(), request->schema_name(), {request->table().name()},
          [&](auto& connection, const auto& catalog) {
            create_table(connection,
                         wanted_table(catalog, request->schema_name(), request->table()));
          });
    response->set_success(true);
    return std::string();
  });
}

grpc::Status DestinationService::AlterTable(grpc::ServerContext*,
                                            const proto::AlterTableRequest* request,
                                            proto::AlterTableResponse* response) {
  const std::string name = request->schema_name() + "." + request->table().name();
  return answer("AlterTable", name, *response, [&] {
    visit(places_, request->configuration(), request->schema_name(), {request->table().name()},
          [&](auto& connection, const auto& catalog) {
            const auto wanted = wanted_table(catalog, request->schema_name(), request->table());
            without_values(wanted,
                           [&] { alter_table(connection, wanted, request->drop_columns()); });
          });
    response->set_success(true);
    return std::string();
  });
}

grpc::Status DestinationService::Truncate(grpc::ServerContext*,
                                          const proto::TruncateRequest* request,
                                          proto::TruncateResponse* response) {
  const std::string name = request->schema_name() + "." + request->table_name();
  return answer("Truncate", name, *response, [&] {
    std::uint64_t rows = 0;
    visit(places_, request->configuration(), request->schema_name(), {request->table_name()},
          [&](auto& connection, const auto& catalog) {
            rows = truncate(connection, catalog, *request);
          });
    response->set_success(true);
    return std::to_string(rows) + " rows";
  });
}

grpc::Status DestinationService::WriteBatch(grpc::ServerContext*,
                                            const proto::WriteBatchRequest* request,
                                            proto::WriteBatchResponse* response) {
  const std::string name = request->schema_name() + "." + request->table().name();
  return answer("WriteBatch", name, *response, [&] {
    Written written;
    visit(places_, request->configuration(), request->schema_name(), {request->table().name()},
          [&](auto& connection, const auto& catalog) {
            written = write([&](bool long_records) {
              return write_batch(connection, catalog, *request, long_records);
            });
          });
    response->set_success(true);
    return told(written);
  });
}

grpc::Status DestinationService::WriteHistoryBatch(grpc::ServerContext*,
                                                   const proto::WriteHistoryBatchRequest* request,
                                                   proto::WriteBatchResponse* response) {
  const std::string name = request->schema_name() + "." + request->table().name();
  return answer("WriteHistoryBatch", name, *response, [&] {
    Written written;
    visit(places_, request->configuration(), request->schema_name(), {request->table().name()},
          [&](auto& connection, const auto& catalog) {
            written = write([&](bool long_records) {
              return write_history(connection, catalog, *request, long_records);
            });
          });
    response->set_success(true);
    return told(written);
  });
}

grpc::Status DestinationService::Migrate(grpc::ServerContext*, const proto::MigrateRequest* request,
                                         proto::MigrateResponse* response) {
  const proto::MigrationDetails& details = request->details();
  return answer("Migrate", details.schema() + "." + details.table(), *response, [&] {
    bool supported = false;
    visit(places_, request->configuration(), details.schema(), tables_of(details),
          [&](auto& connection, const auto& catalog) {
            without_values({}, [&] { supported = migrate(connection, catalog, details); });
          });
    if (supported) {
      response->set_success(true);
    } else {
      response->set_unsupported(true);
    }
    return std::string(supported ? "" : "unsupported");
  });
}

}  // namespace sluice::serve
