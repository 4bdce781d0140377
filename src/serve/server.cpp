// SPDX-License-Identifier: Apache-2.0
#include "serve/server.h"

namespace sluice::serve {
namespace {

constexpr int kLargestMessage = 128 << 20;
constexpr std::size_t kLongestText = 8000;

}  // namespace

Listening listen(grpc::Service& service, const std::string& host, int port) {
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kLargestMessage);
  builder.SetMaxSendMessageSize(kLargestMessage);
  // Another server of this port is an error, not a partner in its work.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  Listening listening;
  const std::string shown = host.empty()                          ? "[::]"
                            : host.find(':') == std::string::npos ? host
                                                                  : "[" + host + "]";
  builder.AddListeningPort(shown + ":" + std::to_string(port), grpc::InsecureServerCredentials(),
                           &listening.port);
  builder.RegisterService(&service);
  listening.server = builder.BuildAndStart();
  if (!listening.server || listening.port == 0) {
    throw Error(Fault::config, "cannot listen on " + shown + ":" + std::to_string(port),
                "is another program there? --port takes another port, --listen another address");
  }
  return listening;
}

std::string status_text(const Error& error) {
  std::string text = error.what();
  if (!error.hint().empty()) text += "; " + error.hint();
  if (text.size() <= kLongestText) return text;
  text.resize(kLongestText);
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
  return text;
}

grpc::StatusCode status_code(const Error& error) {
  switch (error.fault()) {
    case Fault::config:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case Fault::connection:
    case Fault::busy:
      return grpc::StatusCode::UNAVAILABLE;
    case Fault::authentication:
      return grpc::StatusCode::UNAUTHENTICATED;
    case Fault::permission:
      return grpc::StatusCode::PERMISSION_DENIED;
    case Fault::schema:
      return grpc::StatusCode::NOT_FOUND;
    case Fault::ownership:
      return grpc::StatusCode::ALREADY_EXISTS;
    case Fault::drift:
    case Fault::brake:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case Fault::misfit:
    case Fault::data:
      return grpc::StatusCode::DATA_LOSS;
    case Fault::conflict:
      return grpc::StatusCode::ABORTED;
    case Fault::cancelled:
      return grpc::StatusCode::CANCELLED;
    case Fault::internal:
      break;
  }
  return grpc::StatusCode::INTERNAL;
}

}  // namespace sluice::serve
