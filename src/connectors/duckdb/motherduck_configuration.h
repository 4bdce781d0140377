// SPDX-License-Identifier: Apache-2.0
// The configuration.json of the published MotherDuck connector, in this connector's terms.
#pragma once

#include <string>

#include "wire/configuration.h"

namespace sluice::motherduck {

/// `text` has the fields motherduck_token and, if wanted, database_name (the account's default
/// one), schema_name (all), incremental_column and batch_size, as texts or numbers; `file` is its
/// name, for messages. The name of a database may be followed by parameters of an md: URL. Throws
/// as wire::ConfigurationFile.
wire::Configured configuration(const std::string& text, const std::string& file);

}  // namespace sluice::motherduck
