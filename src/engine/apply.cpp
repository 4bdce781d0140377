// SPDX-License-Identifier: Apache-2.0
#include "engine/apply.h"

#include <algorithm>

#include "duck/duck.h"
#include "planted.h"

namespace sluice::apply {
namespace {

std::string joined(const std::vector<std::string>& parts, const char* glue) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += glue;
    text += part;
  }
  return text;
}

bool contains(const std::string& type, const char* word) {
  return type.find(word) != std::string::npos;
}

/// Types whose own equality is not exact (measured: INTERVAL compares a month equal to 30 days).
bool needs_text(const std::string& type) {
  const bool nested = type.ends_with(']') || type.starts_with("STRUCT") || type.starts_with("MAP");
  if (contains(type, "INTERVAL")) return true;
  return nested &&
         (contains(type, "FLOAT") || contains(type, "DOUBLE") || contains(type, "VARIANT"));
}

/// hash() of nested values gives [NULL], NULL and {'a': NULL} one hash.
bool hash_needs_text(const std::string& type) {
  return needs_text(type) || type.ends_with(']') || type.starts_with("STRUCT") ||
         type.starts_with("MAP") || type.starts_with("UNION");
}

constexpr std::string_view kKeyGlue = " || ', ' || ";

/// The end of a version that has none: Fivetran's, so that one condition asks for any instant.
constexpr const char* kOpenEnd = "9999-12-31 23:59:59.999+00";

std::string instant(const std::string& text) { return duck::literal(text) + "::TIMESTAMPTZ"; }

std::string delete_rows(const Target& target, const std::string& rowids) {
  return "DELETE FROM " + target.sql() + " WHERE rowid IN (" + rowids + ")";
}

std::string set_rows(const Target& target, const std::string& what, const std::string& rowids) {
  return "UPDATE " + target.sql() + " SET " + what +
         (target.synced_at.empty() ? "" : ", " + duck::quoted(target.synced_at) + " = now()") +
         " WHERE rowid IN (" + rowids + ")";
}

/// So many that a thousand changes touch few of their rows, and so few that their sums fit the
/// processors' caches.
std::string hash_bucket(const std::string& hash) { return "(" + hash + " & 262143)"; }

/// One column of a key for people, behind the glue: "id 5".
std::string key_text(const std::string& name, const std::string& value) {
  return std::string(kKeyGlue) + duck::literal(name + " ") + " || (" + value + ")::VARCHAR";
}

}  // namespace

std::string equal_keys(const std::vector<std::string>& key, const std::string& left,
                       const std::string& right) {
  std::vector<std::string> parts;
  for (const std::string& column : key)
    parts.push_back(left + duck::quoted(column) + " = " + right + duck::quoted(column));
  return joined(parts, " AND ");
}

std::string Target::sql() const { return sibling(name); }

std::string Target::sibling(const std::string& other) const {
  return duck::quoted(catalog) + "." + duck::quoted(schema) + "." + duck::quoted(other);
}

std::string Target::living(const std::string& prefix) const {
  if (versions) return prefix + duck::quoted(versions->current);
  return deleted.empty() ? "true" : prefix + duck::quoted(deleted) + " IS NOT TRUE";
}

std::string Target::replaceable(const std::string& prefix) const {
  return versions ? living(prefix) : "true";
}

std::string remove_rows(const Target& target, const std::string& rowids) {
  if (target.deleted.empty() || target.hidden || planted("mark-forgotten"))
    return replace_rows(target, rowids);
  return set_rows(target, duck::quoted(target.deleted) + " = true", rowids);
}

std::string replace_rows(const Target& target, const std::string& rowids) {
  if (!target.versions || target.hidden) return delete_rows(target, rowids);
  const Versions& versions = *target.versions;
  return set_rows(target,
                  duck::quoted(versions.to) + " = " +
                      (planted("version-ends-now") ? "now()" : instant(versions.end)) + ", " +
                      duck::quoted(versions.current) + " = false",
                  rowids);
}

std::string take_back(const Target& target, const std::string& committed) {
  return "DELETE FROM " + target.sql() + " WHERE " + duck::quoted(target.versions->from) + " > " +
         instant(committed);
}

std::string column_list(const std::vector<std::string>& columns, const std::string& prefix) {
  std::vector<std::string> parts;
  for (const std::string& column : columns) parts.push_back(prefix + duck::quoted(column));
  return joined(parts, ", ");
}

std::vector<std::string> names(const std::vector<Column>& columns) {
  std::vector<std::string> all;
  for (const Column& column : columns) all.push_back(column.name);
  return all;
}

std::string content_id(const std::vector<Column>& columns) {
  std::vector<const Column*> sorted;
  for (const Column& each : columns) sorted.push_back(&each);
  std::ranges::sort(sorted, {}, [](const Column* each) { return duck::folded(each->name); });
  std::vector<std::string> parts{"''"};
  for (const Column* each : sorted) {
    const std::string name = duck::quoted(each->name);
    const std::string text = each->type == "TIMESTAMP WITH TIME ZONE"
                                 ? "epoch_us(" + name + ")::VARCHAR"
                                 : name + "::VARCHAR";
    // concat() takes NULL, which the text of a NULL makes of all three, for nothing.
    parts.push_back(duck::literal(each->name + "=") + " || length(" + text + ") || ':' || " + text);
  }
  return "sha1(concat(" + joined(parts, ", ") + "))";
}

std::string exact(const Column& column, const std::string& prefix) {
  const std::string plain = prefix + duck::quoted(column.name);
  return needs_text(column.type) ? plain + "::VARCHAR" : plain;
}

std::string insert_into(const Target& target, const std::vector<Column>& columns) {
  const std::string list = column_list(names(columns));
  std::string own, values;
  if (target.versions) {
    const Versions& versions = *target.versions;
    own = ", " + column_list({versions.from, versions.to, versions.current});
    values = ", " + instant(versions.begin) + ", " + instant(kOpenEnd) + ", true";
  }
  if (!target.row_id.empty()) {
    own += ", " + duck::quoted(target.row_id);
    values += ", " + (target.row_id_of_content ? content_id(columns) : "uuid()::VARCHAR");
  }
  if (!target.synced_at.empty()) own += ", " + duck::quoted(target.synced_at), values += ", now()";
  return "INSERT INTO " + target.sql() + " (" + list + own + ") SELECT " + list + values;
}

std::string differs(const std::vector<Column>& columns, const std::string& left,
                    const std::string& right) {
  std::vector<std::string> parts;
  for (const Column& column : columns) {
    parts.push_back(exact(column, left) + " IS DISTINCT FROM " + exact(column, right));
  }
  return "(" + joined(parts, " OR ") + ")";
}

std::string row_hash(const std::vector<Column>& columns, const std::string& prefix, int salt) {
  std::vector<std::string> parts;
  if (salt != 0) parts.push_back(std::to_string(salt));
  for (const Column& column : columns) {
    const std::string plain = prefix + duck::quoted(column.name);
    if (planted("null-as-empty")) {
      parts.push_back("coalesce(" + plain + "::VARCHAR, '')");
      continue;
    }
    parts.push_back(hash_needs_text(column.type) ? plain + "::VARCHAR" : plain);
  }
  return "hash(" + joined(parts, ", ") + ")";
}

Merge merge(const Target& target, const std::string& stage, const std::vector<Column>& columns,
            const std::vector<std::string>& key) {
  Merge sql;
  // INNER, with the stage as one side: DuckDB then skips the target's row groups that hold none of
  // its keys.
  sql.match =
      "CREATE OR REPLACE TEMP TABLE sluice_match AS SELECT t.rowid AS rid, s.rowid AS sid, NOT " +
      differs(columns, "t.", "s.") + (planted("mark-stays") ? "" : " AND " + target.living("t.")) +
      " AS same FROM " + target.sql() + " t JOIN " + stage + " s ON " +
      equal_keys(key, "t.", "s.") + " AND " + target.replaceable("t.");
  // A stage row stays untouched only if the target holds its key exactly once, with the same
  // values.
  const std::string kept =
      target.versions && planted("version-for-nothing")
          ? "(SELECT sid FROM sluice_match WHERE false)"
          : "(SELECT sid FROM sluice_match GROUP BY sid HAVING count(*) = 1 AND bool_and(same))";
  sql.counts = "SELECT (SELECT count(*) FROM " + stage +
               ") - count(*) AS inserted, count(*) FILTER (NOT kept) AS updated FROM (SELECT "
               "count(*) = 1 AND bool_and(same) AS kept FROM sluice_match GROUP BY sid)";
  sql.remove = replace_rows(target, "SELECT rid FROM sluice_match WHERE sid NOT IN " + kept);
  sql.insert = insert_into(target, columns) + " FROM " + stage + " WHERE rowid NOT IN " + kept;
  return sql;
}

std::string bad_keys(const std::string& relation, const std::vector<std::string>& key) {
  std::vector<std::string> nulls;
  for (const std::string& column : key) nulls.push_back(duck::quoted(column) + " IS NULL");
  const std::string list = column_list(key);
  return "SELECT count(*) FROM (SELECT " + list + " FROM " + relation + " GROUP BY " + list +
         " HAVING count(*) > 1 OR " + joined(nulls, " OR ") + ")";
}

std::string prune_match(const Target& target, const std::string& relation,
                        const std::vector<std::string>& key, const std::string& where) {
  const std::string list = column_list(key);
  const std::string first = duck::quoted(key.front());
  return "CREATE OR REPLACE TEMP TABLE sluice_prune AS SELECT t._sluice_rid, " +
         column_list(key, "k.") + " FROM (SELECT " + list + " FROM " + relation +
         ") k FULL JOIN (SELECT " + list + ", rowid AS _sluice_rid FROM " + target.sql() +
         " WHERE " + target.living() + (where.empty() ? "" : " AND " + where) + ") t ON " +
         equal_keys(key, "t.", "k.") + " WHERE t._sluice_rid IS NULL OR k." + first + " IS NULL";
}

std::string keyed_difference(const Target& target, const std::string& relation,
                             const std::vector<Column>& columns,
                             const std::vector<std::string>& key, Gone gone, std::uint64_t limit,
                             const std::string& where) {
  const std::string list = column_list(key);
  const std::string first = "s." + duck::quoted(key.front());
  return "CREATE OR REPLACE TEMP TABLE sluice_diff AS SELECT t._sluice_rid, " +
         column_list(names(columns), "s.") + " FROM (SELECT " + column_list(names(columns)) +
         " FROM " + relation + ") s FULL JOIN (SELECT " + list + ", " + row_hash(columns, "") +
         " AS _sluice_hash, rowid AS _sluice_rid, " + target.living() + " AS _sluice_lives FROM " +
         target.sql() + " WHERE " + target.replaceable() +
         (where.empty() ? "" : " AND (" + where + ")") + ") t ON " + equal_keys(key, "t.", "s.") +
         " WHERE (t._sluice_rid IS NULL OR CASE WHEN " + first +
         " IS NULL THEN t._sluice_lives ELSE NOT t._sluice_lives OR t._sluice_hash <> " +
         row_hash(columns, "s.") + " END)" +
         (gone == Gone::wanted ? "" : " AND " + first + " IS NOT NULL") + " LIMIT " +
         std::to_string(limit);
}

std::string duplicates(const Target& target, const std::vector<std::string>& key,
                       const std::string& where) {
  std::string text;
  for (const std::string& name : key) text += key_text(name, duck::quoted(name));
  return "SELECT " + text.substr(kKeyGlue.size()) + ", count(*) - 1 FROM " + target.sql() +
         " WHERE " + target.replaceable() + (where.empty() ? "" : " AND " + where) + " GROUP BY " +
         column_list(key) + " HAVING count(*) > 1 ORDER BY 1";
}

std::string examples_of_difference(const Target& target, const std::vector<Column>& columns,
                                   const std::vector<std::string>& key, std::size_t limit) {
  std::string text, differing;
  for (const std::string& name : key)
    text += key_text(name, "coalesce(d." + duck::quoted(name) + ", t." + duck::quoted(name) + ")");
  text = text.substr(kKeyGlue.size());
  for (const Column& column : columns)
    differing += (differing.empty() ? "" : ", ") + ("CASE WHEN " + differs({column}, "t.", "d.")) +
                 " THEN " + duck::literal(column.name) + " END";
  const std::string at_source = "d." + duck::quoted(key.front()) + " IS NOT NULL";
  return "SELECT " + text + ", d._sluice_rid IS NOT NULL, " + at_source +
         ", CASE WHEN d._sluice_rid IS NOT NULL AND " + at_source +
         " THEN coalesce(nullif(array_to_string([" + differing + "], ', '), ''), " +
         duck::literal("its mark " + target.deleted) +
         ") ELSE '' END FROM sluice_diff d LEFT JOIN " + target.sql() +
         " t ON t.rowid = d._sluice_rid ORDER BY 1 LIMIT " + std::to_string(limit);
}

std::string known_difference(const std::string& staged, const std::vector<std::string>& key) {
  return "DELETE FROM sluice_diff USING " + staged + " s WHERE " +
         equal_keys(key, "sluice_diff.", "s.");
}

std::string contradictory(const Target& target) {
  const Versions& versions = *target.versions;
  return duck::quoted(versions.current) + " IS DISTINCT FROM (" + duck::quoted(versions.to) +
         " IS NOT DISTINCT FROM " + instant(kOpenEnd) + ")";
}

std::string agree(const Target& target) {
  return "UPDATE " + target.sql() + " SET " + duck::quoted(target.versions->current) + " = (" +
         duck::quoted(target.versions->to) + " IS NOT DISTINCT FROM " + instant(kOpenEnd) +
         ") WHERE " + contradictory(target);
}

std::string clone(const Target& target, const std::string& other,
                  const std::vector<Column>& columns) {
  std::vector<std::string> all = names(columns);
  if (!target.deleted.empty()) all.push_back(target.deleted);
  if (const auto& versions = target.versions)
    all.insert(all.end(), {versions->from, versions->to, versions->current});
  if (!target.row_id.empty()) all.push_back(target.row_id);
  if (!target.synced_at.empty()) all.push_back(target.synced_at);
  const std::string list = column_list(all);
  return "INSERT INTO " + target.sibling(other) + " (" + list + ") SELECT " + list + " FROM " +
         target.sql();
}

std::string replacement_counts(const Target& target, const std::string& other,
                               const std::vector<Column>& columns,
                               const std::vector<std::string>& key) {
  const std::string list = column_list(key);
  const std::string side =
      "(SELECT " + list + ", " + row_hash(columns, "") + " AS _sluice_hash FROM ";
  return "SELECT count(*) FILTER (o._sluice_hash IS NULL), count(*) FILTER (o._sluice_hash <> "
         "n._sluice_hash), count(*) "
         "FILTER (n._sluice_hash IS NULL) FROM " +
         side + target.sql() + " WHERE " + target.living() + ") o FULL JOIN " + side +
         target.sibling(other) + ") n ON " + equal_keys(key, "o.", "n.");
}

std::string remove_duplicates(const Target& target, const std::vector<std::string>& key,
                              bool keep_one) {
  const std::string list = column_list(key);
  return "DELETE FROM " + target.sql() +
         " WHERE rowid IN (SELECT _sluice_rid FROM (SELECT rowid AS _sluice_rid, " +
         (keep_one ? "row_number()" : "count(*)") + " OVER (PARTITION BY " + list +
         (keep_one ? " ORDER BY " + target.living() + " DESC" : "") + ") AS _sluice_nth FROM " +
         target.sql() + " WHERE " + target.replaceable() + ") WHERE _sluice_nth > 1)";
}

std::string differing_buckets(const Target& target, const std::string& relation,
                              const std::vector<Column>& columns, const std::vector<Column>& by) {
  // Hashed once more: columns go into a row's hash by XOR, and sums of such hashes can be the same
  // for rows that have exchanged a value.
  const auto sums = [&](const std::string& rows) {
    return "(SELECT _sluice_bucket AS bucket, count(*) AS n, sum(hash(_sluice_hash)) AS s FROM "
           "(SELECT " +
           hash_bucket(row_hash(by, "")) + " AS _sluice_bucket, " + row_hash(columns, "") +
           " AS _sluice_hash FROM " + rows + ") GROUP BY bucket)";
  };
  return "CREATE OR REPLACE TEMP TABLE sluice_differ AS SELECT bucket FROM " + sums(relation) +
         " s FULL JOIN " + sums(target.sql() + " WHERE " + target.living()) +
         " t USING (bucket) WHERE s.n IS DISTINCT FROM t.n OR s.s IS DISTINCT FROM t.s";
}

std::string in_differing_buckets(const std::vector<Column>& by) {
  return hash_bucket(row_hash(by, "")) + " IN (SELECT bucket FROM sluice_differ)";
}

std::string multiset_source(const std::string& relation, const std::vector<Column>& columns) {
  const std::string count = planted("bag-as-set") ? "1::BIGINT" : "count(*)";
  return "CREATE OR REPLACE TEMP TABLE sluice_source AS SELECT h1, h2, " + count +
         " AS n FROM (SELECT " + row_hash(columns, "") + " AS h1, " + row_hash(columns, "", 1) +
         " AS h2 FROM " + relation + ") GROUP BY h1, h2";
}

std::string multiset_delta(const Target& target, const std::vector<Column>& columns,
                           const std::string& where) {
  return "CREATE OR REPLACE TEMP TABLE sluice_delta AS SELECT coalesce(s.h1, t.h1) AS h1, "
         "coalesce(s.h2, t.h2) AS h2, "
         "coalesce(s.n, 0) - coalesce(t.n, 0) AS n FROM sluice_source s FULL JOIN (SELECT h1, h2, "
         "count(*) AS n FROM "
         "(SELECT " +
         row_hash(columns, "") + " AS h1, " + row_hash(columns, "", 1) + " AS h2 FROM " +
         target.sql() + " WHERE " + target.living() +
         (where.empty() ? "" : " AND (" + where + ")") +
         ") GROUP BY h1, h2) t ON s.h1 = t.h1 AND s.h2 = t.h2 WHERE s.n IS DISTINCT FROM t.n";
}

std::string multiset_remove(const Target& target, const std::vector<Column>& columns,
                            const std::string& where) {
  return remove_rows(
      target,
      "SELECT rid FROM (SELECT rid, d.n, row_number() OVER (PARTITION BY d.h1, d.h2) AS nth FROM "
      "(SELECT rowid AS rid, " +
          row_hash(columns, "") + " AS h1, " + row_hash(columns, "", 1) + " AS h2 FROM " +
          target.sql() + " WHERE " + target.living() +
          (where.empty() ? "" : " AND (" + where + ")") +
          ") t JOIN sluice_delta d ON t.h1 = d.h1 AND t.h2 = d.h2 WHERE d.n < 0) WHERE nth <= -n");
}

std::string multiset_new(const std::string& relation, const std::vector<Column>& columns) {
  const std::string list = column_list(names(columns));
  return "CREATE OR REPLACE TEMP TABLE sluice_new AS SELECT " + list + " FROM (SELECT " +
         column_list(names(columns), "s.") +
         ", d.n AS _sluice_n, row_number() OVER (PARTITION BY d.h1, d.h2) AS _sluice_nth FROM "
         "(SELECT " +
         list + ", " + row_hash(columns, "") + " AS _sluice_h1, " + row_hash(columns, "", 1) +
         " AS _sluice_h2 FROM " + relation +
         ") s JOIN sluice_delta d ON s._sluice_h1 = d.h1 AND s._sluice_h2 = d.h2 WHERE d.n > 0) "
         "WHERE _sluice_nth <= "
         "_sluice_n";
}

}  // namespace sluice::apply
