// SPDX-License-Identifier: Apache-2.0
#include "duck/fail.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duck/duck.h"

namespace sluice::duck {
namespace {

template <std::size_t N>
bool says_any(std::string_view message, const std::array<std::string_view, N>& parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view each) { return message.find(each) != std::string_view::npos; });
}

Fault fault_of(duckdb_error_type type, std::string_view message) {
  const std::optional<Fault> of_service = fault_of_service(message);
  if (of_service == Fault::conflict) return Fault::conflict;
  switch (type) {
    case DUCKDB_ERROR_CONNECTION:
    case DUCKDB_ERROR_NETWORK:
    case DUCKDB_ERROR_HTTP:
      return Fault::connection;
    case DUCKDB_ERROR_TRANSACTION:
      return Fault::conflict;
    case DUCKDB_ERROR_INTERRUPT:
      return Fault::cancelled;
    case DUCKDB_ERROR_IO:
      return message.find("Could not set lock") != std::string_view::npos
                 ? Fault::busy
                 : of_service.value_or(Fault::internal);
    case DUCKDB_ERROR_CATALOG:
    case DUCKDB_ERROR_BINDER:
      return Fault::schema;
    case DUCKDB_ERROR_INVALID_INPUT:
      return of_service.value_or(Fault::data);
    case DUCKDB_ERROR_CONVERSION:  // quotes values of the user's
    case DUCKDB_ERROR_OUT_OF_RANGE:
    case DUCKDB_ERROR_CONSTRAINT:
    case DUCKDB_ERROR_NOT_IMPLEMENTED:
      return Fault::data;
    case DUCKDB_ERROR_PARSER:
    case DUCKDB_ERROR_SYNTAX:
      return Fault::config;
    default:
      return of_service.value_or(Fault::internal);
  }
}

std::string hint_of(duckdb_error_type type, std::string_view message) {
  if (type == DUCKDB_ERROR_OUT_OF_MEMORY) {
    return "raise --memory, or free space where --temp points: DuckDB spills there";
  }
  if (message.find("No space left") != std::string_view::npos)
    return "free space on that disk and run again";
  return {};
}

struct Hidden {
  std::mutex mutex;
  std::vector<Secret> secrets;
};

Hidden& hidden() {
  static Hidden& all = *new Hidden;  // threads that are left behind may still fail
  return all;
}

std::string without_secrets(std::string text) {
  Hidden& all = hidden();
  const std::lock_guard lock(all.mutex);
  for (const Secret& each : all.secrets) {
    for (std::size_t at = text.find(each.reveal()); at != std::string::npos;
         at = text.find(each.reveal(), at)) {
      text.replace(at, each.reveal().size(), "***");
    }
  }
  return text;
}

}  // namespace

std::optional<Fault> fault_of_service(std::string_view message) {
  static constexpr std::array<std::string_view, 3> kConflict{
      "write-write conflict", "Conflict on update", "Transaction conflict"};
  static constexpr std::array<std::string_view, 3> kToken{
      "Jwt is expired", "Your request is not authenticated", "Invalid MotherDuck token"};
  static constexpr std::array<std::string_view, 7> kUnreachable{
      "UNAVAILABLE",       "DEADLINE_EXCEEDED", "failed to connect",
      "Failed to connect", "Request timed out", "Could not establish connection",
      "Could not resolve"};
  if (says_any(message, kConflict)) return Fault::conflict;
  if (says_any(message, kToken)) return Fault::authentication;
  if (says_any(message, kUnreachable)) return Fault::connection;
  return std::nullopt;
}

void fail(duckdb_error_type type, const char* text) {
  const std::string message =
      without_secrets(text != nullptr ? text : "DuckDB failed without a message");
  throw Error(fault_of(type, message), message, hint_of(type, message));
}

void fail_as_said(const char* text) {
  static constexpr std::array<std::pair<std::string_view, duckdb_error_type>, 15> kTypes{{
      {"Binder Error", DUCKDB_ERROR_BINDER},
      {"Catalog Error", DUCKDB_ERROR_CATALOG},
      {"Parser Error", DUCKDB_ERROR_PARSER},
      {"Conversion Error", DUCKDB_ERROR_CONVERSION},
      {"Out of Range Error", DUCKDB_ERROR_OUT_OF_RANGE},
      {"Invalid Input Error", DUCKDB_ERROR_INVALID_INPUT},
      {"Constraint Error", DUCKDB_ERROR_CONSTRAINT},
      {"Not implemented Error", DUCKDB_ERROR_NOT_IMPLEMENTED},
      {"INTERRUPT Error", DUCKDB_ERROR_INTERRUPT},
      {"IO Error", DUCKDB_ERROR_IO},
      {"Out of Memory Error", DUCKDB_ERROR_OUT_OF_MEMORY},
      {"TransactionContext Error", DUCKDB_ERROR_TRANSACTION},
      {"Connection Error", DUCKDB_ERROR_CONNECTION},
      {"Network Error", DUCKDB_ERROR_NETWORK},
      {"HTTP Error", DUCKDB_ERROR_HTTP},
  }};
  const std::string_view message = text != nullptr ? text : "";
  for (const auto& [head, type] : kTypes) {
    if (message.starts_with(head)) fail(type, text);
  }
  fail(DUCKDB_ERROR_INTERNAL, text);
}

void hide(const Secret& secret) {
  constexpr std::size_t kShortest = 3;  // shorter ones would turn every message into stars
  if (secret.reveal().size() < kShortest) return;
  Hidden& all = hidden();
  const std::lock_guard lock(all.mutex);
  const auto same = [&](const Secret& each) { return each.reveal() == secret.reveal(); };
  if (std::ranges::none_of(all.secrets, same)) all.secrets.push_back(secret);
}

}  // namespace sluice::duck
