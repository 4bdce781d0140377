// SPDX-License-Identifier: Apache-2.0
// What an Update sends, in its order.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "fivetran/proto/source.grpc.pb.h"
#include "sluice/table.h"

namespace sluice::serve {

/// Used by one thread. Every member that sends waits while the client takes nothing, and throws
/// Fault::cancelled once it has gone. Memory holds one message.
class Sender {
 public:
  using Writer = grpc::ServerWriter<fivetran_sdk::v2::UpdateResponse>;
  explicit Sender(Writer& writer) : writer_(writer) {}

  /// Where the next record is to be appended, as an entry of a message Records; then added().
  std::string& records() { return records_; }
  void added();
  /// Rows that were sent before are marked as deleted.
  void truncate(const TableName& table);
  void schema_change(const fivetran_sdk::v2::Table& table, const std::string& schema);
  /// Covers all that was sent before. `state`: a JSON object.
  void checkpoint(const std::string& state);
  void warning(const std::string& text);
  /// The client ends the sync.
  void task(const std::string& text);

 private:
  void flush();
  void send(const fivetran_sdk::v2::UpdateResponse& response);
  Writer& writer_;
  std::string records_;
  std::size_t count_ = 0;
};

}  // namespace sluice::serve
