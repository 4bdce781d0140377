// SPDX-License-Identifier: Apache-2.0
#include "cli/verified.h"

#include <map>
#include <string_view>
#include <vector>

#include "cli/text.h"

namespace sluice::cli {
namespace {

/// The tables that were not compared by digests alone and as of one instant, by how they were.
std::map<std::string, std::vector<std::string>> by_way(std::span<const Verified> all) {
  constexpr std::string_view kRows = "rows: ", kDigests = "digests; ";
  std::map<std::string, std::vector<std::string>> tables;
  for (const Verified& each : all) {
    if (each.how.starts_with(kRows))
      tables["row by row: " + each.how.substr(kRows.size())].push_back(each.table.text());
    if (each.how.starts_with(kDigests)) tables["by " + each.how].push_back(each.table.text());
  }
  return tables;
}

}  // namespace

Json verified_json(const Verified& verified) {
  return {{"equal", verified.not_compared.empty() ? Json(verified.equal()) : Json(nullptr)},
          {"how", verified.how},
          {"rows", verified.rows},
          {"source_rows", verified.source_rows ? Json(*verified.source_rows) : Json(nullptr)},
          {"compared", verified.compared},
          {"missing", verified.missing},
          {"extra", verified.extra},
          {"changed", verified.changed},
          {"examples", verified.examples},
          {"bytes", verified.bytes},
          {"seconds", verified.seconds}};
}

std::string differences_text(std::span<const Verified> all, const Screen& screen) {
  std::string text;
  for (const Verified& each : all) {
    const std::string table = each.table.text() + ": ";
    for (const std::string& example : each.examples)
      text += labelled(0, "differs  ", Style::yellow, table + example, screen);
    const std::uint64_t differing = each.missing + each.extra + each.changed;
    if (differing <= each.examples.size()) continue;
    const std::string more = with_commas(differing - each.examples.size());
    text += labelled(
        0, "differs  ", Style::yellow,
        table + (each.examples.empty() ? more + " rows" : "and " + more + " more rows"), screen);
  }
  return text;
}

std::string ways_text(std::span<const Verified> all, const Screen& screen) {
  std::string text;
  for (const auto& [way, tables] : by_way(all)) {
    const std::string which =
        tables.size() == 1 ? tables.front() : std::to_string(tables.size()) + " tables";
    text += labelled(0, "note  ", Style::dim, which + ": compared " + way, screen);
  }
  return text;
}

}  // namespace sluice::cli
