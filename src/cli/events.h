// SPDX-License-Identifier: Apache-2.0
// A run as JSON lines with stable names: for --json on standard output, and for the log beside a
// destination file.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "sluice/sync.h"

namespace sluice::cli {

/// Passes everything on to several observers, in order: to all of them, also where one throws. The
/// first exception goes on to the caller.
class Observers : public Observer {
 public:
  void add(Observer& observer) { all_.push_back(&observer); }
  void run_started(const std::string& id) override;
  void table_started(const std::shared_ptr<const Progress>& progress) override;
  void unit_committed(const TableName& table, std::uint64_t rows_so_far) override;
  void table_finished(const Receipt& receipt) override;
  void retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) override;
  void note(const std::string& line) override;

 private:
  template <typename What>
  void each(What&& what);
  std::vector<Observer*> all_;
};

/// Says one line of JSON, without its end, per event. What is not about a table comes through the
/// members below.
class Events : public Observer {
 public:
  using Sink = std::function<void(const std::string& line)>;
  /// `source` and `destination` as they may be shown.
  Events(std::string connection, std::string source, std::string destination, Sink sink)
      : connection_(std::move(connection)),
        source_(std::move(source)),
        destination_(std::move(destination)),
        sink_(std::move(sink)) {}

  void run_finished(const RunResult& result, int exit_code);
  void run_failed(const Error& error, int exit_code);
  /// What --json says every ten seconds of each running table.
  void progress(const Progress& progress);

  void run_started(const std::string& id) override;
  void table_started(const std::shared_ptr<const Progress>& progress) override;
  void unit_committed(const TableName& table, std::uint64_t rows_so_far) override;
  void table_finished(const Receipt& receipt) override;
  void retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) override;
  void note(const std::string& line) override;

 private:
  std::string connection_, source_, destination_;
  Sink sink_;
};

/// Totals of one command, over all its connections.
struct Summary {
  std::size_t connections = 0, tables = 0, done = 0, unchanged = 0, failed = 0;
  std::size_t differing = 0;  ///< verified, and not equal
  std::uint64_t read = 0, inserted = 0, updated = 0, deleted = 0;
  double seconds = 0;
  void add(const RunResult& result);
};
/// {"event":"summary", ..}: the last line of --json.
std::string summary_line(const Summary& summary, int exit_code);
/// {"event":"error", ..} for a failure outside any run.
std::string error_line(const Error& error);

const char* fault_word(Fault fault);
/// "2026-11-21T04:05:06.789Z".
std::string now_text();

/// Appends lines to FILE.sluice.log. At 4 MiB it becomes FILE.sluice.log.1 and a new one begins. A
/// log that cannot be written never stops a run: the first failure is kept for a note.
class LogFile {
 public:
  explicit LogFile(std::string path) : path_(std::move(path)) {}
  void append(const std::string& line);
  const std::string& failure() const { return failure_; }

 private:
  std::string path_;
  std::string failure_;
};
inline constexpr std::uint64_t kLogBytes = std::uint64_t{4} << 20;

}  // namespace sluice::cli
