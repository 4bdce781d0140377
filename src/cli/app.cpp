// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>

#include "cli/flags.h"
#include "cli/log.h"
#include "cli/render.h"
#include "cli/text.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

constexpr const char* kShortHelp =
    R"(sluice copies tables out of databases into DuckDB files and keeps the copies true.

  sluice sync postgresql://reader@db.example/shop duckdb:warehouse.duckdb
  sluice sync shop.duckdb duckdb:warehouse.duckdb --tables 'main.order*'
  sluice init && sluice check && sluice sync          with a sluice.yaml

Commands: sync plan verify repair check init discover preview runs state sql debug new
serve-connector serve-destination version completions.
`sluice --help` and `sluice COMMAND --help` say more.
)";

constexpr const char* kExitCodes =
    "Exit codes, the first that applies: 130/143 interrupted and resumable, 2 usage, configuration "
    "or not ours to "
    "touch, 1 failed, 6 destination busy, 3 some tables failed, 4 verification failed, 5 drift "
    "refused, 0 done.\n"
    "Every flag has a variable: --max-rate is SLUICE_MAX_RATE. A flag beats its variable, both "
    "beat sluice.yaml.";

/// All requests, filled by the parser; `action` is the command that was named.
struct Session {
  SyncRequest sync, plan;
  VerifyRequest verify, repair;
  CheckRequest check;
  SourceRequest discover, preview;
  HistoryRequest runs, show, state, reset;
  SqlRequest sql;
  DebugRequest debug;
  ServeRequest serve_destination;
  ServeSourceRequest serve_connector;
  NewRequest made;
  std::string config_to_write, shell;
  std::function<int()> action;
};

/// CLI11's, but for the variables: one line of the footer says how they are called.
class HelpText : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    return type.empty() ? "" : " " + type;
  }
  /// Without what the flag alone stands for.
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    const std::string name = CLI::Formatter::make_option_name(option, positional);
    return name.substr(0, name.find('{'));
  }
};

CLI::App& command(CLI::App& app, const std::string& name, const std::string& help, Session& session,
                  const std::function<int()>& action) {
  CLI::App& added = *app.add_subcommand(name, help);
  added.callback([&session, action] { session.action = action; });
  return added;
}

void add_sync_flags(CLI::App& app, SyncRequest& request) {
  add_choice(app, request.choice);
  add_switch(app, "full", request.full, "compare every table whole in this run");
  add_list(app, "accept-drift", request.accept_drift, "GLOB,..",
           "tables whose changed shape is accepted: applied, or loaded anew");
  add_list(app, "allow-deletes", request.allow_deletes, "GLOB,..",
           "tables that may lose many rows in this run");
  add_switch(app, "accept-source", request.accept_source,
             "the connection now reads another database, or a connector that is told otherwise");
  add_verify_flag(app, request.choice.flags);
  add_output(app, request.output, Quiet::yes);
  add_connection_flags(app, request.choice.flags,
                       {Group::selection, Group::source, Group::destination, Group::process});
  add_table_flags(app, request.choice.flags);
}

void add_syncs(CLI::App& app, Session& session) {
  CLI::App& sync_app =
      command(app, "sync", "copy tables, or bring their copies up to date", session, [&session] {
        set_up_log(session.sync.output);
        return sync(session.sync);
      });
  add_switch(sync_app, "dry-run", session.sync.dry_run, "the same as plan");
  add_text(sync_app, "plan", session.sync.plan, "FILE",
           "do what `sluice plan --out FILE` wrote, or refuse where things have changed");
  add_sync_flags(sync_app, session.sync);
  sync_app.footer(kExitCodes);
  CLI::App& plan_app = command(app, "plan", "say what a sync would do", session, [&session] {
    set_up_log(session.plan.output);
    return plan(session.plan);
  });
  add_text(plan_app, "out", session.plan.out, "FILE",
           "write the plan, for `sluice sync --plan FILE`");
  add_sync_flags(plan_app, session.plan);
}

void add_verifications(CLI::App& app, Session& session) {
  session.repair.repair = true;
  CLI::App& verify_app =
      command(app, "verify", "compare the content of copies with their source; 4: they differ",
              session, [&session] {
                set_up_log(session.verify.output);
                return verify(session.verify);
              });
  CLI::App& repair_app =
      command(app, "repair", "verify, and rewrite the rows that differ", session, [&session] {
        set_up_log(session.repair.output);
        return verify(session.repair);
      });
  for (const auto& [sub, request] :
       {std::pair(&verify_app, &session.verify), {&repair_app, &session.repair}}) {
    add_choice(*sub, request->choice);
    add_output(*sub, request->output, Quiet::log);
    add_connection_flags(*sub, request->choice.flags,
                         {Group::selection, Group::source, Group::destination, Group::process});
    add_table_flags(*sub, request->choice.flags);
    // Taken, so that the flags of a sync can be repeated, and not listed: they change nothing here.
    for (const char* flag : {"--publish", "--unit-rows", "--storage"})
      sub->get_option(flag)->group("");
  }
  add_text(verify_app, "sample", session.verify.sample, "PERCENT",
           "compare about so much of each table, another part each time [100]");
}

void add_looks(CLI::App& app, Session& session) {
  CLI::App& check_app =
      command(app, "check", "find what would stop a sync: rights, locks, indexes, disk space",
              session, [&session] { return check(session.check); });
  add_choice(check_app, session.check.choice);
  add_output(check_app, session.check.output);
  add_connection_flags(check_app, session.check.choice.flags,
                       {Group::selection, Group::source, Group::destination, Group::process});

  CLI::App& discover_app = command(app, "discover", "list the tables of a source", session,
                                   [&session] { return discover(session.discover); });
  CLI::App& preview_app =
      command(app, "preview", "show rows of a table with the types they land as", session,
              [&session] { return preview(session.preview); });
  for (const auto& [sub, request] :
       {std::pair(&discover_app, &session.discover), {&preview_app, &session.preview}}) {
    sub->add_option("source", request->source, "a URL, or a connection of sluice.yaml")
        ->required()
        ->type_name("SOURCE");
    if (sub == &preview_app) {
      sub->add_option("table", request->table, "schema.table")->required()->type_name("TABLE");
      sub->add_option("--rows", request->rows, "how many rows [10]")
          ->type_name("N")
          ->envname("SLUICE_ROWS");
    }
    add_config(*sub, request->choice);
    add_output(*sub, request->output);
    add_connection_flags(*sub, request->choice.flags, {Group::source});
  }
  add_connection_flags(discover_app, session.discover.choice.flags, {Group::selection});
  add_table_flags(preview_app, session.preview.choice.flags);
}

void add_history_flags(CLI::App& app, HistoryRequest& request) {
  add_text(app, "destination", request.destination, "URL",
           "a destination, instead of those of sluice.yaml");
  add_config(app, request.choice);
  add_output(app, request.output);
}

void add_names(CLI::App& app, HistoryRequest& request) {
  app.add_option("names", request.choice.words, "destinations, or connections of sluice.yaml [all]")
      ->type_name("DESTINATION | NAME..");
}

void add_history(CLI::App& app, Session& session) {
  CLI::App& runs_app =
      command(app, "runs", "what ran, how it ended, how old the copies are", session, [&session] {
        return session.show.run.empty() ? runs(session.runs) : runs_show(session.show);
      });
  add_names(runs_app, session.runs);
  add_history_flags(runs_app, session.runs);
  runs_app.add_option("--limit", session.runs.limit, "how many runs [20]")
      ->type_name("N")
      ->envname("SLUICE_LIMIT");
  CLI::App& show_app = *runs_app.add_subcommand("show", "one run with its tables");
  show_app.add_option("id", session.show.run, "as `sluice runs` prints it")
      ->required()
      ->type_name("ID");
  add_names(show_app, session.show);
  add_history_flags(show_app, session.show);

  CLI::App& state_app = *app.add_subcommand("state", "what the next run starts from");
  state_app.require_subcommand(1);
  CLI::App& state_show_app = command(state_app, "show", "the state of each table", session,
                                     [&session] { return state_show(session.state); });
  add_names(state_show_app, session.state);
  add_history_flags(state_show_app, session.state);
  CLI::App& reset_app =
      command(state_app, "reset", "load tables anew at the next sync, behind the old copies",
              session, [&session] { return state_reset(session.reset); });
  reset_app.add_option("tables", session.reset.tables, "globs over schema.table [all]")
      ->type_name("TABLE..");
  add_switch(reset_app, "yes", session.reset.yes,
             "do it; without, it is only said what would be done");
  add_history_flags(reset_app, session.reset);
}

void add_debug(CLI::App& app, Session& session) {
  DebugRequest& request = session.debug;
  CLI::App& debug_app =
      command(app, "debug", "sync what a Fivetran connector's folder says", session, [&request] {
        set_up_log(request.output);
        return debug(request);
      });
  debug_app.add_option("folder", request.folder, "where its configuration.json is [.]")
      ->type_name("FOLDER");
  add_text(debug_app, "connector", request.connector, "NAME",
           "motherduck, singlestore, yugabytedb, dolphindb, key_based_replication or "
           "connector:FILE.so [by the configuration's fields]");
  add_text(debug_app, "configuration", request.configuration, "FILE",
           "instead of FOLDER/configuration.json");
  add_text(debug_app, "state", request.state, "FILE",
           "begin from this state instead of FOLDER/files/state.json");
  add_text(debug_app, "naming", request.naming, "WORD",
           "fivetran or source: names of tables and columns [as the connector's document]");
  add_switch(debug_app, "native", request.native, "sluice's connector, not FOLDER/connector.py");
  add_switch(debug_app, "python", request.python, "FOLDER/connector.py, not sluice's connector");
  add_switch(debug_app, "full", request.full, "compare every table whole in this run");
  add_list(debug_app, "accept-drift", request.accept_drift, "GLOB,..",
           "tables whose changed shape is accepted: applied, or loaded anew");
  add_switch(debug_app, "accept-source", request.accept_source,
             "the configuration now names another database");
  add_switch(debug_app, "reset", request.reset, "delete files/warehouse.db and files/state.json");
  add_switch(debug_app, "yes", request.yes, "with --reset: without being asked");
  add_switch(debug_app, "print-service", request.print_service,
             "print a systemd service and timer that run this");
  add_text(debug_app, "log-level", request.output.log_level, "WORD",
           "fine (debug), info, warning or severe (error), on standard error");
}

void add_server(CLI::App& server, ServeRequest& request, const char* allows) {
  server
      .add_option("--port", request.port,
                  "the port to listen on; 0: any [" + std::to_string(request.port) + "]")
      ->type_name("PORT")
      ->check(CLI::Range(0, 65535))
      ->envname("SLUICE_PORT");
  add_text(server, "listen", request.listen, "ADDRESS",
           std::string("where to listen; :: is every interface. Whoever reaches it may ") + allows +
               " [127.0.0.1]");
  add_text(server, "memory", request.memory, "SIZE", "what the process stays below [1GiB]");
  add_text(server, "temp", request.temp, "FOLDER", "where DuckDB spills");
}

void add_servers(CLI::App& app, Session& session) {
  CLI::App& source = command(
      app, "serve-connector", "let Fivetran (gRPC, SourceConnector) read any of our sources",
      session, [&session] { return serve_connector(session.serve_connector); });
  ServeSourceRequest& connector = session.serve_connector;
  add_text(source, "connector", connector.connector, "NAME",
           "motherduck, singlestore, yugabytedb or dolphindb: the form is that of Fivetran's own");
  add_server(source, connector.server, "read what it can reach");
  add_text(source, "parallel", connector.parallel, "N",
           "connections that read at once [min(cores + 1, 4)]");
  add_text(source, "unit-rows", connector.unit_rows, "N",
           "rows of a first sync after which a checkpoint is sent [4000000]");

  CLI::App& destination =
      command(app, "serve-destination",
              "write what Fivetran sends (gRPC, DestinationConnector) into DuckDB or MotherDuck",
              session, [&session] { return serve_destination(session.serve_destination); });
  add_server(destination, session.serve_destination, "write");
}

void add_rest(CLI::App& app, Session& session) {
  CLI::App& init_app = command(app, "init", "write a commented sluice.yaml, and .gitignore",
                               session, [&session] { return init(session.config_to_write); });
  add_text(init_app, "config", session.config_to_write, "FILE", "the file to write [sluice.yaml]");

  CLI::App& new_app = *app.add_subcommand("new", "write a project to start from");
  new_app.require_subcommand(1);
  CLI::App& connector_app = command(new_app, "connector", "a connector in C++, with a test",
                                    session, [&session] { return new_connector(session.made); });
  connector_app.add_option("name", session.made.name, "lower-case letters, digits and _")
      ->required()
      ->type_name("NAME");
  connector_app.add_option("folder", session.made.folder, "where [NAME]")->type_name("FOLDER");

  CLI::App& sql_app = command(app, "sql", "run a query on a DuckDB file, read-only", session,
                              [&session] { return sql(session.sql); });
  sql_app.add_option("file", session.sql.file, "a DuckDB file")->required()->type_name("FILE");
  sql_app.add_option("query", session.sql.query, "SQL; - reads it from standard input")
      ->required()
      ->type_name("QUERY");
  add_switch(sql_app, "json", session.sql.json, "one JSON object per row");
  add_switch(sql_app, "csv", session.sql.csv, "CSV with a line of names");

  command(app, "version", "print the version", session, [] { return version(); });
  CLI::App& completions_app =
      command(app, "completions", "print a script that completes flags in your shell", session,
              [&app, &session] {
                print(completions(app, session.shell));
                return 0;
              });
  completions_app.add_option("shell", session.shell, "bash, zsh or fish")
      ->required()
      ->type_name("SHELL");
}

void require_known_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const std::string& word = arguments.front();
  if (word.starts_with("-")) return;
  std::vector<std::string> names;
  for (const CLI::App* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(each->get_name());
  }
  if (std::ranges::find(names, word) != names.end()) return;
  const std::string close = did_you_mean(word, names);
  throw Error(Fault::config, "unknown command " + word,
              !close.empty()         ? close
              : looks_like_url(word) ? "sluice sync SOURCE DESTINATION"
                                     : "`sluice --help` lists the commands");
}

}  // namespace

int run(std::vector<std::string> arguments) {
  if (arguments.empty()) {
    print(kShortHelp);
    return 0;
  }
  if (arguments.front() == "help") {  // `help sync` is `sync --help`
    arguments.erase(arguments.begin());
    arguments.emplace_back("--help");
  }
  if (arguments.front() == "--version") return version();
  Session session;
  CLI::App app("Copies tables out of databases into DuckDB files, and keeps the copies true.",
               "sluice");
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpText>());  // before the commands, which inherit it
  app.get_formatter()->column_width(34);
  bool asked_for_version = false;  // answered above, listed here for the help
  app.add_flag("--version", asked_for_version, "print the version");
  for (HistoryRequest* request : {&session.runs, &session.show, &session.state, &session.reset}) {
    request->choice.name.clear();
  }
  add_syncs(app, session);
  add_verifications(app, session);
  add_looks(app, session);
  add_history(app, session);
  add_debug(app, session);
  add_servers(app, session);
  add_rest(app, session);
  app.footer(kExitCodes);
  require_known_command(app, arguments);
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    const CLI::App* asked = &app;
    std::string path;
    while (!asked->get_subcommands().empty()) {
      path += (path.empty() ? "" : " ") + asked->get_name();
      asked = asked->get_subcommands().front();
    }
    print(asked->help(path));
    return 0;
  } catch (const CLI::ParseError& error) {
    refuse(app, arguments, error);
  }
  return session.action();
}

}  // namespace sluice::cli
