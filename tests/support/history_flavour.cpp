// SPDX-License-Identifier: Apache-2.0
#include "support/history_flavour.h"

#include <array>

namespace sluice::testing {
namespace {

constexpr Flavour kMixed{.name = "mixed",
                         .fewest_steps = 40,
                         .most_steps = 70,
                         .run = 11,
                         .begin = 60,
                         .change = 28,
                         .finish_prepared = 4,
                         .message = 3,
                         .write = 55,
                         .pause = 7,
                         .savepoint = 8,
                         .back = 5,
                         .rollback = 5,
                         .prepare = 8,
                         .alongside = 25,
                         .killed = 25,
                         .ambush = 25,
                         .honest = 75,
                         .deletes = 65,
                         .reader = 30,
                         .big = 8};

/// Nothing is open for long, so that a mark is settled by its own snapshot.
constexpr Flavour brief() {
  Flavour flavour = kMixed;
  flavour.name = "brief";
  flavour.fewest_steps = 24, flavour.most_steps = 36, flavour.run = 20;
  flavour.begin = 5, flavour.change = 90, flavour.finish_prepared = 1, flavour.message = 1;
  flavour.write = 40, flavour.pause = 0, flavour.savepoint = 5, flavour.prepare = 0;
  flavour.alongside = 40, flavour.killed = 40, flavour.ambush = 75;
  flavour.honest = 85, flavour.reader = 0, flavour.big = 0;
  flavour.killed_at_commits = true;
  return flavour;
}

/// Transactions are begun before a run, and write and commit after it.
constexpr Flavour idle() {
  Flavour flavour = kMixed;
  flavour.name = "idle";
  flavour.fewest_steps = 24, flavour.most_steps = 36, flavour.run = 16;
  flavour.begin = 30, flavour.change = 70, flavour.finish_prepared = 0, flavour.message = 0;
  flavour.prepare = 0;
  flavour.alongside = 30, flavour.killed = 20, flavour.ambush = 75;
  flavour.honest = 100, flavour.deletes = 50, flavour.reader = 15, flavour.big = 0;
  flavour.over_runs = true;
  return flavour;
}

/// What is written is prepared, and committed after another run.
constexpr Flavour prepared() {
  Flavour flavour = idle();
  flavour.name = "prepared";
  flavour.begin = 20, flavour.change = 55, flavour.finish_prepared = 25;
  flavour.run = 20;
  flavour.prepare = 80;
  flavour.alongside = 10, flavour.killed = 10;
  return flavour;
}

/// One message at a time holds two transactions, and runs come before and between them.
constexpr Flavour messages() {
  Flavour flavour = idle();
  flavour.name = "messages";
  flavour.begin = 0, flavour.change = 60, flavour.message = 40;
  flavour.run = 18, flavour.alongside = 10, flavour.killed = 5;
  flavour.reader = 0;
  return flavour;
}

/// Transactions are open while a first load is cut off, and end before another run goes on with it.
constexpr Flavour cut_off() {
  Flavour flavour = idle();
  flavour.name = "cut off";
  flavour.first_killed = true;
  return flavour;
}

constexpr Flavour appended() {
  Flavour flavour = idle();
  flavour.name = "append";
  flavour.alongside = 20, flavour.killed = 30;
  flavour.deletes = 0;
  flavour.append = true;
  return flavour;
}

/// Transactions are open over several runs, and stamps are worth nothing.
constexpr Flavour versions() {
  Flavour flavour = kMixed;
  flavour.name = "versions";
  flavour.run = 16;
  flavour.pause = 15;
  flavour.honest = 20, flavour.deletes = 90, flavour.big = 4;
  flavour.versions = true;
  return flavour;
}

constexpr Flavour standby() {
  Flavour flavour = kMixed;
  flavour.name = "standby";
  flavour.fewest_steps = 24, flavour.most_steps = 36, flavour.run = 16;
  flavour.honest = 100, flavour.reader = 0, flavour.big = 0;
  flavour.standby = true;
  return flavour;
}

constexpr std::array kFlavours{kMixed,     brief(),    idle(),     prepared(), messages(),
                               cut_off(),  appended(), versions(), brief(),    idle(),
                               prepared(), messages(), kMixed,     standby()};

/// Each fourth group of as many seeds has flavours of settings.
constexpr std::uint64_t kGroups = 4;

// ---- flavours of settings: what the writers do is as in one of the others

constexpr Flavour digest(Flavour flavour) {
  flavour.name = "digest";
  flavour.honest = 20, flavour.deletes = 90, flavour.big = 4;
  flavour.digest = true;
  return flavour;
}

constexpr Flavour soft(Flavour flavour) {
  flavour.name = "soft";
  flavour.deletes = 90, flavour.big = 4;
  flavour.soft = true;
  return flavour;
}

constexpr Flavour past(Flavour flavour) {
  flavour.name = "history";
  flavour.deletes = 90, flavour.big = 4;
  flavour.history = true;
  return flavour;
}

/// With `delete_check: never` it would be refused.
constexpr Flavour together(Flavour flavour) {
  flavour.name = flavour.soft      ? "together, soft"
                 : flavour.history ? "together, history"
                                   : "together";
  flavour.honest = 85, flavour.deletes = 100, flavour.big = 4;
  flavour.killed += 10;
  flavour.together = true;
  return flavour;
}

/// What a filter no longer shows is found as deletes are.
constexpr Flavour filtered(Flavour flavour) {
  flavour.name = flavour.versions ? "filtered, versions" : "filtered";
  flavour.deletes = 100, flavour.big = 4;
  flavour.filtered = true;
  return flavour;
}

constexpr Flavour large(Flavour flavour) {
  flavour.name = "large";
  flavour.fewest_steps = 36, flavour.most_steps = 44, flavour.run = 14;
  flavour.alongside = 20, flavour.killed = 20;
  flavour.honest = 40, flavour.deletes = 100, flavour.reader = 0, flavour.big = 0;
  flavour.large = true;
  return flavour;
}

constexpr std::array kSettings{
    digest(kMixed),          soft(kMixed),         past(brief()),           together(kMixed),
    filtered(kMixed),        large(brief()),       soft(brief()),           past(kMixed),
    together(brief()),       filtered(versions()), digest(brief()),         past(idle()),
    together(soft(brief())), large(brief()),       filtered(brief()),       soft(cut_off()),
    past(cut_off()),         together(idle()),     together(past(brief())), large(idle()),
    filtered(idle()),        soft(idle()),         digest(cut_off()),       past(prepared()),
    filtered(cut_off())};

}  // namespace

const Flavour& flavour_of(std::uint64_t seed) {
  const std::uint64_t place = seed % kFlavours.size(), group = seed / kFlavours.size();
  if (group % kGroups != kGroups - 1) return kFlavours[place];
  return kSettings[(group / kGroups * kFlavours.size() + place) % kSettings.size()];
}

std::uint64_t flavour_step(std::uint64_t seed) {
  constexpr std::uint64_t kStep = kGroups * kFlavours.size();
  return seed / kFlavours.size() % kGroups != kGroups - 1 ? kStep : kStep * kSettings.size();
}

}  // namespace sluice::testing
