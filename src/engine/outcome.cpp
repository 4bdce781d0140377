// SPDX-License-Identifier: Apache-2.0
#include "engine/outcome.h"

#include <algorithm>

namespace sluice {
namespace {

Outcome outcome_of(Fault fault) {
  switch (fault) {
    case Fault::cancelled:
      return Outcome::interrupted;
    case Fault::drift:
    case Fault::ownership:
    case Fault::brake:
    case Fault::config:
      return Outcome::refused;
    default:
      return Outcome::failed;
  }
}

}  // namespace

bool ends_run(Fault fault) { return fault == Fault::authentication || fault == Fault::internal; }

Error as_error(const std::exception& caught) {
  const auto* ours = dynamic_cast<const Error*>(&caught);
  return ours != nullptr ? *ours : Error(Fault::internal, caught.what());
}

int exit_code_of(const Error& error) {
  switch (error.fault()) {
    case Fault::config:
    case Fault::ownership:
      return 2;
    case Fault::busy:
      return 6;
    case Fault::cancelled:
      return 130;
    case Fault::drift:
      return 5;
    default:
      return 1;
  }
}

void fail(Receipt& receipt, const Error& error) {
  receipt.error = error.what();
  receipt.hint = error.hint();
  receipt.fault = error.fault();
  receipt.outcome = outcome_of(error.fault());
  if (error.fault() == Fault::brake) receipt.inserted = receipt.updated = receipt.deleted = 0;
}

void hold_back(Receipt& receipt, const Receipt& cause) {
  const std::string place = cause.table.text();
  const std::string why = cause.error.starts_with(place) ? cause.error : place + ": " + cause.error;
  fail(receipt, Error(cause.fault,
                      receipt.table.text() +
                          ": not published, as publish: together shows all "
                          "tables or none: " +
                          why,
                      cause.hint));
  receipt.outcome = cause.outcome;
  receipt.inserted = receipt.updated = receipt.deleted = 0;
  receipt.until.reset();
}

Receipt failure(const TableName& table, const Error& error) {
  Receipt receipt;
  receipt.table = table;
  fail(receipt, error);
  return receipt;
}

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::done:
      return "done";
    case Outcome::unchanged:
      return "unchanged";
    case Outcome::skipped:
      return "skipped";
    case Outcome::failed:
      return "failed";
    case Outcome::refused:
      return "refused";
    case Outcome::interrupted:
      return "interrupted";
  }
  return "";
}

std::string verified_text(const Verified& verified) {
  const std::uint64_t differing = verified.missing + verified.extra + verified.changed;
  if (differing == 0)
    return "verified: " + std::to_string(verified.rows) + " rows are equal (" + verified.how + ")";
  std::string text = "verified: " + std::to_string(differing) + " of " +
                     std::to_string(verified.rows) + " rows differ (" + verified.how + ")";
  for (const std::string& example : verified.examples) text += "; " + example;
  return text;
}

int RunResult::exit_code() const {
  std::size_t done = 0, failed = 0, drift = 0, not_ours = 0;
  bool run_ended = false, all_failed = true, differs = false;
  for (const Receipt& receipt : receipts) {
    if (receipt.outcome == Outcome::interrupted) return 130;
    if (receipt.verified && !receipt.verified->equal()) differs = true;
    if (receipt.outcome == Outcome::done || receipt.outcome == Outcome::unchanged) {
      ++done;
      continue;
    }
    ++failed;
    if (receipt.fault == Fault::drift) ++drift;
    if (receipt.fault == Fault::config || receipt.fault == Fault::ownership) ++not_ours;
    if (receipt.outcome != Outcome::failed) all_failed = false;
    if (receipt.outcome == Outcome::failed && ends_run(receipt.fault)) run_ended = true;
  }
  if (error) return 1;
  if (failed == 0) return differs ? 4 : 0;
  if (done == 0 && not_ours == failed) return 2;
  if (run_ended) return 1;
  if (done == 0 && drift == failed) return 5;
  // A brake, or a table without rights, leaves the rest of the run sound even where it was the only
  // table.
  return done == 0 && all_failed ? 1 : 3;
}

}  // namespace sluice
