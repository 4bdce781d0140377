// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "connectors/postgres/copy_stream.h"
#include "postgres_bytes.h"

namespace sluice::postgres {
namespace {

using Row = std::vector<std::optional<std::string>>;

// COPY (SELECT * FROM (VALUES (1, 'one'::text, NULL::int), (2, 'two', 22), (3, NULL, 33)) v)
// TO STDOUT (FORMAT binary), by PostgreSQL 15.
constexpr const char* kThreeRows =
    "5047434f50590aff0d0a0000000000000000000003000000040000000100"
    "0000036f6e65ffffffff000300000004000000020000000374776f000000"
    "0400000016000300000004"
    "00000003ffffffff0000000400000021ffff";
constexpr const char* kNoRows = "5047434f50590aff0d0a000000000000000000ffff";

/// Reads what is there; a row's fields as a decoder would, going no further than they are.
struct Reading {
  CopyStream stream;
  std::vector<Row> rows;
  std::size_t columns;

  explicit Reading(std::size_t wanted) : columns(wanted) { stream.start(wanted); }

  // In memory of exactly its size that is gone afterwards, as libpq's buffers are.
  void message(const Bytes& bytes) {
    const Bytes own(bytes);
    stream.feed(own.data(), own.size());
    CopyStream::Fields fields{};
    while (stream.next(fields) == CopyStream::Step::row) {
      if (!row(fields)) {
        stream.incomplete();
        return;
      }
    }
  }

 private:
  bool row(const CopyStream::Fields& fields) {
    const Byte* at = fields.begin;
    Row values;
    for (std::size_t i = 0; i < columns; ++i) {
      if (fields.end - at < 4) return false;
      const auto size = static_cast<std::int32_t>(load32(at));
      at += 4;
      if (size < 0) {
        values.emplace_back(std::nullopt);
        continue;
      }
      if (fields.end - at < size) return false;
      values.emplace_back(std::string(at, at + size));
      at += size;
    }
    rows.push_back(std::move(values));
    stream.taken(at);
    return true;
  }
};

std::string number(char value) { return std::string("\0\0\0", 3) + value; }

const std::vector<Row> kExpected{{number(1), "one", std::nullopt},
                                 {number(2), "two", number(22)},
                                 {number(3), std::nullopt, number(33)}};

TEST(CopyStream, AnEmptyResultIsOneMessage) {
  Reading reading(3);
  reading.message(unhex(kNoRows));
  EXPECT_TRUE(reading.rows.empty());
  EXPECT_TRUE(reading.stream.ended());
}

TEST(CopyStream, RowsComeWhereverTheMessagesAreCut) {
  const Bytes whole = unhex(kThreeRows);
  for (std::size_t first = 0; first <= whole.size(); ++first) {
    for (std::size_t second = first; second <= whole.size(); ++second) {
      Reading reading(3);
      const auto at = [&](std::size_t i) { return whole.begin() + static_cast<long>(i); };
      reading.message({whole.begin(), at(first)});
      reading.message({at(first), at(second)});
      if (second < whole.size()) reading.message({at(second), whole.end()});
      ASSERT_EQ(reading.rows, kExpected) << first << " " << second;
      ASSERT_TRUE(reading.stream.ended());
    }
  }
}

TEST(CopyStream, RowsComeByteByByte) {
  Reading reading(3);
  for (const Byte each : unhex(kThreeRows)) reading.message({each});
  EXPECT_EQ(reading.rows, kExpected);
  EXPECT_TRUE(reading.stream.ended());
}

TEST(CopyStream, AStreamThatIsCutOffHasNotEnded) {
  const Bytes whole = unhex(kThreeRows);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Reading reading(3);
    reading.message({whole.begin(), whole.begin() + static_cast<long>(size)});
    EXPECT_FALSE(reading.stream.ended());
  }
}

TEST(CopyStream, ItIsUsedAgainForTheNextStatement) {
  Reading reading(3);
  reading.message({'P', 'G', 'C'});
  reading.stream.start(3);
  reading.message(unhex(kThreeRows));
  EXPECT_EQ(reading.rows, kExpected);
}

TEST(CopyStream, AHeadersExtensionIsSkipped) {
  Bytes bytes = unhex(kNoRows);
  bytes[18] = 2;
  bytes.insert(bytes.begin() + 19, {7, 7});
  Reading reading(3);
  reading.message(bytes);
  EXPECT_TRUE(reading.stream.ended());
}

TEST(CopyStream, WhatIsNoSuchStreamIsRefused) {
  const auto refused = [](const Bytes& bytes, std::size_t columns) {
    Reading reading(columns);
    try {
      reading.message(bytes);
    } catch (const Error& error) {
      return error.fault() == Fault::data;
    }
    return false;
  };
  EXPECT_TRUE(refused(unhex("50474f"), 3)) << "another signature, as soon as it differs";
  EXPECT_TRUE(refused(unhex(kThreeRows), 2)) << "another number of columns";
  EXPECT_TRUE(refused(unhex(std::string(kNoRows) + "00"), 3)) << "bytes after the trailer";
  Bytes flags = unhex(kNoRows);
  flags[12] = 1;
  EXPECT_TRUE(refused(flags, 3)) << "a critical flag";
  // A negative length is seen by the decoder in a whole message, by the stream in a cut one.
  const Bytes negative = unhex("5047434f50590aff0d0a0000000000000000000001fffffffe");
  Reading reading(1);
  reading.message({negative.begin(), negative.begin() + 22});
  EXPECT_THROW(reading.message({negative.begin() + 22, negative.end()}), Error);
}

}  // namespace
}  // namespace sluice::postgres
