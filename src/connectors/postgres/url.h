// SPDX-License-Identifier: Apache-2.0
// A source's URL, its secrets, and what libpq is told beside it.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sluice::postgres {

/// How to connect. Never printed but by `shown`.
struct Login {
  std::string url;
  std::string shown;                 ///< the URL with *** for its secrets
  std::vector<std::string> secrets;  ///< passwords in each spelling that a message might hold
  std::string password;              ///< overrides the URL's; empty: the URL's, a file's, PGPASSWORD
  /// Parameters that the URL, a service file or the environment may override.
  std::vector<std::pair<std::string, std::string>> defaults;

  /// `text` with every secret replaced by ***.
  std::string scrub(std::string text) const;
};

/// Throws Fault::config, without the password, if libpq cannot read the URL.
Login login_of(const std::string& url, const std::string& application_name, const std::string& password);

}  // namespace sluice::postgres
