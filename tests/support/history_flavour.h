// SPDX-License-Identifier: Apache-2.0
// What a history has most of: what is rare where everything happens is common in one flavour.
#pragma once

#include <cstdint>

namespace sluice::testing {

/// Chances are in percent.
struct Flavour {
  const char* name;
  int fewest_steps, most_steps;
  int run;  ///< one before a step
  // What a writer does outside a transaction; what remains changes the shape of a table.
  int begin, change, finish_prepared, message;
  // What it does inside one; what remains is to commit.
  int write, pause, savepoint, back, rollback, prepare;
  // Which runs; what remains goes on while nobody writes. Of those beside writers: the ones that
  // are waited for, until their snapshot is taken.
  int alongside, killed, ambush;
  // What the whole history is like.
  int honest, deletes, reader, big;
  /// What is begun, sent or prepared stays as it is until another run has begun; what a transaction
  /// writes it then ends in the same step, so that no run sees a number of its own.
  bool over_runs = false;
  bool writes_early = false;  ///< but for a change right after its begin
  bool first_killed = false;  ///< the first run is, before it publishes its one table
  bool unmarked = false;      ///< half the time that table has nothing that says what changed
  bool killed_at_commits = false;
  bool append = false;    ///< mode append, and nothing but new rows
  bool versions = false;  ///< strategy xmin, and no table without a key
  bool standby = false;   ///< sluice reads from one, which may lag behind
  // What sluice is told, beside what the writers do.
  bool digest = false;    ///< strategy digest
  bool soft = false;      ///< deletes: soft
  bool history = false;   ///< mode history
  bool together = false;  ///< publish: together
  bool filtered = false;  ///< some tables with `where`, one with `start`
  bool large = false;     ///< one table has enough keys for digests of them
  /// Copies that hold more than the source's rows, or tables that have to fit each other: looked at
  /// after every run, however it ended.
  bool watched() const { return soft || history || together; }
};

/// Of every four groups of 14 seeds the last one has flavours of settings, the others of writers.
const Flavour& flavour_of(std::uint64_t seed);

/// How far it is from the seed to the next one that is sure to have its flavour.
std::uint64_t flavour_step(std::uint64_t seed);

}  // namespace sluice::testing
