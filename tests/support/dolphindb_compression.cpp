// SPDX-License-Identifier: Apache-2.0
// Compressed columns: LZ4 blocks, and differences of differences.
#include <lz4.h>

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>

#include "support/dolphindb_objects.h"

namespace sluice::testing::dolphin {
namespace {

[[noreturn]] void refuse_compressed(const std::string& what) {
  throw std::runtime_error("no compressed column of DolphinDB: " + what);
}

/// Bits from the top of 64-bit words that are stored little endian.
class BitWriter {
 public:
  void put(std::uint64_t bits, unsigned count) {
    for (unsigned i = count; i-- > 0;) {
      if (at_ == 0) words_.push_back(0);
      words_.back() |= ((bits >> i) & 1U) << (63 - at_);
      at_ = (at_ + 1) % 64;
    }
  }
  std::string bytes() const {
    std::string out;
    for (const std::uint64_t each : words_) out += packed(each, 8);
    return out;
  }

 private:
  std::vector<std::uint64_t> words_;
  unsigned at_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::string_view bytes) {
    if (bytes.size() % 8 != 0) refuse_compressed("words of 8 bytes expected");
    for (std::size_t i = 0; i < bytes.size(); i += 8)
      words_.push_back(static_cast<std::uint64_t>(unpacked(bytes.substr(i, 8))));
  }
  std::uint64_t take(unsigned count) {
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < count; ++i, ++at_) {
      if (at_ / 64 >= words_.size()) refuse_compressed("its bits end");
      bits = bits << 1U | ((words_[at_ / 64] >> (63 - at_ % 64)) & 1U);
    }
    return bits;
  }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t at_ = 0;
};

std::uint64_t zigzag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1U ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U ^ (~(value & 1U) + 1));
}
std::int64_t less(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}
std::int64_t plus(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

/// As signed arithmetic of so many bits has it.
std::int64_t wrapped(std::int64_t value, unsigned bits) {
  const unsigned unused = 64 - bits;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(value) << unused) >> unused;
}

/// A difference of differences: so many ones and a zero, then so many bits.
struct Step {
  unsigned ones, bits;
};
constexpr std::array<Step, 5> kSteps = {{{1, 7}, {2, 9}, {3, 16}, {4, 32}, {5, 64}}};

std::string delta(std::string_view raw, std::size_t width) {
  BitWriter out;
  const auto bits = static_cast<unsigned>(width * 8);
  const std::string null = std::string(width - 1, '\0') + '\x80';
  int seen = 0;
  std::int64_t last = 0, difference = 0;
  for (std::size_t at = 0; at < raw.size(); at += width) {
    const std::string_view cell = raw.substr(at, width);
    const std::int64_t value = unpacked(cell);
    if (cell == null) {
      seen < 2 ? out.put(0, 1) : out.put(63, 6);
      continue;
    }
    const std::int64_t now = less(value, seen == 0 ? 0 : last);
    if (seen < 2) {
      out.put(1, 1);
      out.put(zigzag(wrapped(now, bits)), bits);
      ++seen;
    } else if (now == difference) {
      out.put(0, 1);
    } else {
      const std::uint64_t z = zigzag(less(now, difference)) - 1;
      const auto* step = std::find_if(kSteps.begin(), kSteps.end() - 1,
                                      [&](const Step& each) { return z >> each.bits == 0; });
      out.put((1U << (step->ones + 1)) - 2, step->ones + 1);
      out.put(z, step->bits);
    }
    if (seen == 2) difference = now;
    if (seen == 1) difference = 0;
    last = value;
  }
  out.put(62, 6);
  out.put(~std::uint64_t{0}, 64);
  return out.bytes();
}

/// `rows`: how many values are still to come at all, should no end be marked.
std::string undelta(std::string_view bytes, std::size_t width, std::size_t rows) {
  BitReader in(bytes);
  const auto bits = static_cast<unsigned>(width * 8);
  const std::string null = std::string(width - 1, '\0') + '\x80';
  std::string raw;
  std::int64_t last = 0, difference = 0;
  const auto value_of = [&](std::uint64_t read) {
    return unzigzag(bits == 64 ? read : read & ((std::uint64_t{1} << bits) - 1));
  };
  int seen = 0;
  while (raw.size() < rows * width) {
    std::int64_t change = 0;
    if (seen < 2) {
      // A zero is a NULL; the end is a one as well, of which more follow than a value has.
      if (in.take(1) == 0) {
        raw += null;
        continue;
      }
      change = value_of(in.take(bits));
      last = plus(last, change);
      difference = seen == 0 ? 0 : change;
      ++seen;
      raw += packed(static_cast<std::uint64_t>(last), width);
      continue;
    }
    unsigned ones = 0;
    while (ones < 6 && in.take(1) == 1) ++ones;
    if (ones == 6) {
      raw += null;
      continue;
    }
    if (ones > 0) {
      const std::uint64_t z = in.take(kSteps.at(ones - 1).bits);
      if (ones == 5 && z == ~std::uint64_t{0}) break;
      difference = plus(difference, unzigzag(z + 1));
    }
    last = plus(last, difference);
    raw += packed(static_cast<std::uint64_t>(last), width);
  }
  return raw;
}

std::string lz4(std::string_view raw) {
  std::string out(static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(raw.size()))), '\0');
  out.resize(static_cast<std::size_t>(LZ4_compress_default(
      raw.data(), out.data(), static_cast<int>(raw.size()), static_cast<int>(out.size()))));
  return out;
}

std::string unlz4(std::string_view bytes) {
  std::string raw(Compression::kBlock, '\0');
  const int size = LZ4_decompress_safe(bytes.data(), raw.data(), static_cast<int>(bytes.size()),
                                       static_cast<int>(raw.size()));
  if (size < 0) refuse_compressed("a block that is no LZ4");
  raw.resize(static_cast<std::size_t>(size));
  return raw;
}

}  // namespace

Value decode_compressed(Input& input) {
  const std::int64_t size = unpacked(input.take(4)) - 20;
  input.take(4 + 1 + 1 + 1);
  Value value;
  value.form = vector;
  Compression& how = value.compression.emplace();
  how.method = static_cast<std::uint8_t>(unpacked(input.take(1), false));
  const auto type = static_cast<unsigned>(unpacked(input.take(1), false));
  value.array = (type & kArrayBit) != 0;
  value.type = static_cast<Type>(type & ~unsigned{kArrayBit});
  const std::int64_t unit = unpacked(input.take(1));
  value.scale = static_cast<std::int32_t>(unpacked(input.take(2)));
  const auto extra = static_cast<std::int32_t>(unpacked(input.take(4)));
  if (value.array) value.cols = extra;
  value.rows = static_cast<std::int32_t>(unpacked(input.take(4)));
  how.checksum = static_cast<std::int32_t>(unpacked(input.take(4)));
  if (size < 0 || value.rows < 0 || (how.method != 1 && how.method != 2))
    refuse_compressed("its header");
  const auto width = static_cast<std::size_t>(unit);
  if (how.method == 2 && width != 2 && width != 4 && width != 8)
    refuse_compressed("differences of values of " + std::to_string(unit) + " bytes");
  const std::string payload = input.take(static_cast<std::size_t>(size));
  TextInput blocks(payload);
  std::string raw;
  while (blocks.left() > 0) {
    const auto announced = static_cast<std::uint32_t>(unpacked(blocks.take(4), false));
    how.marked = announced >> 31U != 0;
    const std::string block = blocks.take(announced & 0x7FFFFFFFU);
    const std::string part =
        how.method == 1
            ? unlz4(block)
            : undelta(block, width,
                      std::min(static_cast<std::size_t>(value.rows) - raw.size() / width,
                               Compression::kBlock / width));
    how.blocks.push_back(part.size());
    raw += part;
  }
  TextInput values(raw);
  decode_values(values, value);
  if (values.left() > 0) refuse_compressed("more values than it says");
  return value;
}

std::string encode_compressed(const Value& value) {
  const Compression& how = *value.compression;
  const std::string raw = encode_values(value);
  const std::size_t width = width_of(value.type);
  std::string payload;
  std::size_t at = 0;
  for (std::size_t i = 0; at < raw.size() || i < how.blocks.size(); ++i) {
    const std::size_t size =
        std::min(raw.size() - at, i < how.blocks.size() ? how.blocks[i] : Compression::kBlock);
    const std::string_view part = std::string_view(raw).substr(at, size);
    at += size;
    const std::string block = how.method == 1 ? lz4(part) : delta(part, width);
    const bool last = at == raw.size() && i + 1 >= how.blocks.size();
    payload += packed(block.size() | (last && how.marked ? 0x80000000U : 0U), 4) + block;
  }
  const auto extra = static_cast<std::uint32_t>(value.array ? value.cols : value.scale);
  return packed(kCompressed, 1) + packed(vector, 1) + packed(payload.size() + 20, 4) +
         packed(1, 4) + packed(0, 1) + packed(1, 1) + packed(0xFF, 1) + packed(how.method, 1) +
         packed(static_cast<unsigned>(value.type) | (value.array ? kArrayBit : 0U), 1) +
         packed(width == 0 ? 0xFF : width, 1) + packed(static_cast<std::uint32_t>(value.scale), 2) +
         packed(extra, 4) + packed(static_cast<std::uint32_t>(value.rows), 4) +
         packed(static_cast<std::uint32_t>(how.checksum), 4) + payload;
}

}  // namespace sluice::testing::dolphin
