// SPDX-License-Identifier: Apache-2.0
#include "serve/bytes.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "sluice/error.h"

namespace sluice::serve {
namespace {

constexpr std::size_t kBuffer = 1 << 20;
constexpr std::size_t kBlock = 16, kKey = 32;

[[noreturn]] void broken(const std::string& what) {
  throw Error(Fault::data, what, "the client has to write the file anew, and call again");
}

class FileBytes : public Bytes {
 public:
  explicit FileBytes(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file_ < 0) {
      throw Error(Fault::config, std::string("the file cannot be opened: ") + std::strerror(errno),
                  "client and server have to see the same file system");
    }
  }
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;
  ~FileBytes() override { ::close(file_); }

  std::size_t read(char* to, std::size_t room) override {
    for (;;) {
      const ssize_t got = ::read(file_, to, room);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) broken(std::string("the file cannot be read: ") + std::strerror(errno));
    }
  }

 private:
  int file_;
};

class AesBytes : public Bytes {
 public:
  AesBytes(std::unique_ptr<Bytes> from, const std::string& key)
      : from_(std::move(from)),
        in_(kBuffer),
        out_(kBuffer + kBlock),
        cipher_(EVP_CIPHER_CTX_new()) {
    if (key.size() != kKey) {
      throw Error(Fault::config,
                  "its key has " + std::to_string(key.size()) + " bytes, AES-256 takes 32",
                  "send the file's key in `keys`, by its path");
    }
    std::array<char, kBlock> vector{};
    for (std::size_t have = 0; have < kBlock;) {
      const std::size_t got = from_->read(vector.data() + have, kBlock - have);
      if (got == 0) broken("the file ends in its initialization vector");
      have += got;
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(key.data());
    const auto* start = reinterpret_cast<const unsigned char*>(vector.data());
    if (cipher_ == nullptr ||
        EVP_DecryptInit_ex(cipher_.get(), EVP_aes_256_cbc(), nullptr, bytes, start) != 1)
      throw Error(Fault::internal, "OpenSSL offers no AES-256-CBC");
  }

  std::size_t read(char* to, std::size_t room) override {
    while (at_ == end_ && !ended_) fill();
    const std::size_t taken = std::min(room, end_ - at_);
    std::memcpy(to, out_.data() + at_, taken);
    at_ += taken;
    return taken;
  }

 private:
  void fill() {
    const std::size_t got = from_->read(reinterpret_cast<char*>(in_.data()), in_.size());
    int written = 0;
    if (got == 0) {
      ended_ = true;
      if (EVP_DecryptFinal_ex(cipher_.get(), out_.data(), &written) != 1)
        broken("it cannot be decrypted: the key is another file's, or the file is cut off");
    } else if (EVP_DecryptUpdate(cipher_.get(), out_.data(), &written, in_.data(),
                                 static_cast<int>(got)) != 1) {
      broken("it cannot be decrypted");
    }
    at_ = 0;
    end_ = static_cast<std::size_t>(written);
  }

  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<Bytes> from_;
  std::vector<unsigned char> in_, out_;
  std::unique_ptr<EVP_CIPHER_CTX, Free> cipher_;
  std::size_t at_ = 0, end_ = 0;
  bool ended_ = false;
};

class ZstdBytes : public Bytes {
 public:
  explicit ZstdBytes(std::unique_ptr<Bytes> from)
      : from_(std::move(from)), in_(kBuffer), stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw Error(Fault::internal, "no memory for zstd");
  }

  std::size_t read(char* to, std::size_t room) override {
    ZSTD_outBuffer out{to, room, 0};
    while (out.pos == 0) {
      if (input_.pos == input_.size && !full_) {
        const std::size_t got = from_->read(in_.data(), in_.size());
        if (got == 0) {
          if (inside_) broken("it is cut off in a frame of zstd");
          return 0;
        }
        input_ = {in_.data(), got, 0};
      }
      const std::size_t left = ZSTD_decompressStream(stream_.get(), &out, &input_);
      if (ZSTD_isError(left) != 0) broken("it is not zstd, or the key is another file's");
      inside_ = left != 0;
      full_ = inside_ && out.pos == out.size;
    }
    return out.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const noexcept { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<Bytes> from_;
  std::vector<char> in_;
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool inside_ = false;  ///< a frame has begun and not ended
  bool full_ = false;    ///< zstd may hold output that there was no room for
};

class GzipBytes : public Bytes {
 public:
  explicit GzipBytes(std::unique_ptr<Bytes> from) : from_(std::move(from)), in_(kBuffer) {
    constexpr int kGzip = 15 + 16;
    if (inflateInit2(&stream_, kGzip) != Z_OK) throw Error(Fault::internal, "no memory for gzip");
  }
  GzipBytes(const GzipBytes&) = delete;
  GzipBytes& operator=(const GzipBytes&) = delete;
  ~GzipBytes() override { inflateEnd(&stream_); }

  std::size_t read(char* to, std::size_t room) override {
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(std::min(room, kBuffer));
    const uInt had = stream_.avail_out;
    while (stream_.avail_out == had) {
      if (stream_.avail_in == 0) {
        const std::size_t got = from_->read(reinterpret_cast<char*>(in_.data()), in_.size());
        if (got == 0) {
          if (inside_) broken("it is cut off in a member of gzip");
          return 0;
        }
        stream_.next_in = in_.data();
        stream_.avail_in = static_cast<uInt>(got);
      }
      inside_ = true;
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {  // another member may follow
        inside_ = false;
        inflateReset(&stream_);
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        broken("it is not gzip, or the key is another file's");
      }
    }
    return had - stream_.avail_out;
  }

 private:
  std::unique_ptr<Bytes> from_;
  std::vector<Bytef> in_;
  z_stream stream_{};
  bool inside_ = false;
};

}  // namespace

std::unique_ptr<Bytes> open_batch(const std::string& path, const std::optional<std::string>& key,
                                  Compression compression) {
  std::unique_ptr<Bytes> bytes = std::make_unique<FileBytes>(path);
  if (key) bytes = std::make_unique<AesBytes>(std::move(bytes), *key);
  if (compression == Compression::zstd) return std::make_unique<ZstdBytes>(std::move(bytes));
  if (compression == Compression::gzip) return std::make_unique<GzipBytes>(std::move(bytes));
  return bytes;
}

}  // namespace sluice::serve
