// SPDX-License-Identifier: Apache-2.0
// Where a password is fetched from at the time of connecting.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>

#include "cli/settings.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

std::string without_newline(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  return text;
}

std::string from_file(const PasswordFrom& from) {
  const std::string& path = from.value.reveal();
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    throw Error(Fault::config,
                from.where + ": the password file " + path + " cannot be read or is empty",
                "put the password on its first line, readable by this user");
  }
  return without_newline(line);
}

std::string from_command(const PasswordFrom& from) {
  // A child keeps the signal mask that it is born with, and a user must be able to interrupt it.
  sigset_t none{};
  sigset_t before{};
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, &before);
  FILE* pipe = ::popen(from.value.reveal().c_str(), "r");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pipe == nullptr) throw Error(Fault::config, from.where + ": the shell cannot be started");
  std::string text;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) text += buffer;
  const int status = ::pclose(pipe);
  text = without_newline(text);
  if (status != 0 || text.empty()) {
    throw Error(Fault::config,
                from.where + ": the password command " +
                    (status != 0 ? "failed (status " + std::to_string(status >> 8) + ")"
                                 : "printed nothing"),
                "run it by hand to see why; its output is not shown here");
  }
  return text;
}

}  // namespace

Secret fetch_password(const PasswordFrom& from) {
  switch (from.kind) {
    case PasswordFrom::Kind::nowhere:
      return {};
    case PasswordFrom::Kind::text:
      return from.value;
    case PasswordFrom::Kind::file:
      return Secret(from_file(from));
    case PasswordFrom::Kind::command:
      return Secret(from_command(from));
  }
  return {};
}

}  // namespace sluice::cli
