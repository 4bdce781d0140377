// SPDX-License-Identifier: Apache-2.0
#include "cli/events.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "cli/json.h"
#include "cli/verified.h"
#include "sluice/version.h"

namespace sluice::cli {
namespace {

std::string dumped(const Json& json) {
  std::string line = json_line(json);
  line.pop_back();
  return line;
}

double rounded(double seconds) { return std::round(seconds * 1000) / 1000; }

Json event(const char* name, const std::string& connection) {
  return {{"event", name}, {"time", now_text()}, {"pid", ::getpid()}, {"connection", connection}};
}

void add_table(Json& json, const TableName& table) {
  json["schema"] = table.schema;
  json["table"] = table.name;
}

}  // namespace

std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::system_clock::to_time_t(now);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
  char text[48];
  std::snprintf(text, sizeof text, "%s.%03dZ", date, static_cast<int>(milliseconds));
  return text;
}

const char* fault_word(Fault fault) {
  switch (fault) {
    case Fault::config:
      return "config";
    case Fault::connection:
      return "connection";
    case Fault::authentication:
      return "authentication";
    case Fault::permission:
      return "permission";
    case Fault::schema:
      return "schema";
    case Fault::drift:
      return "drift";
    case Fault::ownership:
      return "ownership";
    case Fault::brake:
      return "brake";
    case Fault::misfit:
      return "misfit";
    case Fault::data:
      return "data";
    case Fault::conflict:
      return "conflict";
    case Fault::busy:
      return "busy";
    case Fault::cancelled:
      return "cancelled";
    default:
      return "internal";
  }
}

template <typename What>
void Observers::each(What&& what) {
  std::exception_ptr first;
  for (Observer* observer : all_) {
    try {
      what(*observer);
    } catch (...) {
      if (first == nullptr) first = std::current_exception();
    }
  }
  if (first != nullptr) std::rethrow_exception(first);
}

void Observers::run_started(const std::string& id) {
  each([&](Observer& o) { o.run_started(id); });
}
void Observers::table_started(const std::shared_ptr<const Progress>& progress) {
  each([&](Observer& o) { o.table_started(progress); });
}
void Observers::unit_committed(const TableName& table, std::uint64_t rows_so_far) {
  each([&](Observer& o) { o.unit_committed(table, rows_so_far); });
}
void Observers::table_finished(const Receipt& receipt) {
  each([&](Observer& o) { o.table_finished(receipt); });
}
void Observers::retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) {
  each([&](Observer& o) { o.retrying(why, wait, attempt); });
}
void Observers::note(const std::string& line) {
  each([&](Observer& o) { o.note(line); });
}

void Events::run_started(const std::string& id) {
  Json json = event("run_started", connection_);
  json["run"] = id;
  json["source"] = source_;
  json["destination"] = destination_;
  json["version"] = kVersionText;
  sink_(dumped(json));
}

void Events::run_finished(const RunResult& result, int exit_code) {
  Json json = event("run_finished", connection_);
  json["run"] = result.id;
  json["tables"] = result.receipts.size();
  json["seconds"] = rounded(result.seconds);
  json["exit_code"] = exit_code;
  if (result.error) json["error"] = result.error->what();
  sink_(dumped(json));
}

void Events::run_failed(const Error& error, int exit_code) {
  Json json = event("run_failed", connection_);
  json["fault"] = fault_word(error.fault());
  json["error"] = error.what();
  json["hint"] = text_or_null(error.hint());
  json["exit_code"] = exit_code;
  sink_(dumped(json));
}

void Events::progress(const Progress& progress) {
  Json json = event("progress", connection_);
  add_table(json, progress.table);
  json["rows"] = progress.rows.load();
  json["rows_expected"] = progress.rows_expected.load();
  json["bytes"] = progress.bytes.load();
  json["chunks_done"] = progress.chunks_done.load();
  json["chunks"] = progress.chunks.load();
  sink_(dumped(json));
}

void Events::table_started(const std::shared_ptr<const Progress>& progress) {
  Json json = event("table_started", connection_);
  add_table(json, progress->table);
  json["rows_expected"] = progress->rows_expected.load();
  json["chunks"] = progress->chunks.load();
  sink_(dumped(json));
}

void Events::unit_committed(const TableName& table, std::uint64_t rows_so_far) {
  Json json = event("unit_committed", connection_);
  add_table(json, table);
  json["rows"] = rows_so_far;
  sink_(dumped(json));
}

void Events::table_finished(const Receipt& receipt) {
  Json json = event("table_finished", connection_);
  add_table(json, receipt.table);
  json["target"] = receipt.target;
  json["outcome"] = outcome_name(receipt.outcome);
  json["strategy"] = receipt.strategy;
  json["guarantee"] = receipt.guarantee;
  json["read"] = receipt.read;
  json["inserted"] = receipt.inserted;
  json["updated"] = receipt.updated;
  json["deleted"] = receipt.deleted;
  json["misfits"] = receipt.misfits;
  json["bytes"] = receipt.bytes;
  json["seconds"] = rounded(receipt.seconds);
  json["instant"] = text_or_null(receipt.instant);
  json["until"] = receipt.until ? Json(*receipt.until) : Json(nullptr);
  json["notes"] = receipt.notes;
  json["verified"] = receipt.verified ? verified_json(*receipt.verified) : Json(nullptr);
  json["fault"] = receipt.error.empty() ? Json(nullptr) : Json(fault_word(receipt.fault));
  json["error"] = text_or_null(receipt.error);
  json["hint"] = text_or_null(receipt.hint);
  sink_(dumped(json));
}

void Events::retrying(const std::string& why, std::chrono::milliseconds wait, int attempt) {
  Json json = event("retrying", connection_);
  json["why"] = why;
  json["wait_seconds"] = static_cast<double>(wait.count()) / 1000;
  json["attempt"] = attempt;
  sink_(dumped(json));
}

void Events::note(const std::string& line) {
  Json json = event("note", connection_);
  json["note"] = line;
  sink_(dumped(json));
}

void Summary::add(const RunResult& result) {
  ++connections;
  seconds += result.seconds;
  for (const Receipt& receipt : result.receipts) {
    ++tables;
    differing += receipt.verified && !receipt.verified->equal() ? 1 : 0;
    done += receipt.outcome == Outcome::done ? 1 : 0;
    unchanged += receipt.outcome == Outcome::unchanged ? 1 : 0;
    failed += receipt.outcome == Outcome::done || receipt.outcome == Outcome::unchanged ? 0 : 1;
    read += receipt.read;
    inserted += receipt.inserted;
    updated += receipt.updated;
    deleted += receipt.deleted;
  }
}

std::string summary_line(const Summary& summary, int exit_code) {
  return dumped({{"event", "summary"},
                 {"time", now_text()},
                 {"connections", summary.connections},
                 {"tables", summary.tables},
                 {"done", summary.done},
                 {"unchanged", summary.unchanged},
                 {"failed", summary.failed},
                 {"differing", summary.differing},
                 {"read", summary.read},
                 {"inserted", summary.inserted},
                 {"updated", summary.updated},
                 {"deleted", summary.deleted},
                 {"seconds", rounded(summary.seconds)},
                 {"exit_code", exit_code}});
}

std::string error_line(const Error& error) {
  return dumped({{"event", "error"},
                 {"time", now_text()},
                 {"fault", fault_word(error.fault())},
                 {"error", error.what()},
                 {"hint", text_or_null(error.hint())}});
}

void LogFile::append(const std::string& line) {
  struct stat info {};
  if (::stat(path_.c_str(), &info) == 0 && info.st_size > static_cast<off_t>(kLogBytes)) {
    ::rename(path_.c_str(), (path_ + ".1").c_str());
  }
  const int file = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const std::string whole = line + "\n";
  // One write: lines of two processes do not mix.
  if (file < 0 || ::write(file, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) {
    if (failure_.empty()) failure_ = "cannot write " + path_ + ": " + std::strerror(errno);
  }
  if (file >= 0) ::close(file);
}

}  // namespace sluice::cli
