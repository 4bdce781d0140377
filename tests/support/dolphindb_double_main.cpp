// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/dolphindb_double.h"

namespace {

using nlohmann::json;
using sluice::testing::DolphindbDouble;
namespace dolphin = sluice::testing::dolphin;

constexpr const char* kHelp = R"help(dolphindb_double FILE.json [name=value ..]

Answers as a DolphinDB is documented to, at a port of 127.0.0.1, until its input ends.

FILE.json (keys but "name" and "columns" may be left out):
  {"tables": [{
     "database": "dfs://trades",            none: a table in memory, shared by its name
     "name": "trade",
     "columns": [["sym", "SYMBOL"], ["ts", "NANOTIMESTAMP"], ["price", "DECIMAL64(4)"]],
     "partitions": [{"column": "ts", "kind": "VALUE", "type": "DATE", "scheme": [19723, 19724]},
                    {"column": "sym", "kind": "HASH", "scheme": 5}],
     "engine": "TSDB", "sort_columns": ["sym", "ts"], "keep_duplicates": "ALL",
     "primary_key": []}],
   "sql": ["INSERT INTO \"dfs://trades\".trade SELECT .."]}

"sql" is DuckDB's; a table is "DATABASE"."NAME", or shared."NAME". Values are as on DolphinDB's wire:
a NANOTIMESTAMP is a BIGINT of ns since 1970 (tests/support/dolphindb_rows.h has every type).

Options:
  nodes=N            data nodes, each with a port of its own (1)
  user=NAME:PASSWORD instead of admin:123456; several times for several
  scram=NAME:PASSWORD  one that logs in by SCRAM
  tls=1              from the first byte on, with a certificate for localhost
  version=TEXT       what version() says
  remembers=1        results of selects are kept and sent again: for benchmarks

Prints `sites HOST:PORT,..` and with tls `ca FILE`. Then obeys lines of its input, each answered by
`done`:
  sql TEXT           run in DuckDB
  stop N, start N    a node, from 0
  error TEXT|LINE    once: LINE in place of the answer to a request that contains TEXT
  cut TEXT|BYTE      once: the connection ends after so many bytes of the answer's object
  wait TEXT|MS       once: the answer comes so much later
  requests TEXT      how many requests contained TEXT, before `done`
)help";

std::string text_or(const json& in, const char* key, const std::string& otherwise) {
  return in.value(key, otherwise);
}

dolphin::Value scheme_of(const json& partition) {
  const json& scheme = partition.at("scheme");
  const std::string type = text_or(partition, "type", "INT");
  const dolphin::Type named = dolphin::type_named(type).type;
  if (!scheme.is_array()) return dolphin::make(named, scheme.get<std::int64_t>());
  if (dolphin::is_text(named))
    return dolphin::texts_of(scheme.get<std::vector<std::string>>(), named);
  return dolphin::integers_of(scheme.get<std::vector<std::int64_t>>(), named);
}

sluice::testing::DolphindbTable table_of(const json& in) {
  sluice::testing::DolphindbTable table;
  table.database = text_or(in, "database", "");
  table.name = in.at("name");
  for (const json& each : in.at("columns")) table.columns.push_back({each.at(0), each.at(1)});
  for (const json& each : in.value("partitions", json::array()))
    table.partitions.push_back({each.at("column"), each.at("kind"), scheme_of(each)});
  table.engine = text_or(in, "engine", "TSDB");
  table.sort_columns = in.value("sort_columns", std::vector<std::string>());
  table.keep_duplicates = text_or(in, "keep_duplicates", "ALL");
  table.primary_key = in.value("primary_key", std::vector<std::string>());
  return table;
}

DolphindbDouble::Options options_of(int count, char** arguments) {
  DolphindbDouble::Options options;
  bool own_users = false;
  for (int i = 2; i < count; ++i) {
    const std::string argument = arguments[i];
    const std::size_t at = argument.find('=');
    const std::string name = argument.substr(0, at);
    const std::string value = at == std::string::npos ? "" : argument.substr(at + 1);
    if (name == "nodes") {
      options.nodes = std::stoul(value);
    } else if (name == "user" || name == "scram") {
      if (!std::exchange(own_users, true)) options.users.clear();
      const std::size_t colon = value.find(':');
      options.users[value.substr(0, colon)] = {
          colon == std::string::npos ? "" : value.substr(colon + 1), name == "scram", {}};
    } else if (name == "tls") {
      options.tls = value == "1";
    } else if (name == "version") {
      options.version = value;
    } else if (name == "remembers") {
      options.remembers = value == "1";
    } else {
      throw std::runtime_error("no such option: " + argument + "; see --help");
    }
  }
  return options;
}

void obey(const std::string& line, DolphindbDouble& cluster) {
  std::istringstream words(line);
  std::string verb, rest;
  words >> verb;
  std::getline(words >> std::ws, rest);
  const std::size_t bar = rest.rfind('|');
  const std::string text = rest.substr(0, bar);
  const std::string value = bar == std::string::npos ? "" : rest.substr(bar + 1);
  if (verb == "sql") {
    cluster.exec(rest);
  } else if (verb == "stop") {
    cluster.stop_node(std::stoul(rest));
  } else if (verb == "start") {
    cluster.start_node(std::stoul(rest));
  } else if (verb == "error") {
    cluster.fault(text, DolphindbDouble::Fault::with_error(value));
  } else if (verb == "cut") {
    cluster.fault(text, DolphindbDouble::Fault::cut_at(std::stoul(value)));
  } else if (verb == "wait") {
    DolphindbDouble::Fault late;
    late.wait = std::chrono::milliseconds(std::stol(value));
    cluster.fault(text, late);
  } else if (verb == "requests") {
    std::cout << cluster.requests(rest).size() << '\n';
  } else {
    throw std::runtime_error("no such command: " + line + "; see --help");
  }
  std::cout << "done" << std::endl;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count < 2 || std::string(arguments[1]) == "--help") {
      std::cout << kHelp;
      return count < 2 ? 2 : 0;
    }
    std::ifstream file(arguments[1]);
    if (!file) throw std::runtime_error(std::string("cannot read ") + arguments[1]);
    const json described = json::parse(file);
    DolphindbDouble cluster(options_of(count, arguments));
    for (const json& each : described.value("tables", json::array()))
      cluster.create(table_of(each));
    for (const json& each : described.value("sql", json::array())) cluster.exec(each);
    std::cout << "sites " << cluster.sites() << std::endl;
    if (cluster.tls()) std::cout << "ca " << cluster.certificates() << std::endl;
    for (std::string line; std::getline(std::cin, line);) obey(line, cluster);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "dolphindb_double: " << error.what() << '\n';
    return 1;
  }
}
