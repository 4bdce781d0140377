// SPDX-License-Identifier: Apache-2.0
// `sluice sql`: a look into a file, read-only.
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <iterator>

#include "cli/commands.h"
#include "cli/json.h"
#include "cli/open.h"
#include "cli/render.h"
#include "cli/text.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kShown = 1000;  // rows of a table on a terminal

std::string statement_of(const std::string& text) {
  std::string sql = text == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : text;
  while (!sql.empty() &&
         (std::isspace(static_cast<unsigned char>(sql.back())) != 0 || sql.back() == ';')) {
    sql.pop_back();
  }
  if (sql.empty())
    throw Error(Fault::config, "the query is empty", "sluice sql FILE \"from TABLE limit 10\"");
  return sql;
}

/// Line ends shield a comment at the query's end.
std::string as_relation(const std::string& sql) { return "(\n" + sql + "\n)"; }

/// Every value as DuckDB prints it, whatever its type. Statements that are no relation (EXPLAIN)
/// run as they are.
duck::Result texts(duck::Connection& connection, const std::string& sql, bool relation,
                   std::size_t limit) {
  if (!relation) return connection.query(sql);
  return connection.query("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM " + as_relation(sql) +
                          (limit > 0 ? " LIMIT " + std::to_string(limit) : ""));
}

/// One JSON object per row. Numbers and JSON keep every digit: DuckDB's to_json would pass both
/// through a double.
std::string json_lines(const std::string& relation,
                       const std::vector<std::pair<std::string, std::string>>& columns) {
  std::string line = "'{'";
  std::string names;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& [name, type] = columns[i];
    const std::string column = "c" + std::to_string(i);
    std::string text = "to_json(" + column + ")::VARCHAR";
    if (type == "JSON") {
      text = "regexp_replace(" + column + "::VARCHAR, '[\\n\\r]', ' ', 'g')";
    } else if (type == "DOUBLE" || type == "FLOAT") {
      text =
          "if(isfinite(" + column + "), " + text + ", to_json(" + column + "::VARCHAR)::VARCHAR)";
    } else if (number_type(type)) {
      text = column + "::VARCHAR";
    }
    line += " || " +
            duck::literal((i == 0 ? "" : ",") +
                          Json(name).dump(-1, ' ', false, Json::error_handler_t::replace) + ":") +
            " || coalesce(" + text + ", 'null')";
    names += (i == 0 ? "" : ", ") + column;
  }
  return "SELECT " + line + " || '}' FROM " + relation + " AS each(" + names + ")";
}

void print_csv(const duck::Result& rows) {
  std::string text;
  const auto end_field = [&](std::size_t column) {
    text += column + 1 == rows.columns() ? "\n" : ",";
  };
  for (std::size_t i = 0; i < rows.columns(); ++i) {
    text += csv_field(rows.name(i));
    end_field(i);
  }
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    for (std::size_t i = 0; i < rows.columns(); ++i) {
      if (!rows.null(row, i)) text += csv_field(rows.text(row, i));
      end_field(i);
    }
  }
  print(text);
}

/// The plan that EXPLAIN draws, as it is drawn.
void print_drawing(const duck::Result& rows) {
  std::string text;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    text += rows.optional(row, rows.columns() - 1).value_or("") + "\n";
  }
  print(text);
}

bool is_drawing(const duck::Result& rows) {
  return rows.columns() == 2 && rows.name(0) == "explain_key";
}

void print_table(const duck::Result& rows,
                 const std::vector<std::pair<std::string, std::string>>& described) {
  std::vector<Grid::Column> columns;
  std::vector<std::string> types;
  for (std::size_t i = 0; i < rows.columns(); ++i) {
    const std::string type = i < described.size() ? described[i].second : "";
    columns.push_back({i < described.size() ? described[i].first : rows.name(i),
                       number_type(type) ? Align::right : Align::left, true});
    types.push_back(type);
  }
  Grid grid(columns);
  if (!described.empty()) grid.subheading(types);
  const std::size_t shown = std::min(rows.rows(), kShown);
  for (std::size_t row = 0; row < shown; ++row) {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < rows.columns(); ++i)
      cells.push_back(rows.optional(row, i).value_or("NULL"));
    grid.row(std::move(cells));
  }
  std::string text = grid.text(Screen::of(STDOUT_FILENO));
  if (rows.rows() > kShown) {
    text += fmt::format("the first {} rows; --csv or --json prints all\n", with_commas(kShown));
  } else {
    text += fmt::format("{} {}\n", with_commas(rows.rows()), rows.rows() == 1 ? "row" : "rows");
  }
  print(text);
}

}  // namespace

int sql(const SqlRequest& request) {
  const std::string sql = statement_of(request.query);
  Looked looked(request.file);
  if (looked.connection().statements(sql) > 1) {
    if (request.json)
      throw Error(Fault::config, "--json prints the rows of one statement, these are several",
                  "attach and set up with --csv or without a flag, or call `sluice sql` for each");
    for (const duck::Result& rows : looked.connection().query_all(sql)) {
      request.csv ? print_csv(rows) : print_table(rows, {});
    }
    return 0;
  }
  std::vector<std::pair<std::string, std::string>> described;
  bool relation = true;
  try {
    described = looked.connection().describe("FROM " + as_relation(sql));
  } catch (const Error&) {
    // Not a relation, or wrong: run as it is, DuckDB's own message speaks of the user's text and
    // not of ours.
    relation = false;
  }
  if (request.json) {
    const auto lines =
        looked.connection().query(relation ? json_lines(as_relation(sql), described) : sql);
    std::string text;
    for (std::size_t i = 0; i < lines.rows(); ++i)
      text += lines.optional(i, 0).value_or("null") + "\n";
    print(text);
    return 0;
  }
  const duck::Result rows = texts(looked.connection(), sql, relation, request.csv ? 0 : kShown + 1);
  if (request.csv) {
    print_csv(rows);
  } else if (is_drawing(rows)) {
    print_drawing(rows);
  } else {
    print_table(rows, described);
  }
  return 0;
}

}  // namespace sluice::cli
