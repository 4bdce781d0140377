// SPDX-License-Identifier: Apache-2.0
// Connectors made with Fivetran's SDK for Python, run by Sluice's host. For programs that know the
// source's folder as SLUICE_SOURCE.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "fivetran/host.h"
#include "support/feed.h"
#include "support/output_of.h"

namespace sluice::test {

/// A DuckDB file in a folder of its own, to which connectors are synced.
class HostedFile {
 public:
  explicit HostedFile(const std::string& name)
      : folder(std::filesystem::temp_directory_path() /
               ("sluice-hosted-" + name + "-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    options.log = &log;
    options.python = python();
    file = std::make_unique<FeedFile>(folder / "f.duckdb");
  }
  ~HostedFile() {
    file.reset();
    std::filesystem::remove_all(folder);
  }

  /// A Python that has the SDK, at the pinned version.
  static std::string python() {
    static const std::string found = [] {
      std::string path = testing::output_of(std::string(SLUICE_SOURCE) +
                                            "/tools/fetch-python fivetran 2>/dev/null");
      while (!path.empty() && path.back() == '\n') path.pop_back();
      setenv("PYTHONPATH", path.c_str(), 1);
      std::string program = testing::output_of("command -v python3");
      program.pop_back();
      return program;
    }();
    return found;
  }
  static std::filesystem::path connector(const std::string& name) {
    return std::filesystem::path(SLUICE_SOURCE) / "tests/support/connectors" / name;
  }

  feed::FeedResult sync(sdk::Connector& connector, const sdk::Configuration& configuration = {},
                        const std::stop_token& stop = {}) {
    Observer nobody;
    return feed::run(file->database, file->destination, connector, configuration, {}, log, nobody,
                     stop);
  }
  /// A folder of tests/support/connectors.
  feed::FeedResult sync(const std::string& name, const sdk::Configuration& configuration = {}) {
    const auto hosted = fivetran::host_folder(connector(name), options);
    return sync(*hosted, configuration);
  }
  std::string text(const std::string& sql) const { return file->text(sql); }
  /// All that was logged, a line each.
  std::string logged() {
    std::string all;
    for (const std::string& each : log.lines) all += each + "\n";
    return all;
  }

  std::filesystem::path folder;
  KeptLog log;
  fivetran::HostOptions options;
  std::unique_ptr<FeedFile> file;
};

/// What ended the sync; "": nothing.
inline std::string error_of(const feed::FeedResult& result) {
  return result.run.error ? result.run.error->what() : "";
}

}  // namespace sluice::test
