// SPDX-License-Identifier: Apache-2.0
#include "connectors/published.h"

#include <array>

#include "connectors/dolphindb/configuration.h"
#include "connectors/duckdb/motherduck_configuration.h"
#include "connectors/mysql/configuration.h"
#include "connectors/postgres/configuration.h"

namespace sluice {

std::span<const PublishedConnector> published_connectors() {
  static const std::array<PublishedConnector, 4> published{{
      {"motherduck",
       "MotherDuck",
       {"motherduck_token"},
       {"database_name", "schema_name", "incremental_column", "batch_size"},
       "motherduck_token",
       motherduck::configuration},
      {"singlestore",
       "SingleStore",
       {"host", "user", "password", "database"},
       {"port"},
       "SingleStore",
       mysql::singlestore_configuration},
      {"yugabytedb",
       "YugabyteDB",
       {"host", "database", "user", "password"},
       {"port", "schema", "sslmode"},
       "YugabyteDB",
       postgres::yugabytedb_configuration},
      {"dolphindb",
       "DolphinDB",
       {"HOST", "DATABASE", "USERNAME", "PASSWORD"},
       {"PORT", "TABLE_NAME", "BATCH_SIZE"},
       "pydolphindb",
       dolphindb::configuration},
  }};
  return published;
}

}  // namespace sluice
