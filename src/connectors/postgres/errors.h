// SPDX-License-Identifier: Apache-2.0
// What libpq and the server say went wrong, as ours.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

#include "connectors/postgres/url.h"
#include "sluice/error.h"

namespace sluice::postgres {

/// The one way of a text of libpq's or the server's into an error: one line, no secret of `login`
/// or of a file that `connection` has read.
std::string told(const std::string& text, PGconn* connection, const Login& login);

/// What a SQLSTATE asks for. The one place where the server's codes become ours. A code that asks
/// for nothing special is Fault::schema: the server refuses what was planned, and would again.
Fault fault_of(std::string_view sqlstate);
/// The error that `result` holds; where it holds none, the connection's own (it is gone:
/// Fault::connection). The message is one line: the server's, its detail, the SQLSTATE. No secret
/// of `login` is left in it.
Error error_of(const PGresult* result, PGconn* connection, const Login& login);

}  // namespace sluice::postgres
