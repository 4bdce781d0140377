// SPDX-License-Identifier: Apache-2.0
// How hosted connectors end that do not end well: what is kept, what is said, what is left running.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "fivetran/python.h"
#include "support/hosted.h"
#include "support/program.h"

namespace sluice::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class FivetranEnds : public ::testing::Test {
 protected:
  feed::FeedResult misbehave(const std::string& how) {
    return at.sync("misbehaves", {{"how", how}, {"password", "h4rd-to-guess"}});
  }
  std::string rows() const { return at.text("SELECT id, v FROM dst.main.t ORDER BY id"); }
  std::string state() {
    at.sync("misbehaves", {{"how", "state"}});
    return at.text("SELECT v FROM dst.main.t WHERE id = 1");
  }
  HostedFile at{"ends"};
};

/// Of a living process; "": it is none.
std::string name_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string number, name, state;
  status >> number >> name >> state;
  return !status || state == "Z" || state == "X" ? "" : name;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++count;
  return count;
}

TEST_F(FivetranEnds, AnExceptionKeepsTheCheckpointAndShowsTheTraceback) {
  const feed::FeedResult result = misbehave("raise");
  const std::string error = error_of(result);
  EXPECT_EQ(result.exit_code(), 1);
  EXPECT_THAT(error,
              AllOf(HasSubstr("misbehaves/connector.py: Update: "), HasSubstr("RuntimeError"),
                    HasSubstr("broken by ***"), HasSubstr("in update\n")));
  EXPECT_EQ(count_of(error, "Traceback (most recent call last)"), 1U) << error;
  EXPECT_THAT(error + at.logged(), Not(HasSubstr("h4rd-to-guess")));
  EXPECT_EQ(rows(), "1|kept\n");
  EXPECT_EQ(state(), "[('at', 1)]\n");
}

TEST_F(FivetranEnds, ALongErrorIsWhole) {
  const std::string error = error_of(misbehave("long"));
  EXPECT_THAT(error, HasSubstr("xxx the end"));
  EXPECT_GT(error.size(), 20'000U);
}

TEST_F(FivetranEnds, AStreamWithoutALastCheckpointIsSuspect) {
  const feed::FeedResult result = misbehave("exit");
  EXPECT_EQ(error_of(result), "");
  EXPECT_EQ(rows(), "1|kept\n2|not yet\n");
  EXPECT_THAT(at.logged(), AllOf(HasSubstr("without a checkpoint behind its last 1 records"),
                                 HasSubstr("sys.exit()")));
  EXPECT_EQ(state(), "[('at', 1)]\n");
}

TEST_F(FivetranEnds, AProcessThatEnds) {
  const std::string died = error_of(misbehave("die"));
  EXPECT_THAT(died, AllOf(HasSubstr("ended with exit code 3 during the call Update"),
                          HasSubstr("last words of ***")));
  const std::string killed = error_of(misbehave("kill"));
  EXPECT_THAT(killed, HasSubstr("ended with signal 9 (Killed)"));
  EXPECT_EQ(rows(), "1|kept\n");
}

TEST_F(FivetranEnds, ATaskStopsTheSync) {
  const std::string error = error_of(misbehave("task"));
  EXPECT_THAT(error, AllOf(HasSubstr("do something\nline 7"), Not(HasSubstr("{"))));
  EXPECT_EQ(rows(), "1|kept\n");
}

TEST_F(FivetranEnds, BeforeUpdate) {
  EXPECT_THAT(error_of(misbehave("schema")),
              AllOf(HasSubstr("Schema: "), HasSubstr("no schema with ***")));
  EXPECT_THAT(error_of(misbehave("die in schema")),
              HasSubstr("ended with exit code 4 during the call Schema"));
  EXPECT_EQ(at.text("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'dst' AND "
                    "table_name = 't'"),
            "0\n");
  const auto refusal = [&](const char* variable) {
    setenv("MISBEHAVE", variable, 1);
    std::string error;
    try {
      fivetran::host_folder(HostedFile::connector("misbehaves"), at.options);
    } catch (const Error& caught) {
      error = caught.what();
    }
    unsetenv("MISBEHAVE");
    return error;
  };
  EXPECT_THAT(refusal("import"), AllOf(HasSubstr("ended with exit code 1 before it answered"),
                                       HasSubstr("No module named 'nothing_of_this_name'")));
  at.options.start = std::chrono::seconds(1);
  EXPECT_THAT(refusal("silent"), HasSubstr("has not answered for 1 s"));
}

TEST_F(FivetranEnds, WhatCannotBeTaken) {
  EXPECT_THAT(error_of(misbehave("type")), HasSubstr("no number"));
  EXPECT_THAT(error_of(misbehave("key")), HasSubstr("id"));
  EXPECT_THAT(error_of(misbehave("file")),
              AllOf(HasSubstr("misbehaves/connector.py: "), HasSubstr("uploads a file")));
  EXPECT_THAT(error_of(misbehave("huge")), HasSubstr("larger than max"));
  EXPECT_EQ(rows(), "1|kept\n");
  EXPECT_EQ(error_of(misbehave("large")), "");
  EXPECT_EQ(at.text("SELECT length(v) FROM dst.main.t WHERE id = 5"), "20971520\n");
}

// A sync that is stopped ends the connector and what it has started.
TEST_F(FivetranEnds, StoppedWhileItWaits) {
  std::stop_source stop;
  at.options.stop = stop.get_token();
  auto hosted = fivetran::host_folder(HostedFile::connector("misbehaves"), at.options);
  auto running = std::async(std::launch::async, [&] {
    return at.sync(*hosted, {{"how", "child"}}, stop.get_token());
  });
  std::string child;
  while (child.empty() &&
         running.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout)
    child = at.text(
                  "SELECT table_name FROM duckdb_tables() WHERE database_name = 'dst' AND "
                  "table_name = 't'")
                    .empty()
                ? ""
                : at.text("SELECT id FROM dst.main.t WHERE v = 'child'");
  stop.request_stop();
  const feed::FeedResult result = running.get();
  EXPECT_EQ(result.exit_code(), 130);
  const pid_t pid = static_cast<pid_t>(std::stol(child));
  EXPECT_EQ(kill(pid, 0), 0) << "there was no child";
  hosted.reset();
  EXPECT_EQ(name_of(pid), "");
}

// What has left the connector's group holds its output open: nobody waits for that.
TEST_F(FivetranEnds, ADaemonOfTheConnectorIsNotWaitedFor) {
  auto hosted = fivetran::host_folder(HostedFile::connector("misbehaves"), at.options);
  EXPECT_EQ(at.sync(*hosted, {{"how", "daemon"}}).exit_code(), 0);
  const pid_t pid =
      static_cast<pid_t>(std::stol(at.text("SELECT id FROM dst.main.t WHERE v = 'daemon'")));
  hosted.reset();
  EXPECT_EQ(name_of(pid), "(sleep)") << "it was waited for";
  kill(pid, SIGKILL);
}

// A connector that does not come as far as its first operation ends with Ctrl-C, too.
TEST_F(FivetranEnds, CtrlCWhileItStarts) {
  const auto interrupted = [&](const char* variable, const char* how, const char* words) {
    setenv("MISBEHAVE", variable, 1);
    std::ofstream(at.folder / "configuration.json") << nlohmann::json{{"how", how}};
    testing::Program running({"sync", "connector:" + HostedFile::connector("misbehaves").string(),
                              "duckdb:" + (at.folder / "g.duckdb").string(), "--configuration",
                              (at.folder / "configuration.json").string()},
                             (at.folder / "out").string());
    unsetenv("MISBEHAVE");
    while (running.running() && running.printed().find(words) == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    running.interrupt();
    while (running.running()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    EXPECT_EQ(running.exit_code(), 130) << running.printed();
    EXPECT_THAT(running.printed(), HasSubstr(words));
  };
  interrupted("silent", "state", "silent");
  interrupted("", "wait in schema", "waiting in schema");
}

// Killed, it can end nobody: its connector sees that its input has ended.
TEST_F(FivetranEnds, KilledTheConnectorEndsAndTheNextSyncGoesOn) {
  const auto program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "host_program";
  at.file.reset();
  testing::Program running(
      program,
      {(at.folder / "f.duckdb").string(), HostedFile::connector("misbehaves").string(),
       nlohmann::json{
           {"how", "pid"}, {"into", (at.folder / "pid").string()}, {"password", "h4rd-to-guess"}}
           .dump(),
       HostedFile::python()},
      (at.folder / "out").string());
  // The connector goes on once its checkpoint is taken, which is before it is committed.
  pid_t pid = 0, child = 0;
  bool committed = false;
  while (running.running() && (pid == 0 || !committed)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::ifstream(at.folder / "pid") >> pid >> child;
    committed = running.printed().find("committed") != std::string::npos;
  }
  ASSERT_NE(pid, 0) << running.printed();
  EXPECT_NE(name_of(pid), "");
  EXPECT_EQ(name_of(child), "(sleep)");
  for (const char* file : {"cmdline", "environ"}) {
    std::stringstream seen;
    seen << std::ifstream("/proc/" + std::to_string(pid) + "/" + file).rdbuf();
    EXPECT_FALSE(seen.str().empty());
    EXPECT_THAT(seen.str(), Not(HasSubstr("h4rd-to-guess"))) << "others may see it in " << file;
  }
  running.kill();
  for (int i = 0; i < 1'000 && !(name_of(pid) + name_of(child)).empty(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(name_of(pid), "");
  EXPECT_EQ(name_of(child), "");
  at.file = std::make_unique<FeedFile>(at.folder / "f.duckdb");
  EXPECT_EQ(state(), "[('at', 1)]\n");
}

// Lines of requirements.txt are read as from its folder, and that may be named from elsewhere.
TEST(FivetranRequirements, OfAFolderThatIsNamedFromHere) {
  HostedFile at("relative");
  const auto connector = at.folder / "connector";
  std::filesystem::create_directories(connector);
  std::ofstream(connector / "requirements.txt") << "--requirement more.txt\n";
  std::ofstream(connector / "more.txt") << "./no-such-package\n";
  setenv("SLUICE_CACHE", at.folder.c_str(), 1);
  std::string why;
  try {
    fivetran::python_for(std::filesystem::relative(connector), [](const std::string&) {}, {});
  } catch (const Error& error) {
    why = error.what();
  }
  unsetenv("SLUICE_CACHE");
  EXPECT_THAT(why, AllOf(HasSubstr("pip install failed"), HasSubstr("no-such-package")));
}

// As of a service, whose environment has no HOME.
TEST(FivetranRequirements, WithoutAHomeTheAccountsIsTaken) {
  HostedFile at("homeless");
  std::ofstream(at.folder / "requirements.txt") << "# " << getpid() << "\n";
  const std::string home = getenv("HOME") == nullptr ? "" : getenv("HOME");
  unsetenv("HOME");
  std::stop_source stop;
  std::string noted;
  const auto note = [&](const std::string& text) {
    noted = text;
    stop.request_stop();
  };
  EXPECT_THROW(fivetran::python_for(at.folder, note, stop.get_token()), Error);
  if (!home.empty()) setenv("HOME", home.c_str(), 1);
  EXPECT_THAT(noted, HasSubstr(" in /"));
  EXPECT_THAT(noted, HasSubstr("/.cache/sluice/python/"));
}

TEST(FivetranRequirements, WhatMayNotBeRun) {
  HostedFile at("requirements");
  const auto refusal = [&](const std::string& text) -> std::string {
    std::ofstream(at.folder / "requirements.txt") << text;
    try {
      fivetran::check_requirements(at.folder);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  for (const char* good :
       {"", "requests==3.1\n", "fivetran-connector-sdk\n", "fivetran_connector_sdk==2.13.1\n",
        "fivetran-connector-sdk>=2.0,<3\n", "# fivetran-connector-sdk==3.0\n", "other-sdk>=4\n"})
    EXPECT_EQ(refusal(good), "") << good;
  for (const char* bad :
       {"fivetran-connector-sdk==3.0.0\n", "a\nFivetran_Connector.SDK >= 3\n",
        "fivetran-connector-sdk~=10.1\n", "./fivetran_connector_sdk-3.1.0-py3-none-any.whl\n",
        "fivetran-connector-sdk-core\n", "fivetran_connector_sdk_core==0.1\n"})
    EXPECT_THAT(refusal(bad), AllOf(HasSubstr("requirements.txt:"), HasSubstr("licence"))) << bad;
  std::ofstream(at.folder / "more.txt") << "fivetran-connector-sdk==3.0.0\n";
  EXPECT_THAT(refusal("-r more.txt\n"), HasSubstr("more.txt:1: "));
}

}  // namespace
}  // namespace sluice::test
