// SPDX-License-Identifier: Apache-2.0
#include "connectors/duckdb/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <thread>

#include "connectors/duckdb/new_file.h"

namespace sluice::duckdb_file {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// "Conflicting lock is held in /usr/bin/python3.11 (PID 12) ..." -> "/usr/bin/python3.11 (pid
/// 12)".
std::string holder(std::string_view message) {
  constexpr std::string_view kBefore = "lock is held in ";
  constexpr std::string_view kPid = " (PID ";
  const std::size_t start = message.find(kBefore);
  if (start == std::string_view::npos) return "another program";
  message.remove_prefix(start + kBefore.size());
  const std::size_t pid = message.find(kPid);
  const std::size_t end = pid == std::string_view::npos ? pid : message.find(')', pid);
  if (end == std::string_view::npos) return "another program";
  return std::string(message.substr(0, pid)) + " (pid " +
         std::string(message.substr(pid + kPid.size(), end - pid - kPid.size())) + ")";
}

Error busy(const std::string& message, const std::string& name, Access access) {
  const bool reader = contains(message, "open this database in read-only mode");
  std::string hint = "close it there, or wait for it with --wait 10m";
  if (access == Access::write) {
    hint += reader ? "; even one reader keeps a writer out of a DuckDB file: with read_copy: FILE "
                     "readers get a file of their own"
                   : "; who only wants to read can open a file of their own with read_copy: FILE";
  }
  return {Fault::busy,
          name + " is open in " + holder(message) + (reader ? ", which is reading it" : ""), hint};
}

/// The number after `word`, or -1.
long number_after(const std::string& message, std::string_view word) {
  const std::size_t at = message.find(word);
  if (at == std::string::npos) return -1;
  return std::strtol(message.c_str() + at + word.size(), nullptr, 10);
}

Error wrong_version(const std::string& message, const std::string& name) {
  const long version = number_after(message, "version number ");
  const long oldest = number_after(message, "between ");
  const long newest = number_after(message, "and ");
  if (version >= 0 && version < oldest) {
    return {Fault::config,
            name + " was written by a DuckDB too old to be read (storage version " +
                std::to_string(version) + "; this build reads " + std::to_string(oldest) + " to " +
                std::to_string(newest) + ")",
            "with that DuckDB: EXPORT DATABASE; with a newer one: IMPORT DATABASE"};
  }
  return {Fault::config,
          name + " was written by a newer DuckDB (storage version " + std::to_string(version) +
              "; this build reads up to " + std::to_string(newest) + ")",
          "use a newer sluice, or copy it with that DuckDB: ATTACH 'copy.duckdb' AS c "
          "(STORAGE_VERSION 'v1.5.0'); COPY FROM "
          "DATABASE .. TO c"};
}

/// What can be said of a path before DuckDB sees it.
void check_path(const std::string& name, const fs::path& path, Access access) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::directory) {
    throw Error(Fault::config, name + " is a folder, not a DuckDB file", "name a file in it");
  }
  if (fs::exists(status)) {
    if (!fs::is_regular_file(status)) throw Error(Fault::config, name + " is not an ordinary file");
    return;
  }
  if (status.type() != fs::file_type::not_found) {
    throw Error(Fault::permission, name + " cannot be reached: " + error.message(),
                "the user who runs sluice needs the right to enter its folders");
  }
  if (access == Access::read)
    throw Error(Fault::config, name + " does not exist", "see whether the path is right");
  const fs::path folder = path.parent_path();
  if (!fs::is_directory(folder, error)) {
    throw Error(Fault::config, name + " cannot be made: there is no folder " + folder.string(),
                "mkdir -p '" + folder.string() + "'");
  }
}

/// DuckDB knows a file attached twice by its path only; a hard link under two names would be
/// written by two.
void refuse_same_file(duck::Connection& connection, const std::string& name, const fs::path& path,
                      Access access) {
  const duck::Result attached = connection.query(
      "SELECT path, readonly FROM duckdb_databases() WHERE NOT internal AND path IS NOT NULL");
  for (std::size_t i = 0; i < attached.rows(); ++i) {
    if (access == Access::read && attached.boolean(i, 1)) continue;
    if (!same_file(path, attached.text(i, 0))) continue;
    throw Error(Fault::config,
                name + " is in use already in this run: source and destination are the same file",
                "choose another file as the destination");
  }
}

std::string free_name(duck::Connection& connection, const std::string& wanted) {
  std::string name = wanted;
  for (int i = 2;; ++i) {
    const duck::Result taken =
        connection.query("SELECT 1 FROM duckdb_databases() WHERE database_name = ?", {name});
    if (taken.rows() == 0) return name;
    name = wanted + "_" + std::to_string(i);
  }
}

/// The random identifier that DuckDB 1.4 and later write into the header of a file of storage
/// version v1.4.0 or later; empty for older ones. It is in every copy of the file and in none that
/// is made anew.
std::string file_identifier(int descriptor) {
  constexpr off_t kOffset =
      124;  // checksum 8, "DUCK" 4, version 8, flags 32, library 32 + 32, encryption 8
  std::array<unsigned char, 16> bytes{};
  if (pread(descriptor, bytes.data(), bytes.size(), kOffset) != static_cast<ssize_t>(bytes.size()))
    return {};
  if (std::ranges::all_of(bytes, [](unsigned char byte) { return byte == 0; })) return {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

/// How often a checkpoint has written one of the file's two headers: a checksum of 8 bytes, then
/// that number; the first header of 4 KiB is the one that never changes.
std::uint64_t checkpoints(int descriptor) {
  std::uint64_t most = 0;
  for (const off_t header : {4096, 8192}) {
    std::uint64_t count = 0;
    if (pread(descriptor, &count, sizeof count, header + 8) == sizeof count)
      most = std::max(most, count);
  }
  return most;
}

}  // namespace

fs::path absolute_path(const std::string& path) {
  if (path.empty()) throw Error(Fault::config, "a DuckDB file without a name", "write duckdb:FILE");
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  if (error) throw Error(Fault::config, path + " is no path that can be used: " + error.message());
  return absolute.lexically_normal();
}

bool same_file(const fs::path& one, const fs::path& other) {
  struct stat a {};
  struct stat b {};
  return stat(one.c_str(), &a) == 0 && stat(other.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

Error file_error(const Error& error, const std::string& name, Access access) {
  const std::string message = error.what();
  if (contains(message, "Could not set lock")) return busy(message, name, access);
  if (contains(message, "we can only read versions")) return wrong_version(message, name);
  if (contains(message, "not a valid DuckDB database file")) {
    return {Fault::config, name + " is not a DuckDB file", "see whether the path is right"};
  }
  if (contains(message, "is not a known DuckDB version")) {
    return {Fault::config, "storage: " + message.substr(message.find("The version string")),
            "the default is v1.4.0"};
  }
  if (contains(message, "encrypted database")) {
    return {Fault::config, name + " is encrypted, which this build cannot open",
            "copy it with DuckDB into a file that is not: COPY FROM DATABASE .. TO .."};
  }
  if (contains(message, "replaying WAL")) {
    return {Fault::data, name + " has a damaged write-ahead log: " + message,
            "restore both files from a backup; without " + name +
                ".wal the file opens, and lacks what was committed last"};
  }
  if (contains(message, "Corrupt database file") ||
      contains(message, "Could not read enough bytes")) {
    return {Fault::data, name + " is damaged: " + message, "restore it from a backup"};
  }
  if (contains(message, "Permission denied") || contains(message, "Read-only file system")) {
    return {Fault::permission, name + ": " + message,
            access == Access::write
                ? "the user who runs sluice must be able to write the file and its folder"
                : "the user who runs sluice must be able to read the file"};
  }
  if (contains(message, "Unique file handle conflict")) {
    return {Fault::config,
            name + " is in use already in this run: source and destination are the same file",
            "choose another file as the destination"};
  }
  return error.at(name);
}

AttachedFile::AttachedFile(duck::Database& database, const std::string& path, Access access,
                           const Patience& patience, const std::string& storage,
                           const std::string& catalog)
    : AttachedDatabase(database), access_(access), path_(absolute_path(path)) {
  name_ = path;
  duck::Connection connection = database.connect();
  check_path(name_, path_, access);
  refuse_same_file(connection, name_, path_, access);
  const std::string use = access == Access::write ? "sluice_destination" : "sluice_source";
  catalog_ = free_name(connection, catalog.empty() ? use : catalog);
  attach(patience, storage);
  descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
}

void AttachedFile::attach(const Patience& patience, const std::string& storage) {
  constexpr auto kSlice = std::chrono::milliseconds(100);
  const Clock::time_point deadline = Clock::now() + patience.wait;
  duck::Connection connection = database_.connect();
  const std::string sql = "ATTACH " + duck::literal(path_.string()) + " AS " +
                          duck::quoted(catalog_) + " (TYPE duckdb" +
                          (access_ == Access::read ? ", READ_ONLY)" : ")");
  while (true) {
    try {
      if (access_ == Access::write && is_unmade(path_)) make_database(connection, path_, storage);
      connection.query(sql);
      return;
    } catch (const Error& error) {
      const Error explained = file_error(error, name_, access_);
      if (explained.fault() != Fault::busy || Clock::now() >= deadline) throw explained;
    }
    if (patience.stop && patience.stop())
      throw Error(Fault::cancelled, "stopped while waiting for " + name_);
    std::this_thread::sleep_for(
        std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()),
                   std::chrono::milliseconds(1), kSlice));
  }
}

AttachedFile::~AttachedFile() {
  detach();
  if (descriptor_ >= 0) close(descriptor_);
}

std::string AttachedFile::identity() const {
  const std::string identifier = file_identifier(descriptor_);
  if (!identifier.empty()) return "duckdb:" + identifier;
  std::error_code error;
  const fs::path canonical = fs::canonical(path_, error);
  return "duckdb:" + (error ? path_ : canonical).string();
}

std::optional<std::int64_t> AttachedFile::position() const {
  constexpr std::uint64_t kLogBits = 40;
  std::error_code none;
  const std::uintmax_t log = fs::file_size(fs::path(path_) += ".wal", none);
  return static_cast<std::int64_t>(
      (checkpoints(descriptor_) << kLogBits) +
      (none ? 0 : std::min<std::uintmax_t>(log, (std::uint64_t{1} << kLogBits) - 1)));
}

std::optional<std::uint64_t> AttachedFile::bytes(duck::Connection& connection) const {
  const duck::Result rows = connection.query(
      "SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = ?",
      {catalog_});
  if (rows.rows() == 0) return std::nullopt;
  return static_cast<std::uint64_t>(rows.integer(0, 0));
}

}  // namespace sluice::duckdb_file
