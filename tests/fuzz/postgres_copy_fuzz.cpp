// SPDX-License-Identifier: Apache-2.0
// Any bytes as a COPY stream, decoded as the columns that the first byte picks. Whatever comes,
// nothing but Fault::data and Fault::misfit may leave, and no byte is read that is not there.
//
// With clang: -fsanitize=fuzzer,address,undefined. Elsewhere compile with SLUICE_FUZZ_MAIN defined
// and name files to run, or run `postgres_copy_fuzz --mutate SECONDS` on seeds of its own.
#include <duckdb.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "connectors/postgres/row_decoder.h"
#include "duck/duck.h"
#include "unit/postgres_golden.h"

namespace sluice::postgres {
namespace {

/// The columns of one golden value, three times, and vectors to decode them into.
class Target {
 public:
  Target(duck::Connection& connection, const golden::Value& value) {
    for (const Misfit misfit : {Misfit::null, Misfit::null, Misfit::fail}) {
      ReadColumn column;
      column.column.name = "c";
      column.column.type = value.landed;
      column.column.misfit = misfit;
      column.wire = value.wire;
      column.key = misfit == Misfit::null;
      columns_.push_back(column);
      types_.push_back(connection.type(value.landed));
      raw_types_.push_back(types_.back().get());
    }
    decoder_ = std::make_unique<RowDecoder>(columns_, Encoding::unchecked);
    chunk_ = duckdb_create_data_chunk(raw_types_.data(), raw_types_.size());
  }
  ~Target() { duckdb_destroy_data_chunk(&chunk_); }
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
  }

 private:
  std::vector<ReadColumn> columns_;
  std::vector<duck::LogicalType> types_;
  std::vector<duckdb_logical_type> raw_types_;
  std::unique_ptr<RowDecoder> decoder_;
  duckdb_data_chunk chunk_ = nullptr;
};

Target& target(std::size_t which) {
  static duck::Database database;
  static duck::Connection connection = database.connect();
  static std::vector<std::unique_ptr<Target>> targets = [] {
    std::vector<std::unique_ptr<Target>> made;
    for (const golden::Value& value : golden::values()) {
      made.push_back(std::make_unique<Target>(connection, value));
    }
    return made;
  }();
  return *targets[which % targets.size()];
}

}  // namespace
}  // namespace sluice::postgres

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  try {
    sluice::postgres::target(data[0]).run(data + 2, size - 2, std::size_t{1} + data[1] * 4U);
  } catch (const sluice::Error& error) {
    const sluice::Fault fault = error.fault();
    if (fault != sluice::Fault::data && fault != sluice::Fault::misfit) std::abort();
  }
  return 0;
}

#ifdef SLUICE_FUZZ_MAIN
namespace {

using Input = std::vector<std::uint8_t>;

Input seed(std::size_t which, const std::string& hex) {
  Input input{static_cast<std::uint8_t>(which), 255};
  const std::string header("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0\0\3", 21);
  input.insert(input.end(), header.begin(), header.end());
  for (int column = 0; column < 3; ++column) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      input.push_back(static_cast<std::uint8_t>((hex.size() / 2) >> shift));
    }
    for (std::size_t i = 0; i < hex.size(); i += 2) {
      input.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
  }
  input.insert(input.end(), {0xFF, 0xFF});
  return input;
}

void mutate(Input& input, std::mt19937& random) {
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  static constexpr std::uint8_t kEdges[] = {0, 1, 2, 4, 0x7F, 0x80, 0xC0, 0xFE, 0xFF};
  for (std::size_t changes = 1 + below(6); changes > 0; --changes) {
    const std::size_t at = 1 + below(input.size() - 1);
    switch (below(5)) {
      case 0:
        input[at] = static_cast<std::uint8_t>(random());
        break;
      case 1:
        input[at] = kEdges[below(std::size(kEdges))];
        break;
      case 2:
        input[at] = static_cast<std::uint8_t>(input[at] ^ (1U << below(8)));
        break;
      case 3:
        input.resize(std::max<std::size_t>(2, at));
        break;
      default:
        input.insert(input.begin() + static_cast<long>(at), static_cast<std::uint8_t>(random()));
        break;
    }
  }
}

void run_mutations(double seconds) {
  std::vector<Input> seeds;
  for (const auto& value : sluice::postgres::golden::values()) {
    seeds.push_back(seed(seeds.size(), value.hex));
  }
  std::mt19937 random(1);
  const auto begun = std::chrono::steady_clock::now();
  std::size_t runs = 0;
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count() <
         seconds) {
    Input input = seeds[runs % seeds.size()];
    if (runs >= seeds.size()) mutate(input, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
    ++runs;
  }
  std::cout << runs << " inputs, none did harm\n";
}

}  // namespace

int main(int count, char** arguments) {
  if (count == 3 && std::strcmp(arguments[1], "--mutate") == 0) {
    run_mutations(std::atof(arguments[2]));
    return 0;
  }
  for (int i = 1; i < count; ++i) {
    std::ifstream file(arguments[i], std::ios::binary);
    const Input input{std::istreambuf_iterator<char>(file), {}};
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  return 0;
}
#endif
