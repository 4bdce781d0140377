// SPDX-License-Identifier: Apache-2.0
#include "cli/open.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "connectors/registry.h"

namespace sluice::cli {
namespace {

/// Where DuckDB spills: beside the file, which is where space was planned for; never in the folder
/// one happens to be.
std::string temp_folder(const Connection& connection) {
  if (!connection.temp.empty()) return connection.temp;
  const auto file = local_file(connection.destination);
  if (file && !file->empty()) return *file + ".sluice.tmp";
  return (std::filesystem::temp_directory_path() / ("sluice-" + std::to_string(::getpid())))
      .string();
}

std::map<std::string, std::string> settings(std::uint64_t memory, const std::string& temp,
                                            std::size_t threads) {
  return {{"memory_limit", std::to_string(duck_memory_limit(memory)) + "B"},
          {"temp_directory", temp},
          {"threads", std::to_string(threads)},
          {"preserve_insertion_order", "false"},
          {"autoinstall_known_extensions", "false"},
          {"autoload_known_extensions", "false"}};
}

duck::Database reading_database(const std::string& url) {
  Connection connection;
  connection.destination = url;
  if (local_file(url)) {
    connection.temp =
        (std::filesystem::temp_directory_path() / ("sluice-" + std::to_string(::getpid())))
            .string();
  }
  auto options = settings(connection.memory, temp_folder(connection), readers_of(connection.sync));
  options["preserve_insertion_order"] = "true";
  return duck::Database(options);
}

}  // namespace

std::uint64_t duck_memory_limit(std::uint64_t process) {
  constexpr std::uint64_t kLeast = 64'000'000, kBeside = 128'000'000;
  const std::uint64_t beside = process > kBeside ? process - kBeside : 0;
  return std::max(kLeast, std::min(beside, process / 10 * 6));
}

duck::Database open_database(const Connection& connection) {
  return duck::Database(
      settings(connection.memory, temp_folder(connection), readers_of(connection.sync)));
}

std::unique_ptr<Source> open_source(duck::Database& database, const Connection& connection,
                                    const Secret& password, const std::function<bool()>& stop) {
  SourceSettings settings;
  settings.application_name = "sluice/" + connection.sync.connection;
  settings.password = password;
  settings.parallel = readers_of(connection.sync);
  settings.max_rate_bytes = connection.max_rate;
  settings.wait = connection.wait;
  settings.stop = stop;
  return make_source(database, connection.source, settings);
}

std::unique_ptr<Destination> open_destination(duck::Database& database,
                                              const Connection& connection, const Secret& password,
                                              const std::function<bool()>& stop) {
  DestinationSettings settings;
  if (is_destinations_password(connection.source)) settings.password = password;
  settings.wait = connection.wait;
  settings.stop = stop;
  if (!connection.storage.empty()) settings.storage = connection.storage;
  settings.read_copy = connection.read_copy;
  return make_destination(database, connection.destination, settings);
}

Looked::Looked(const std::string& url)
    : database_(reading_database(url)), connection_(database_.connect()) {
  const auto file = local_file(url);
  if (file && !file->empty() && !std::filesystem::exists(*file)) {
    throw Error(Fault::config, "there is no file " + *file,
                "a sync makes it: sluice sync SOURCE " + url);
  }
  try {
    destination_ = look_into(database_, url);
  } catch (const Error& error) {
    if (error.fault() != Fault::busy) throw;
    throw Error(Fault::busy, error.what(),
                "ask again when it is closed there; with read_copy: FILE a sync leaves a file of "
                "their own to those who read");
  }
  connection_.query("USE " + duck::quoted(catalog()));
}

std::string Looked::table(const std::string& name) const {
  return duck::quoted(catalog()) + ".\"_sluice\"." + duck::quoted(name);
}

bool Looked::known() {
  const auto found = connection_.query(
      "SELECT count(*) FROM duckdb_tables() WHERE database_name = ? AND schema_name = '_sluice' "
      "AND table_name = 'meta'",
      {catalog()});
  return found.integer(0, 0) > 0;
}

}  // namespace sluice::cli
