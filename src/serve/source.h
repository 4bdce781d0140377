// SPDX-License-Identifier: Apache-2.0
// A source as Fivetran's SourceConnector.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <string>

#include "fivetran/proto/source.grpc.pb.h"
#include "serve/wanted.h"

namespace sluice::serve {

/// Calls may come at once, each with connections and a DuckDB of its own. What goes wrong is the
/// call's status, in 8,000 bytes at most; a login or a right that is missing is a task. Neither,
/// nor the log, holds a secret or a value of a row. A call that its client cancels ends within a
/// second.
class SourceService final : public fivetran_sdk::v2::SourceConnector::Service {
 public:
  SourceService(sdk::Form form, OpenSource open) : form_(std::move(form)), open_(std::move(open)) {}
  /// Ends all calls soon, and every later one at once. Any thread.
  void interrupt() noexcept { interrupted_ = true; }

  grpc::Status ConfigurationForm(grpc::ServerContext* context,
                                 const fivetran_sdk::v2::ConfigurationFormRequest* request,
                                 fivetran_sdk::v2::ConfigurationFormResponse* response) override;
  grpc::Status Test(grpc::ServerContext* context, const fivetran_sdk::v2::TestRequest* request,
                    fivetran_sdk::v2::TestResponse* response) override;
  grpc::Status Schema(grpc::ServerContext* context, const fivetran_sdk::v2::SchemaRequest* request,
                      fivetran_sdk::v2::SchemaResponse* response) override;
  grpc::Status Update(grpc::ServerContext* context, const fivetran_sdk::v2::UpdateRequest* request,
                      grpc::ServerWriter<fivetran_sdk::v2::UpdateResponse>* writer) override;

 private:
  class Call;
  const sdk::Form form_;
  const OpenSource open_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace sluice::serve
