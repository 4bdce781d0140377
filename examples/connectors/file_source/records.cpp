// SPDX-License-Identifier: Apache-2.0
#include "records.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <vector>

namespace examples {
namespace {

using sluice::Error;
using sluice::Fault;
using sluice::sdk::Table;
using sluice::sdk::Value;

[[noreturn]] void refuse(const std::string& file, std::size_t line, const std::string& what) {
  throw Error(Fault::data, file + ", line " + std::to_string(line) + ": " + what,
              "correct the file, or move it out of the folder");
}

std::size_t column_of(Table& table, const std::string& name, const std::string& file,
                      std::size_t line) {
  if (name == "_file" || name == "_row") refuse(file, line, "a column is called " + name);
  return table.column(name);
}

/// Records of a CSV file; a value may go over several lines.
class Csv {
 public:
  using Record = std::vector<std::optional<std::string>>;
  Csv(std::istream& in, const std::string& file) : in_(in), file_(file) {}
  std::size_t line() const { return begun_; }

  /// False at the end. Empty lines are no records.
  bool next(Record& record) {
    record.clear();
    while (in_.peek() == '\n' || in_.peek() == '\r') take();
    begun_ = line_;
    if (in_.peek() == EOF) return false;
    do {
      record.push_back(value());
    } while (ended_by_ == ',');
    return true;
  }

 private:
  int take() {
    const int c = in_.get();
    if (c == '\n') ++line_;
    return c;
  }

  std::optional<std::string> value() {
    if (in_.peek() == '"') return quoted();
    std::string text;
    while (!at_end_of_value(take())) text += last_;
    return text.empty() ? std::nullopt : std::optional(text);
  }

  std::string quoted() {
    std::string text;
    take();
    for (;;) {
      const int c = take();
      if (c == EOF) refuse(file_, begun_, "a quote is not closed");
      if (c == '"' && in_.peek() != '"') break;
      if (c == '"') take();
      text += static_cast<char>(c);
    }
    if (!at_end_of_value(take())) refuse(file_, line_, "text behind a closing quote");
    return text;
  }

  bool at_end_of_value(int c) {
    if (c == '\r' && in_.peek() == '\n') c = take();
    last_ = static_cast<char>(c);
    const bool end = c == ',' || c == '\n' || c == EOF;
    if (end) ended_by_ = c;
    return end;
  }

  std::istream& in_;
  const std::string& file_;
  std::size_t line_ = 1, begun_ = 1;
  int ended_by_ = EOF;
  char last_ = 0;
};

/// `kept` holds the text of a document until the row has taken it.
Value value_of(const nlohmann::json& json, std::string& kept, const std::string& file,
               std::size_t line) {
  using Kind = nlohmann::json::value_t;
  switch (json.type()) {
    case Kind::null:
      return {};
    case Kind::boolean:
      return json.get<bool>();
    case Kind::string:
      return std::string_view(json.get_ref<const std::string&>());
    case Kind::number_float: {
      // What is whole and this large may have been an integer that a double cannot hold.
      const auto number = json.get<double>();
      if (number >= 0x1p63 || number <= -0x1p63)
        refuse(file, line, "a number is too large to be read exactly: write it as a text");
      return number;
    }
    case Kind::number_unsigned:
      if (json.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max())
        refuse(file, line, "a number is too large to be read exactly: write it as a text");
      return json.get<std::int64_t>();
    case Kind::number_integer:
      return json.get<std::int64_t>();
    default:
      kept = json.dump();
      return sluice::sdk::Json{kept};
  }
}

}  // namespace

void read_csv(std::istream& in, const std::string& file, Table& table, const Begin& begin) {
  Csv csv(in, file);
  Csv::Record record;
  std::vector<std::size_t> columns;
  if (!csv.next(record)) return;
  for (const auto& name : record) {
    if (!name) refuse(file, csv.line(), "a column has no name");
    columns.push_back(column_of(table, *name, file, csv.line()));
  }
  while (csv.next(record)) {
    if (record.size() != columns.size())
      refuse(file, csv.line(),
             std::to_string(record.size()) + " values for " + std::to_string(columns.size()) +
                 " columns");
    sluice::sdk::Row& row = begin();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (record[i]) row.set(columns[i], std::string_view(*record[i]));
    }
  }
}

void read_json_lines(std::istream& in, const std::string& file, Table& table, const Begin& begin) {
  std::string text, kept;
  for (std::size_t line = 1; std::getline(in, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) refuse(file, line, "is no JSON object");
    sluice::sdk::Row& row = begin();
    for (const auto& [name, value] : json.items())
      row.set(column_of(table, name, file, line), value_of(value, kept, file, line));
  }
}

}  // namespace examples
