// SPDX-License-Identifier: Apache-2.0
#include "serve/stage.h"

#include <filesystem>
#include <optional>
#include <regex>
#include <set>

#include "serve/bytes.h"
#include "serve/csv.h"
#include "sluice/error.h"

namespace sluice::serve {
namespace {

Compression compression_of(const proto::FileParams& params) {
  switch (params.compression()) {
    case proto::OFF:
      return Compression::none;
    case proto::ZSTD:
      return Compression::zstd;
    case proto::GZIP:
      return Compression::gzip;
    default:
      throw Error(Fault::config, "unknown compression " + std::to_string(params.compression()),
                  "OFF, ZSTD and GZIP are known");
  }
}

std::unique_ptr<Bytes> open_file(const BatchFiles& batch, const std::string& file) {
  std::optional<std::string> key;
  if (batch.params.encryption() == proto::AES) {
    const auto found = batch.keys.find(file);
    if (found == batch.keys.end())
      throw Error(Fault::config, "there is no key for it", "send it in `keys`, by the file's path");
    key = found->second;
  } else if (batch.params.encryption() != proto::NONE) {
    throw Error(Fault::config, "unknown encryption " + std::to_string(batch.params.encryption()));
  }
  return open_batch(file, key, compression_of(batch.params));
}

/// `c0`, `c1`: what DuckDB's messages call them, so that theirs are the only names in a message.
std::string position_name(std::size_t position) { return "c" + std::to_string(position); }

/// The columns of a file, each with that of the table.
std::vector<const ServedColumn*> known_columns(const ServedTable& table,
                                               const std::vector<std::string>& header) {
  std::vector<const ServedColumn*> columns;
  std::set<const ServedColumn*> seen;
  for (const std::string& name : header) {
    columns.push_back(table.column(name));
    if (columns.back() == nullptr) {
      throw Error(Fault::schema, "the table has no column " + name,
                  "AlterTable has to come before a batch with a new column");
    }
    if (!seen.insert(columns.back()).second)
      throw Error(Fault::data, "its header names " + name + " twice");
  }
  return columns;
}

/// What DuckDB says of a CSV file, without the values that it quotes.
Error plain_error(const Error& error, const std::vector<std::string>& header) {
  const std::string text = error.what();
  std::smatch found;
  if (text.find("CSV Error on Line") == std::string::npos) {
    if (error.fault() != Fault::data) return error;
    std::string what = "a value";
    if (std::regex_search(text, found, std::regex("source column c([0-9]+)")) &&
        std::stoul(found.str(1)) < header.size())
      what = "a value of " + header[std::stoul(found.str(1))];
    return {Fault::data, what + " is not of its column's type",
            "the client has to write the file anew, and call again"};
  }
  std::string message = "it cannot be read";
  if (std::regex_search(text, found, std::regex("CSV Error on Line: ([0-9]+)")))
    message = "record " + found.str(1);
  if (std::regex_search(text, found,
                        std::regex("Expected Number of Columns: [0-9]+ Found: "
                                   "[0-9]+"))) {
    message += ": " + found.str(0);
  } else if (text.find("quote") != std::string::npos) {
    message += ": a quoted value does not end, or goes on after its quote";
  } else if (text.find("Maximum line size") != std::string::npos) {
    message += ": a record of more than 128 MiB";
  } else if (text.find("Invalid unicode") != std::string::npos ||
             text.find("not utf-8") != std::string::npos) {
    message += ": bytes that are not UTF-8";
  } else {
    message += ": it is not CSV";
  }
  return {Fault::data, message, "the client has to write the file anew, and call again"};
}

std::uint64_t load(duck::Connection& connection, const BatchFiles& batch, const ServedTable& table,
                   const std::string& file, const std::string& into, bool stage, bool texts) {
  PipedCsv csv(open_file(batch, file));
  const auto columns = known_columns(table, csv.header());
  if (!csv.has_records()) return 0;
  std::string types, names, values;
  const auto add = [&](const std::string& name, const std::string& value) {
    names += (names.empty() ? "" : ", ") + duck::quoted(name);
    values += (values.empty() ? "" : ", ") + value;
  };
  std::set<const ServedColumn*> given;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    types += (i == 0 ? "" : ", ") + duck::literal(position_name(i)) + ": 'VARCHAR'";
    ServedColumn read = *columns[i];
    read.name = position_name(i);
    add(columns[i]->name, texts ? read.name : value_of(read, read.name));
    given.insert(columns[i]);
  }
  for (const ServedColumn& each : table.columns) {
    if (texts && !given.contains(&each))
      add(each.name, duck::literal(batch.params.unmodified_string()));
  }
  if (stage) add(kOrder, "row_number() OVER () + (SELECT count(*) FROM " + into + ")");
  const std::string null = duck::literal(batch.params.null_string());
  const std::string crlf = csv.line_end() == "\n" ? "'\\n'" : "'\\r\\n'";
  try {
    const auto done = connection.query(
        "INSERT INTO " + into + " (" + names + ") SELECT " + values + " FROM read_csv(" +
        duck::literal(csv.path()) + ", auto_detect = false, header = false, delim = ',', " +
        R"(quote = '"', escape = '"', new_line = )" + crlf + ", nullstr = " + null +
        ", allow_quoted_nulls = " + (batch.params.null_string().empty() ? "false" : "true") +
        (batch.long_records ? ", max_line_size = 134217728, buffer_size = 134217728" : "") +
        ", columns = {" + types + "})");
    csv.finish();
    return done.changed();
  } catch (const Error& error) {
    csv.blame();
    if (!batch.long_records &&
        std::string(error.what()).find("Maximum line size") != std::string::npos)
      throw TooLong();
    throw error.fault() == Fault::cancelled ? error : plain_error(error, csv.header());
  }
}

std::uint64_t load_file(duck::Connection& connection, const BatchFiles& batch,
                        const ServedTable& table, const std::string& file, const std::string& into,
                        bool stage, bool texts) {
  try {
    return load(connection, batch, table, file, into, stage, texts);
  } catch (const TooLong&) {
    throw;
  } catch (const Error& error) {
    throw error.at(std::filesystem::path(file).filename().string());
  }
}

}  // namespace

std::uint64_t load_values(duck::Connection& connection, const BatchFiles& batch,
                          const ServedTable& table, const std::string& file,
                          const std::string& into, bool stage) {
  return load_file(connection, batch, table, file, into, stage, false);
}

std::uint64_t load_texts(duck::Connection& connection, const BatchFiles& batch,
                         const ServedTable& table, const std::string& file,
                         const std::string& into) {
  return load_file(connection, batch, table, file, into, true, true);
}

void without_values(const ServedTable& table, const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.fault() != Fault::data) throw;
    const std::string text = error.what();
    std::smatch found;
    std::string where = "a value";
    for (const ServedColumn& each : table.columns) {
      if (text.find("source column " + each.name) != std::string::npos)
        where = "a value of " + each.name;
    }
    throw Error(Fault::data, where + " is not of its column's type",
                "the client has to write the file anew, and call again");
  }
}

void make_stage(duck::Connection& connection, const std::string& name, const ServedTable& table,
                bool texts) {
  std::string columns = std::string(kOrder) + " BIGINT";
  for (const ServedColumn& each : table.columns)
    columns += ", " + duck::quoted(each.name) + " " + (texts ? "VARCHAR" : each.type);
  connection.query("CREATE OR REPLACE TEMP TABLE " + name + " (" + columns + ")");
}

}  // namespace sluice::serve
