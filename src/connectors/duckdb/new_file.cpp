// SPDX-License-Identifier: Apache-2.0
#include "connectors/duckdb/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "connectors/duckdb/descriptor.h"

namespace sluice::duckdb_file {
namespace {

namespace fs = std::filesystem;

/// DuckDB writes three headers of 4 KiB before anything else.
constexpr std::size_t kHeader = 4096;
constexpr off_t kHeaders = 3 * kHeader;

/// Of a file that had been in use, and was cut since, no checkpoint is the first.
bool was_never_used(int descriptor) {
  std::array<char, 4> magic{};
  std::uint64_t checkpoint = 0;
  struct stat found {};
  if (fstat(descriptor, &found) != 0 || found.st_size >= kHeaders) return false;
  if (found.st_size == 0) return true;
  if (pread(descriptor, magic.data(), magic.size(), 8) != 4 ||
      std::string_view(magic.data(), magic.size()) != "DUCK") {
    return false;
  }
  return pread(descriptor, &checkpoint, sizeof checkpoint, kHeader + 8) != sizeof checkpoint ||
         checkpoint == 0;
}

/// A new database is its headers. They are made beside the file, where it can be written if at all.
std::string new_headers(duck::Connection& connection, const fs::path& path,
                        const std::string& storage) {
  const fs::path draft = path.string() + ".new-" + std::to_string(getpid());
  const std::string name = duck::quoted(draft.filename().string());
  std::error_code ignored;
  fs::remove(draft, ignored);
  connection.query("ATTACH " + duck::literal(draft.string()) + " AS " + name +
                   " (TYPE duckdb, STORAGE_VERSION " + duck::literal(storage) + ")");
  connection.query("DETACH " + name);
  std::ifstream in(draft, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  fs::remove(draft, ignored);
  return bytes;
}

Error not_written(const fs::path& path, int reason) {
  return {
      reason == EACCES || reason == EPERM || reason == EROFS ? Fault::permission : Fault::internal,
      path.string() + " cannot be made: " + std::generic_category().message(reason),
      "the user who runs sluice must be able to write the file and its folder"};
}

}  // namespace

bool is_unmade(const fs::path& path) {
  struct stat found {};
  return stat(path.c_str(), &found) != 0 || found.st_size < kHeaders;
}

void make_database(duck::Connection& connection, const fs::path& path, const std::string& storage) {
  const std::string headers = new_headers(connection, path, storage);
  const Descriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (file.get() < 0) throw not_written(path, errno);
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl(file.get(), F_SETLK, &lock) != 0 || !was_never_used(file.get())) return;
  std::error_code ignored;
  fs::remove(path.string() + ".wal", ignored);
  for (std::size_t at = 0; at < headers.size();) {
    const ssize_t written =
        pwrite(file.get(), headers.data() + at, headers.size() - at, static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) throw not_written(path, errno);
    at += static_cast<std::size_t>(written);
  }
  if (fsync(file.get()) != 0) throw not_written(path, errno);
}

}  // namespace sluice::duckdb_file
