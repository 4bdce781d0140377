// SPDX-License-Identifier: Apache-2.0
#include "fivetran/ports.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "sluice/error.h"

namespace sluice::fivetran {
namespace {

namespace fs = std::filesystem;

/// The inodes of sockets that listen at the port, as /proc/net/tcp and tcp6 list them.
std::set<std::string> listeners(int port) {
  std::set<std::string> inodes;
  char wanted[8];
  std::snprintf(wanted, sizeof wanted, ":%04X", static_cast<unsigned>(port));
  for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream lines(file);
    for (std::string line; std::getline(lines, line);) {
      std::stringstream words(line);
      std::string number, local, remote, state, queues, timer, retransmits, user, timeout, inode;
      words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
          timeout >> inode;
      if (state == "0A" && local.ends_with(wanted)) inodes.insert(inode);  // LISTEN
    }
  }
  return inodes;
}

}  // namespace

int free_port() {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = listener >= 0 &&
                     bind(listener, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  const int error = errno;
  if (listener >= 0) close(listener);
  if (!bound)
    throw Error(Fault::internal, std::string("no free port on loopback: ") + std::strerror(error));
  return ntohs(address.sin_port);
}

bool listens_alone(int port, pid_t group) {
  if (!fs::exists("/proc/net/tcp")) return true;
  std::set<std::string> left = listeners(port);
  if (left.empty()) return false;
  std::error_code ignored;
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    const std::string name = process.path().filename();
    if (!std::ranges::all_of(name, [](char each) { return each >= '0' && each <= '9'; })) continue;
    if (getpgid(static_cast<pid_t>(std::stol(name))) != group) continue;
    for (const auto& file : fs::directory_iterator(process.path() / "fd", ignored)) {
      const std::string target = fs::read_symlink(file.path(), ignored);
      if (target.starts_with("socket:[")) left.erase(target.substr(8, target.size() - 9));
    }
  }
  return left.empty();
}

}  // namespace sluice::fivetran
