// SPDX-License-Identifier: Apache-2.0
// What histories did, so that a test can say that something happened.
#pragma once

namespace sluice::testing {

struct HistoryCounts {
  int steps = 0, given_up = 0;  ///< of writers; that met a lock or a key of another
  int runs = 0, alongside = 0, killed = 0, verified = 0;
  int comparisons = 0;   ///< of one table with its copy
  int alike = 0;         ///< of one table with what it was at some moment of a run beside writers
  int messages = 0;      ///< of two transactions, both of which began
  int ambushes = 0;      ///< runs that were changed under right after their snapshot was taken
  int torn = 0;          ///< killed runs whose tables were compared with before and with the source
  int as_of = 0;         ///< comparisons of a table with its history, as of an earlier run
  int marked = 0;        ///< rows that the source no longer had, and the copy kept
  int large = 0;         ///< histories with a large table
  int by_digests = 0;    ///< runs that found its deletes without all of its keys
  int failed_reads = 0;  ///< by a server that does so
  int parts = 0;         ///< runs that found, in a part of it, what stamps did not show

  HistoryCounts& operator+=(const HistoryCounts& other) {
    steps += other.steps, given_up += other.given_up;
    runs += other.runs, alongside += other.alongside, killed += other.killed;
    verified += other.verified, comparisons += other.comparisons, alike += other.alike;
    messages += other.messages, ambushes += other.ambushes;
    torn += other.torn, as_of += other.as_of, marked += other.marked;
    failed_reads += other.failed_reads;
    large += other.large, by_digests += other.by_digests, parts += other.parts;
    return *this;
  }
};

}  // namespace sluice::testing
