// SPDX-License-Identifier: Apache-2.0
// The configuration.json of the published SingleStore connector, in this connector's terms.
#pragma once

#include <string>

#include "wire/configuration.h"

namespace sluice::mysql {

/// `text` has the fields host, port (3306), user, password and database, as texts or numbers;
/// `file` is its name, for messages. Throws as wire::ConfigurationFile. The defaults are windows of
/// six hours, as that connector reads.
wire::Configured singlestore_configuration(const std::string& text, const std::string& file);

}  // namespace sluice::mysql
