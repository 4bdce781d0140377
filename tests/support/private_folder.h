// SPDX-License-Identifier: Apache-2.0
// Where a server of a test's own lives, and how its programs are run.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace sluice::testing {

/// A new folder of /tmp that belongs to the user whom the server runs as; removed by the
/// destructor. Failures throw std::runtime_error.
class PrivateFolder {
 public:
  /// Whom servers run as where a test is root, which they refuse to be: the first of `users` that
  /// there is. `ends`: the signal that a server gets when its test is killed.
  struct Manner {
    std::string name;  ///< "pg", for the folder's
    std::vector<std::string> users;
    int ends;
  };
  explicit PrivateFolder(Manner manner);
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  ~PrivateFolder();

  const std::filesystem::path& path() const { return path_; }
  operator const std::filesystem::path&() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

  /// A program as the server's user, in this folder, in the C locale, with the libraries beside it.
  /// Its output is appended to `log`.
  pid_t spawn(const std::vector<std::string>& arguments, const std::filesystem::path& log,
              const std::filesystem::path& input = "/dev/null") const;
  /// The same, waited for; throws what is in the log if it fails.
  void run(const std::vector<std::string>& arguments, const std::filesystem::path& log,
           const std::filesystem::path& input = "/dev/null") const;
  /// To the server's user.
  void give(const std::filesystem::path& file) const;
  /// tls/ca.crt, tls/other.crt and, signed by the former, tls/server.crt with its key, for
  /// `localhost` alone. False where there is no openssl command.
  bool make_certificates() const;

 private:
  struct Account {
    uid_t user = 0;
    gid_t group = 0;
  };
  Account account() const;

  Manner manner_;
  std::filesystem::path path_;
};

std::string text_of(const std::filesystem::path& file);
int free_port();

}  // namespace sluice::testing
