// SPDX-License-Identifier: Apache-2.0
#include "fivetran/channel.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>

namespace sluice::fivetran {
namespace {

constexpr int kLargestMessage = 128 << 20;
constexpr int kLargestStatus = 1 << 20;

Fault fault_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::ABORTED:
      return Fault::connection;
    case grpc::StatusCode::UNAUTHENTICATED:
      return Fault::authentication;
    case grpc::StatusCode::PERMISSION_DENIED:
      return Fault::permission;
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
      return Fault::config;
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::DATA_LOSS:
    case grpc::StatusCode::INTERNAL:
      return Fault::data;
    case grpc::StatusCode::CANCELLED:
      return Fault::cancelled;
    default:
      return Fault::schema;
  }
}

const char* hint_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
      return "see that the connector runs, and listens there";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "a message holds 128 MiB at most: the connector has to send smaller rows";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "what listens there is no fivetran_sdk.v2.SourceConnector";
    default:
      return "";
  }
}

}  // namespace

std::shared_ptr<grpc::Channel> open_channel(const std::string& address,
                                            std::chrono::milliseconds keepalive) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kLargestMessage);
  arguments.SetMaxSendMessageSize(kLargestMessage);
  arguments.SetInt("grpc.max_metadata_size", kLargestStatus);
  arguments.SetInt("grpc.enable_http_proxy", 0);
  arguments.SetInt("grpc.initial_reconnect_backoff_ms", 50);
  arguments.SetInt("grpc.min_reconnect_backoff_ms", 50);
  arguments.SetInt("grpc.max_reconnect_backoff_ms", 200);
  const auto ping = static_cast<int>(keepalive.count());
  arguments.SetInt("grpc.keepalive_time_ms", ping);
  arguments.SetInt("grpc.keepalive_timeout_ms", std::min(ping, 20'000));
  // Of the Update call only the other side sends, which would allow two pings and no more.
  arguments.SetInt("grpc.http2.max_pings_without_data", 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

Error failure_of(const grpc::Status& status, const std::string& what) {
  std::string text = status.error_message();
  // "Exception iterating responses: failed .. error: TEXT", the traceback, then TEXT again.
  for (const char* before :
       {"Exception iterating responses: ", "Exception calling application: "}) {
    if (text.starts_with(before)) text.erase(0, std::string_view(before).size());
  }
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  if (text.empty()) text = "status " + std::to_string(static_cast<int>(status.error_code()));
  return {fault_of(status.error_code()), what + ": " + text, hint_of(status.error_code())};
}

class UpdateStream::Call {
 public:
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
};

UpdateStream::UpdateStream(const std::shared_ptr<grpc::Channel>& channel,
                           const proto::UpdateRequest& request)
    : call_(std::make_unique<Call>()) {
  grpc::GenericStub stub(channel);
  call_->stream = stub.PrepareCall(&context_, "/fivetran_sdk.v2.SourceConnector/Update", &queue_);
  call_->stream->StartCall(this);
  if (!wait()) {
    finish();
    return;
  }
  grpc::ByteBuffer bytes;
  bool own = false;
  grpc::SerializationTraits<proto::UpdateRequest>::Serialize(request, &bytes, &own);
  call_->stream->WriteLast(bytes, grpc::WriteOptions(), this);
  if (!wait()) finish();
}

UpdateStream::~UpdateStream() {
  if (!finished_) {
    context_.TryCancel();
    std::string rest;
    while (next(rest)) {
    }
  }
  queue_.Shutdown();
  void* tag = nullptr;
  for (bool good = false; queue_.Next(&tag, &good);) {
  }
}

bool UpdateStream::wait() {
  void* tag = nullptr;
  bool good = false;
  return queue_.Next(&tag, &good) && good;
}

bool UpdateStream::finish() {
  call_->stream->Finish(&status_, this);
  wait();
  finished_ = true;
  return false;
}

bool UpdateStream::next(std::string& message) {
  if (finished_) return false;
  grpc::ByteBuffer bytes;
  call_->stream->Read(&bytes, this);
  if (!wait()) return finish();
  message.clear();
  message.reserve(bytes.Length());
  std::vector<grpc::Slice> slices;
  if (!bytes.Dump(&slices).ok()) throw Error(Fault::data, "a message that cannot be decompressed");
  for (const grpc::Slice& each : slices)
    message.append(reinterpret_cast<const char*>(each.begin()), each.size());
  return true;
}

}  // namespace sluice::fivetran
