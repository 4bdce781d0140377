// SPDX-License-Identifier: Apache-2.0
// The commands as functions: what was asked goes in, the exit code comes out. What goes wrong is an
// Error.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/settings.h"
#include "engine/outcome.h"  // exit_code_of

namespace sluice::cli {

struct Output {
  bool quiet = false;  ///< only failures
  bool json = false;   ///< JSON lines on standard output
  std::string log_level = "info";
};

/// What stands behind flags and in SLUICE_ variables, by key of the configuration.
struct Flags {
  std::map<std::string, std::vector<std::string>> connection, table;
  std::vector<std::string> types;
  void apply(Connection& connection) const;
};

/// Which connections a command is about.
struct Choice {
  std::vector<std::string> words;  ///< SOURCE DESTINATION, or names of sluice.yaml
  std::string config;              ///< empty: sluice.yaml in this folder
  std::string name = "default";    ///< of the connection that SOURCE DESTINATION makes
  Flags flags;
  sdk::Connector* own = nullptr;  ///< the program's own connector, which SOURCE names
  std::vector<Connection> connections() const;
};

/// A word that is a URL or a database file, not the name of a connection.
bool looks_like_url(const std::string& word);

struct SyncRequest {
  Choice choice;
  Output output;
  bool dry_run = false, full = false, accept_source = false;
  std::vector<std::string> accept_drift, allow_deletes;
  std::string plan;  ///< sync: the file of the plan to do
  std::string out;   ///< plan: the file to write it to
  void apply(Connection& connection) const;
};
int sync(const SyncRequest& request);
int plan(const SyncRequest& request);
/// What a sync of the connection would do to each table, and that as a plan to keep; writes
/// nothing.
struct Planned {
  std::vector<TablePlan> tables;
  RunPlan plan;
};
Planned plans_of(const Connection& connection);

struct VerifyRequest {
  Choice choice;
  Output output;
  bool repair = false;  ///< `sluice repair`
  std::string sample;   ///< a percentage; empty: all rows
};
int verify(const VerifyRequest& request);

struct CheckRequest {
  Choice choice;
  Output output;
};
int check(const CheckRequest& request);

struct SourceRequest {
  std::string source;  ///< a URL, or the name of a connection
  std::string table;   ///< preview only
  std::size_t rows = 10;
  Choice choice;
  Output output;
  Connection connection() const;
};
int discover(const SourceRequest& request);
int preview(const SourceRequest& request);

struct HistoryRequest {
  Choice choice;
  std::string destination;          ///< instead of sluice.yaml
  std::string run;                  ///< `runs show`
  std::vector<std::string> tables;  ///< `state reset`: globs; empty: all
  std::size_t limit = 20;
  bool yes = false;
  Output output;
  /// Each destination with the connection's name; the name is empty where only a file was given.
  std::vector<std::pair<std::string, std::string>> places() const;
};
int runs(const HistoryRequest& request);
int runs_show(const HistoryRequest& request);
int state_show(const HistoryRequest& request);
int state_reset(const HistoryRequest& request);

struct SqlRequest {
  std::string file, query;
  bool json = false, csv = false;
};
int sql(const SqlRequest& request);

/// Runs what a folder's configuration.json says, in place of Fivetran's local tester.
struct DebugRequest {
  std::string folder = ".";
  std::string connector;      ///< empty: by the fields of the configuration
  std::string configuration;  ///< a file; empty: configuration.json of the folder
  std::string state;          ///< a file; empty: files/state.json of the folder
  std::string naming;         ///< "fivetran", "source"; empty: as the connector's document has it
  std::vector<std::string> accept_drift;
  bool full = false, accept_source = false;
  bool native = false;  ///< not the folder's connector.py, but ours
  bool python = false;  ///< the folder's connector.py
  bool reset = false, yes = false, print_service = false;
  Output output;
};
int debug(const DebugRequest& request);

/// A server of Fivetran's protocol.
struct ServeRequest {
  int port = 50052;
  std::string listen = "127.0.0.1";
  std::string memory, temp;  ///< as those of a connection; empty: its defaults
};
int serve_destination(const ServeRequest& request);

struct ServeSourceRequest {
  ServeRequest server{50051, "127.0.0.1", {}, {}};
  std::string connector;  ///< a published one, whose fields are the form; empty: any source
  std::string parallel, unit_rows;  ///< as those of a connection
};
int serve_connector(const ServeSourceRequest& request);

struct NewRequest {
  std::string name, folder;  ///< of the connector; empty: a folder of its name
};
int new_connector(const NewRequest& request);

int init(const std::string& file);
int version();

/// The exit code that says more, by the documented order: 130/143, 2, 1, 6, 3, 4, 5, 0.
int worse(int one, int other);

}  // namespace sluice::cli
