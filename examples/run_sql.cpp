// SPDX-License-Identifier: Apache-2.0
// Runs a script in a DuckDB file, as DuckDB's own command line does (`duckdb FILE < SCRIPT`): the
// examples, the demo, the tests and the benchmarks need no other program. A file that is not there
// is made, of the storage version that sluice gives its own.
// `run_sql FILE SCRIPT`; a SCRIPT of "-" is the standard input.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "duck/duck.h"

namespace {

std::string all_of(std::istream& in) { return {std::istreambuf_iterator<char>(in), {}}; }

}  // namespace

int main(int argc, char** argv) {
  using sluice::duck::literal;
  if (argc != 3) {
    std::fputs("usage: run_sql FILE SCRIPT\n", stderr);
    return 2;
  }
  try {
    const std::filesystem::path file = argv[1];
    const std::string name = sluice::duck::quoted(file.stem().string());
    std::ifstream script(argv[2]);
    const bool standard_input = std::string(argv[2]) == "-";
    if (!standard_input && !script) throw std::runtime_error("cannot read " + std::string(argv[2]));
    const std::string sql = all_of(standard_input ? std::cin : script);
    sluice::duck::Database database;
    sluice::duck::Connection connection = database.connect();
    connection.query("ATTACH " + literal(file.string()) + " AS " + name +
                     (std::filesystem::exists(file) ? "" : " (STORAGE_VERSION 'v1.4.0')"));
    connection.query("USE " + name);
    connection.query(sql);
    connection.query("USE memory");
    connection.query("DETACH " + name);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "run_sql: %s\n", error.what());
    return 1;
  }
}
