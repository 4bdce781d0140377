// SPDX-License-Identifier: Apache-2.0
#include "support/private_folder.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace sluice::testing {

namespace fs = std::filesystem;

PrivateFolder::PrivateFolder(Manner manner) : manner_(std::move(manner)) {
  std::string name = "/tmp/sluice-" + manner_.name + "-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder in /tmp");
  path_ = name;
  give(path_);
  fs::permissions(path_, fs::perms(0755));  // tests read the certificates
}

PrivateFolder::~PrivateFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

PrivateFolder::Account PrivateFolder::account() const {
  if (geteuid() != 0) return {geteuid(), getegid()};
  std::string names;
  for (const std::string& name : manner_.users) {
    if (const passwd* entry = getpwnam(name.c_str())) return {entry->pw_uid, entry->pw_gid};
    names += (names.empty() ? "" : " or ") + name;
  }
  throw std::runtime_error("as root, a user " + names + " is needed to run the server");
}

void PrivateFolder::give(const fs::path& file) const {
  const Account owner = account();
  if (geteuid() == 0 && chown(file.c_str(), owner.user, owner.group) != 0)
    throw std::runtime_error("cannot give " + file.string() + " to the server's user");
}

pid_t PrivateFolder::spawn(const std::vector<std::string>& arguments, const fs::path& log,
                           const fs::path& input) const {
  const Account user = account();
  const std::string libraries = fs::path(arguments[0]).parent_path().string();
  std::vector<char*> argv;
  for (const std::string& each : arguments) argv.push_back(const_cast<char*>(each.c_str()));
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  dup2(open(input.c_str(), O_RDONLY | O_CLOEXEC), 0);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  dup2(out, 1);
  dup2(out, 2);
  if (geteuid() == 0 && (setgid(user.group) != 0 || setuid(user.user) != 0)) _exit(126);
  prctl(PR_SET_PDEATHSIG, manner_.ends);  // a killed test takes its server with it
  if (chdir(path_.c_str()) != 0) _exit(126);
  setenv("LC_ALL", "C", 1);
  setenv("LD_LIBRARY_PATH", libraries.c_str(), 1);  // MySQL 5.6 comes with its libaio
  unsetenv("PGDATA");
  execv(argv[0], argv.data());
  _exit(127);
}

void PrivateFolder::run(const std::vector<std::string>& arguments, const fs::path& log,
                        const fs::path& input) const {
  int status = 0;
  waitpid(spawn(arguments, log, input), &status, 0);
  if (status != 0) throw std::runtime_error(arguments[0] + " failed: " + text_of(log));
}

bool PrivateFolder::make_certificates() const {
  const std::string script =
      "set -e; umask 077; mkdir -p tls; cd tls\n"
      "for name in ca other; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 "
      "-nodes -days 3650 -subj /CN=sluice-test-$name -keyout $name.key -out $name.crt; done\n"
      "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost "
      "-keyout server.key -out server.csr\n"
      "printf 'subjectAltName=DNS:localhost' > san\n"
      "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 "
      "-extfile san -out server.crt\n"
      "chmod 755 .; chmod 644 *.crt\n";
  try {
    run({"/bin/sh", "-c", script}, path_ / "setup.log");
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::string text_of(const fs::path& file) {
  std::ifstream text(file);
  std::stringstream all;
  all << text.rdbuf();
  return all.str();
}

int free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no free loopback port");
  }
  close(fd);
  return ntohs(address.sin_port);
}

}  // namespace sluice::testing
