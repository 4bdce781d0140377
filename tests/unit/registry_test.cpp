// SPDX-License-Identifier: Apache-2.0
#include "connectors/registry.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <type_traits>

#include "duck/duck.h"

namespace sluice {
namespace {

Error thrown(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was thrown";
  return {Fault::internal, ""};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Url {
  const char* url;
  const char* shown;
};

class Redacted : public testing::TestWithParam<Url> {};

TEST_P(Redacted, HidesPasswordsAndNothingElseThatItCanTell) {
  EXPECT_EQ(redacted(GetParam().url), GetParam().shown);
}

INSTANTIATE_TEST_SUITE_P(
    Urls, Redacted,
    testing::Values(
        Url{"postgresql://reader@db.example/shop", "postgresql://reader@db.example/shop"},
        Url{"postgresql://reader:pw@db.example:5432/shop",
            "postgresql://reader:***@db.example:5432/shop"},
        Url{"postgresql://reader:@db/shop", "postgresql://reader:***@db/shop"},
        Url{"postgresql://reader:p%40w%2F@db/shop", "postgresql://reader:***@db/shop"},
        Url{"postgresql://reader:p/w@db/shop", "postgresql://reader:***@db/shop"},
        Url{"postgresql://reader:p?w@db/shop", "postgresql://reader:***@db/shop"},
        Url{"postgresql://reader:p?w/x@db/shop", "postgresql://reader:***@db/shop"},
        Url{"postgresql://reader:p@w@db/shop", "postgresql://reader:***@db/shop"},
        Url{"postgresql://reader:p@s/s?w@db/shop", "postgresql://reader:***@db/shop"},
        Url{"postgresql://h:1,h:2/db?application_name=a@b",
            "postgresql://h:1,h:2/db?application_name=a@b"},
        Url{"postgresql://h/db?password=pw&sslmode=require",
            "postgresql://h/db?password=***&sslmode=require"},
        Url{"postgresql://h/db?user=me&sslpassword=a=b",
            "postgresql://h/db?user=me&sslpassword=***"},
        Url{"postgresql://h/db?%70assword=pw", "postgresql://h/db?%70assword=***"},
        Url{"postgresql://h/db?PASSWORD=a@b", "postgresql://h/db?PASSWORD=***"},
        Url{"md:db?motherduck_token=eyJ.x&attach_mode=single",
            "md:db?motherduck_token=***&attach_mode=single"},
        Url{"md:db?eyJ.x.y", "md:db?***"},
        Url{"md:?a=1&eyJ.x&b=2&&token:eyJ.y", "md:?a=1&***&b=2&&***"},
        Url{"motherduck:db?eyJ.x&motherduck_token=eyJ.y", "motherduck:db?***&motherduck_token=***"},
        Url{"md:_share/birds/e9ads7-dfr32?eyJ.x", "md:_share/birds/***?***"},
        Url{"md:_share/birds/e9ads7-dfr32?motherduck_token=eyJ.x",
            "md:_share/birds/***?motherduck_token=***"},
        Url{"motherduck:_share/birds/e9ads7", "motherduck:_share/birds/***"},
        Url{"duckdb:_share/birds/e9ads7", "duckdb:_share/birds/e9ads7"},
        Url{"host=db password='a b\\' c' user=me", "host=db password=*** user=me"},
        Url{"host=db password = pw user=me", "host=db password = *** user=me"},
        Url{"mysql://root:pw@h/db", "mysql://root:***@h/db"},
        Url{"duckdb:/a b/c=d?e.duckdb", "duckdb:/a b/c=d?e.duckdb"},
        Url{"dolphindb://me:p/w@h:8848/db/t?tls=verify",
            "dolphindb://me:***@h:8848/db/t?tls=verify"},
        Url{"password=", "password=***"}, Url{"", ""}, Url{"://", "://"},
        Url{"yugabytedb:/me:pw@h/d", "yugabytedb:***@h/d"},
        Url{"postgresql:me:pw@h/d", "postgresql:***@h/d"},
        Url{"duckdb:/a@b/c.duckdb", "duckdb:/a@b/c.duckdb"}, Url{"?&= ", "?&= "}));

TEST(Registry, NamesWhatThisBuildTakes) {
  EXPECT_EQ(schemes().sources,
            (std::vector<std::string>{"postgresql://", "postgres://", "yugabytedb://", "mysql://",
                                      "mariadb://", "singlestore://", "dolphindb://", "duckdb:FILE",
                                      "md:DATABASE", "motherduck:DATABASE", "connector:FILE.so"}));
  EXPECT_EQ(schemes().destinations,
            (std::vector<std::string>{"duckdb:FILE", "md:DATABASE", "motherduck:DATABASE"}));
}

TEST(Registry, SaysWhichSchemesThereAreAndTheNearest) {
  duck::Database database;
  const Error typo = thrown([&] { make_source(database, "postgrsql://u:hunter2@h/db"); });
  EXPECT_EQ(typo.fault(), Fault::config);
  EXPECT_TRUE(has(typo.hint(), "did you mean postgres")) << typo.hint();
  EXPECT_TRUE(has(typo.what(), "postgresql://, postgres://, yugabytedb://, mysql://, "))
      << typo.what();
  EXPECT_FALSE(has(typo.what() + typo.hint(), "hunter2"));
  for (const char* later : {"oracle://h"}) {
    const Error error = thrown([&] { make_source(database, later); });
    EXPECT_EQ(error.fault(), Fault::config) << later;
    EXPECT_TRUE(has(error.what(), "this build takes")) << error.what();
    EXPECT_EQ(thrown([&] { make_destination(database, later); }).fault(), Fault::config) << later;
  }
}

TEST(Registry, APasswordBesideASourceThatHasNoneIsTheDestinations) {
  for (const char* url : {"duckdb:shop.duckdb", "shop.db", "md:shop", "motherduck:shop"})
    EXPECT_TRUE(is_destinations_password(url)) << url;
  for (const char* url : {"postgresql://h/d", "mysql://h/d", "warehouse", ""})
    EXPECT_FALSE(is_destinations_password(url)) << url;
}

TEST(Registry, RefusesASourceAsDestinationAndAWordThatIsNoUrl) {
  duck::Database database;
  const Error error = thrown([&] { make_destination(database, "postgresql://u:hunter2@h/db"); });
  EXPECT_EQ(error.fault(), Fault::config);
  EXPECT_TRUE(has(error.what(), "cannot be a destination")) << error.what();
  EXPECT_FALSE(has(error.what(), "hunter2"));
  const Error word = thrown([&] { make_source(database, "warehouse"); });
  EXPECT_TRUE(has(word.hint(), "duckdb:warehouse")) << word.hint();
  EXPECT_EQ(thrown([&] { make_source(database, ""); }).fault(), Fault::config);
}

TEST(Registry, OpensFilesBySchemeAndBySuffix) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "registry_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  duck::Database database;
  for (const std::string name : {"a.duckdb", "b.db", "c.DDB"}) {
    const std::string path = (folder / name).string();
    EXPECT_EQ(make_destination(database, path)->name(), path);
    EXPECT_TRUE(make_source(database, path)->discover({}).tables.empty());
  }
  for (const std::string prefix : {"duckdb:", "DuckDB:", "duckdb://"}) {
    EXPECT_EQ(make_destination(database, prefix + (folder / "plain").string())->name(),
              (folder / "plain").string());
  }
  std::filesystem::remove_all(folder);
}

TEST(Registry, SaysWhichFileAUrlMeans) {
  EXPECT_EQ(local_file("duckdb:a b.x"), "a b.x");
  EXPECT_EQ(local_file("duckdb:///tmp/a.duckdb"), "/tmp/a.duckdb");
  EXPECT_EQ(local_file("./x:y.db"), "./x:y.db");
  EXPECT_EQ(local_file("postgresql://h/a.db"), std::nullopt);
  EXPECT_EQ(local_file("md:a.duckdb"), std::nullopt);
  EXPECT_EQ(local_file("warehouse"), std::nullopt);
  const char* home = std::getenv("HOME");
  if (home != nullptr) {
    EXPECT_EQ(local_file("duckdb:~/a.db"), std::string(home) + "/a.db");
  }
}

TEST(Registry, PathsOfAFileAreRelativeToItsFolder) {
  EXPECT_EQ(url_from("/etc/shop", "duckdb:a.duckdb"), "duckdb:/etc/shop/a.duckdb");
  EXPECT_EQ(url_from("/etc/shop", "duckdb://../a.duckdb"), "duckdb:/etc/a.duckdb");
  EXPECT_EQ(url_from("/etc/shop", "a.duckdb"), "duckdb:/etc/shop/a.duckdb");
  EXPECT_EQ(url_from("/etc/shop", "duckdb:/tmp/a.duckdb"), "duckdb:/tmp/a.duckdb");
  EXPECT_EQ(url_from("", "duckdb:a.duckdb"), "duckdb:a.duckdb");
  EXPECT_EQ(path_from("/etc/shop", "x"), "/etc/shop/x");
  if (const char* home = std::getenv("HOME"); home != nullptr) {
    EXPECT_EQ(url_from("/etc/shop", "duckdb:~/a.duckdb"),
              "duckdb:" + std::string(home) + "/a.duckdb");
    EXPECT_EQ(path_from("/etc/shop", "~/x"), std::string(home) + "/x");
  }
}

TEST(Registry, CertificatesOfAFileAreRelativeToItsFolder) {
  EXPECT_EQ(url_from("/etc/shop", "postgresql://u:p?w@h/db?sslmode=verify-full&sslrootcert=ca.pem"),
            "postgresql://u:p?w@h/db?sslmode=verify-full&sslrootcert=/etc/shop/ca.pem");
  EXPECT_EQ(url_from("/etc/a b", "postgres://h/db?sslcert=my%20c.pem&sslkey=k%2Fme.key&options=-c"),
            "postgres://h/db?sslcert=/etc/a%20b/my%20c.pem&sslkey=/etc/a%20b/k/me.key&options=-c");
  for (const std::string same :
       {"postgresql://h/db?sslrootcert=system", "postgresql://h/db?sslrootcert=/etc/ca.pem",
        "postgresql://h/db", "postgresql://h/db?sslmode=require&", "mysql://h/db?sslcert=x"}) {
    EXPECT_EQ(url_from("/etc/shop", same), same);
  }
}

TEST(Registry, LooksIntoAFileUnderItsOwnNameAndDoesNotWrite) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "registry_look";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string file = (folder / "ware house.duckdb").string();
  {
    duck::Database database;
    make_destination(database, file)->finish();
  }
  duck::Database database;
  EXPECT_EQ(thrown([&] { look_into(database, (folder / "none.duckdb").string()); }).fault(),
            Fault::config);
  EXPECT_EQ(thrown([&] { look_into(database, "postgresql://h/db"); }).fault(), Fault::config);
  const auto looked = look_into(database, file);
  EXPECT_EQ(looked->catalog(), "ware house");
  EXPECT_THROW(database.connect().query("CREATE TABLE \"ware house\".t (i INT)"), Error);
  std::ofstream(folder / "text.duckdb") << std::string(20'000, 'x');
  EXPECT_TRUE(has(thrown([&] { look_into(database, (folder / "text.duckdb").string()); }).what(),
                  "is not a DuckDB file"));
  std::filesystem::remove_all(folder);
}

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST(Secret, CannotBePrintedAndMovesLeaveNothingBehind) {
  static_assert(!Printable<Secret>);
  static_assert(Printable<std::string>);
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!std::is_convertible_v<std::string, Secret>);
  Secret first("hunter2");
  Secret second = std::move(first);
  EXPECT_EQ(second.reveal(), "hunter2");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the promise under test
  Secret third = second;
  second = Secret("other");
  EXPECT_EQ(third.reveal(), "hunter2");
  EXPECT_EQ(second.reveal(), "other");
}

}  // namespace
}  // namespace sluice
