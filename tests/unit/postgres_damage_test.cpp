// SPDX-License-Identifier: Apache-2.0
// Streams cut and damaged everywhere: the same rows, or an error, and never a byte too many.
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>

#include "connectors/postgres/row_decoder.h"
#include "duck/duck.h"
#include "fuzz/mutations.h"
#include "postgres_bytes.h"

namespace sluice::postgres {
namespace {

/// One column that values arrive in, over and over.
class Column {
 public:
  explicit Column(const golden::Value& value)
      : landed_(value.landed),
        type_(std::move(duckdb().types(std::span(&landed_, 1)).front())),
        decoder_({column(value)}, Encoding::unchecked) {
    duckdb_logical_type type = type_.get();
    chunk_ = duckdb_create_data_chunk(&type, 1);
  }
  ~Column() { duckdb_destroy_data_chunk(&chunk_); }
  Column(const Column&) = delete;
  Column& operator=(const Column&) = delete;

  /// Decodes these messages, each in memory of its size that is gone afterwards. Whether the stream
  /// ended.
  bool decode(const std::vector<Bytes>& messages) {
    duckdb_data_chunk_reset(chunk_);
    Batch batch(chunk_);
    CopyStream stream;
    stream.start(1);
    decoder_.begin(batch);
    for (const Bytes& each : messages) {
      const Bytes own(each);
      stream.feed(own.data(), own.size());
      CopyStream::Fields fields{};
      while (stream.next(fields) == CopyStream::Step::row) {
        const Byte* after = decoder_.add(fields);
        if (after == nullptr) {
          stream.incomplete();
          break;
        }
        stream.taken(after);
      }
    }
    decoder_.finish();
    return stream.ended();
  }
  /// What DuckDB then prints of the rows.
  std::string printed() {
    duckdb().query("CREATE OR REPLACE TEMP TABLE cut (v " + landed_ + ")");
    duckdb_appender appender = nullptr;
    duckdb_appender_create(duckdb().handle(), nullptr, "cut", &appender);
    duckdb_append_data_chunk(appender, chunk_);
    duckdb_appender_destroy(&appender);
    return duckdb()
        .query("SELECT string_agg(coalesce(v::VARCHAR, 'NULL'), '|' ORDER BY rowid) FROM cut")
        .text(0, 0);
  }

 private:
  static duck::Connection& duckdb() {
    static duck::Database database;
    static duck::Connection connection = [] {
      duck::Connection made = database.connect();
      made.query("SET TimeZone = 'UTC'");
      return made;
    }();
    return connection;
  }
  static ReadColumn column(const golden::Value& value) {
    ReadColumn made;
    made.column.name = "v";
    made.column.type = value.landed;
    made.column.misfit = Misfit::null;
    made.wire = value.wire;
    return made;
  }

  std::string landed_;
  duck::LogicalType type_;
  RowDecoder decoder_;
  duckdb_data_chunk chunk_ = nullptr;
};

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

void put32(Bytes& to, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) to[at + i] = static_cast<Byte>(value >> (24 - 8 * i));
}

/// The value, NULL, the value.
Bytes stream_of(const Bytes& value) {
  Bytes stream = bytes_of(std::string("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19));
  const auto row = [&](const Bytes* bytes) {
    stream.insert(stream.end(), {0, 1, 0xFF, 0xFF, 0xFF, 0xFF});
    if (bytes == nullptr) return;
    put32(stream, stream.size() - 4, static_cast<std::uint32_t>(bytes->size()));
    stream.insert(stream.end(), bytes->begin(), bytes->end());
  };
  row(&value);
  row(nullptr);
  row(&value);
  stream.insert(stream.end(), {0xFF, 0xFF});
  return stream;
}

TEST(PostgresDamage, RowsAreTheSameWhereverTheirMessagesAreCut) {
  for (const golden::Value& value : golden::values()) {
    SCOPED_TRACE(std::string(value.sql) + " as " + value.landed);
    const bool misfit = value.printed[0] == '!';
    const std::string once = misfit ? "NULL" : value.printed;
    const Bytes stream = stream_of(unhex(value.hex));
    Column column(value);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
      const auto at = stream.begin() + static_cast<long>(cut);
      ASSERT_TRUE(column.decode({{stream.begin(), at}, {at, stream.end()}})) << cut;
      // The rest of the printing is DuckDB's work: once every few cuts is enough.
      if (cut % 32 != 0) continue;
      ASSERT_EQ(column.printed(), once + "|NULL|" + once) << cut;
    }
    std::vector<Bytes> single;
    for (const Byte each : stream) single.push_back({each});
    ASSERT_TRUE(column.decode(single));
    EXPECT_EQ(column.printed(), once + "|NULL|" + once);
  }
}

// Every word of a value in turn says something else: its lengths, counts and bounds among them.
TEST(PostgresDamage, WrongLengthsAreErrors) {
  std::size_t refused = 0;
  for (const golden::Value& value : golden::values()) {
    const Bytes good = unhex(value.hex);
    Column column(value);
    const auto survives = [&](const Bytes& stream) {
      try {
        column.decode({stream});
      } catch (const Error& error) {
        EXPECT_EQ(error.fault(), Fault::data) << error.what();
        ++refused;
      }
    };
    for (const std::uint32_t word : {0U, 1U, 7U, 0xFFFFU, 0x10000U, 0x7FFFFFFFU, 0x80000000U,
                                     0xFFFFFF00U, 0xFFFFFFFEU, 0xFFFFFFFFU}) {
      for (std::size_t at = 0; at + 4 <= good.size(); ++at) {
        Bytes bad = good;
        put32(bad, at, word);
        survives(stream_of(bad));
      }
      Bytes framed = stream_of(good);  // the length of the value itself
      put32(framed, 21, word);
      survives(framed);
    }
  }
  EXPECT_GT(refused, 10000U);
}

// The rest of the chunk is not put together in memory first, in the hope of the value's end.
TEST(PostgresDamage, AHugeLengthIsAnErrorAtOnce) {
  const golden::Value& value = golden::values().front();
  Column column(value);
  for (const std::uint32_t length : {0x40000000U, 0x7F000000U, 0x7FFFFFFFU, 0x80000000U}) {
    Bytes stream = stream_of(unhex(value.hex));
    put32(stream, 21, length);
    for (const std::size_t cut : {std::size_t{0}, stream.size(), std::size_t{23}}) {
      const auto at = stream.begin() + static_cast<long>(cut);
      try {
        column.decode({{stream.begin(), at}, {at, stream.end()}});
        ADD_FAILURE() << length;
      } catch (const Error& error) {
        EXPECT_EQ(error.fault(), Fault::data);
        EXPECT_NE(std::string(error.what()).find("length"), std::string::npos) << error.what();
      }
    }
  }
}

TEST(PostgresDamage, NothingButErrorsComesOfTwentyThousandDamagedStreams) {
  fuzz::run_mutations(20000);
}

}  // namespace
}  // namespace sluice::postgres
