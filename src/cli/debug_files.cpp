// SPDX-License-Identifier: Apache-2.0
#include "cli/debug_files.h"

#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "cli/debug_choice.h"
#include "cli/render.h"
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

bool confirmed() {
  if (::isatty(STDIN_FILENO) == 0) return false;
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

}  // namespace

int debug_reset(const DebugRequest& request) {
  const auto found = left_behind(files_of(request.folder));
  if (found.empty()) {
    print("there is nothing to reset in " + files_of(request.folder) + "\n");
    return 0;
  }
  std::string list;
  for (const fs::path& each : found) list += "  " + each.string() + "\n";
  if (!request.yes) {
    print("what was synced so far, and the state:\n" + list);
    if (!confirmed()) {
      print("nothing was deleted; --yes deletes them\n");
      return 0;
    }
  }
  for (const fs::path& each : found) fs::remove_all(each);
  print("deleted:\n" + list + "the next run syncs everything\n");
  return 0;
}

int debug_service(const DebugRequest& request, const std::string& connector) {
  const std::string folder = fs::weakly_canonical(fs::absolute(request.folder)).string();
  std::error_code unknown;
  const fs::path program = fs::read_symlink("/proc/self/exe", unknown);
  std::string command = (unknown ? "sluice" : unit_word(program.string())) + " debug " +
                        unit_word(folder) + " --connector " + connector;
  if (!request.configuration.empty())
    command += " --configuration " + unit_word(fs::absolute(request.configuration).string());
  if (!request.naming.empty()) command += " --naming " + request.naming;
  const std::string name = "sluice-" + connector;
  print("# /etc/systemd/system/" + name +
        ".service\n[Unit]\nDescription=sluice debug: " + connector +
        "\nAfter=network-online.target\nWants=network-online.target\n\n[Service]\n"
        "Type=oneshot\nExecStart=" +
        command + "\nKillSignal=SIGTERM\nTimeoutStopSec=10min\n\n# /etc/systemd/system/" + name +
        ".timer\n[Unit]\nDescription=sluice debug: " + connector +
        ", every six hours\n\n[Timer]\nOnBootSec=5min\nOnUnitActiveSec=6h\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n\n# then: systemctl daemon-reload && systemctl enable "
        "--now " +
        name + ".timer\n");
  return 0;
}

}  // namespace sluice::cli
