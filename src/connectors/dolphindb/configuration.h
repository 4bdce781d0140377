// SPDX-License-Identifier: Apache-2.0
// The configuration.json of the published DolphinDB connector, in this connector's terms.
#pragma once

#include <string>

#include "wire/configuration.h"

namespace sluice::dolphindb {

/// `text` has the fields HOST, PORT (8848), DATABASE, TABLE_NAME (trade), USERNAME, PASSWORD
/// and, as the document calls it configurable, BATCH_SIZE, as texts or numbers; `file` is its name,
/// for messages. Throws as wire::ConfigurationFile. The table may be any: its columns are the
/// catalog's.
wire::Configured configuration(const std::string& text, const std::string& file);

}  // namespace sluice::dolphindb
