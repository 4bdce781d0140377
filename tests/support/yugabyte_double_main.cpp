// SPDX-License-Identifier: Apache-2.0
// What stands in for a YugabyteDB (yugabyte_double.h), for scripts:
//   yugabyte_double FILE.sql [nodes=N] [version=TEXT] [read_time=0] [exported_snapshots=1]
//     [tablet_metadata=0] [universe_uuid=0] [tls=1]
// Runs the file in a new database of a private PostgreSQL, where yb_double_declare(table, tablets,
// hash columns, colocated, split clause) is YugabyteDouble::declare(). Prints `url URL`, then obeys
// lines of its input, each answered by `done`: `stop N`, `start N`, `expire`, `sql TEXT`. Ends with
// its input.
#include <exception>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "support/yugabyte_double.h"

namespace {

using sluice::testing::YugabyteDouble;

YugabyteDouble::Options options_of(int count, char** arguments) {
  YugabyteDouble::Options options;
  for (int i = 2; i < count; ++i) {
    const std::string argument = arguments[i];
    const std::size_t at = argument.find('=');
    const std::string name = argument.substr(0, at);
    const std::string value = at == std::string::npos ? "" : argument.substr(at + 1);
    const bool yes = value == "1";
    if (name == "nodes") {
      options.nodes = std::stoul(value);
    } else if (name == "version") {
      options.version = value;
    } else if (name == "read_time") {
      options.read_time = yes;
    } else if (name == "exported_snapshots") {
      options.exported_snapshots = yes;
    } else if (name == "tablet_metadata") {
      options.tablet_metadata = yes;
    } else if (name == "universe_uuid") {
      options.universe_uuid = yes;
    } else if (name == "tls") {
      options.tls = yes;
    } else {
      throw std::runtime_error("no such option: " + argument);
    }
  }
  return options;
}

void obey(const std::string& line, YugabyteDouble& cluster,
          sluice::testing::PostgresDatabase& database) {
  std::istringstream words(line);
  std::string verb, rest;
  words >> verb;
  std::getline(words >> std::ws, rest);
  if (verb == "stop") {
    cluster.stop_node(std::stoul(rest));
  } else if (verb == "start") {
    cluster.start_node(std::stoul(rest));
  } else if (verb == "expire") {
    cluster.expire_read_times();
  } else if (verb == "sql") {
    database.exec(rest);
  } else {
    throw std::runtime_error("no such command: " + line);
  }
  std::cout << "done" << std::endl;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count < 2) throw std::runtime_error("usage: yugabyte_double FILE.sql [name=value ..]");
    std::stringstream sql;
    sql << std::ifstream(arguments[1]).rdbuf();
    sluice::testing::PostgresDatabase database;
    YugabyteDouble cluster(database, options_of(count, arguments));
    database.exec(sql.str());
    std::cout << "url " << cluster.url() << std::endl;
    for (std::string line; std::getline(std::cin, line);) obey(line, cluster, database);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "yugabyte_double: " << error.what() << '\n';
    return 1;
  }
}
