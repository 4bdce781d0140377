// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sluice/error.h"

namespace sluice::cli {
namespace {

/// A flag that would make another plan of it.
void refuse_contradictions(const SyncRequest& request) {
  const auto given = [&](const char* word) {
    const auto found = request.choice.flags.connection.find(word);
    return found != request.choice.flags.connection.end() && !found->second.empty();
  };
  const char* flag = given("tables")                 ? "--tables"
                     : given("exclude")              ? "--exclude"
                     : request.full                  ? "--full"
                     : !request.accept_drift.empty() ? "--accept-drift"
                     : request.accept_source         ? "--accept-source"
                     : request.dry_run               ? "--dry-run"
                                                     : nullptr;
  if (flag == nullptr) return;
  throw Error(Fault::config,
              std::string(flag) + " and --plan contradict each other: a plan is done as it is",
              request.dry_run ? "`sluice plan` says what a run would do now"
                              : std::string("make the plan with it: sluice plan ") + flag +
                                    " .. --out " + request.plan);
}

[[noreturn]] void cannot_write(const std::string& file) {
  throw Error(Fault::config, "--out: cannot write " + file + ": " + std::strerror(errno));
}

void write_whole(const std::string& path, const std::string& text, const std::string& file) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0) cannot_write(file);
  std::size_t done = 0;
  bool good = true;
  while (good && done < text.size()) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    good = written > 0;
    if (good) done += static_cast<std::size_t>(written);
  }
  good = good && ::fsync(descriptor) == 0;
  const int why = errno;
  ::close(descriptor);
  if (good) return;
  ::unlink(path.c_str());
  errno = why;
  cannot_write(file);
}

}  // namespace

RunPlan read_plan(const SyncRequest& request) {
  refuse_contradictions(request);
  std::ifstream stream(request.plan);
  std::stringstream text;
  text << stream.rdbuf();
  if (!stream)
    throw Error(Fault::config, "--plan: cannot read " + request.plan,
                "`sluice plan --out " + request.plan + "` writes it");
  try {
    return RunPlan::parse(text.str());
  } catch (const Error& error) {
    throw error.at(request.plan);
  }
}

void write_plan(const RunPlan& plan, const std::string& file) {
  if (plan.tables.empty())
    throw Error(Fault::config, "--out: nothing can be done, so " + file + " was not written",
                "see why the tables are refused");
  const std::string next = file + ".new." + std::to_string(::getpid());
  write_whole(next, plan.json(), file);
  if (::rename(next.c_str(), file.c_str()) != 0) {
    const int why = errno;
    ::unlink(next.c_str());
    errno = why;
    cannot_write(file);
  }
}

std::string written_text(const RunPlan& plan, std::size_t tables, const std::string& file) {
  const std::size_t refused = tables - plan.tables.size();
  return "the plan is in " + file +
         (refused == 0 ? "" : ", without the " + std::to_string(refused) + " refused") +
         "\nnext: sluice sync .. --plan " + file + "\n";
}

}  // namespace sluice::cli
