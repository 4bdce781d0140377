// SPDX-License-Identifier: Apache-2.0
// Objects cut, split and damaged everywhere: the same values, or an error, and never a byte or a
// megabyte too many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "dolphindb_bytes.h"
#include "fuzz/dolphindb_mutations.h"

namespace sluice::dolphindb {
namespace {

/// Bytes that come a few at a time, as from a socket.
class Trickle : public Input {
 public:
  Trickle(const std::string& bytes, std::size_t piece) : bytes_(bytes), piece_(piece) {}
  std::size_t left() const { return bytes_.size() - next_ + static_cast<std::size_t>(end_ - at_); }

 protected:
  void refill() override {
    if (next_ == bytes_.size()) throw Error(Fault::data, "the trickle ends");
    const std::size_t size = std::min(piece_, bytes_.size() - next_);
    window_.assign(bytes_.begin() + static_cast<std::ptrdiff_t>(next_),
                   bytes_.begin() + static_cast<std::ptrdiff_t>(next_ + size));
    next_ += size;
    at_ = window_.data();
    end_ = at_ + size;
  }

 private:
  const std::string bytes_;
  const std::size_t piece_;
  std::size_t next_ = 0;
  std::vector<Byte> window_;
};

std::vector<std::string> short_names() {
  std::vector<std::string> names;
  for (const std::string& name : golden_names()) {
    if (golden(name + ".bin").size() < 700) names.push_back(name);
  }
  return names;
}

/// What the object is, or which fault reading it ends with.
std::string read_or_fault(const std::string& bytes, std::uint64_t most = kRoom) {
  try {
    return printed(object_of(bytes, most));
  } catch (const Error& error) {
    return error.fault() == Fault::data ? "damaged" : "another fault: " + std::string(error.what());
  } catch (const std::runtime_error& error) {
    return error.what();  // bytes left
  }
}

/// The most of the address space that this process ever had, in bytes.
std::uint64_t most_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmPeak:")) return std::stoull(line.substr(7)) * 1024;
  }
  throw std::runtime_error("/proc/self/status says nothing of memory");
}

TEST(DolphindbDamageTest, PiecesOfAnySizeAreTheSameObject) {
  for (const std::string& name : golden_names()) {
    const std::string bytes = golden(name + ".bin");
    const std::string whole = printed(object_of(bytes));
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 64U}) {
      if (bytes.size() > 2'000 && piece < 64) continue;
      Trickle trickle(bytes, piece);
      EXPECT_EQ(printed(read_object(trickle, kRoom)), whole) << name << " by " << piece;
      EXPECT_EQ(trickle.left(), 0U) << name;
    }
  }
}

TEST(DolphindbDamageTest, WhatIsCutIsDamaged) {
  for (const std::string& name : short_names()) {
    const std::string bytes = golden(name + ".bin");
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_EQ(read_or_fault(bytes.substr(0, size)), "damaged") << name << " cut at " << size;
    EXPECT_EQ(read_or_fault(bytes + "x"), "1 bytes left") << name;
  }
}

// Each four bytes as a length of 2^31 - 1: nothing is taken before the bytes are there.
TEST(DolphindbDamageTest, LengthsTakeNoMemory) {
  for (const std::string& name : short_names()) read_or_fault(golden(name + ".bin"));
  const std::uint64_t before = most_memory();
  for (const std::string& name : short_names()) {
    const std::string bytes = golden(name + ".bin");
    for (std::size_t at = 2; at + 4 <= bytes.size(); ++at) {
      std::string longer = bytes;
      longer.replace(at, 4, "\xFF\xFF\xFF\x7F");
      const std::string is = read_or_fault(longer, std::uint64_t{16} << 30);
      EXPECT_FALSE(is.starts_with("another fault")) << name << " at " << at << ": " << is;
    }
  }
  // One of those lengths is 2 GiB at least; AddressSanitizer keeps 256 MiB of what was freed.
  EXPECT_LT(most_memory() - before, std::uint64_t{512} << 20);
}

struct Damaged {
  std::string what;
  std::string bytes;
};

std::string bytes_with(const std::string& name, std::size_t at, const std::string& other) {
  return golden(name + ".bin").replace(at, other.size(), other);
}

TEST(DolphindbDamageTest, WhatTheOfficialClientLetsPassIsDamaged) {
  const std::string one("\1\0\0\0", 4), huge("\xFF\xFF\xFF\x7F"), negative("\xFF\xFF\xFF\xFF");
  std::string deep;
  for (int i = 0; i < 20'000; ++i) deep += "\x19\x01" + one + one;
  std::string symbols = golden("vec_symbol.bin");
  symbols.replace(symbols.size() - 4, 4, std::string("\3\0\0\0", 4));
  const std::string many("\0\0\0\x40", 4);  // 2^30, and twice that times 16 is 0 in 64 bits
  const std::vector<Damaged> all{
      {"a table of other rows than its column", bytes_with("tab_int", 2, std::string("\4", 1))},
      {"an array of more cells than it says", bytes_with("vec_av_int", 6, std::string("\4", 1))},
      {"an array of fewer", bytes_with("vec_av_int", 6, std::string("\6", 1))},
      {"a form that there is not", std::string("\x04\x0a\0\0\0\0", 6)},
      {"a type that there is not", std::string("\x29\x01\0\0\0\0\1\0\0\0", 10)},
      {"negative rows", "\x04\x01" + negative + one},
      {"two columns", std::string("\x04\x01\1\0\0\0\2\0\0\0", 10) + std::string(8, '\0')},
      {"a symbol past the last", symbols},
      {"a base that was not sent", bytes_with("vec_symbol", 14, std::string(4, '\0'))},
      {"lists in lists", deep},
      {"a scalar as a column", std::string("\0\x06\1\0\0\0\1\0\0\0\0a\0\x04\0\7\0\0\0", 18)},
      {"an array as a scalar", std::string("\x44\0\1\0\1\0\7", 7)},
      {"a matrix of 2^64 bytes", std::string("\x1F\x03\0\x1F\x03", 5) + many + many},
      {"a matrix of symbols", std::string("\x91\x03\0\x91\x03", 5) + one + one},
      {"a decimal of 10 digits in 9", std::string("\x25\0\x0A\0\0\0\1\0\0\0", 10)},
      {"a compressed column of another length", bytes_with("srv_z_dec64", 36, huge)},
      {"a blob longer than memory", std::string("\x20\0", 2) + huge},
  };
  for (const auto& [what, bytes] : all) EXPECT_EQ(read_or_fault(bytes), "damaged") << what;
}

TEST(DolphindbDamageTest, NothingIsLongerThanAllowed) {
  const auto damaged = [](const std::string& bytes, std::uint64_t most) {
    return read_or_fault(bytes, most) == "damaged";
  };
  const std::string texts = dolphin::encode(dolphin::texts_of(std::vector<std::string>(1'000, "")));
  EXPECT_TRUE(damaged(texts, 7'999));  // where each ends takes memory, too
  EXPECT_FALSE(damaged(texts, 8'000));
  const std::string numbers = vector_of(dolphin::kInt, std::string(4'000, '\1'));
  EXPECT_TRUE(damaged(numbers, 3'999));
  EXPECT_FALSE(damaged(numbers, 4'000));
  EXPECT_TRUE(damaged(array_of(dolphin::kInt, std::vector<std::uint32_t>(1'000), ""), 7'999));
  // As memory, not as it travels: a small answer is not to become a large one.
  std::vector<dolphin::Value> nothings(1'000);
  EXPECT_TRUE(damaged(dolphin::encode(dolphin::any_of(nothings)), 64'000));
  dolphin::Value symbol;
  symbol.type = dolphin::kSymbol;
  symbol.form = dolphin::vector;
  symbol.based = true;
  symbol.rows = 0;
  symbol.base = std::vector<std::string>(1'000);
  EXPECT_TRUE(damaged(dolphin::encode(symbol), 10'000));
  symbol.base = {"", std::string(1'000, 'x')};
  Cells cells;
  SymbolBases bases;
  const std::string bytes = dolphin::encode(symbol).substr(2);
  Memory memory(reinterpret_cast<const Byte*>(bytes.data()), bytes.size());
  EXPECT_THROW(read_vector(memory, 145, bases, 999, cells), Error);
}

// A column's memory is used again, whatever the block before it was.
TEST(DolphindbDamageTest, CellsAreUsedAgain) {
  Cells cells;
  for (int round = 0; round < 2; ++round) {
    for (const std::string& name : golden_names()) {
      if (!name.starts_with("vec_")) continue;
      const std::string bytes = golden(name + ".bin");
      Memory memory(reinterpret_cast<const Byte*>(bytes.data()), bytes.size());
      SymbolBases bases;
      read_vector(memory, read_flag(memory).first, bases, kRoom, cells);
      Object object;
      object.form = Form::vector;
      object.cells = cells;
      EXPECT_EQ(printed(object), printed(object_of(bytes))) << name;
    }
  }
}

TEST(DolphindbDamageTest, DamagedObjectsDoNoHarm) { fuzz::run_mutations(20'000); }

}  // namespace
}  // namespace sluice::dolphindb
