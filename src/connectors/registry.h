// SPDX-License-Identifier: Apache-2.0
// From a URL to a source or a destination: the only file that names all connectors.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sluice/destination.h"
#include "sluice/secret.h"
#include "sluice/source.h"

namespace sluice {

namespace duck {
class Database;
}

/// What a run says to its source beside the URL. A connector takes what means something to it.
struct SourceSettings {
  std::string application_name = "sluice";
  Secret password;           ///< wins over the URL's; empty: the URL's, or where the driver looks
  std::size_t parallel = 4;  ///< reading connections
  std::uint64_t max_rate_bytes = 0;   ///< a second; 0: no limit
  std::chrono::milliseconds wait{0};  ///< for a locked file
  /// True ends that wait, and every other of identity(), discover(), snapshot() and plan(), with
  /// Fault::cancelled. For any thread.
  std::function<bool()> stop;
};

struct DestinationSettings {
  std::chrono::milliseconds wait{0};
  std::function<bool()> stop;
  std::string storage = "v1.4.0";  ///< of a new file
  std::string read_copy;
  Secret password;  ///< as the source's
};

/// The kinds of URL that this build can read from and write to, as users write them:
/// "postgresql://", "duckdb:FILE".
struct Schemes {
  std::vector<std::string> sources;
  std::vector<std::string> destinations;
};
Schemes schemes();

/// Throws Fault::config for a URL that no connector of this build takes, naming those that are and
/// the nearest.
std::unique_ptr<Source> make_source(duck::Database& database, const std::string& url,
                                    const SourceSettings& settings = {});
std::unique_ptr<Destination> make_destination(duck::Database& database, const std::string& url,
                                              const DestinationSettings& settings = {});

/// Whether the password that is said beside this source is the destination's as well: the source is
/// a DuckDB file or a connector, which have none, or MotherDuck's, where one run has one token.
bool is_destinations_password(const std::string& source);

/// A destination to look into, opened read-only: Fault::busy while somebody writes to it. finish()
/// does nothing.
std::unique_ptr<Destination> look_into(duck::Database& database, const std::string& url);

/// The path of the DuckDB file that a URL or bare path means, `~/` expanded; nullopt for every
/// other kind of URL.
std::optional<std::string> local_file(const std::string& url);

/// `path` with its `~/` expanded, and where it is relative, made relative to `folder` (empty: left
/// as it is).
std::string path_from(const std::string& folder, const std::string& path);

/// A URL that was written in a file of `folder`: the paths in it, also those of certificates, made
/// relative to that folder.
std::string url_from(const std::string& folder, const std::string& url);

/// The URL with `***` for every password and token in it. Never throws; where it cannot tell, it
/// hides more.
std::string redacted(const std::string& url);

}  // namespace sluice
