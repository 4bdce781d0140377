// SPDX-License-Identifier: Apache-2.0
// What of MotherDuck can be tested without it: its URLs, what its messages mean, the limit of time,
// and that its token is nowhere to be seen. The ATTACH itself is not among it.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "connectors/duckdb/deadline.h"
#include "connectors/duckdb/motherduck.h"
#include "contract/attached_kinds.h"

namespace sluice {
namespace {

using namespace std::chrono_literals;
using duckdb_file::run_within;
using duckdb_file::Waited;
using motherduck::explained;
using motherduck::Login;
using motherduck::login_of;
using motherduck::Session;
using test::has;
using test::thrown;

/// The environment without tokens, while it lives.
class MotherduckUrl : public ::testing::Test {
 protected:
  MotherduckUrl() {
    for (const char* name : kNames) {
      const char* value = std::getenv(name);
      before_.emplace_back(value == nullptr ? "" : value);
      unsetenv(name);
    }
  }
  ~MotherduckUrl() override {
    for (std::size_t i = 0; i < 2; ++i) {
      before_[i].empty() ? unsetenv(kNames[i]) : setenv(kNames[i], before_[i].c_str(), 1);
    }
  }
  static Login login(const std::string& url, const std::string& token = "eyJgiven") {
    return login_of({.url = url, .token = Secret(token)}, false);
  }
  static constexpr const char* kNames[] = {"MOTHERDUCK_TOKEN", "motherduck_token"};
  std::vector<std::string> before_;
};

TEST_F(MotherduckUrl, NamesADatabaseAShareOrTheDefaultOne) {
  EXPECT_EQ(login("shop").database, "shop");
  EXPECT_EQ(login("shop").shown, "md:shop");
  EXPECT_FALSE(login("shop").share());
  EXPECT_EQ(login("my shop's").name, "my shop's");
  EXPECT_EQ(login("").database, "my_db");
  EXPECT_EQ(login("?connection_timeout=3s").database, "my_db");
  const Login share = login("_share/birds/e9ads7-dfr32");
  EXPECT_TRUE(share.share());
  EXPECT_EQ(share.database, "_share/birds/e9ads7-dfr32");
  EXPECT_EQ(share.name, "birds");
  EXPECT_EQ(share.shown, "md:_share/birds");
  for (const char* broken : {"_share/", "_share/birds", "_share/birds/", "_share//x"})
    EXPECT_EQ(thrown([&] { login(broken); }).fault(), Fault::config) << broken;
}

TEST_F(MotherduckUrl, TakesThreeParametersAndNamesThemForOthers) {
  EXPECT_EQ(login("a").limit, 10s);
  EXPECT_EQ(login("a?connection_timeout=30s").limit, 30s);
  EXPECT_EQ(login("a?attach_mode=single&connection_timeout=2m&").limit, 120s);
  EXPECT_EQ(login("a?connection_timeout=250ms").limit, 250ms);
  for (const char* bad :
       {"a?connection_timeout=soon", "a?connection_timeout=0s", "a?connection_timeout=-3s",
        "a?connection_timeout=9999999999m", "a?attach_mode=workspace", "a?saas_mode=true",
        "a?token=eyJshown", "a?eyJshown", "a?attach_mode=single&eyJshown", "a?motherduck_token"}) {
    const Error error = thrown([&] { login(bad); });
    EXPECT_EQ(error.fault(), Fault::config) << bad;
    EXPECT_TRUE(has(error.hint(), "motherduck_token") || has(error.hint(), "connection_timeout"))
        << error.hint();
    EXPECT_FALSE(has(error.what() + error.hint(), "eyJ")) << error.what();
  }
}

TEST_F(MotherduckUrl, ItsTokenIsTheOneSaidThenTheUrlsThenTheEnvironments) {
  const Error none = thrown([&] { login("a", ""); });
  EXPECT_EQ(none.fault(), Fault::config);
  EXPECT_TRUE(has(none.hint(), "MOTHERDUCK_TOKEN")) << none.hint();
  setenv("MOTHERDUCK_TOKEN", "eyJupper", 1);
  EXPECT_EQ(login("a", "").token.reveal(), "eyJupper");
  setenv("motherduck_token", "eyJlower", 1);
  EXPECT_EQ(login("a", "").token.reveal(), "eyJlower");
  EXPECT_EQ(login("a?motherduck_token=eyJ%2Eurl", "").token.reveal(), "eyJ.url");
  EXPECT_EQ(login("a?motherduck_token=eyJurl").token.reveal(), "eyJgiven");
}

struct Said {
  const char* text;
  Fault fault;
  const char* what;
  const char* hint;
};

class MotherduckSays : public ::testing::TestWithParam<Said> {};

TEST_P(MotherduckSays, AndAUserIsToldWhatToDo) {
  Login login;
  login.database = login.name = "shop";
  login.shown = "md:shop";
  const Error error =
      explained(Error(Fault::internal, GetParam().text), login, {"my_db", "warehouse"});
  EXPECT_EQ(error.fault(), GetParam().fault) << error.what();
  EXPECT_TRUE(has(error.what(), "md:shop")) << error.what();
  EXPECT_TRUE(has(error.what(), GetParam().what)) << error.what();
  EXPECT_TRUE(has(error.hint(), GetParam().hint)) << error.hint();
  EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
}

INSTANTIATE_TEST_SUITE_P(
    Texts, MotherduckSays,
    ::testing::Values(
        Said{"Invalid Input Error: Initialization function \"motherduck_duckdb_cpp_init\" from "
             "file \"motherduck.duckdb_extension\" threw an exception: \"Jwt is expired\"",
             Fault::authentication, "the MotherDuck token has expired", "MOTHERDUCK_TOKEN"},
        Said{"IO Error: Your request is not authenticated. Please check your MotherDuck token",
             Fault::authentication, "does not know this token", "make a token"},
        Said{"Invalid Error: Invalid MotherDuck token", Fault::authentication,
             "does not know this token", "make a token"},
        Said{"Catalog Error: Failed to attach 'shop': no database/share named 'shop' found",
             Fault::config, "no such database", "this account has my_db, warehouse"},
        Said{
            "Invalid Input Error: Cannot execute statement of type \"CREATE\" on database \"shop\" "
            "which is attached in read-only mode!",
            Fault::config, "can only be read", "read/write token"},
        Said{"IO Error: Extension \"/h/.duckdb/extensions/v1.5.6/linux_amd64/"
             "motherduck.duckdb_extension\" not found.\nInstall it first using ..",
             Fault::config, "cannot be used", "extensions"},
        Said{"IO Error: Failed to download extension \"motherduck\" at URL \"http://..\"\nFor more "
             "info, .. (ERROR Could not establish connection)",
             Fault::connection, "cannot be downloaded", "extensions.duckdb.org"},
        Said{"Invalid Input Error: Failed to load '/h/motherduck.duckdb_extension', The file was "
             "built specifically for DuckDB version 'v1.5.5' and can only be loaded with that",
             Fault::config, "of another version", "remove that file"},
        Said{"Invalid Input Error: Failed to load '/h/motherduck.duckdb_extension', The file is "
             "not a DuckDB extension. The metadata at the end of the file is invalid",
             Fault::config, "cannot be used", "remove its file"},
        Said{"IO Error: UNAVAILABLE: failed to connect to all addresses", Fault::connection,
             "cannot be reached", "api.motherduck.com"},
        Said{"IO Error: DEADLINE_EXCEEDED: Request timed out", Fault::connection,
             "cannot be reached", "connection_timeout"},
        Said{"TransactionContext Error: Catalog write-write conflict on create with \"x\"",
             Fault::conflict, "write-write conflict", ""},
        Said{"Binder Error: Failed to attach database: database with name \"shop\" already exists "
             "(already attached)",
             Fault::config, "in use already", "another database"},
        Said{"something new", Fault::internal, "something new", ""}));

TEST(MotherduckParts, ConflictsThatAServiceReportsAsAnyErrorAreTriedAgain) {
  duck::Database database;
  for (const char* text : {"Catalog write-write conflict on alter", "Conflict on update!",
                           "Transaction conflict: attempting to insert into table"}) {
    const Error error = thrown([&] {
      database.connect().query("SELECT error(" + duck::literal(text) + " || range) FROM range(1)");
    });
    EXPECT_EQ(error.fault(), Fault::conflict) << error.what();
    EXPECT_TRUE(error.retryable());
  }
}

TEST(MotherduckParts, WorkThatDoesNotEndIsLeftBehindWithinItsLimit) {
  const auto began = std::chrono::steady_clock::now();
  const auto deaf = std::make_shared<std::atomic<bool>>(false);
  const auto interrupted = std::make_shared<std::atomic<bool>>(false);
  const Waited waited = run_within(
      200ms, {},
      [deaf] {
        while (!deaf->load()) std::this_thread::sleep_for(10ms);
      },
      [interrupted] { interrupted->store(true); });
  EXPECT_EQ(waited, Waited::too_long);
  EXPECT_TRUE(interrupted->load());
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  deaf->store(true);
}

TEST(MotherduckParts, WorkThatEndsIsWaitedForAndThrowsToTheCaller) {
  bool done = false;
  EXPECT_EQ(run_within(
                60s, {}, [&] { done = true; }, [] { FAIL(); }),
            Waited::done);
  EXPECT_TRUE(done);
  EXPECT_THROW(run_within(
                   60s, {}, [] { throw std::runtime_error("broken"); }, [] { FAIL(); }),
               std::runtime_error);
  const auto heard = std::make_shared<std::atomic<bool>>(false);
  EXPECT_EQ(run_within(
                60s, [] { return true; },
                [heard] {
                  while (!heard->load()) std::this_thread::sleep_for(1ms);
                },
                [heard] { heard->store(true); }),
            Waited::stopped);
}

class Motherduck : public test::DuckdbFiles {
 protected:
  static motherduck::Options with(const motherduck::Attach& attach,
                                  const std::string& url = "shop") {
    return {url, test::marked_token(), {}, attach};
  }
  motherduck::Attach in_place(Session session) {
    return [this, session](duck::Database& database, const Login& login,
                           const std::function<bool()>&) {
      database.connect().query("ATTACH " + duck::literal(path("shop.duckdb")) + " AS " +
                               duck::quoted(login.name));
      Session made = session;
      made.catalog = login.name;
      return made;
    };
  }
  std::string attached() {
    return database_.connect()
        .query(
            "SELECT coalesce(string_agg(database_name, ' '), '') FROM duckdb_databases() WHERE "
            "NOT internal AND database_name <> 'memory'")
        .text(0, 0);
  }
};

TEST_F(Motherduck, WhatCanOnlyBeReadIsNoDestination) {
  struct Case {
    Session session;
    const char* why;
  };
  for (const Case& each : {Case{{"", "i", "v", "motherduck share", false}, "it is a share"},
                           Case{{"", "i", "v", "motherduck", true}, "read-scaling"},
                           Case{{"", "i", "v", "motherduck ducklake", false}, "is a DuckLake"}}) {
    const Error error =
        thrown([&] { motherduck::destination(database_, with(in_place(each.session))); });
    EXPECT_EQ(error.fault(), Fault::config);
    EXPECT_TRUE(has(error.what(), each.why)) << error.what();
    EXPECT_EQ(attached(), "");
    EXPECT_NO_THROW(motherduck::source(database_, with(in_place(each.session))));
    EXPECT_EQ(attached(), "");
  }
}

TEST_F(Motherduck, OneDatabaseIsNotSourceAndDestination) {
  const Session session{"", "i", "v1.5.6", "motherduck", false};
  const auto source = motherduck::source(database_, with(in_place(session)));
  const Error error =
      thrown([&] { motherduck::destination(database_, with(in_place(session), "SHOP")); });
  EXPECT_EQ(error.fault(), Fault::config);
  EXPECT_TRUE(has(error.what(), "in this run already")) << error.what();
}

TEST_F(Motherduck, FindingsSayTheClientTheShareAndTheKindOfToken) {
  const auto text = [&](const Session& session) {
    std::string all;
    for (const Finding& each : motherduck::source(database_, with(in_place(session)))->findings())
      all += std::string(each.good ? "good: " : "bad: ") + each.what + "\n";
    return all;
  };
  EXPECT_EQ(text({"", "i", "v1.5.6", "motherduck", false}),
            "good: MotherDuck's extension is v1.5.6\n");
  const std::string shared = text({"", "i", "v1.5.6", "motherduck share", true});
  EXPECT_TRUE(has(shared, "good: md:shop is a share")) << shared;
  EXPECT_TRUE(has(shared, "bad: the token is a read-scaling one")) << shared;
}

/// Whoever has the whole of a share's URL may be able to read it.
TEST_F(Motherduck, TheIdOfAShareIsInNoError) {
  const motherduck::Attach failing = [](duck::Database& database, const Login& login,
                                        const std::function<bool()>&) -> Session {
    database.connect().query("SELECT error('no such share ' || " +
                             duck::literal("md:" + login.database) + " || range) FROM range(1)");
    return {};
  };
  const Error error = thrown(
      [&] { motherduck::source(database_, with(failing, "_share/birds/e9ads7-MARKED-dfr32")); });
  EXPECT_TRUE(has(error.what(), "no such share md:_share/birds/***")) << error.what();
  EXPECT_FALSE(has(error.what(), "MARKED")) << error.what();
}

/// Whatever the extension says, and wherever a later statement fails.
TEST_F(Motherduck, TheTokenIsInNoErrorAndInNoNameOfADatabase) {
  const std::string token = test::marked_token().reveal();
  const motherduck::Attach failing = [&](duck::Database& database, const Login& login,
                                         const std::function<bool()>&) -> Session {
    database.connect().query("SELECT error('no token ' || " + duck::literal(login.token.reveal()) +
                             " || ' for you' || range) FROM range(1)");
    return {};
  };
  const Error error = thrown([&] { motherduck::source(database_, with(failing)); });
  EXPECT_TRUE(has(error.what(), "no token *** for you")) << error.what();
  const auto source =
      motherduck::source(database_, with(in_place({"", "i", "v", "motherduck", false})));
  const Error later =
      thrown([&] { database_.connect().query("SELECT * FROM shop.main." + duck::quoted(token)); });
  EXPECT_FALSE(has(later.what(), "MARKED")) << later.what();
  const std::string databases =
      database_.connect()
          .query("SELECT string_agg(d::VARCHAR, ' ') FROM duckdb_databases() d")
          .text(0, 0);
  EXPECT_TRUE(has(databases, "shop")) << databases;
  EXPECT_FALSE(has(databases, "MARKED")) << databases;
}

}  // namespace
}  // namespace sluice
