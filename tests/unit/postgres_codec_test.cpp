// SPDX-License-Identifier: Apache-2.0
// Wire values into DuckDB's own vectors, and out again as DuckDB prints them from a table.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "connectors/postgres/row_decoder.h"
#include "duck/duck.h"
#include "postgres_bytes.h"
#include "postgres_golden.h"

namespace sluice::postgres {
namespace {

using golden::array;
using golden::composite;
using golden::scalar;

using Wire = std::optional<Bytes>;  // nothing: NULL

void put32(Bytes& to, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<Byte>(value >> shift));
}

Bytes row_of(const std::vector<Wire>& values) {
  Bytes row;
  for (const Wire& each : values) {
    put32(row, each ? each->size() : 0xFFFFFFFF);
    if (each) row.insert(row.end(), each->begin(), each->end());
  }
  return row;
}

ReadColumn column(const std::string& name, const WireType& wire, const std::string& landed,
                  Misfit misfit = Misfit::fail) {
  ReadColumn made;
  made.column.name = name;
  made.column.type = landed;
  made.column.misfit = misfit;
  made.wire = wire;
  return made;
}

duck::Connection& duckdb() {
  static duck::Database database;
  static duck::Connection connection = [] {
    duck::Connection made = database.connect();
    made.query("SET TimeZone = 'UTC'");
    return made;
  }();
  return connection;
}

/// A table of DuckDB's that batches are decoded into.
class Landing {
 public:
  explicit Landing(const std::vector<ReadColumn>& columns, Encoding encoding = Encoding::utf8)
      : decoder(columns, encoding) {
    std::string sql = "CREATE OR REPLACE TABLE landing (";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      types_.push_back(std::move(duckdb().types(std::span(&columns[i].column.type, 1)).front()));
      raw_types_.push_back(types_.back().get());
      sql += (i == 0 ? "c" : ", c") + std::to_string(i) + " " + columns[i].column.type;
    }
    duckdb().query(sql + ")");
    chunk_ = duckdb_create_data_chunk(raw_types_.data(), raw_types_.size());
  }
  ~Landing() { duckdb_destroy_data_chunk(&chunk_); }
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  /// One batch of these rows. Returns how many values were dropped.
  std::uint64_t decode(const std::vector<Bytes>& rows) {
    duckdb_data_chunk_reset(chunk_);
    Batch batch(chunk_);
    decoder.begin(batch);
    for (const Bytes& row : rows) {
      const Byte* end = row.data() + row.size();
      if (decoder.add({row.data(), end}) != end) throw std::runtime_error("a row did not end");
    }
    decoder.finish();
    return batch.misfits;
  }
  /// And puts it into the table.
  std::uint64_t land(const std::vector<Bytes>& rows) {
    const std::uint64_t misfits = decode(rows);
    duckdb_appender appender = nullptr;
    duckdb_appender_create(duckdb().handle(), nullptr, "landing", &appender);
    const bool good = duckdb_append_data_chunk(appender, chunk_) == DuckDBSuccess;
    const bool flushed = duckdb_appender_destroy(&appender) == DuckDBSuccess;
    if (!good || !flushed) throw std::runtime_error("DuckDB did not take the batch");
    return misfits;
  }
  std::vector<std::string> printed(std::size_t position = 0) const {
    const duck::Result result = duckdb().query("SELECT c" + std::to_string(position) +
                                               "::VARCHAR FROM landing ORDER BY rowid");
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < result.rows(); ++i) {
      texts.push_back(result.optional(i, 0).value_or("NULL"));
    }
    return texts;
  }

  RowDecoder decoder;

 private:
  std::vector<duck::LogicalType> types_;
  std::vector<duckdb_logical_type> raw_types_;
  duckdb_data_chunk chunk_;
};

Error error_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  }
  return {Fault::internal, "nothing was thrown"};
}

bool misfit(const golden::Value& value) { return value.printed[0] == '!'; }

TEST(PostgresCodec, EveryGoldenValueIsStoredAsDuckDbsOwn) {
  for (const golden::Value& value : golden::values()) {
    if (misfit(value)) continue;
    SCOPED_TRACE(std::string(value.sql) + " as " + value.landed);
    const Bytes bytes = unhex(value.hex);
    Landing landing({column("c", value.wire, value.landed)});
    landing.land({row_of({bytes}), row_of({std::nullopt}), row_of({bytes})});
    landing.land({row_of({std::nullopt}), row_of({bytes})});
    const std::string text = value.printed;
    EXPECT_EQ(landing.printed(), (std::vector<std::string>{text, "NULL", text, "NULL", text}));
  }
}

TEST(PostgresCodec, AMisfitNamesItsValueAndTheSettings) {
  for (const golden::Value& value : golden::values()) {
    if (!misfit(value)) continue;
    SCOPED_TRACE(std::string(value.sql) + " as " + value.landed);
    const Bytes row = row_of({unhex("0000002a"), unhex(value.hex)});
    std::vector<ReadColumn> columns{column("id", scalar(23), "INTEGER"),
                                    column("v", value.wire, value.landed)};
    columns[0].key = true;
    const Error error = error_of([&] { Landing(columns).land({row}); });
    EXPECT_EQ(error.fault(), Fault::misfit) << error.what();
    EXPECT_EQ(error.column(), "v");
    const std::string end =
        std::string(value.landed) + ": " + (value.printed + 1) + " (in the row with id 42)";
    EXPECT_TRUE(std::string(error.what()).ends_with(end)) << error.what();
    EXPECT_NE(error.hint().find("--misfit null"), std::string::npos);
    EXPECT_NE(error.hint().find("TABLE.v=VARCHAR"), std::string::npos);
  }
}

TEST(PostgresCodec, AMisfitBecomesNullWhereThatIsAskedForAndLeavesNothingBehind) {
  for (const golden::Value& value : golden::values()) {
    if (!misfit(value)) continue;
    SCOPED_TRACE(std::string(value.sql) + " as " + value.landed);
    const Bytes row = row_of({unhex(value.hex)});
    Landing landing({column("v", value.wire, value.landed, Misfit::null)});
    EXPECT_EQ(landing.land({row, row_of({std::nullopt}), row}), 2U);
    EXPECT_EQ(landing.printed(), (std::vector<std::string>{"NULL", "NULL", "NULL"}));
  }
  // Elements that a refused list had taken are used again by the next, NULLs among them.
  Landing landing({column("v", array(scalar(1700), 1), "DECIMAL(38,18)[]", Misfit::null)});
  const std::string one =
      "0000000a0001000000000000"
      "0001";
  const std::string nan =
      "000000080000"
      "0000c0000000";
  const std::string head = "0000000100000001000006a4";
  const Bytes refused = unhex(head + "0000000300000001" + "ffffffff" + one + nan);
  const Bytes good = unhex(head + "0000000200000001" + one + "ffffffff");
  EXPECT_EQ(landing.land({row_of({good}), row_of({refused}), row_of({good})}), 1U);
  const std::string held = "[1.000000000000000000, NULL]";
  EXPECT_EQ(landing.printed(), (std::vector<std::string>{held, "NULL", held}));
}

// Every shorter form of a value is refused, but for those of types that are just bytes (and a
// misfit may be seen before the end is missed). Each lies in memory of exactly its size, so that a
// sanitizer sees the first byte too many.
TEST(PostgresCodec, TruncatedValuesAreRefused) {
  for (const golden::Value& value : golden::values()) {
    const Bytes whole = unhex(value.hex);
    const std::string landed = value.landed;
    const bool any_length = landed == "VARCHAR" || landed == "JSON" || landed == "BLOB";
    Landing landing({column("v", value.wire, landed, Misfit::null)});
    for (std::size_t size = 0; size < whole.size(); ++size) {
      SCOPED_TRACE(std::string(value.sql) + ", bytes " + std::to_string(size));
      const Bytes row = row_of({Bytes(whole.begin(), whole.begin() + static_cast<long>(size))});
      const Error error = error_of([&] { landing.decode({row}); });
      if ((!any_length || (value.wire.oid == 18 && size == 0)) && !misfit(value)) {
        EXPECT_EQ(error.fault(), Fault::data) << error.what();
      }
    }
  }
}

TEST(PostgresCodec, ValuesWithBytesTooManyAreRefused) {
  for (const golden::Value& value : golden::values()) {
    const std::string landed = value.landed;
    if ((landed == "VARCHAR" && value.wire.oid != 18) || landed == "JSON" || landed == "BLOB" ||
        misfit(value)) {
      continue;
    }
    SCOPED_TRACE(value.sql);
    Bytes longer = unhex(value.hex);
    longer.push_back(0);
    const Error error =
        error_of([&] { Landing({column("v", value.wire, landed)}).land({row_of({longer})}); });
    EXPECT_EQ(error.fault(), Fault::data) << error.what();
  }
}

TEST(PostgresCodec, DefaultTypesAreWrittenAsDuckDbWritesThem) {
  for (const golden::Value& value : golden::values()) {
    const std::string type = landed_type(value.wire);
    EXPECT_EQ(duckdb().canonical_type(type), type);
  }
  const duck::Result words = duckdb().query("SELECT keyword_name FROM duckdb_keywords()");
  std::vector<std::string> names{"A", "a1",   "_a",   "1a",  "a b",
                                 "é", "x\"y", "Year", "a-b", "ORDERS"};
  for (std::size_t i = 0; i < words.rows(); ++i) names.push_back(words.text(i, 0));
  for (const std::string& name : names) {
    const std::string type = landed_type(composite({{name.c_str(), scalar(23)}}));
    EXPECT_EQ(duckdb().canonical_type(type), type) << name;
  }
}

TEST(PostgresCodec, NumericLandsAsTheDecimalThatHoldsItAll) {
  const auto landed = [](int precision, int scale) {
    return landed_type(scalar(1700, ((precision << 16) | (scale & 0x7FF)) + 4));
  };
  EXPECT_EQ(landed(38, 10), "DECIMAL(38,10)");
  EXPECT_EQ(landed(39, 10), "VARCHAR");
  EXPECT_EQ(landed(36, -2), "DECIMAL(38,0)");
  EXPECT_EQ(landed(36, -3), "VARCHAR");
  EXPECT_EQ(landed(3, 38), "DECIMAL(38,38)");
  EXPECT_EQ(landed(3, 39), "VARCHAR");
  EXPECT_EQ(landed(1000, 1000), "VARCHAR");
  EXPECT_EQ(landed_type(scalar(1700)), "DECIMAL(38,18)");
}

TEST(PostgresCodec, WhatIsNotDecodedTravelsAsTheServersText) {
  const WireType inet = scalar(869);
  const WireType wide = scalar(1700, ((50 << 16) | 2) + 4);
  const WireType twins = composite({{"a", scalar(23)}, {"A", scalar(23)}});
  for (const WireType& wire : {inet, wide, twins, composite({}), composite({{"i", inet}})}) {
    EXPECT_EQ(landed_type(wire), "VARCHAR");
    EXPECT_EQ(select_expression("\"c\"", wire, "VARCHAR"), "\"c\"::text");
    EXPECT_EQ(landed_type(array(wire, 2)), "VARCHAR[][]");
    EXPECT_EQ(select_expression("\"c\"", array(wire, 2), "VARCHAR[][]"), "\"c\"::text[]");
  }
  EXPECT_EQ(select_expression("\"c\"", scalar(23), "INTEGER"), "\"c\"");
  EXPECT_EQ(select_expression("\"c\"", scalar(23), "VARCHAR"), "\"c\"::text");
  EXPECT_EQ(select_expression("\"c\"", scalar(1042), "VARCHAR"), "\"c\"");
  EXPECT_EQ(select_expression("\"c\"", array(scalar(23), 1), "VARCHAR"), "\"c\"::text");
  EXPECT_EQ(select_expression("\"c\"", array(scalar(23), 1), "BIGINT[][]"), "\"c\"");
  const Error error = error_of([] { select_expression("\"c\"", scalar(1700), "DATE"); });
  EXPECT_EQ(error.fault(), Fault::config);
  EXPECT_EQ(std::string(error.what()), "column \"c\" cannot land as DATE");
  EXPECT_NE(error.hint().find("DOUBLE"), std::string::npos) << error.hint();
  for (const char* type : {"DECIMAL(39,2)", "DECIMAL(2,3)", "DECIMAL(", "INTEGER[3]", "[]", ""}) {
    EXPECT_THROW(select_expression("\"c\"", scalar(1700), type), Error) << type;
  }
}

TEST(PostgresCodec, InvalidTextIsAMisfitWhereTheServerPromisesNothing) {
  for (const char* hex : {"ff", "c080", "eda080", "f4908080", "e282", "6100", "c3"}) {
    Landing landing({column("t", scalar(25), "VARCHAR", Misfit::null)}, Encoding::unchecked);
    EXPECT_EQ(landing.land({row_of({unhex(hex)})}), 1U) << hex;
  }
  Landing landing({column("t", scalar(25), "VARCHAR", Misfit::null)}, Encoding::unchecked);
  EXPECT_EQ(landing.land({row_of({unhex("61c3a4e282acf09f9880")})}), 0U);
  EXPECT_EQ(landing.printed(), (std::vector<std::string>{"aä€😀"}));
}

TEST(PostgresCodec, AnArrayCannotAskForMemoryThatItsBytesDoNotFill) {
  const Bytes huge = unhex(
      "0000000600000000000000177fffffff000000017fffffff000000017fffffff00000001"
      "7fffffff000000017fffffff000000017fffffff00000001");
  const Error error = error_of([&] {
    Landing({column("v", array(scalar(23), 6), "INTEGER[][][][][][]")}).land({row_of({huge})});
  });
  EXPECT_EQ(error.fault(), Fault::data);
  EXPECT_NE(std::string(error.what()).find("too few elements"), std::string::npos);
}

TEST(PostgresCodec, ABatchEndsWithItsRowsOrWithItsBytes) {
  Landing numbers({column("n", scalar(23), "INTEGER")});
  duckdb_logical_type integer = duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
  duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
  const auto rows_until_full = [](duckdb_logical_type type, RowDecoder& decoder, const Bytes& row) {
    duckdb_data_chunk chunk = duckdb_create_data_chunk(&type, 1);
    Batch batch(chunk);
    decoder.begin(batch);
    while (!decoder.full()) decoder.add({row.data(), row.data() + row.size()});
    decoder.finish();
    const std::size_t rows = batch.size();
    duckdb_destroy_data_chunk(&chunk);
    return rows;
  };
  EXPECT_EQ(rows_until_full(integer, numbers.decoder, row_of({unhex("00000001")})),
            Batch::kMaxRows);
  Landing texts({column("t", scalar(25), "VARCHAR")});
  EXPECT_EQ(rows_until_full(text, texts.decoder, row_of({Bytes(1 << 20, 'x')})), 8U);
  EXPECT_EQ(rows_until_full(text, texts.decoder, row_of({Bytes(9 << 20, 'x')})), 1U);
  duckdb_destroy_logical_type(&integer);
  duckdb_destroy_logical_type(&text);
}

TEST(PostgresCodec, LongListsOfStructsWithListsGrow) {
  // ROW(i, ARRAY[i, NULL]) in arrays of 3,000, twice in a batch, so that every level moves.
  const WireType fields = composite({{"a", scalar(23)}, {"l", array(scalar(23), 1)}});
  Bytes value = unhex("0000000100000001000003e8");
  constexpr std::size_t kCount = 3000;
  put32(value, kCount);
  put32(value, 1);
  std::string expected = "[";
  for (std::size_t i = 0; i < kCount; ++i) {
    Bytes list = unhex(
        "000000010000000100000017"
        "0000000200000001"
        "00000004");
    put32(list, i);
    put32(list, 0xFFFFFFFF);
    Bytes row = unhex(
        "00000002"
        "00000017"
        "00000004");
    put32(row, i);
    put32(row, 1007);
    put32(row, list.size());
    row.insert(row.end(), list.begin(), list.end());
    const bool null = i % 7 == 3;
    put32(value, null ? 0xFFFFFFFF : row.size());
    if (!null) value.insert(value.end(), row.begin(), row.end());
    const std::string number = std::to_string(i);
    expected += (i == 0 ? "" : ", ") +
                (null ? std::string("NULL") : "{'a': " + number + ", 'l': [" + number + ", NULL]}");
  }
  expected += "]";
  Landing landing({column("v", array(fields, 1), "STRUCT(a INTEGER, l INTEGER[])[]")});
  for (int batch = 0; batch < 2; ++batch) landing.land({row_of({value}), row_of({value})});
  EXPECT_EQ(landing.printed(), std::vector<std::string>(4, expected));
}

}  // namespace
}  // namespace sluice::postgres
