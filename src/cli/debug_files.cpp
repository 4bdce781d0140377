// SPDX-License-Identifier: Apache-2.0
#include "cli/debug_files.h"

#include <pwd.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "cli/debug_choice.h"
#include "cli/debug_feed.h"
#include "cli/open.h"
#include "cli/render.h"
#include "connectors/open_connector.h"
#include "sluice/error.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

/// Ours, and the tester's that bear the same names: nothing else in the folder is touched.
std::vector<fs::path> left_behind(const fs::path& files) {
  std::vector<fs::path> found;
  for (const char* name : {"warehouse.db", "warehouse.db.wal", "warehouse.db.sluice.tmp",
                           "state.json", "state.json.new"}) {
    if (fs::exists(files / name)) found.push_back(files / name);
  }
  return found;
}

/// Throws Fault::busy while a run has the warehouse open: it would go on in a file without a name.
void refuse_open(const fs::path& warehouse) {
  if (!fs::exists(warehouse)) return;
  try {
    const Looked looked("duckdb:" + warehouse.string());
  } catch (const Error& error) {
    if (error.fault() == Fault::busy) throw;  // any other file is as good as gone
  }
}

bool confirmed() {
  if (::isatty(STDIN_FILENO) == 0) {
    throw Error(Fault::config, "nothing was deleted: there is no terminal to ask at",
                "--reset --yes deletes them without being asked");
  }
  print("Delete them? (y/N) ");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

/// As systemd reads a word of a command line: systemd.service(5), "COMMAND LINES".
std::string unit_word(const std::string& text) {
  std::string word = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') word += '\\';
    if (c == '%' || c == '$') word += c;
    word += c;
  }
  return word + "\"";
}

/// What the service runs: the flag that says it, and a word for it in the units' names.
struct Chosen {
  std::string flag, name;
};

Chosen chosen_by(const DebugRequest& request, const std::string& folder) {
  std::string connector = pushed_connector(request);
  if (connector.empty()) connector = debug_plan(request).connector;
  if (!is_connector(connector)) return {"--connector " + connector, connector};
  const std::string word = connector.substr(connector.find(':') + 1);
  const bool hosted = request.connector.empty();
  const bool address = word.find("://") != std::string::npos;
  Chosen chosen;
  chosen.flag = hosted ? "--python"
                       : "--connector " + unit_word("connector:" +
                                                    (address ? word : fs::absolute(word).string()));
  // systemd.unit(5): which characters names are made of.
  for (const char c :
       hosted ? fs::path(folder).filename().string() : fs::path(word).stem().string())
    chosen.name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '-';
  return chosen;
}

}  // namespace

int debug_reset(const DebugRequest& request) {
  check_request(request);
  const auto found = left_behind(files_of(request.folder));
  if (found.empty()) {
    print("there is nothing to reset in " + files_of(request.folder) + "\n");
    return 0;
  }
  refuse_open(fs::path(files_of(request.folder)) / "warehouse.db");
  std::string list;
  for (const fs::path& each : found) list += "  " + each.string() + "\n";
  if (!request.yes) {
    print("what was synced so far, and the state:\n" + list);
    if (!confirmed()) {
      print("nothing was deleted\n");
      return 0;
    }
  }
  for (const fs::path& each : found) fs::remove_all(each);
  print("deleted:\n" + list + "the next run syncs everything\n");
  return 0;
}

int debug_service(const DebugRequest& request) {
  if (!request.state.empty() || request.full || request.accept_source ||
      !request.accept_drift.empty()) {
    throw Error(Fault::config,
                "--print-service: --state, --full, --accept-drift and --accept-source are for one "
                "run, the service has many",
                "give them to that one run of `sluice debug`, and leave them out here");
  }
  const std::string folder = fs::weakly_canonical(fs::absolute(request.folder)).string();
  const Chosen chosen = chosen_by(request, folder);
  std::error_code unknown;
  const fs::path program = fs::read_symlink("/proc/self/exe", unknown);
  std::string command = (unknown ? "sluice" : unit_word(program.string())) + " debug " +
                        unit_word(folder) + " " + chosen.flag;
  if (!request.configuration.empty())
    command += " --configuration " + unit_word(fs::absolute(request.configuration).string());
  if (!request.naming.empty()) command += " --naming " + request.naming;
  const passwd* const user = ::getpwuid(::geteuid());
  const std::string name = "sluice-" + chosen.name;
  print("# /etc/systemd/system/" + name +
        ".service\n[Unit]\nDescription=sluice debug: " + chosen.name +
        "\nAfter=network-online.target\nWants=network-online.target\n\n[Service]\n"
        "Type=oneshot\n" +
        (user == nullptr ? "" : "User=" + std::string(user->pw_name) + "\n") +
        "ExecStart=" + command + "\nTimeoutStopSec=10min\n\n# /etc/systemd/system/" + name +
        ".timer\n[Unit]\nDescription=sluice debug: " + chosen.name +
        ", every six hours\n\n[Timer]\nOnBootSec=5min\nOnUnitActiveSec=6h\n\n"
        "[Install]\nWantedBy=timers.target\n\n# then: systemctl daemon-reload && systemctl enable "
        "--now " +
        name + ".timer\n");
  return 0;
}

}  // namespace sluice::cli
