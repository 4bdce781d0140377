// SPDX-License-Identifier: Apache-2.0
// Fivetran's DestinationConnector into a DuckDB file or MotherDuck.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "fivetran/proto/destination.grpc.pb.h"
#include "serve/places.h"

namespace sluice::serve {

/// Calls may come at once; those about one table wait for each other. What goes wrong is the call's
/// status, in 8,000 bytes at most, and where somebody has to act, a task; neither holds a secret or
/// a value of a row. A call that ends with an error has changed nothing. One that a
/// crash has ended may have left rows beside those that they replace: made again, it heals them.
class DestinationService final : public fivetran_sdk::v2::DestinationConnector::Service {
 public:
  /// `database` keeps the order of rows, and outlives this.
  DestinationService(duck::Database& database, Open open) : places_(database, std::move(open)) {}
  /// Ends all calls soon, and every later one at once. Any thread.
  void interrupt() noexcept { places_.interrupt(); }

  grpc::Status ConfigurationForm(grpc::ServerContext* context,
                                 const fivetran_sdk::v2::ConfigurationFormRequest* request,
                                 fivetran_sdk::v2::ConfigurationFormResponse* response) override;
  grpc::Status Test(grpc::ServerContext* context, const fivetran_sdk::v2::TestRequest* request,
                    fivetran_sdk::v2::TestResponse* response) override;
  grpc::Status Capabilities(grpc::ServerContext* context,
                            const fivetran_sdk::v2::CapabilitiesRequest* request,
                            fivetran_sdk::v2::CapabilitiesResponse* response) override;
  grpc::Status DescribeTable(grpc::ServerContext* context,
                             const fivetran_sdk::v2::DescribeTableRequest* request,
                             fivetran_sdk::v2::DescribeTableResponse* response) override;
  grpc::Status CreateTable(grpc::ServerContext* context,
                           const fivetran_sdk::v2::CreateTableRequest* request,
                           fivetran_sdk::v2::CreateTableResponse* response) override;
  grpc::Status AlterTable(grpc::ServerContext* context,
                          const fivetran_sdk::v2::AlterTableRequest* request,
                          fivetran_sdk::v2::AlterTableResponse* response) override;
  grpc::Status Truncate(grpc::ServerContext* context,
                        const fivetran_sdk::v2::TruncateRequest* request,
                        fivetran_sdk::v2::TruncateResponse* response) override;
  grpc::Status WriteBatch(grpc::ServerContext* context,
                          const fivetran_sdk::v2::WriteBatchRequest* request,
                          fivetran_sdk::v2::WriteBatchResponse* response) override;
  grpc::Status WriteHistoryBatch(grpc::ServerContext* context,
                                 const fivetran_sdk::v2::WriteHistoryBatchRequest* request,
                                 fivetran_sdk::v2::WriteBatchResponse* response) override;
  grpc::Status Migrate(grpc::ServerContext* context,
                       const fivetran_sdk::v2::MigrateRequest* request,
                       fivetran_sdk::v2::MigrateResponse* response) override;

 private:
  Places places_;
};

}  // namespace sluice::serve
