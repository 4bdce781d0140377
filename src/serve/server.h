// SPDX-License-Identifier: Apache-2.0
// A gRPC server as the protocol wants one: plaintext, messages up to 128 MiB.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "sluice/error.h"

namespace sluice::serve {

/// Listens on `host` (a name or address; "" is every interface, of both kinds of IP) and `port`
/// (0: any), or throws Fault::config. `service` outlives what is returned.
struct Listening {
  std::unique_ptr<grpc::Server> server;
  int port = 0;
};
Listening listen(grpc::Service& service, const std::string& host, int port);

/// The error and its hint in 8,000 bytes of UTF-8: Fivetran's side takes 10,240 of headers.
std::string status_text(const Error& error);
grpc::StatusCode status_code(const Error& error);

}  // namespace sluice::serve
