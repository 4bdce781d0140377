// SPDX-License-Identifier: Apache-2.0
// The configuration.json of the published SingleStore connector, in this connector's terms.
#pragma once

#include <string>
#include <vector>

#include "sluice/options.h"
#include "sluice/secret.h"

namespace sluice::mysql {

struct Configured {
  std::string url;  ///< singlestore://, without the password
  Secret password;
  TableOptions defaults;              ///< windows of six hours, as the connector reads
  std::vector<std::string> warnings;  ///< what of its ways is kept, and would better not be
};

/// `text` has the fields host, port (3306), user, password and database, as texts or numbers;
/// `file` is its name, for messages. Throws Fault::config, naming the field: one that is missing,
/// unknown, of another type, encrypted by Fivetran, or still as the documentation has it.
Configured singlestore_configuration(const std::string& text, const std::string& file);

}  // namespace sluice::mysql
