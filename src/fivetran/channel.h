// SPDX-License-Identifier: Apache-2.0
// Calls of a SourceConnector, and how one that fails is reported.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "fivetran/proto/source.grpc.pb.h"
#include "sluice/error.h"

namespace sluice::fivetran {

namespace proto = fivetran_sdk::v2;

/// A connection to HOST:PORT in plaintext, with the protocol's limits: messages of 128 MiB, errors
/// of 1 MiB. Nothing is sent yet. During a call in which nothing comes for `keepalive` the other
/// side is pinged, and the call is UNAVAILABLE when no answer comes within the lesser of that and
/// 20 s.
std::shared_ptr<grpc::Channel> open_channel(const std::string& address,
                                            std::chrono::milliseconds keepalive);

/// What is to be done about a status, and its text in one piece: Python's SDK says a traceback
/// twice.
Error failure_of(const grpc::Status& status, const std::string& what);

/// The Update call: its messages as they are on the wire.
class UpdateStream {
 public:
  UpdateStream(const std::shared_ptr<grpc::Channel>& channel, const proto::UpdateRequest& request);
  UpdateStream(const UpdateStream&) = delete;
  UpdateStream& operator=(const UpdateStream&) = delete;
  ~UpdateStream();

  /// One thread. False: the stream has ended, status() says how.
  bool next(std::string& message);
  /// After next() was false.
  const grpc::Status& status() const noexcept { return status_; }
  /// Ends the stream soon. Any thread.
  void cancel() { context_.TryCancel(); }

 private:
  class Call;
  bool wait();
  bool finish();

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<Call> call_;
  grpc::Status status_;
  bool finished_ = false;
};

}  // namespace sluice::fivetran
