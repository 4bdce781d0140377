// SPDX-License-Identifier: Apache-2.0
#include "connectors/dolphindb/compression.h"

#include <lz4.h>

#include <string>

namespace sluice::dolphindb {
namespace {

constexpr std::size_t kMostOfBlock = 65'536;  // bytes, once decompressed
// A value of two bytes may take 37 bits of a block of deltas, one of four 70.
constexpr std::size_t kMostPacked = 3 * kMostOfBlock;

[[noreturn]] void damaged(const std::string& what) {
  throw Error(Fault::data, "a compressed column is damaged: " + what);
}

void decompress_lz4(const Buffer& block, Buffer& to) {
  Byte* const place = to.room(kMostOfBlock);
  const int size = LZ4_decompress_safe(reinterpret_cast<const char*>(block.data()),
                                       reinterpret_cast<char*>(place),
                                       static_cast<int>(block.size()), kMostOfBlock);
  if (size < 0) damaged("LZ4 cannot read a block of it");
  to.added(static_cast<std::size_t>(size));
}

/// Bits of 64-bit words, from the highest down.
class Bits {
 public:
  explicit Bits(const Buffer& block) : bytes_(block.data()), count_(block.size() / 8 * 64) {}
  bool left(std::uint64_t bits) const noexcept { return count_ - at_ >= bits; }
  bool bit() { return take(1) != 0; }
  std::uint64_t take(unsigned count) {
    if (!left(count)) damaged("a block of deltas ends in the middle");
    std::uint64_t value = 0;
    while (count > 0) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes_ + at_ / 64 * 8, sizeof word);
      const auto used = static_cast<unsigned>(at_ % 64);
      const unsigned part = std::min(count, 64 - used);
      const std::uint64_t piece = (word << used) >> (64 - part);
      value = part == 64 ? piece : (value << part) | piece;
      at_ += part;
      count -= part;
    }
    return value;
  }

 private:
  const Byte* bytes_;
  std::uint64_t count_, at_ = 0;
};

constexpr std::uint64_t kAll = ~std::uint64_t{0};

std::uint64_t unzigzag(std::uint64_t value) { return (value >> 1) ^ (~(value & 1) + 1); }

/// Values are differences of differences; all arithmetic wraps, as the writer's does.
class Deltas {
 public:
  Deltas(const Buffer& block, int width, std::uint64_t wanted, Buffer& to)
      : bits_(block), width_(width), wanted_(wanted), to_(to) {}

  /// How many values there were.
  std::uint64_t run() {
    const auto first_bits = static_cast<unsigned>(width_ * 8);
    std::uint64_t value = 0, delta = 0;
    if (!skip_nulls()) return made_;
    put(value = unzigzag(bits_.take(first_bits)));
    if (ends() || !skip_nulls()) return made_;
    put(value += delta = unzigzag(bits_.take(first_bits)));
    while (made_ < wanted_) {
      const int kind = prefix();
      if (kind == kNull) {
        put_null();
        continue;
      }
      static constexpr unsigned kBits[]{0, 7, 9, 16, 32, 64};
      if (kind > 0) {
        const std::uint64_t raw = bits_.take(kBits[kind]);
        if (kind == 5 && raw == kAll) break;
        delta += unzigzag(raw + 1);
      }
      put(value += delta);
    }
    return made_;
  }

 private:
  static constexpr int kNull = 6;
  /// False: no value is left.
  bool skip_nulls() {
    while (made_ < wanted_) {
      if (bits_.bit()) return true;
      put_null();
    }
    return false;
  }
  /// After the first value the end may come already.
  bool ends() const noexcept { return made_ == wanted_; }
  int prefix() {
    int ones = 0;
    while (ones < kNull && bits_.bit()) ++ones;
    return ones;
  }
  void put(std::uint64_t value) {
    const auto width = static_cast<std::size_t>(width_);
    std::memcpy(to_.room(width), &value, width);  // the low bytes come first
    to_.added(width);
    ++made_;
  }
  void put_null() { put(std::uint64_t{1} << (width_ * 8 - 1)); }

  Bits bits_;
  const int width_;
  const std::uint64_t wanted_;
  Buffer& to_;
  std::uint64_t made_ = 0;
};

}  // namespace

CompressedHeader read_compressed_header(Input& input) {
  CompressedHeader header;
  const auto size = input.number<std::uint32_t>();
  input.number<std::int32_t>();  // of columns: 1
  input.number<std::int8_t>();   // version
  const auto little = input.number<std::int8_t>();
  input.number<std::int8_t>();  // character code
  const auto method = input.number<std::int8_t>();
  header.type = input.number<std::uint8_t>();
  header.width = input.number<std::uint8_t>();
  header.scale = input.number<std::int16_t>();
  header.extra = input.number<std::uint32_t>();
  header.rows = input.number<std::uint32_t>();
  input.number<std::int32_t>();  // a check sum that is not kept
  if (little != 1) damaged("its numbers are big-endian");
  if (method != 1 && method != 2) damaged("method " + std::to_string(method) + " is unknown");
  header.method = static_cast<CompressedHeader::Method>(method);
  if (size < 20 || size > 0x7FFFFFFF || header.rows > 0x7FFFFFFF)
    damaged("its header makes no sense");
  header.payload = size - 20;
  return header;
}

void decompress(Input& input, const CompressedHeader& header, std::uint64_t most, Buffer& to) {
  const bool delta = header.method == CompressedHeader::Method::delta;
  if (delta && header.width != 2 && header.width != 4 && header.width != 8)
    damaged("deltas of " + std::to_string(header.width) + " bytes");
  std::uint64_t left = header.payload, values = 0;
  Buffer block;
  while (left > 0) {
    if (left < 4) damaged("a length is cut off");
    const auto word = input.number<std::uint32_t>();
    const std::uint32_t size = word & 0x7FFFFFFF;
    left -= 4;
    if (size > left || size > kMostPacked) damaged("a block is longer than it can be");
    block.clear();
    input.read(block, size);
    left -= size;
    if (delta) {
      const std::uint64_t wanted = std::min<std::uint64_t>(
          header.rows - values, kMostOfBlock / static_cast<unsigned>(header.width));
      values += Deltas(block, header.width, wanted, to).run();
    } else {
      decompress_lz4(block, to);
    }
    if (to.size() > most) damaged("it is longer than " + std::to_string(most) + " bytes");
    // The last block may say so, and a number of the log follow it.
    if (word != size && left == 8) {
      input.number<std::uint64_t>();
      left = 0;
    }
  }
}

}  // namespace sluice::dolphindb
