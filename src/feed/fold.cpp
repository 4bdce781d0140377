// SPDX-License-Identifier: Apache-2.0
#include "feed/fold.h"

#include "duck/duck.h"
#include "sluice/batch.h"

namespace sluice::feed {
namespace {

/// Positions in the stage's columns and, without a key, its column "id", as SQL.
struct Key {
  std::vector<std::string> stage, target;

  explicit Key(const Staged& staged) {
    for (const std::size_t each : staged.key) {
      stage.push_back("c" + std::to_string(staged.columns[each].position));
      target.push_back(duck::quoted(staged.columns[each].name));
    }
    if (!staged.key.empty()) return;
    stage.emplace_back("id");
    target.push_back(duck::quoted(kId));
  }
  /// "s.c0, s.c1"
  std::string list(const std::string& prefix) const {
    std::string text;
    for (const std::string& each : stage) text += (text.empty() ? "" : ", ") + prefix + each;
    return text;
  }
  /// t."id" = s.c0 AND ..: `stage_side` has the stage's names.
  std::string joins_target(const std::string& stage_side) const {
    std::string text;
    for (std::size_t i = 0; i < stage.size(); ++i)
      text += (i == 0 ? "t." : " AND t.") + target[i] + " = " + stage_side + stage[i];
    return text;
  }
};

std::string stage_name(const StagedColumn& column) { return "c" + std::to_string(column.position); }

std::string given(const StagedColumn& column) {
  return "substr(s.given, " + std::to_string(column.position + 1) + ", 1) = '1'";
}

/// `columns` are named as in the stage, `from` is what follows FROM, with `dead` and `synced`.
std::string insert(const apply::Target& target, const Staged& staged, const std::string& dead,
                   const std::string& synced, const std::string& from) {
  std::string names, values;
  if (staged.key.empty()) {
    names = duck::quoted(kId) + ", ";
    values = "s.id, ";
  }
  for (const StagedColumn& each : staged.columns) {
    names += duck::quoted(each.name) + ", ";
    values += "s." + stage_name(each) + ", ";
  }
  return "INSERT INTO " + target.sql() + " (" + names + duck::quoted(kDeleted) + ", " +
         duck::quoted(kSynced) + ") SELECT " + values + dead + ", " + synced + " FROM " + from;
}

std::string delete_matching(const apply::Target& target, const Key& key, const std::string& rows) {
  return "DELETE FROM " + target.sql() + " WHERE rowid IN (SELECT t.rowid FROM " + target.sql() +
         " t JOIN " + rows + " s ON " + key.joins_target("s.") + ")";
}

/// Of each key the upsert that it begins with and the updates behind that, column by column.
std::string overlay(const Staged& staged, const Key& key) {
  std::string values;
  for (const StagedColumn& each : staged.columns) {
    const std::string column = stage_name(each), has = "s.op = 0 OR " + given(each);
    values += ", arg_max_null(s." + column + ", s.seq) FILTER (" + has + ") AS " + column +
              ", coalesce(bool_or(" + has + "), false) AS has_" + column;
  }
  std::string same;
  for (const std::string& each : key.stage)
    same += (same.empty() ? "s." : " AND s.") + each + " = l." + each;
  return "CREATE OR REPLACE TEMP TABLE sluice_overlay AS SELECT l.seq, any_value(l.op) AS op, "
         "bool_or(l.upserted IS NOT NULL) AS whole" +
         values + " FROM " + staged.relation + " s JOIN sluice_last l ON " + same +
         " WHERE l.updated > coalesce(l.upserted, -1) AND s.seq >= coalesce(l.upserted, 0) AND "
         "s.op <> 2 GROUP BY l.seq";
}

/// Every row that is to be at the target, whole.
std::string whole_rows(const apply::Target& target, const Staged& staged, const Key& key) {
  const std::string before =
      staged.truncated ? " OR l.seq < " + std::to_string(*staged.truncated) : "";
  const std::string dead = "l.op = 2" + before + " AS dead";
  std::string plain, merged;
  for (const StagedColumn& each : staged.columns) {
    const std::string column = stage_name(each);
    plain += "s." + column + ", ";
    merged += "CASE WHEN l.has_" + column + " THEN l." + column + " ELSE t." +
              duck::quoted(each.name) + " END AS " + column + ", ";
  }
  return "CREATE OR REPLACE TEMP TABLE sluice_rows AS SELECT " + plain + dead + " FROM " +
         staged.relation +
         " s JOIN sluice_last l ON s.seq = l.upserted WHERE l.updated IS NULL OR l.updated < "
         "l.upserted UNION ALL SELECT " +
         merged + dead + " FROM sluice_overlay l LEFT JOIN " + target.sql() + " t ON " +
         key.joins_target("l.") + " WHERE l.whole OR t.rowid IS NOT NULL";
}

}  // namespace

std::string with_id(const Staged& staged) {
  std::vector<const StagedColumn*> sorted;
  for (const StagedColumn& each : staged.columns) sorted.push_back(&each);
  std::ranges::sort(sorted, {}, [](const StagedColumn* each) { return duck::folded(each->name); });
  std::string parts = "''";
  for (const StagedColumn* each : sorted) {
    const std::string column = stage_name(*each);
    const std::string text = each->type == "TIMESTAMP WITH TIME ZONE"
                                 ? "epoch_us(" + column + ")::VARCHAR"
                                 : column + "::VARCHAR";
    // concat() takes NULL, which the text of a NULL makes of all three, for nothing.
    parts += ", " + duck::literal(each->name + "=") + " || length(" + text + ") || ':' || " + text;
  }
  return "(SELECT *, sha1(concat(" + parts + ")) AS id FROM " + staged.relation + ")";
}

std::string fold_keys(const Staged& staged) {
  const bool plain = !staged.updates && !staged.removes;
  if (staged.rows == 0 || (plain && staged.each_key_once)) return "";
  const Key key(staged);
  return "CREATE OR REPLACE TEMP TABLE sluice_last AS SELECT max(seq) AS seq" +
         (plain ? std::string()
                : ", arg_max(op, seq) AS op, max(seq) FILTER (op = 0) AS upserted, "
                  "max(seq) FILTER (op = 1) AS updated, " +
                      key.list("")) +
         " FROM " + staged.relation + " GROUP BY " + key.list("");
}

std::string any_there(const apply::Target& target, const Staged& staged) {
  if (!staged.range || staged.rows <= Batch::kMaxRows) return "";
  const std::string key = duck::quoted(staged.columns[staged.key[0]].name);
  return "SELECT true FROM " + target.sql() + " WHERE " + key +
         " >= " + std::to_string(staged.range->first) + " AND " + key +
         " <= " + std::to_string(staged.range->second) + " LIMIT 1";
}

std::vector<Statement> apply(const apply::Target& target, const Staged& staged,
                             const std::string& synced) {
  using Does = Statement::Does;
  std::vector<Statement> statements;
  const auto add = [&](Does does, std::string sql) {
    statements.push_back({does, std::move(sql)});
  };
  const std::string deleted = duck::quoted(kDeleted);
  if (staged.truncated) {
    add(Does::marks, "UPDATE " + target.sql() + " SET " + deleted + " = true WHERE NOT " + deleted);
  }
  if (staged.outdated) {
    add(Does::marks, "UPDATE " + target.sql() + " SET " + deleted + " = true WHERE NOT " + deleted +
                         " AND " + duck::quoted(kSynced) + " <= make_timestamptz(" +
                         std::to_string(*staged.outdated) + "::BIGINT)");
  }
  if (staged.rows == 0) return statements;
  const Key key(staged);
  const std::string stage = staged.relation;
  if (!staged.updates && !staged.removes) {
    const std::string dead =
        staged.truncated ? "s.seq < " + std::to_string(*staged.truncated) : "false";
    if (!staged.all_new) add(Does::removes, delete_matching(target, key, stage));
    add(Does::inserts,
        insert(target, staged, dead, synced,
               stage + (staged.each_key_once ? " s"
                                             : " s WHERE s.seq IN (SELECT seq FROM sluice_last)")));
    return statements;
  }
  add(Does::stages, overlay(staged, key));
  add(Does::stages, whole_rows(target, staged, key));
  add(Does::marks, "UPDATE " + target.sql() + " SET " + deleted + " = true, " +
                       duck::quoted(kSynced) + " = " + synced +
                       " WHERE rowid IN (SELECT t.rowid FROM " + target.sql() +
                       " t JOIN sluice_last l ON " + key.joins_target("l.") +
                       " WHERE l.upserted IS NULL AND l.updated IS NULL)");
  add(Does::removes, delete_matching(target, key, "sluice_rows"));
  add(Does::inserts, insert(target, staged, "s.dead", synced, "sluice_rows s"));
  return statements;
}

std::string drop_folded() {
  return "DROP TABLE IF EXISTS temp.sluice_last; DROP TABLE IF EXISTS temp.sluice_overlay; "
         "DROP TABLE IF EXISTS temp.sluice_rows";
}

}  // namespace sluice::feed
