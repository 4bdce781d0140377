// SPDX-License-Identifier: Apache-2.0
#include "engine/select.h"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "engine/fivetran_type.h"

namespace sluice {
namespace {

/// DuckDB numbers the rows of a table under this name; a column called so would hide the numbers.
constexpr std::string_view kRowNumbers = "rowid";

constexpr std::array<std::string_view, 3> kModes{"mirror", "append", "history"};

bool glob(const char* pattern, const char* text) {
  for (; *pattern != '\0'; ++pattern, ++text) {
    if (*pattern == '*') {
      while (*pattern == '*') ++pattern;
      if (*pattern == '\0') return true;
      for (; *text != '\0'; ++text) {
        if (glob(pattern, text)) return true;
      }
      return false;
    }
    if (*text == '\0' || (*pattern != '?' && *pattern != *text)) return false;
  }
  return *text == '\0';
}

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

void require_column(const Table& table, const std::string& column, const char* setting) {
  if (table.column(column) != nullptr) return;
  for (const Column& each : table.columns) {
    if (duck::folded(each.name) == duck::folded(column)) {
      throw Error(Fault::config,
                  table.name.text() + " has no column " + column + " (" + setting + ")",
                  "did you mean " + each.name + "?");
    }
  }
  throw Error(Fault::config, table.name.text() + " has no column " + column + " (" + setting + ")");
}

/// The predicate stands in parentheses beside others: one that closes them would let other rows in.
/// Where quotes may mean several things, its source must judge.
void require_closed(const Table& table, const std::string& where) {
  if (where.find_first_of("\\$") != std::string::npos || where.find("--") != std::string::npos ||
      where.find("/*") != std::string::npos)
    return;
  int depth = 0;
  char quote = '\0';
  for (const char c : where) {
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '\'' || c == '"' || c == '`') {
      quote = c;
    } else if (c == '(') {
      ++depth;
    } else if (c == ')' && --depth < 0) {
      break;
    }
  }
  if (depth == 0 && quote == '\0') return;
  throw Error(Fault::config,
              table.name.text() + ": where: has a parenthesis or a quote without its other half",
              "write one predicate in the source's SQL: where: \"id < 5 OR id = 7\"");
}

/// `key: detect`: what the key is called by convention; the run proves it.
std::vector<std::string> find_key(const Table& table) {
  const std::string singular = duck::folded(
      table.name.name.substr(0, table.name.name.size() - (table.name.name.ends_with('s') ? 1 : 0)));
  for (const std::string& wanted : {std::string("id"), duck::folded(table.name.name) + "_id",
                                    singular + "_id", std::string("uuid"), std::string("pk")}) {
    for (const Column& column : table.columns) {
      if (duck::folded(column.name) == wanted) return {column.name};
    }
  }
  return {};
}

std::vector<std::string> detected_key(const Table& table) {
  std::vector<std::string> key = find_key(table);
  if (!key.empty()) return key;
  throw Error(Fault::config, table.name.text() + ": key: detect finds no column named like a key",
              "name the columns with key:");
}

void choose_key(Table& table, const TableOptions& options) {
  if (options.key.empty() && !options.detect_key) return;
  if (!options.key.empty()) {
    for (const std::string& column : options.key) require_column(table, column, "key:");
    table.primary_key = options.key;
  } else if (table.primary_key.empty()) {
    table.primary_key = detected_key(table);
  } else {
    return;
  }
  table.key_origin = KeyOrigin::user;
}

/// One that the user names; else the source's; else by convention.
void choose_replication_key(Table& table, const TableOptions& options) {
  if (options.replication_key) {
    if (!options.replication_key->empty())
      require_column(table, *options.replication_key, "replication_key:");
    table.replication_key = *options.replication_key;
    return;
  }
  if (!table.replication_key.empty()) {  // the source's own
    const std::string& key = table.replication_key;
    const bool left_out = !options.columns.empty() && !contains(options.columns, key);
    if (left_out || contains(options.exclude_columns, key)) table.replication_key.clear();
    return;
  }
  const std::string detected = detected_replication_key(table);
  if (!contains(options.exclude_columns, detected)) table.replication_key = detected;
}

void choose_columns(Table& table, const TableOptions& options) {
  for (const std::string& name : options.columns) require_column(table, name, "columns:");
  for (const std::string& name : options.exclude_columns)
    require_column(table, name, "exclude_columns:");
  for (const std::string& name : options.columns) {
    if (contains(options.exclude_columns, name))
      throw Error(
          Fault::config,
          table.name.text() + ": column " + name + " is in columns: and in exclude_columns:",
          "leave it out of one");
  }
  std::erase_if(table.columns, [&](const Column& column) {
    const bool key =
        contains(table.primary_key, column.name) || column.name == table.replication_key;
    if (contains(options.exclude_columns, column.name)) {
      if (key) {
        throw Error(
            Fault::config,
            table.name.text() + ": column " + column.name + " is a key and cannot be excluded",
            "choose another key:/replication_key:, or keep the column");
      }
      return true;
    }
    return !options.columns.empty() && !contains(options.columns, column.name) && !key;
  });
}

void choose_types(Table& table, const TableOptions& options, duck::Connection& connection) {
  if (options.fivetran_types) {
    for (Column& column : table.columns) {
      const std::string type = fivetran_type(column);
      if (type == column.type) continue;
      column.type = type;
      column.misfit = Misfit::text;
    }
  }
  for (const auto& [name, type] : options.types) {
    require_column(table, name, "types:");
    for (Column& column : table.columns) {
      if (column.name != name) continue;
      column.type = connection.canonical_type(type);
      // Somebody who names a type wants that type: text only where they ask for it.
      column.misfit = Misfit::fail;
    }
  }
  for (Column& column : table.columns) {
    if (options.misfit) column.misfit = *options.misfit;
  }
  for (const auto& [name, misfit] : options.misfits) {
    require_column(table, name, "misfit:");
    for (Column& column : table.columns) {
      if (column.name == name) column.misfit = misfit;
    }
  }
  // Rows whose keys became NULL would be one row, or none.
  for (Column& column : table.columns) {
    if (column.misfit == Misfit::null && contains(table.primary_key, column.name))
      column.misfit = Misfit::text;
  }
}

/// Latin-1 Supplement letters, the ones transliteration meets in practice; others become '_'.
const char* transliterated(unsigned code) {
  static constexpr std::array<const char*, 64> kLatin{
      "A", "A", "A", "A", "A", "A", "AE", "C", "E", "E", "E", "E", "I", "I", "I",  "I",
      "D", "N", "O", "O", "O", "O", "O",  "_", "O", "U", "U", "U", "U", "Y", "Th", "ss",
      "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
      "d", "n", "o", "o", "o", "o", "o",  "_", "o", "u", "u", "u", "u", "y", "th", "y"};
  return code >= 0xC0 && code <= 0xFF ? kLatin[code - 0xC0] : "_";
}

std::string to_ascii(const std::string& name) {
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    if (byte < 0x80) {
      text += name[i];
      continue;
    }
    if ((byte & 0xE0) == 0xC0 && i + 1 < name.size()) {
      text +=
          transliterated((byte & 0x1FU) << 6 | (static_cast<unsigned char>(name[i + 1]) & 0x3FU));
    } else {
      text += '_';
    }
    while (i + 1 < name.size() && (static_cast<unsigned char>(name[i + 1]) & 0xC0) == 0x80) ++i;
  }
  return text;
}

/// A version that has ended tells of a delete, too: no mark is needed beside it.
void add_own_columns(Landing& landed, const TableOptions& options, bool fivetran) {
  if (options.mode == Mode::history) {
    landed.versions =
        fivetran ? apply::Versions{"_fivetran_start", "_fivetran_end", "_fivetran_active", {}, {}}
                 : apply::Versions{
                       "_sluice_valid_from", "_sluice_valid_to", "_sluice_is_current", {}, {}};
  } else if (options.deletes == Deletes::soft) {
    landed.deleted = fivetran ? "_fivetran_deleted" : "_sluice_deleted";
  }
  if (options.synced_at) landed.synced_at = fivetran ? "_fivetran_synced" : "_sluice_synced_at";
  if (options.row_id == RowId::none || landed.table.has_key()) return;
  landed.row_id = !fivetran                          ? "_sluice_row_id"
                  : options.row_id == RowId::content ? "_fivetran_id"
                                                     : "_fivetran_row_id";
}

bool is_own(const Landing& landed, const std::string& column) {
  if (!column.empty() && (column == landed.synced_at || column == landed.row_id)) return true;
  if (!landed.versions) return column == landed.deleted;
  return column == landed.versions->from || column == landed.versions->to ||
         column == landed.versions->current;
}

}  // namespace

bool matches(const std::string& pattern, const TableName& name) {
  if (glob(pattern.c_str(), name.text().c_str())) return true;
  return pattern.find('.') == std::string::npos && glob(pattern.c_str(), name.name.c_str());
}

bool matches_any(const std::vector<std::string>& patterns, const TableName& name) {
  return std::ranges::any_of(patterns,
                             [&](const std::string& pattern) { return matches(pattern, name); });
}

TableOptions options_of(const SyncOptions& options, const TableName& name) {
  TableOptions chosen = options.defaults;
  for (const auto& [pattern, apply] : options.table_options) {
    if (matches(pattern, name)) apply(chosen);
  }
  return chosen;
}

bool has_detected_key(const Table& table) { return !find_key(table).empty(); }

std::string detected_replication_key(const Table& table) {
  for (const char* wanted : {"updated_at", "modified_at", "last_modified"}) {
    for (const Column& column : table.columns) {
      if (duck::folded(column.name) != wanted) continue;
      if (duck::is_temporal(column.type) || duck::is_integer(column.type)) return column.name;
    }
  }
  return {};
}

std::string excluded_replication_key(const Table& table, const TableOptions& options) {
  if (options.replication_key || !table.replication_key.empty()) return {};
  std::string detected = detected_replication_key(table);
  return contains(options.exclude_columns, detected) ? detected : std::string();
}

namespace {

/// As sources take values: "2026-01-31T02:00+02:00" is "2026-01-31 00:00:00+00". What DuckDB does
/// not read is the source's to judge.
std::string as_printed(const std::string& text, const std::string& type,
                       duck::Connection& connection) {
  if (!duck::is_temporal(type)) return text;
  return connection.query("SELECT TRY_CAST(? AS " + type + ")::VARCHAR", {text})
      .optional(0, 0)
      .value_or(text);
}

}  // namespace

Table shaped(const Table& table, const TableOptions& options, duck::Connection& connection) {
  Table wanted = table;
  choose_key(wanted, options);
  choose_replication_key(wanted, options);
  choose_columns(wanted, options);
  choose_types(wanted, options, connection);
  wanted.where = options.where;
  require_closed(table, options.where);
  wanted.start = options.start;
  if (const Column* key = wanted.column(wanted.replication_key); wanted.start && key != nullptr)
    wanted.start = as_printed(*wanted.start, key->type, connection);
  wanted.window = options.window;
  if (wanted.start && wanted.replication_key.empty()) {
    throw Error(Fault::config, table.name.text() + ": start: needs a replication key",
                "name it with replication_key:");
  }
  return wanted;
}

std::string fingerprint(const TableOptions& options, const std::string& target_schema,
                        const std::string& target_name, Naming naming) {
  nlohmann::json settings{
      {"mode", kModes.at(static_cast<std::size_t>(options.mode))},
      {"where", options.where},
      {"start", options.start ? nlohmann::json(*options.start) : nlohmann::json()},
      {"columns", options.columns},
      {"exclude_columns", options.exclude_columns},
      {"types", options.types},
      {"target", target_schema + "." + target_name},
      {"naming", naming == Naming::source     ? "source"
                 : naming == Naming::fivetran ? "fivetran"
                                              : "fivetran_source"},
      {"synced_at", options.synced_at}};
  // The column was called otherwise before.
  if (options.synced_at && naming != Naming::source) settings["synced_at"] = "_fivetran_synced";
  if (options.deletes == Deletes::soft && options.mode != Mode::history)
    settings["deletes"] = "soft";
  if (options.row_id != RowId::none)
    settings["row_id"] = options.row_id == RowId::content ? "content" : "unique";
  if (options.fivetran_types) settings["fivetran_types"] = true;
  // What was dropped then is not known to be a NULL of the source's now.
  std::vector<std::string> nulled;
  for (const auto& [column, misfit] : options.misfits) {
    if (misfit == Misfit::null) nulled.push_back(column);
  }
  if (options.misfit == Misfit::null) nulled.emplace_back("*");
  if (!nulled.empty()) settings["misfit_null"] = nulled;
  return settings.dump();
}

bool chooses_other_rows(const std::string& before, const std::string& now) {
  const auto old = nlohmann::json::parse(before, nullptr, false);
  const auto fresh = nlohmann::json::parse(now, nullptr, false);
  if (!old.is_object() || !fresh.is_object()) return true;
  return std::ranges::any_of(
      std::array{"mode", "where", "start", "deletes", "target", "naming"}, [&](const char* name) {
        return old.value(name, nlohmann::json()) != fresh.value(name, nlohmann::json());
      });
}

bool keeps_history(const std::string& fingerprint) {
  const auto settings = nlohmann::json::parse(fingerprint, nullptr, false);
  return settings.is_object() && settings.value("mode", "") == kModes.back();
}

std::string fivetran_name(const std::string& name, bool is_table) {
  const std::string ascii = to_ascii(name);
  std::string text;
  enum class Kind { other, lower, upper, digit };
  const auto kind_of = [](char c) {
    if (c >= '0' && c <= '9') return Kind::digit;
    if (c >= 'a' && c <= 'z') return Kind::lower;
    if (c >= 'A' && c <= 'Z') return Kind::upper;
    return Kind::other;
  };
  Kind before = Kind::other;
  for (const char c : ascii) {
    const Kind kind = kind_of(c);
    const bool edge = (kind == Kind::upper && before == Kind::lower) ||
                      (kind == Kind::digit && before != Kind::digit && before != Kind::other) ||
                      (before == Kind::digit && kind != Kind::digit && kind != Kind::other);
    if (edge) text += '_';
    text += kind == Kind::other ? '_' : kind == Kind::upper ? static_cast<char>(c + 32) : c;
    before = kind;
  }
  std::string squeezed;
  for (const char c : text) {
    if (c != '_' || squeezed.empty() || squeezed.back() != '_') squeezed += c;
  }
  if (!squeezed.empty() && squeezed.front() >= '0' && squeezed.front() <= '9')
    squeezed.insert(squeezed.begin(), '_');
  if (is_table) squeezed.erase(0, std::min(squeezed.find_first_not_of('_'), squeezed.size()));
  return squeezed.empty() ? "_" : squeezed;
}

Landing landing(const Table& table, const SyncOptions& options) {
  Landing landed;
  landed.table = table;
  const bool rename = options.naming == Naming::fivetran;
  landed.schema = options.schema ? *options.schema
                  : rename       ? fivetran_name(table.name.schema, true)
                                 : table.name.schema;
  const std::string& prefix = table.fivetran_prefix;
  const std::string long_name =
      prefix.empty() ? table.name.name : prefix + "_" + table.name.schema + "_" + table.name.name;
  landed.name = rename ? fivetran_name(long_name, true) : table.name.name;
  landed.hidden = "_sluice_load_" + landed.name;
  add_own_columns(landed, options_of(options, table.name), options.naming != Naming::source);
  if (duck::folded(landed.name).starts_with("_sluice_") ||
      duck::folded(landed.schema) == "_sluice") {
    throw Error(Fault::config,
                table.name.text() + " would land under a name that sluice keeps for itself",
                duck::folded(landed.schema) == "_sluice"
                    ? "choose another schema:"
                    : "exclude it, or rename it with naming: fivetran");
  }
  std::map<std::string, std::string> seen;
  std::map<std::string, std::string> renamed;
  for (Column& column : landed.table.columns) {
    const std::string before = column.name;
    if (rename) column.name = fivetran_name(before, false);
    if (duck::folded(column.name) == kRowNumbers) column.name += '_';
    renamed[before] = column.name;
    const auto [other, fresh] = seen.emplace(duck::folded(column.name), before);
    if (!fresh) {
      throw Error(
          Fault::config,
          table.name.text() + ": columns " + other->second + " and " + before + " would both be " +
              column.name +
              (rename ? "" : " (DuckDB does not tell upper from lower case, and keeps rowid)"),
          "leave one out with exclude_columns:");
    }
    if (duck::folded(column.name).starts_with("_sluice_") ||
        is_own(landed, duck::folded(column.name))) {
      throw Error(Fault::config,
                  table.name.text() + ": column " + column.name +
                      " has a name that sluice keeps for itself",
                  "leave it out with exclude_columns:");
    }
  }
  for (std::string& column : landed.table.primary_key) column = renamed.at(column);
  if (!landed.table.replication_key.empty())
    landed.table.replication_key = renamed.at(landed.table.replication_key);
  return landed;
}

}  // namespace sluice
