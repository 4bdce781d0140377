// SPDX-License-Identifier: Apache-2.0
// How a source proves who it is to a DolphinDB, and what it trusts.
#include "connectors/dolphindb/connector.h"
#include "connectors/registry.h"
#include "support/dolphindb_copy_test.h"

namespace sluice {
namespace {

using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class DolphindbLogin : public DolphindbTest {
 protected:
  std::string url_of(const std::string& user, const std::string& parameters = {}) const {
    return "dolphindb://" + user + "@" + cluster->sites() + "/trades" + parameters;
  }
  /// What a run throws; none of its texts holds one of these passwords.
  Error refused(const std::string& url) const {
    try {
      copy.sync(url, options);
    } catch (const Error& error) {
      for (const char* secret : {"123456", "pencil", "wr0ng"})
        EXPECT_THAT(std::string(error.what()) + error.hint(), Not(HasSubstr(secret)));
      return error;
    }
    ADD_FAILURE() << "nothing was refused";
    return {Fault::internal, ""};
  }
  std::size_t logins() const {
    return asked("function login") + asked("function scramClientFinal");
  }
  /// As `sluice check` says it.
  std::string way(const std::string& url) const {
    for (const Finding& each : dolphindb::source(url)->findings()) {
      if (each.what.find("logged in as") != std::string::npos) return each.what;
    }
    return "nobody";
  }
};

TEST_F(DolphindbLogin, TheBestWayThatBothKnowIsTaken) {
  begin_with_ticks(10, {.users = {{"admin", {"123456", false, {}}},
                                  {"sam", {"pencil", true, {}}},
                                  {"a@b c", {"p:/?#@ \xC3\xA9", false, {}}}}});
  EXPECT_THAT(way(url_of("sam:pencil")), HasSubstr("by SCRAM-SHA-256"));
  EXPECT_THAT(way(url_of("admin:123456")), HasSubstr("by RSA"));
  EXPECT_THAT(way(url_of("admin:123456", "?login=plain")), HasSubstr("by plain"));
  EXPECT_THAT(way(url_of("admin:123456", "?login=rsa")), HasSubstr("by RSA"));
  EXPECT_THAT(way(url_of("a%40b%20c:p%3A%2F%3F%23%40%20%C3%A9")), HasSubstr("logged in as a@b c"));
  good_sync("trade", url_of("sam:pencil", "?login=scram"));
  expect_equal_ticks();
  EXPECT_THAT(cluster->violations(), IsEmpty());
}

TEST_F(DolphindbLogin, AnOldServerIsLoggedInToAsItCan) {
  begin_with_ticks(10, {.rsa = false, .scram = false, .login_is_void = true});
  EXPECT_THAT(way(url_of("admin:123456")), HasSubstr("by plain"));
  good_sync();
  expect_equal_ticks();
  EXPECT_EQ(refused(url_of("admin:123456", "?login=rsa")).fault(), Fault::authentication);
  EXPECT_EQ(refused(url_of("admin:123456", "?login=scram")).fault(), Fault::authentication);
}

TEST_F(DolphindbLogin, AWrongPasswordIsOneTry) {
  begin_with_ticks(10,
                   {.users = {{"admin", {"123456", false, {}}}, {"sam", {"pencil", true, {}}}}});
  options.retries = 5;
  std::size_t before = 0;
  for (const char* how : {"admin:wr0ng", "sam:wr0ng", "admin:wr0ng?login=plain"}) {
    const std::string text = how;
    const std::size_t question = std::min(text.find('?'), text.size());
    const Error error = refused(url_of(text.substr(0, question), text.substr(question)));
    EXPECT_EQ(error.fault(), Fault::authentication) << how;
    EXPECT_THAT(error.what(), HasSubstr("user name or password is incorrect"));
    EXPECT_EQ(logins(), ++before) << how;
  }
  for (const auto& each : cluster->requests()) EXPECT_THAT(each.text, Not(HasSubstr("wr0ng")));
}

TEST_F(DolphindbLogin, AGuestSeesWhatGuestsMay) {
  begin_with_ticks(10, {.client_auth = true});
  EXPECT_EQ(refused("dolphindb://" + cluster->sites() + "/trades/trade").fault(),
            Fault::authentication);
  EXPECT_EQ(logins(), 0U);
}

TEST_F(DolphindbLogin, ATableThatTheUserMayNotReadKeepsNoOtherBack) {
  begin_with_ticks(10, {.users = {{"admin", {"123456", false, {"dfs://trades/secret"}}}}});
  cluster->create({.database = "dfs://trades", .name = "secret", .columns = {{"id", "INT"}}});
  good_sync();
  expect_equal_ticks();
  const RunResult result = copy.sync(url("trades/secret"), options);
  ASSERT_THAT(result.receipts, SizeIs(1));
  EXPECT_THAT(result.receipts[0].error, HasSubstr("<NoPrivilege>"));
  EXPECT_THAT(result.receipts[0].hint, HasSubstr("TABLE_READ"));
}

TEST_F(DolphindbLogin, TlsIsVerifiedUnlessThatIsSwitchedOff) {
  begin_with_ticks(20'000, {.tls = true});
  const std::string ca = "tls-ca=" + cluster->certificates();
  good_sync("trade", url_of("admin:123456", "?" + ca));
  expect_equal_ticks();
  options.connection = options.schema.emplace("unverified");
  good_sync("trade", url_of("admin:123456", "?tls=unverified"));
  // Nobody here trusts its authority.
  const Error unknown = refused(url_of("admin:123456", "?tls=verify"));
  EXPECT_EQ(unknown.fault(), Fault::config);
  EXPECT_THAT(unknown.what(), HasSubstr("cannot be trusted"));
  EXPECT_THAT(unknown.hint(), HasSubstr("tls-ca=FILE"));
  const DolphindbDouble other({.tls = true});
  EXPECT_EQ(refused(url_of("admin:123456", "?tls-ca=" + other.certificates())).fault(),
            Fault::config);
  // The certificate is for localhost.
  const std::string elsewhere =
      "dolphindb://admin:123456@127.0.0.2:" + std::to_string(cluster->port()) + "/trades?" + ca;
  EXPECT_NE(refused(elsewhere).fault(), Fault::internal);
  // None of these came as far as a password.
  EXPECT_EQ(logins(), cluster->requests("function login").size());
  EXPECT_THAT(other.requests(), IsEmpty());
}

TEST_F(DolphindbLogin, TlsAndPlainPortsAreToldApart) {
  begin_with_ticks(10);
  const Error to_plain = refused(url_of("admin:123456", "?tls=unverified&connect-timeout=2"));
  EXPECT_EQ(to_plain.fault(), Fault::connection);
  EXPECT_THAT(std::string(to_plain.what()) + to_plain.hint(), HasSubstr("TLS"));
  begin_with_ticks(10, {.tls = true});
  const Error to_tls = refused(url_of("admin:123456", "?connect-timeout=2"));
  EXPECT_TRUE(to_tls.fault() == Fault::connection || to_tls.fault() == Fault::data);
  EXPECT_THAT(cluster->requests(), IsEmpty());
}

TEST_F(DolphindbLogin, ParametersOfTheUrlAreObeyed) {
  begin_with_ticks(30'000);
  good_sync("trade", url("trades", "?compress=true&fetch-size=10000"));
  expect_equal_ticks();
  EXPECT_THAT(cluster->requests("select symbol"),
              Contains(Field(&DolphindbDouble::Asked::options, "64_1_4_64__10000")));
  EXPECT_EQ(refused(url("trades", "?fetch-size=10")).fault(), Fault::config);
  EXPECT_EQ(refused(url("trades", "?no=such")).fault(), Fault::config);
  EXPECT_EQ(refused(url("trades", "?login=magic")).fault(), Fault::config);
}

}  // namespace
}  // namespace sluice
