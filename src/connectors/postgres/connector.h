// SPDX-License-Identifier: Apache-2.0
// PostgreSQL as a source, servers 10 to 18, primaries and standbys, and YugabyteDB: the whole face
// of this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "sluice/secret.h"
#include "sluice/source.h"
#include "wire/text_session.h"

namespace sluice::postgres {

struct SourceOptions {
  std::string application_name =
      "sluice";                 ///< shown in pg_stat_activity, unless the URL names another
  Secret password;              ///< overrides the URL's and every file's; empty: theirs
  std::size_t max_readers = 4;  ///< connections that read at once; one more holds the snapshot,
                                ///< and others plan, as many at most
  std::uint64_t max_rate_bytes = 0;   ///< of all readers together, a second; 0: no limit
  unsigned lock_timeout_ms = 10'000;  ///< how long a snapshot waits for each table's lock
  /// True ends every wait of identity(), discover(), snapshot() and plan() within a second or two,
  /// with Fault::cancelled: a stop that leaves nothing to be finished. For any thread.
  std::function<bool()> stop;
};

/// `url` is a postgresql:// or postgres:// URL (or libpq's "key=value" text) with libpq's meaning:
/// service files, PGPASSFILE, PG* variables, unix sockets, several hosts, sslmode; or a
/// yugabytedb:// one, which has more parameters (yugabyte_url.h). Which of the two the server is,
/// it says itself. Connects on first use.
std::unique_ptr<Source> source(const std::string& url, SourceOptions options = {});

/// A session of a server that speaks the protocol and another SQL: of `options` only the name, the
/// password and the stop count, and no statement is run. Connects. Throws Fault::authentication,
/// Fault::connection or, for what the URL asks for and there is not, Fault::config.
std::unique_ptr<wire::TextSession> text_session(const std::string& url,
                                                const SourceOptions& options);

/// The URL with `***` for its passwords, to be printed. Never throws, whatever the text.
std::string redacted(const std::string& url);

}  // namespace sluice::postgres
