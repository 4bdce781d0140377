// SPDX-License-Identifier: Apache-2.0
#include "cli/settings.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "cli/text.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

using Kind = PasswordFrom::Kind;

Misfit misfit_of(const Value& value) {
  return value.one_of<Misfit>(
      {{"text", Misfit::text}, {"fail", Misfit::fail}, {"null", Misfit::null}});
}

template <typename Member, typename T>
TableSetting assign(Member TableOptions::*member, T value) {
  return [member, value](TableOptions& options) { options.*member = value; };
}

TableSetting read_misfit(const Value& value) {
  if (!value.is_map()) return assign(&TableOptions::misfit, misfit_of(value));
  std::map<std::string, Misfit> by_column;
  for (const auto& [column, misfit] : value.map()) by_column[column.text()] = misfit_of(misfit);
  return [by_column](TableOptions& options) {
    for (const auto& [column, misfit] : by_column) options.misfits[column] = misfit;
  };
}

TableSetting read_key(const Value& value) {
  const bool detect = !value.is_list() && value.text() == "detect";
  return [detect,
          columns = detect ? std::vector<std::string>{} : value.list()](TableOptions& options) {
    options.detect_key = detect;
    options.key = columns;
  };
}

TableSetting read_types(const Value& value) {
  std::map<std::string, std::string> types;
  for (const auto& [column, type] : value.map()) types[column.text()] = type.text();
  return [types](TableOptions& options) {
    for (const auto& [column, type] : types) options.types[column] = type;
  };
}

constexpr std::array kTableWords{
    TableWord{"mode", "WORD",
              "mirror (rows follow the source), append (rows are only added) or history (every "
              "version of a row, with its time)",
              [](const Value& v) {
                return assign(&TableOptions::mode, v.one_of<Mode>({{"mirror", Mode::mirror},
                                                                   {"append", Mode::append},
                                                                   {"history", Mode::history}}));
              }},
    TableWord{
        "strategy", "WORD",
        "auto, incremental (needs both keys), xmin (PostgreSQL's row versions), digest (compare "
        "digests) or full (every row)",
        [](const Value& v) {
          return assign(&TableOptions::strategy,
                        v.one_of<Strategy>({{"auto", Strategy::automatic},
                                            {"incremental", Strategy::incremental},
                                            {"xmin", Strategy::xmin},
                                            {"digest", Strategy::digest},
                                            {"full", Strategy::full}}));
        }},
    TableWord{"replication_key", "COLUMN", "column that grows with every change; \"\" for none",
              [](const Value& v) { return assign(&TableOptions::replication_key, v.text()); }},
    TableWord{"key", "COLUMNS", "the primary key where the catalog has none; or detect", read_key},
    TableWord{"deletes", "WORD", "hard (deleted here too), soft (kept and marked) or ignore",
              [](const Value& v) {
                return assign(&TableOptions::deletes,
                              v.one_of<Deletes>({{"hard", Deletes::hard},
                                                 {"soft", Deletes::soft},
                                                 {"ignore", Deletes::ignore}}));
              }},
    TableWord{"on_drift", "WORD",
              "a changed shape: apply (where no value is lost) or refuse (until --accept-drift)",
              [](const Value& v) {
                return assign(
                    &TableOptions::on_drift,
                    v.one_of<OnDrift>({{"apply", OnDrift::apply}, {"refuse", OnDrift::refuse}}));
              }},
    TableWord{"delete_check", "CADENCE", "how often keys are compared: always, never or a duration",
              [](const Value& v) { return assign(&TableOptions::delete_check, v.cadence()); }},
    TableWord{"full_every", "CADENCE", "how often tables without both keys are compared whole",
              [](const Value& v) { return assign(&TableOptions::full_every, v.cadence()); }},
    TableWord{"misfit", "WORD", "values that a type cannot hold: text, fail or null", read_misfit},
    TableWord{"columns", "COLUMNS", "only these columns",
              [](const Value& v) { return assign(&TableOptions::columns, v.list()); }},
    TableWord{"exclude_columns", "COLUMNS", "all columns but these",
              [](const Value& v) { return assign(&TableOptions::exclude_columns, v.list()); }},
    TableWord{"types", "MAP", "DuckDB types by column", read_types},
    TableWord{"where", "PREDICATE", "only rows for which this SQL of the source holds",
              [](const Value& v) { return assign(&TableOptions::where, v.text()); }},
    TableWord{"start", "VALUE", "only rows whose replication key is at least this",
              [](const Value& v) { return assign(&TableOptions::start, v.text()); }},
    TableWord{"overlap", "DURATION", "how far below the last mark an incremental read begins",
              [](const Value& v) { return assign(&TableOptions::overlap, v.duration()); }},
    TableWord{
        "window", "DURATION",
        "how much time of the replication key one statement reads (not of PostgreSQL, DuckDB)",
        [](const Value& v) {
          if (v.duration().count() == 0) v.fail("a window of no length reads nothing");
          return assign(&TableOptions::window, v.duration());
        }},
    TableWord{"synced_at", "BOOLEAN", "adds a column _sluice_synced_at",
              [](const Value& v) { return assign(&TableOptions::synced_at, v.boolean()); }},
};

/// An empty glob is a variable that was not set: it must not mean all tables, or none left out.
std::vector<std::string> globs(const Value& value) {
  const bool empty = !value.is_null() && !value.is_list() && value.text().empty();
  std::vector<std::string> globs = value.list();
  if (!empty && std::ranges::find(globs, "") == globs.end()) return globs;
  value.fail("an empty glob fits no table",
             "a variable that is not set? To choose nothing here, leave the setting out");
}

void set_password(Connection& c, Kind kind, const Value& value, const std::string& text) {
  c.password = {kind, Secret(text), value.where()};
}

void read_configuration(Connection& c, const Value& value) {
  c.configuration = {{}, "", value.where()};
  if (!value.is_map()) {
    c.configuration.file = value.path();
    return;
  }
  for (const auto& [name, text] : value.map()) c.configuration.values[name.text()] = text.text();
}

constexpr std::array kConnectionWords{
    ConnectionWord{"source", Group::source, "URL", "the database that is read",
                   [](Connection& c, const Value& v) { c.source = v.text(); }, false},
    ConnectionWord{"destination", Group::destination, "URL", "where the copies go",
                   [](Connection& c, const Value& v) { c.destination = v.text(); }, false},
    ConnectionWord{"password", Group::source, "TEXT", "the source's password",
                   [](Connection& c, const Value& v) { set_password(c, Kind::text, v, v.text()); },
                   false},
    ConnectionWord{"password_file", Group::source, "FILE",
                   "file whose first line is the source's password",
                   [](Connection& c, const Value& v) { set_password(c, Kind::file, v, v.path()); }},
    ConnectionWord{
        "password_command", Group::source, "COMMAND",
        "shell command that prints the source's password",
        [](Connection& c, const Value& v) { set_password(c, Kind::command, v, v.text()); }},
    ConnectionWord{"configuration", Group::source, "FILE",
                   "a connector's configuration: a JSON object of texts; in sluice.yaml also a map",
                   read_configuration},
    ConnectionWord{"parallel", Group::source, "N",
                   "connections that read at once [min(cores + 1, 4)]",
                   [](Connection& c, const Value& v) {
                     c.sync.parallel = v.number();
                     if (c.sync.parallel == 0) v.fail("at least 1 connection is needed");
                   }},
    ConnectionWord{"max_rate", Group::source, "SIZE",
                   "bytes a second read from the source, of all connections",
                   [](Connection& c, const Value& v) { c.max_rate = v.bytes(); }},
    ConnectionWord{"idle_timeout", Group::source, "DURATION",
                   "a table whose source sends nothing for so long is tried again; 0: never [10m]",
                   [](Connection& c, const Value& v) { c.sync.idle_timeout = v.duration(); }},
    ConnectionWord{"unit_rows", Group::source, "N",
                   "rows after which a first load commits what it has [4000000]",
                   [](Connection& c, const Value& v) {
                     c.sync.unit_rows = v.number();
                     if (c.sync.unit_rows == 0) v.fail("at least 1 row is needed");
                   }},
    ConnectionWord{"snapshot", Group::source, "WORD", "one instant for the run, or for each table",
                   [](Connection& c, const Value& v) {
                     c.sync.snapshot_per_table = v.one_of<bool>({{"run", false}, {"table", true}});
                   }},
    ConnectionWord{"tables", Group::selection, "GLOB,..",
                   "tables to copy, as schema.table with * and ? [all]",
                   [](Connection& c, const Value& v) { c.sync.tables = globs(v); }},
    ConnectionWord{"exclude", Group::selection, "GLOB,..", "tables to leave out",
                   [](Connection& c, const Value& v) { c.sync.exclude = globs(v); }},
    ConnectionWord{
        "new_tables", Group::selection, "WORD", "tables that appear later: load or ignore",
        [](Connection& c, const Value& v) {
          c.sync.new_tables =
              v.one_of<NewTables>({{"load", NewTables::load}, {"ignore", NewTables::ignore}});
        }},
    ConnectionWord{"schema", Group::destination, "NAME",
                   "destination schema for all tables [as at the source]",
                   [](Connection& c, const Value& v) { c.sync.schema = v.text(); }},
    ConnectionWord{
        "naming", Group::destination, "WORD", "names at the destination: source or fivetran",
        [](Connection& c, const Value& v) {
          c.sync.naming =
              v.one_of<Naming>({{"source", Naming::source}, {"fivetran", Naming::fivetran}});
        }},
    ConnectionWord{"publish", Group::destination, "WORD",
                   "when readers see a run's tables: each as it is done, or all together",
                   [](Connection& c, const Value& v) {
                     c.sync.publish = v.one_of<Publish>(
                         {{"each", Publish::each}, {"together", Publish::together}});
                   }},
    ConnectionWord{
        "verify", Group::destination, "WORD",
        "after-run ends each run by comparing what it brought up to date; or never",
        [](Connection& c, const Value& v) {
          c.sync.verify_after_run = v.one_of<bool>({{"after-run", true}, {"never", false}});
        },
        false},
    ConnectionWord{"read_copy", Group::destination, "FILE",
                   "a copy of the destination, refreshed after each run",
                   [](Connection& c, const Value& v) { c.read_copy = v.path(); }},
    ConnectionWord{"storage", Group::destination, "VERSION",
                   "DuckDB storage version of a new file [v1.4.0]",
                   [](Connection& c, const Value& v) { c.storage = v.text(); }},
    ConnectionWord{"wait", Group::destination, "DURATION",
                   "how long to wait for a locked destination [0]",
                   [](Connection& c, const Value& v) { c.wait = v.duration(); }},
    ConnectionWord{"memory", Group::process, "SIZE", "what the process stays below [1GiB]",
                   [](Connection& c, const Value& v) {
                     c.memory = v.bytes();
                     if (c.memory < std::uint64_t{192} << 20) v.fail("at least 192MiB are needed");
                   }},
    ConnectionWord{"temp", Group::process, "FOLDER", "where DuckDB spills [beside the destination]",
                   [](Connection& c, const Value& v) { c.temp = v.path(); }},
};

}  // namespace

std::span<const ConnectionWord> connection_words() { return kConnectionWords; }
std::span<const TableWord> table_words() { return kTableWords; }

TableSetting read_table_word(const Value& key, const Value& value) {
  std::vector<std::string> known;
  for (const TableWord& word : kTableWords) {
    if (key.text() == word.key) return word.read(value);
    known.emplace_back(word.key);
  }
  for (const ConnectionWord& word : kConnectionWords) {
    if (key.text() == word.key)
      key.fail("\"" + key.text() + "\" is said of a connection, not of tables",
               "put it beside source: and destination:");
  }
  const std::string meant = did_you_mean(key.text(), known);
  key.fail("unknown key \"" + key.text() + "\"",
           meant.empty() ? "known here: " + alternatives(known) : meant);
}

void add_table_flag(SyncOptions& options, const TableWord& word, const std::string& text) {
  const std::string flag = "--" + flag_name(word.key);
  const bool needs_table = std::string_view(word.key) == "where";
  const std::size_t equals = text.find('=');
  if (needs_table && equals == std::string::npos) {
    throw Error(Fault::config, flag + ": a table is missing",
                "write " + flag + " \"TABLE=" + text + "\"");
  }
  const std::string glob = equals == std::string::npos ? "*" : text.substr(0, equals);
  const Value value =
      Value::of_flag(flag, equals == std::string::npos ? text : text.substr(equals + 1));
  options.table_options.emplace_back(glob, word.read(value));
}

void add_type_flag(SyncOptions& options, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::size_t dot = equals == std::string::npos ? std::string::npos : text.rfind('.', equals);
  if (dot == std::string::npos || dot == 0 || equals == dot + 1 || equals + 1 == text.size()) {
    throw Error(Fault::config, "--type: \"" + text + "\" is not TABLE.COLUMN=TYPE",
                "for example --type public.orders.amount=\"DECIMAL(18,4)\"");
  }
  options.table_options.emplace_back(
      text.substr(0, dot),
      [column = text.substr(dot + 1, equals - dot - 1),
       type = text.substr(equals + 1)](TableOptions& o) { o.types[column] = type; });
}

}  // namespace sluice::cli
