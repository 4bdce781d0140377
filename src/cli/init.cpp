// SPDX-License-Identifier: Apache-2.0
// `sluice init` and `sluice version`.
#include <duckdb.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/commands.h"
#include "cli/config.h"
#include "cli/render.h"
#include "sluice/error.h"
#include "sluice/version.h"

namespace sluice::cli {
namespace {

constexpr const char* kTemplate =
    R"yaml(# What `sluice sync` copies. Every key but source and destination may be left out; docs/configuration.md has them all.

connections:
  shop:                                   # the name that state and history are kept under
    source: "postgresql://reader@db.example/shop?sslmode=verify-full"
    password: "${SHOP_PASSWORD}"          # or password_file: FILE, or password_command: "pass show shop"
    destination: "duckdb:warehouse.duckdb"

    # schema: raw                         # one schema for all tables; default: as at the source
    # tables: ["public.*"]                # globs over schema.table; default: all
    # exclude: ["public.audit_*"]
    # parallel: 3                         # connections that read at once
    # memory: 1GiB
    # wait: 10m                           # for a destination that somebody has open
    # read_copy: warehouse.read.duckdb    # for readers: replaced after each run, open at any time

    # defaults: {deletes: hard, misfit: text}
    # table_options:
    #   public.orders:
    #     replication_key: updated_at     # a column that grows with every change
    #     exclude_columns: [card_number]
    #     types: {amount: "DECIMAL(18,4)"}
    #   "public.log_*": {mode: append, replication_key: id}
    #   public.prices: {mode: history}      # every version of a row, with its time
)yaml";

constexpr std::array kIgnored{"*.duckdb",       "*.duckdb.wal",  "*.sluice.log",
                              "*.sluice.log.1", "*.sluice.tmp/", ".env"};

/// Adds the lines that are missing; returns how many.
std::size_t ignore_files(const std::filesystem::path& file) {
  std::string text;
  {
    std::ifstream stream(file);
    text.assign(std::istreambuf_iterator<char>(stream), {});
  }
  std::string missing;
  std::size_t count = 0;
  for (const std::string line : kIgnored) {
    if (("\n" + text + "\n").find("\n" + line + "\n") != std::string::npos) continue;
    missing += line + "\n";
    ++count;
  }
  if (count == 0) return 0;
  std::ofstream stream(file, std::ios::app);
  stream << (text.empty() || text.back() == '\n' ? "" : "\n") << "# sluice: copies, logs, secrets\n"
         << missing;
  if (!stream.flush()) throw Error(Fault::config, "cannot write " + file.string());
  return count;
}

}  // namespace

int init(const std::string& file) {
  const std::string path = file.empty() ? kConfigFile : file;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    const bool there = errno == EEXIST;
    throw Error(
        Fault::config,
        there ? path + " is there already" : "cannot write " + path + ": " + std::strerror(errno),
        there ? "edit it, or name another with --config FILE" : "");
  }
  const std::string text = kTemplate;
  const bool whole =
      ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(descriptor);
  if (!whole) throw Error(Fault::internal, "cannot write all of " + path);
  const auto ignore = std::filesystem::path(path).parent_path() / ".gitignore";
  const std::size_t added = ignore_files(ignore);
  print("wrote " + path +
        (added > 0 ? " and " + std::to_string(added) + " lines of " + ignore.string() : "") +
        "\nnext: edit it, then sluice check, sluice plan, sluice sync\n");
  return 0;
}

int version() {
  print(std::string("sluice ") + kVersionText + "\nDuckDB " + duckdb_library_version() + "\n");
  return 0;
}

}  // namespace sluice::cli
