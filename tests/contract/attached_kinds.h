// SPDX-License-Identifier: Apache-2.0
// The kinds of database that DuckDB attaches, for tests that must hold for all of them: a file; a
// file that is attached in place of a MotherDuck database, under the name that one would have; and
// MotherDuck itself, where MOTHERDUCK_TOKEN is set.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "contract/duckdb_source_fixture.h"

namespace sluice::test {

enum class Kind { file, motherduck, service };

inline std::ostream& operator<<(std::ostream& out, Kind kind) {
  return out << (kind == Kind::file ? "file" : kind == Kind::motherduck ? "md" : "service");
}

/// A token that is nobody's, and is easy to find where it should not be.
inline Secret marked_token() { return Secret("eyJtoken.MARKED.secret"); }

/// Attaches `file` as MotherDuck attaches a database of that name: all below differs in nothing.
inline motherduck::Attach in_place_of_it(const std::string& file) {
  return [file](duck::Database& database, const motherduck::Login& login,
                const std::function<bool()>&) {
    database.connect().query("ATTACH " + duck::literal(file) + " AS " + duck::quoted(login.name) +
                             (login.write ? "" : " (READ_ONLY)"));
    return motherduck::Session{login.name, "motherduck:uuid of " + file, "v1.5.6", "motherduck",
                               false};
  };
}

/// What a test of DuckDB files does, done with each kind.
class AttachedKinds : public DuckdbSource, public ::testing::WithParamInterface<Kind> {
 protected:
  AttachedKinds() {
    if (GetParam() == Kind::service && std::getenv("MOTHERDUCK_TOKEN") == nullptr) skipped_ = true;
  }
  ~AttachedKinds() override {
    for (const std::string& name : made_) {
      try {
        at_service([&](duck::Connection& connection) {
          connection.query("DROP DATABASE IF EXISTS " + duck::quoted(name));
        });
      } catch (const Error& error) {
        ADD_FAILURE() << name << " stays at MotherDuck: " << error.what();
      }
    }
  }
  void SetUp() override {
    if (skipped_) GTEST_SKIP() << "MOTHERDUCK_TOKEN is not set";
  }

  bool file() const { return GetParam() == Kind::file; }
  /// What MotherDuck calls the database that the test calls a file.
  std::string name_of(const std::string& name) const {
    const std::string stem = std::filesystem::path(name).stem().string();
    return GetParam() == Kind::service ? "sluice_test_" + stem : stem;
  }
  std::string source_catalog(const std::string& name) const {
    return file() ? "sluice_source" : name_of(name);
  }
  std::string destination_catalog(const std::string& name) const {
    return file() ? "sluice_destination" : name_of(name);
  }
  motherduck::Options options(const std::string& name) const {
    if (GetParam() == Kind::service) return {.url = name_of(name), .token = {}};
    return {name_of(name), marked_token(), {}, in_place_of_it(path(name))};
  }

  void make(const std::string& name, const std::vector<std::string>& statements) {
    if (GetParam() != Kind::service) return DuckdbFiles::make(name, statements);
    at_service([&](duck::Connection& connection) {
      connection.query("CREATE DATABASE IF NOT EXISTS " + duck::quoted(name_of(name)));
      connection.query("USE " + duck::quoted(name_of(name)));
      for (const std::string& statement : statements) connection.query(statement);
    });
    if (std::ranges::find(made_, name_of(name)) == made_.end()) made_.push_back(name_of(name));
  }
  std::unique_ptr<Source> open_source(const std::string& name) {
    return file() ? DuckdbFiles::open_source(name) : motherduck::source(database_, options(name));
  }
  /// A database of MotherDuck's is there before it is written.
  std::unique_ptr<Destination> open_destination(const std::string& name) {
    if (file())
      return duckdb_file::destination(database_, {.path = path(name), .storage = "v1.5.0"});
    make(name, {});
    return motherduck::destination(database_, options(name));
  }

 private:
  static void at_service(const std::function<void(duck::Connection&)>& work) {
    duck::Database own;
    const auto home = motherduck::look(own, {.url = "", .token = {}});
    duck::Connection connection = own.connect();
    work(connection);
  }

  bool skipped_ = false;
  std::vector<std::string> made_;
};

inline std::string kind_name(const ::testing::TestParamInfo<Kind>& info) {
  return testing::PrintToString(info.param);
}

inline auto all_kinds() { return ::testing::Values(Kind::file, Kind::motherduck, Kind::service); }

}  // namespace sluice::test
