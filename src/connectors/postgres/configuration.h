// SPDX-License-Identifier: Apache-2.0
// The configuration.json of the published YugabyteDB connector, in this connector's terms.
#pragma once

#include <string>

#include "wire/configuration.h"

namespace sluice::postgres {

/// `text` has the fields host, port (5433), database, user, password, schema (public) and sslmode
/// (prefer), as texts or numbers; `file` is its name, for messages. Throws as
/// wire::ConfigurationFile.
wire::Configured yugabytedb_configuration(const std::string& text, const std::string& file);

}  // namespace sluice::postgres
