// SPDX-License-Identifier: Apache-2.0
// Any bytes as a COPY stream, decoded as the columns that the first bytes pick, into rows that
// DuckDB then takes. Whatever comes, nothing but Fault::data and Fault::misfit may leave, and no
// byte is read that is not there.
//
// With clang: -fsanitize=fuzzer,address,undefined. Elsewhere compile with SLUICE_FUZZ_MAIN defined
// and name files to run, or run `postgres_copy_fuzz --mutate INPUTS` on seeds of its own.
#include <duckdb.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "connectors/postgres/row_decoder.h"
#include "duck/duck.h"
#include "fuzz/mutations.h"
#include "unit/postgres_golden.h"

namespace sluice::postgres {
namespace {

/// The columns of one golden value, three times, and vectors to decode them into.
class Target {
 public:
  Target(duck::Connection& connection, const golden::Value& value, const std::string& table) {
    for (const Misfit misfit : {Misfit::null, Misfit::null, Misfit::fail}) {
      ReadColumn column;
      column.column.name = "c";
      column.column.type = value.landed;
      column.column.misfit = misfit;
      column.wire = value.wire;
      column.key = misfit == Misfit::null;
      columns_.push_back(column);
      types_.push_back(std::move(connection.types(std::span(&column.column.type, 1)).front()));
      raw_types_.push_back(types_.back().get());
    }
    decoder_ = std::make_unique<RowDecoder>(columns_, Encoding::unchecked);
    chunk_ = duckdb_create_data_chunk(raw_types_.data(), raw_types_.size());
    const std::string type = value.landed;
    connection.query("CREATE TABLE " + table + " (a " + type + ", b " + type + ", c " + type + ")");
    duckdb_appender_create(connection.handle(), nullptr, table.c_str(), &appender_);
  }
  ~Target() {
    duckdb_appender_destroy(&appender_);
    duckdb_destroy_data_chunk(&chunk_);
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  void run(const Byte* bytes, std::size_t size, std::size_t message) {
    duckdb_data_chunk_reset(chunk_);
    Batch batch(chunk_);
    CopyStream stream;
    stream.start(columns_.size());
    decoder_->begin(batch);
    for (std::size_t at = 0; at < size && !decoder_->full(); at += message) {
      const std::vector<Byte> own(bytes + at, bytes + std::min(size, at + message));
      stream.feed(own.data(), own.size());
      CopyStream::Fields fields{};
      while (!decoder_->full() && stream.next(fields) == CopyStream::Step::row) {
        const Byte* after = decoder_->add(fields);
        if (after == nullptr) {
          stream.incomplete();
          break;
        }
        stream.taken(after);
      }
    }
    decoder_->finish();
    append();
  }

 private:
  // DuckDB reads all that the vectors hold, and forgets it.
  void append() const {
    if (duckdb_append_data_chunk(appender_, chunk_) != DuckDBSuccess ||
        duckdb_appender_clear(appender_) != DuckDBSuccess) {
      std::abort();
    }
  }

  std::vector<ReadColumn> columns_;
  std::vector<duck::LogicalType> types_;
  std::vector<duckdb_logical_type> raw_types_;
  std::unique_ptr<RowDecoder> decoder_;
  duckdb_data_chunk chunk_ = nullptr;
  duckdb_appender appender_ = nullptr;
};

Target& target(std::size_t which) {
  static duck::Database database;
  static duck::Connection connection = database.connect();
  static std::vector<std::unique_ptr<Target>> targets = [] {
    std::vector<std::unique_ptr<Target>> made;
    for (const golden::Value& value : golden::values()) {
      made.push_back(
          std::make_unique<Target>(connection, value, "t" + std::to_string(made.size())));
    }
    return made;
  }();
  return *targets[which % targets.size()];
}

}  // namespace
}  // namespace sluice::postgres

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sluice::fuzz::kChoices;
  if (size < kChoices) return 0;
  try {
    sluice::postgres::target(data[0] + data[1] * 256U)
        .run(data + kChoices, size - kChoices, std::size_t{1} + data[2] * 4U);
  } catch (const sluice::Error& error) {
    const sluice::Fault fault = error.fault();
    if (fault != sluice::Fault::data && fault != sluice::Fault::misfit) std::abort();
  }
  return 0;
}

#ifdef SLUICE_FUZZ_MAIN
int main(int count, char** arguments) {
  if (count == 3 && std::strcmp(arguments[1], "--mutate") == 0) {
    sluice::fuzz::run_mutations(std::stoul(arguments[2]));
    std::cout << arguments[2] << " inputs, none did harm\n";
    return 0;
  }
  for (int i = 1; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    const sluice::fuzz::Input input{std::istreambuf_iterator<char>(file), {}};
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  return 0;
}
#endif
