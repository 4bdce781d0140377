// SPDX-License-Identifier: Apache-2.0
// What the tests of the DuckDB connector share.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "connectors/duckdb/connector.h"
#include "duck/duck.h"

namespace sluice::test {

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline Error thrown(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {Fault::internal, ""};
}

/// A fresh folder and one DuckDB instance per test.
class DuckdbFiles : public ::testing::Test {
 protected:
  DuckdbFiles() {
    std::string name = ::testing::TempDir() + "sluice-duckdb-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = name;
  }
  ~DuckdbFiles() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// Runs statements in a file, as its owner would, and closes it. It is the default database
  /// meanwhile.
  void make(const std::string& name, const std::vector<std::string>& statements,
            const std::string& storage = "v1.5.0") {
    duck::Database own;
    duck::Connection connection = own.connect();
    connection.query(
        "ATTACH " + duck::literal(path(name)) + " AS made" +
        (std::filesystem::exists(path(name)) ? "" : " (STORAGE_VERSION '" + storage + "')"));
    connection.query("USE made");
    for (const std::string& statement : statements) connection.query(statement);
  }

  std::unique_ptr<Source> open_source(const std::string& name) {
    return duckdb_file::source(database_, {path(name), {}});
  }
  std::unique_ptr<Destination> open_destination(const std::string& name) {
    return duckdb_file::destination(database_, {.path = path(name)});
  }

  static std::string bytes_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
  }

  /// A file that DuckDB takes for one of another storage version: the version changed, the checksum
  /// made right.
  void make_version(const std::string& name, std::uint64_t version) {
    make(name, {});
    std::string bytes = bytes_of(path(name));
    std::memcpy(bytes.data() + 12, &version, sizeof version);
    std::uint64_t checksum = 5381;
    for (std::size_t at = 8; at < 4096; at += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, sizeof word);
      checksum ^= word * 0xbf58476d1ce4e5b9U;
    }
    std::memcpy(bytes.data(), &checksum, sizeof checksum);
    write(name, bytes);
  }

  std::filesystem::path folder_;
  duck::Database database_;
};

}  // namespace sluice::test
