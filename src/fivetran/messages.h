// SPDX-License-Identifier: Apache-2.0
// The protocol's forms and schemas as those of the SDK (include/sluice), and the selection of all.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fivetran/channel.h"
#include "sluice/connector.h"

namespace sluice::fivetran {

/// None: UNSPECIFIED, or a DECIMAL without a precision that DuckDB has: its values say what it is.
/// NAIVE_TIME is STRING, as which its values arrive. A number that is none of the protocol's is
/// Fault::data.
std::optional<sdk::DataType> type_of(const proto::Column& column);

/// In the order of the message. Empty: the connector declares nothing.
std::vector<sdk::TableSchema> schema_of(const proto::SchemaResponse& response);
std::vector<sdk::TableSchema> schema_of(const proto::SchemaChange& change);

/// Everything that the connector has declared, and whatever comes to be. Connectors that read only
/// what is chosen by name need every table and column in it. None: nothing is declared.
std::optional<proto::Selection> all_of(const proto::SchemaResponse& response);

sdk::Form form_of(const proto::ConfigurationFormResponse& response);

}  // namespace sluice::fivetran
