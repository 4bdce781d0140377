// SPDX-License-Identifier: Apache-2.0
// The texts are those of the extension 1.4 and 1.5, as MotherDuck's own connectors look for them
// (github.com/motherduckdb/motherduck-fivetran-connector), and of DuckDB 1.5.6, where it can say
// them without a network.
#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "connectors/duckdb/motherduck.h"
#include "duck/fail.h"

namespace sluice::motherduck {
namespace {

constexpr const char* kNewToken =
    "make a token in MotherDuck's settings, under Access Tokens, and put it where the old one is: "
    "MOTHERDUCK_TOKEN, password: or the URL";
constexpr const char* kNetwork =
    "see whether this machine reaches api.motherduck.com on port 443 (a firewall, a proxy?); "
    "?connection_timeout=30s waits longer";

bool says(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

template <std::size_t N>
bool says_any(std::string_view text, const std::array<std::string_view, N>& parts) {
  return std::ranges::any_of(parts, [&](std::string_view part) { return says(text, part); });
}

/// What is thrown while an extension starts comes wrapped: Initialization function ".." from file
/// ".." threw an exception: "<the message>".
std::string unwrapped(const std::string& text) {
  constexpr std::string_view kBefore = "threw an exception: ";
  const std::size_t at = text.find(kBefore);
  if (at == std::string::npos) return text;
  std::string inner = text.substr(at + kBefore.size());
  if (inner.size() > 1 && inner.front() == '"' && inner.back() == '"')
    inner = inner.substr(1, inner.size() - 2);
  return inner;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string known(const std::vector<std::string>& databases) {
  std::string list;
  for (const std::string& each : databases) list += (list.empty() ? "" : ", ") + each;
  return list.empty() ? "see its name in MotherDuck, or make it: CREATE DATABASE NAME"
                      : "this account has " + list + "; CREATE DATABASE makes another";
}

Error of_extension(const std::string& text, const std::string& shown) {
  if (says(text, "Failed to download extension")) {
    return {Fault::connection,
            shown + ": DuckDB's extension motherduck is not installed, and cannot be downloaded: " +
                first_line(text),
            "let this machine reach extensions.duckdb.org once, or put the file of that version "
            "and platform where DuckDB looks, below ~/.duckdb/extensions"};
  }
  if (says(text, "built specifically for") || says(text, "built for DuckDB")) {
    return {Fault::config,
            shown + ": DuckDB's extension motherduck is of another version: " + first_line(text),
            "remove that file: the next run downloads the one that fits"};
  }
  return {Fault::config,
          shown + ": DuckDB's extension motherduck cannot be used: " + first_line(text),
          "remove its file below ~/.duckdb/extensions: the next run downloads it anew"};
}

}  // namespace

Error explained(const Error& error, const Login& login, const std::vector<std::string>& databases) {
  static constexpr std::array<std::string_view, 4> kExtension{
      "Failed to download extension", "motherduck.duckdb_extension\" not found",
      "motherduck.duckdb_extension' is not a DuckDB extension", "Failed to load '"};
  static constexpr std::array<std::string_view, 2> kNoDatabase{"no database/share named",
                                                               "no share named"};
  const std::string text = unwrapped(error.what());
  const std::optional<Fault> of_service = duck::fault_of_service(text);
  const std::string& shown = login.shown;
  if (error.fault() == Fault::cancelled) return error;
  if (says(text, "Jwt is expired"))
    return {Fault::authentication, shown + ": the MotherDuck token has expired", kNewToken};
  if (of_service == Fault::authentication)
    return {Fault::authentication, shown + ": MotherDuck does not know this token", kNewToken};
  if (says_any(text, kNoDatabase)) {
    return {Fault::config, shown + ": this account has no such database or share",
            known(databases)};
  }
  if (says(text, "attached in read-only mode")) {
    return {Fault::config, shown + " can only be read: " + first_line(text),
            "a destination is a database of the account's own, written with a read/write token; "
            "shares and read-scaling tokens only read"};
  }
  if (says_any(text, kExtension)) return of_extension(text, shown);
  if (of_service == Fault::connection) {
    return {Fault::connection, shown + ": MotherDuck cannot be reached: " + first_line(text),
            kNetwork};
  }
  if (of_service == Fault::conflict) return {Fault::conflict, shown + ": " + first_line(text)};
  if (says(text, "already attached")) {
    return {Fault::config, shown + " is in use already in this run: " + first_line(text),
            "choose another database as the destination"};
  }
  return {error.fault(), shown + ": " + text, error.hint()};
}

Error endpoint_refused(const Error& error, const Login& login) {
  const Error known = explained(error, login, {});
  const Endpoint& endpoint = *login.endpoint;
  switch (known.fault()) {
    case Fault::authentication:
      return {Fault::authentication, known.what(), kNewToken};
    case Fault::connection:
      return {Fault::connection, known.what(),
              "see whether this machine reaches " + endpoint.host + " on port " + endpoint.port +
                  " (a firewall?), and whether the account is in that region: region=, as SELECT "
                  "region FROM md_user_info() says; ?connection_timeout=30s waits longer"};
    default:
      return known;
  }
}

}  // namespace sluice::motherduck
