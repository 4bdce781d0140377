// SPDX-License-Identifier: Apache-2.0
// Any bytes as what a DolphinDB answers: as an object, or as a table (or one column) whose cells
// are decoded into rows that DuckDB then takes. Whatever comes, nothing but Fault::data, schema,
// misfit and config may leave, no byte is read that is not there, and no more memory is taken than
// was allowed.
//
// With clang: -fsanitize=fuzzer,address,undefined. Elsewhere compile with SLUICE_FUZZ_MAIN defined
// and name files to run, or run `dolphindb_fuzz --mutate INPUTS` on the golden objects.
#include <duckdb.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/dolphindb/decode.h"
#include "duck/duck.h"
#include "fuzz/dolphindb_mutations.h"
#include "sluice/batch.h"

namespace sluice::dolphindb {
namespace {

constexpr std::uint64_t kAllowed = std::uint64_t{4} << 20;

/// Bytes that come in pieces, each in memory of its own that is gone with the next.
class Pieces : public Input {
 public:
  Pieces(const Byte* bytes, std::size_t size, std::size_t piece)
      : next_(bytes), left_(size), size_(piece) {}

 protected:
  void refill() override {
    if (left_ == 0) throw Error(Fault::data, "the pieces end");
    piece_ = std::vector<Byte>(next_, next_ + std::min(left_, size_));
    next_ += piece_.size();
    left_ -= piece_.size();
    at_ = piece_.data();
    end_ = at_ + piece_.size();
  }

 private:
  const Byte* next_;
  std::size_t left_, size_;
  std::vector<Byte> piece_;
};

duck::Connection& fuzz_place() {
  static duck::Database database;
  static duck::Connection connection = database.connect();
  return connection;
}

/// A DuckDB table of one column, and a chunk for it.
class Place {
 public:
  explicit Place(const std::string& type)
      : type_(std::move(fuzz_place().types(std::span(&type, 1)).front())) {
    static int count = 0;
    const std::string name = "t" + std::to_string(count++);
    fuzz_place().query("CREATE TABLE " + name + " (v " + type + ")");
    duckdb_logical_type raw = type_.get();
    chunk_ = duckdb_create_data_chunk(&raw, 1);
    duckdb_appender_create(fuzz_place().handle(), nullptr, name.c_str(), &appender_);
  }
  ~Place() {
    duckdb_appender_destroy(&appender_);
    duckdb_destroy_data_chunk(&chunk_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  void take(ColumnDecoder& decoder, const Cells& cells, std::uint64_t first, std::uint64_t count) {
    duckdb_data_chunk_reset(chunk_);
    Batch batch(chunk_);
    std::size_t heap = 0;
    decoder.bind(batch.vector(0), heap);
    decoder.decode(cells, first, count);
    decoder.finish();
    batch.set_size(count);
    // DuckDB reads all that the vector holds, and forgets it.
    if (duckdb_append_data_chunk(appender_, chunk_) != DuckDBSuccess ||
        duckdb_appender_clear(appender_) != DuckDBSuccess)
      std::abort();
  }

 private:
  duck::LogicalType type_;
  duckdb_data_chunk chunk_ = nullptr;
  duckdb_appender appender_ = nullptr;
};

void land_column(const Cells& cells, unsigned choice) {
  static constexpr std::array kOthers{"TINYINT", "UBIGINT",      "HUGEINT",      "DECIMAL(18,4)",
                                      "FLOAT",   "DOUBLE",       "DATE",         "TIME",
                                      "TIME_NS", "TIMESTAMP_NS", "TIMESTAMP_MS", "BLOB"};
  ReadColumn read;
  read.column.name = "v";
  read.column.misfit = choice % 2 == 0 ? Misfit::null : Misfit::fail;
  read.type = cells.type;
  const std::string array = cells.type.array ? "[]" : "";
  choice /= 2;
  read.column.type = choice % 3 == 0   ? landed_type(cells.type)
                     : choice % 3 == 1 ? "VARCHAR"
                                       : kOthers[choice / 3 % kOthers.size()] + array;
  if (read.column.type.empty()) return;
  ColumnDecoder decoder(read);
  decoder.check(cells);
  static std::map<std::string, std::unique_ptr<Place>> places;
  std::unique_ptr<Place>& place = places[read.column.type];
  if (!place) place = std::make_unique<Place>(read.column.type);
  for (std::uint64_t first = 0, batches = 0; first < cells.rows && batches < 3; ++batches) {
    const std::uint64_t count = std::min<std::uint64_t>(cells.rows - first, 2'048);
    place->take(decoder, cells, first, count);
    first += count;
  }
}

void expect_allowed(std::uint64_t bytes) {
  if (bytes > kAllowed) std::abort();
}

std::uint64_t bytes_held(const Object& object) {
  std::uint64_t all = sizeof object + object.cells.bytes();
  for (const std::string& each : object.names) all += each.size();
  for (const Object& each : object.items) all += bytes_held(each);
  return all;
}

void read_columns(Input& input, unsigned choice) {
  auto [type, form] = read_flag(input);
  std::uint32_t columns = 1;
  if (form == Form::table) {
    input.number<std::int32_t>();  // rows: as many as the columns say
    columns = input.number<std::uint32_t>();
    input.text('\0', 1'000);
    for (std::uint32_t i = 0; i < columns; ++i) input.text('\0', 1'000);
  }
  SymbolBases bases;
  Cells cells;
  for (std::uint32_t i = 0; i < columns; ++i) {
    if (form == Form::table) type = read_flag(input).first;
    read_vector(input, type, bases, kAllowed, cells);
    expect_allowed(cells.bytes());
    try {
      land_column(cells, choice + i);
    } catch (const Error& error) {
      if (error.fault() != Fault::misfit && error.fault() != Fault::config) throw;
    }
  }
}

void read_and_use(Input& input) {
  const Object object = read_object(input, kAllowed);
  expect_allowed(bytes_held(object));
  object.find("a");
  for (const std::string& each : object.texts()) expect_allowed(each.size());
  if (object.cells.rows < 100'000) object.numbers();
}

}  // namespace
}  // namespace sluice::dolphindb

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sluice::Fault;
  if (size < sluice::fuzz::kChoices) return 0;
  const std::size_t piece = data[0] < 128 ? size : std::size_t{1} + data[0] / 2U % 16U;
  sluice::dolphindb::Pieces input(data + sluice::fuzz::kChoices, size - sluice::fuzz::kChoices,
                                  piece);
  try {
    if (data[0] % 2 == 0) {
      sluice::dolphindb::read_and_use(input);
    } else {
      sluice::dolphindb::read_columns(input, data[1]);
    }
  } catch (const sluice::Error& error) {
    if (error.fault() != Fault::data && error.fault() != Fault::schema) std::abort();
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
