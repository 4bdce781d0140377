// SPDX-License-Identifier: Apache-2.0
#include "duck/duck.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "duck/fail.h"

namespace sluice::duck {
namespace {

struct PlainType {
  std::string_view name;
  duckdb_type type;
};

/// Types without parameters, by the name that DuckDB prints: to ask SQL for them takes 0.6 ms.
constexpr std::array<PlainType, 16> kPlainTypes{{
    {"BOOLEAN", DUCKDB_TYPE_BOOLEAN},
    {"TINYINT", DUCKDB_TYPE_TINYINT},
    {"SMALLINT", DUCKDB_TYPE_SMALLINT},
    {"INTEGER", DUCKDB_TYPE_INTEGER},
    {"BIGINT", DUCKDB_TYPE_BIGINT},
    {"HUGEINT", DUCKDB_TYPE_HUGEINT},
    {"UBIGINT", DUCKDB_TYPE_UBIGINT},
    {"FLOAT", DUCKDB_TYPE_FLOAT},
    {"DOUBLE", DUCKDB_TYPE_DOUBLE},
    {"VARCHAR", DUCKDB_TYPE_VARCHAR},
    {"BLOB", DUCKDB_TYPE_BLOB},
    {"UUID", DUCKDB_TYPE_UUID},
    {"DATE", DUCKDB_TYPE_DATE},
    {"TIME", DUCKDB_TYPE_TIME},
    {"TIMESTAMP", DUCKDB_TYPE_TIMESTAMP},
    {"TIMESTAMP WITH TIME ZONE", DUCKDB_TYPE_TIMESTAMP_TZ},
}};

constexpr const char* kNotCast =
    "a query of ours returned a type that it should have cast to VARCHAR";

/// Destroys a result on every way out.
struct OwnedResult {
  duckdb_result result{};
  OwnedResult() = default;
  OwnedResult(const OwnedResult&) = delete;
  OwnedResult& operator=(const OwnedResult&) = delete;
  ~OwnedResult() { duckdb_destroy_result(&result); }
};

struct OwnedStatement {
  duckdb_prepared_statement statement = nullptr;
  OwnedStatement() = default;
  OwnedStatement(const OwnedStatement&) = delete;
  OwnedStatement& operator=(const OwnedStatement&) = delete;
  ~OwnedStatement() { duckdb_destroy_prepare(&statement); }
};

/// Works like any other thread of DuckDB and sleeps while there is nothing to do. DuckDB's own wait
/// spins (measured: a fifth of the CPU of a first load).
Result run(duckdb_prepared_statement statement) {
  duckdb_pending_result pending = nullptr;
  const auto started = duckdb_pending_prepared(statement, &pending);
  const std::unique_ptr<_duckdb_pending_result, void (*)(duckdb_pending_result)> owner(
      pending, [](duckdb_pending_result each) { duckdb_destroy_pending(&each); });
  if (started != DuckDBSuccess) fail_as_said(duckdb_pending_error(pending));
  // Short statements are not kept waiting, long ones not asked too often.
  constexpr std::chrono::microseconds kFirst{50}, kLongest{5'000};
  auto nap = kFirst;
  while (true) {
    const duckdb_pending_state state = duckdb_pending_execute_task(pending);
    if (state == DUCKDB_PENDING_ERROR) fail_as_said(duckdb_pending_error(pending));
    if (duckdb_pending_execution_is_finished(state)) break;
    if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) {
      std::this_thread::sleep_for(nap);
      nap = std::min(nap + nap / 4, kLongest);
    } else {
      nap = kFirst;
    }
  }
  OwnedResult owned;
  if (duckdb_execute_pending(pending, &owned.result) != DuckDBSuccess) {
    fail(duckdb_result_error_type(&owned.result), duckdb_result_error(&owned.result));
  }
  return Result(owned.result);
}

std::shared_ptr<_duckdb_database> start(const std::map<std::string, std::string>& settings) {
  duckdb_config config = nullptr;
  duckdb_create_config(&config);
  const std::unique_ptr<_duckdb_config, void (*)(duckdb_config)> owner(
      config, [](duckdb_config each) { duckdb_destroy_config(&each); });
  for (const auto& [name, value] : settings) {
    if (duckdb_set_config(config, name.c_str(), value.c_str()) != DuckDBSuccess) {
      throw Error(Fault::config, "DuckDB does not accept " + name + " = " + value);
    }
  }
  duckdb_database database = nullptr;
  char* message = nullptr;
  if (duckdb_open_ext(nullptr, &database, config, &message) != DuckDBSuccess) {
    const std::string text = message != nullptr ? message : "cannot start DuckDB";
    duckdb_free(message);
    throw Error(Fault::internal, text);
  }
  return {database, [](_duckdb_database* each) { duckdb_close(&each); }};
}

std::string int128_text(bool negative, unsigned __int128 magnitude) {
  std::array<char, 40> digits{};
  auto* cursor = digits.end();
  do {
    *--cursor = static_cast<char>('0' + static_cast<int>(magnitude % 10));
    magnitude /= 10;
  } while (magnitude != 0);
  return (negative ? "-" : "") + std::string(cursor, digits.end());
}

template <typename T>
std::string number(const void* data, idx_t row) {
  std::array<char, 64> buffer{};
  const auto value = static_cast<const T*>(data)[row];
  const auto end = std::to_chars(buffer.begin(), buffer.end(), value).ptr;
  return {buffer.begin(), end};
}

std::string cell_text(duckdb_type type, void* data, idx_t row) {
  switch (type) {
    case DUCKDB_TYPE_BOOLEAN:
      return static_cast<bool*>(data)[row] ? "true" : "false";
    case DUCKDB_TYPE_TINYINT:
      return number<std::int8_t>(data, row);
    case DUCKDB_TYPE_SMALLINT:
      return number<std::int16_t>(data, row);
    case DUCKDB_TYPE_INTEGER:
      return number<std::int32_t>(data, row);
    case DUCKDB_TYPE_BIGINT:
      return number<std::int64_t>(data, row);
    case DUCKDB_TYPE_UTINYINT:
      return number<std::uint8_t>(data, row);
    case DUCKDB_TYPE_USMALLINT:
      return number<std::uint16_t>(data, row);
    case DUCKDB_TYPE_UINTEGER:
      return number<std::uint32_t>(data, row);
    case DUCKDB_TYPE_UBIGINT:
      return number<std::uint64_t>(data, row);
    case DUCKDB_TYPE_FLOAT:
      return number<float>(data, row);
    case DUCKDB_TYPE_DOUBLE:
      return number<double>(data, row);
    case DUCKDB_TYPE_HUGEINT: {
      const auto value = static_cast<duckdb_hugeint*>(data)[row];
      const bool negative = value.upper < 0;
      auto bits = static_cast<unsigned __int128>(static_cast<std::uint64_t>(value.upper)) << 64 |
                  value.lower;
      return int128_text(negative, negative ? ~bits + 1 : bits);
    }
    case DUCKDB_TYPE_VARCHAR: {
      auto& value = static_cast<duckdb_string_t*>(data)[row];
      return {duckdb_string_t_data(&value), duckdb_string_t_length(value)};
    }
    default:
      throw Error(Fault::internal, kNotCast);
  }
}

}  // namespace

std::string folded(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return lower;
}

bool is_integer(std::string_view type) {
  static constexpr std::array<std::string_view, 10> kIntegers{
      "TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",  "HUGEINT",
      "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"};
  return std::ranges::find(kIntegers, type) != kIntegers.end();
}

bool is_temporal(std::string_view type) {
  static constexpr std::array<std::string_view, 6> kTemporal{
      "DATE",         "TIMESTAMP",    "TIMESTAMP WITH TIME ZONE",
      "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"};
  return std::ranges::find(kTemporal, type) != kTemporal.end();
}

std::string quoted(std::string_view identifier) {
  std::string sql = "\"";
  for (const char c : identifier) {
    if (c == '"') sql += '"';
    sql += c;
  }
  return sql + '"';
}

std::string literal(std::string_view text) {
  std::string sql = "'";
  for (const char c : text) {
    if (c == '\'') sql += '\'';
    sql += c;
  }
  return sql + '\'';
}

LogicalType& LogicalType::operator=(LogicalType&& other) noexcept {
  std::swap(type_, other.type_);
  return *this;
}

LogicalType::~LogicalType() { duckdb_destroy_logical_type(&type_); }

Result::Result(const duckdb_result& source) {
  auto& result =
      const_cast<duckdb_result&>(source);  // the C API takes a pointer for questions, too
  changed_ = duckdb_rows_changed(&result);
  if (duckdb_result_return_type(result) != DUCKDB_RESULT_TYPE_QUERY_RESULT) return;
  const idx_t width = duckdb_column_count(&result);
  for (idx_t i = 0; i < width; ++i) names_.emplace_back(duckdb_column_name(&result, i));
  while (duckdb_data_chunk chunk = duckdb_fetch_chunk(result)) {
    const std::unique_ptr<_duckdb_data_chunk, void (*)(duckdb_data_chunk)> owner(
        chunk, [](duckdb_data_chunk each) { duckdb_destroy_data_chunk(&each); });
    const idx_t size = duckdb_data_chunk_get_size(chunk);
    const std::size_t base = cells_.size();
    cells_.resize(base + size * width);
    for (idx_t column = 0; column < width; ++column) {
      const duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
      std::uint64_t* validity = duckdb_vector_get_validity(vector);
      void* data = duckdb_vector_get_data(vector);
      const duckdb_type type = duckdb_column_type(&result, column);
      for (idx_t row = 0; row < size; ++row) {
        if (validity != nullptr && !duckdb_validity_row_is_valid(validity, row)) continue;
        cells_[base + row * width + column] = cell_text(type, data, row);
      }
    }
    rows_ += size;
  }
}

const std::optional<std::string>& Result::cell(std::size_t row, std::size_t column) const {
  return cells_.at(row * names_.size() + column);
}

const std::string& Result::text(std::size_t row, std::size_t column) const {
  const auto& value = cell(row, column);
  if (!value) throw Error(Fault::internal, "unexpected NULL in column " + names_[column]);
  return *value;
}

std::int64_t Result::integer(std::size_t row, std::size_t column) const {
  const std::string& digits = text(row, column);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw Error(Fault::internal, "not an integer in column " + names_[column] + ": " + digits);
  }
  return value;
}

Result Connection::query(const std::string& sql) {
  std::optional<Result> last;
  each_statement(sql, [&](Result result) { last = std::move(result); });
  return std::move(*last);
}

Result Connection::query(const std::string& sql,
                         std::span<const std::optional<std::string>> parameters) {
  OwnedStatement prepared;
  if (duckdb_prepare(handle(), sql.c_str(), &prepared.statement) != DuckDBSuccess) {
    fail_as_said(duckdb_prepare_error(prepared.statement));
  }
  idx_t index = 0;
  for (const auto& parameter : parameters) {
    ++index;
    if (parameter) {
      duckdb_bind_varchar_length(prepared.statement, index, parameter->data(), parameter->size());
    } else {
      duckdb_bind_null(prepared.statement, index);
    }
  }
  return run(prepared.statement);
}

void Connection::stream(const std::string& sql,
                        const std::function<void(duckdb_data_chunk)>& take) {
  OwnedStatement prepared;
  if (duckdb_prepare(handle(), sql.c_str(), &prepared.statement) != DuckDBSuccess)
    fail_as_said(duckdb_prepare_error(prepared.statement));
  try {
    OwnedResult owned;
    // Deprecated since 1.0, and there is nothing in its place: DuckDB 1.5.6 has it.
    if (duckdb_execute_prepared_streaming(prepared.statement, &owned.result) != DuckDBSuccess)
      fail(duckdb_result_error_type(&owned.result), duckdb_result_error(&owned.result));
    while (duckdb_data_chunk chunk = duckdb_fetch_chunk(owned.result)) {
      const std::unique_ptr<_duckdb_data_chunk, void (*)(duckdb_data_chunk)> owner(
          chunk, [](duckdb_data_chunk each) { duckdb_destroy_data_chunk(&each); });
      take(chunk);
    }
    if (const char* message = duckdb_result_error(&owned.result); message != nullptr)
      fail(duckdb_result_error_type(&owned.result), message);
  } catch (...) {
    // DuckDB's threads work on until the connection's next statement, which waits for them.
    try {
      query("SELECT 1");
    } catch (const Error&) {
      // It was interrupted; what it waits for comes before.
    }
    throw;
  }
}

std::size_t Connection::statements(const std::string& sql) {
  duckdb_extracted_statements found = nullptr;
  const idx_t count = duckdb_extract_statements(handle(), sql.c_str(), &found);
  duckdb_destroy_extracted(&found);
  return count;
}

std::vector<Result> Connection::query_all(const std::string& sql) {
  std::vector<Result> results;
  try {
    each_statement(sql, [&](Result result) {
      if (result.columns() > 0) results.push_back(std::move(result));
    });
  } catch (const Error& error) {
    if (error.what() != std::string_view(kNotCast)) throw;
    throw Error(Fault::config,
                "of several statements a result can hold numbers, BOOLEAN and VARCHAR only",
                "write ::VARCHAR behind its other columns, or run its statement alone");
  }
  return results;
}

void Connection::each_statement(const std::string& sql, const std::function<void(Result)>& take) {
  duckdb_extracted_statements found = nullptr;
  const idx_t count = duckdb_extract_statements(handle(), sql.c_str(), &found);
  const std::unique_ptr<duckdb_extracted_statements, void (*)(duckdb_extracted_statements*)> owner(
      &found, duckdb_destroy_extracted);
  if (count == 0) fail(DUCKDB_ERROR_PARSER, duckdb_extract_statements_error(found));
  for (idx_t i = 0; i < count; ++i) {
    OwnedStatement prepared;
    if (duckdb_prepare_extracted_statement(handle(), found, i, &prepared.statement) !=
        DuckDBSuccess) {
      fail_as_said(duckdb_prepare_error(prepared.statement));
    }
    take(run(prepared.statement));
  }
}

std::vector<LogicalType> Connection::types(std::span<const std::string> names) {
  std::vector<LogicalType> types;
  std::string list;  // of those that only SQL can make
  for (const std::string& name : names) {
    const auto* plain = std::ranges::find(kPlainTypes, name, &PlainType::name);
    if (plain == kPlainTypes.end()) list += (list.empty() ? "NULL::" : ", NULL::") + name;
    types.emplace_back(plain == kPlainTypes.end() ? nullptr
                                                  : duckdb_create_logical_type(plain->type));
  }
  if (list.empty()) return types;
  OwnedResult owned;
  if (duckdb_query(handle(), ("SELECT " + list + " LIMIT 0").c_str(), &owned.result) !=
      DuckDBSuccess) {
    throw Error(Fault::config, "not types that DuckDB knows: " + list);
  }
  idx_t column = 0;
  for (LogicalType& each : types) {
    if (each.get() == nullptr)
      each = LogicalType(duckdb_column_logical_type(&owned.result, column++));
  }
  return types;
}

std::string Connection::canonical_type(const std::string& name) {
  try {
    return describe("SELECT NULL::" + name + " AS x").at(0).second;
  } catch (const Error&) {
    throw Error(Fault::config, "not a type that DuckDB knows: " + name);
  }
}

std::vector<std::pair<std::string, std::string>> Connection::describe(const std::string& sql) {
  const Result rows = query("SELECT column_name, column_type FROM (DESCRIBE " + sql + ")");
  std::vector<std::pair<std::string, std::string>> columns;
  for (std::size_t i = 0; i < rows.rows(); ++i)
    columns.emplace_back(rows.text(i, 0), rows.text(i, 1));
  return columns;
}

void Connection::interrupt() noexcept { duckdb_interrupt(handle()); }

void Connection::measure_progress() {
  query("SET enable_progress_bar = true");
  query("SET enable_progress_bar_print = false");
  query("SET progress_bar_time = 0");
}

std::optional<double> Connection::progress() const noexcept {
  const double percentage = duckdb_query_progress(handle()).percentage;
  if (percentage < 0) return std::nullopt;
  return std::min(percentage / 100, 1.0);
}

void Connection::Close::operator()(_duckdb_connection* connection) const noexcept {
  duckdb_disconnect(&connection);
}

Transaction::Transaction(Connection& connection) : connection_(connection) {
  connection_.query("BEGIN TRANSACTION");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    connection_.query("ROLLBACK");
  } catch (const std::exception&) {
    // The failed statement has already rolled it back, or DuckDB is beyond repair and says so on
    // the next one.
  }
}

void Transaction::commit() {
  open_ = false;
  connection_.query("COMMIT");
}

Database::Database(std::map<std::string, std::string> settings)
    : started_(std::async(std::launch::async, &start, std::move(settings)).share()) {}

Connection Database::connect() {
  const auto started = started_;  // get() of one shared_future is for one thread
  duckdb_connection connection = nullptr;
  if (duckdb_connect(started.get().get(), &connection) != DuckDBSuccess) {
    throw Error(Fault::internal, "cannot connect to the DuckDB inside this process");
  }
  return Connection(connection);
}

}  // namespace sluice::duck
