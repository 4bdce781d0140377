// SPDX-License-Identifier: Apache-2.0
#include "duck/appender.h"

#include "duck/fail.h"

namespace sluice::duck {

DataChunk::DataChunk(std::span<const LogicalType> types) {
  std::vector<duckdb_logical_type> list;
  for (const LogicalType& each : types) list.push_back(each.get());
  chunk_.reset(duckdb_create_data_chunk(list.data(), list.size()));
  if (chunk_ == nullptr) throw Error(Fault::internal, "DuckDB has no memory for a data chunk");
}

void Appender::Destroy::operator()(_duckdb_appender* appender) const noexcept {
  duckdb_appender_destroy(&appender);
}

void Appender::check(duckdb_state state) const {
  if (state == DuckDBSuccess) return;
  duckdb_error_data error = duckdb_appender_error_data(appender_.get());
  const duckdb_error_type type = duckdb_error_data_error_type(error);
  const std::string text = duckdb_error_data_message(error);
  duckdb_destroy_error_data(&error);
  fail(type, text.c_str());
}

Appender::Appender(Connection& connection, const std::string& temp_table) {
  duckdb_appender appender = nullptr;
  const auto state = duckdb_appender_create_ext(connection.handle(), "temp", nullptr,
                                                temp_table.c_str(), &appender);
  appender_.reset(appender);
  check(state);
}

void Appender::append(const DataChunk& chunk, std::size_t rows) {
  duckdb_data_chunk_set_size(chunk.get(), rows);
  check(duckdb_append_data_chunk(appender_.get(), chunk.get()));
}

void Appender::close() { check(duckdb_appender_close(appender_.get())); }

}  // namespace sluice::duck
