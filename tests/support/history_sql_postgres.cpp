// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "support/history_sql_postgres.h"
#include "support/history_table.h"

namespace sluice::testing {
namespace {

using Kind = HistoryTable::Kind;

class PostgresSql : public HistorySql {
 public:
  std::string create(const HistoryTable& table) const override {
    std::string key;
    switch (table.kind()) {
      case Kind::pair:
        key = "a int, b text, PRIMARY KEY (a, b), ";
        break;
      case Kind::uuid:
        key = "id uuid PRIMARY KEY, ";
        break;
      case Kind::bag:
        break;
      default:
        key = "id bigint PRIMARY KEY, ";
    }
    const std::string& name = table.name();
    std::string sql = "CREATE TABLE " + name + " (" + key + "n int, note text";
    if (table.stamped()) {
      sql += std::string(", updated_at timestamptz") +
             (table.kind() == Kind::nullable ? "" : " NOT NULL");
    }
    sql += ")";
    if (table.partitioned()) {
      sql += " PARTITION BY HASH (" + table.keys() + ")";
      for (const char* each : {"0", "1", "2"}) {
        sql += "; CREATE TABLE " + name + "_" + each + " PARTITION OF " + name +
               " FOR VALUES WITH (MODULUS 3, REMAINDER " + each + ")";
      }
    }
    if (table.indexed()) sql += "; CREATE INDEX ON " + name + " (updated_at)";
    return sql;
  }

  std::string stamped_by_trigger(const HistoryTable& table) const override {
    return "CREATE OR REPLACE FUNCTION stamp_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN "
           "NEW.updated_at := clock_timestamp(); RETURN NEW; END'; CREATE TRIGGER stamps BEFORE "
           "INSERT OR UPDATE ON " +
           table.name() + " FOR EACH ROW EXECUTE FUNCTION stamp_row()";
  }

  std::string added_type(Dice& dice) const override {
    static constexpr std::array<const char*, 4> kTypes{"int", "int DEFAULT 7", "text",
                                                       "text DEFAULT 'seven' NOT NULL"};
    return dice.pick(kTypes);
  }

  std::string rewrite(const HistoryTable& table) const override {
    return "ALTER TABLE " + table.name() + " ALTER note TYPE text USING note || ''";
  }

  std::string refill(const HistoryTable& table, const std::string& insert) const override {
    return "TRUNCATE " + table.name() + "; " + insert;
  }

  std::string key_values(const HistoryTable& table, const std::string& number) const override {
    switch (table.kind()) {
      case Kind::pair:
        return number + " % 5, 'Key ' || " + number + " / 5";
      case Kind::uuid:
        return "md5(" + number + "::text)::uuid";
      case Kind::bag:
        return "";
      case Kind::large:
        return number;
      default:
        return "CASE WHEN " + number + " % 3 = 0 THEN -" + number + " ELSE " + number + " END";
    }
  }

  std::string half(const std::string& number) const override { return number + " / 2"; }
  std::string now() const override { return "now()"; }
  std::string some_clock(Dice& dice) const override {
    return dice.chance(70) ? "now()" : "clock_timestamp()";
  }
  std::string shifted(bool ahead, const std::string& time) const override {
    return std::string("now() ") + (ahead ? "+" : "-") + " interval '" + time + "'";
  }
  std::string next_hours() const override {
    return "date_trunc('hour', now()) + interval '2 hours'";
  }

  std::string series(const std::string& first, const std::string& last) const override {
    return "generate_series(" + first + ", " + last + ") i";
  }
  std::string insert_or_leave(const std::string& insert) const override {
    return insert + " ON CONFLICT DO NOTHING";
  }
  std::string insert_or_update(const std::string& insert, const std::string& keys,
                               const std::string& more) const override {
    return insert + " ON CONFLICT (" + keys + ") DO UPDATE SET n = excluded.n" + more;
  }

  std::string hash(const HistoryTable& table, const std::string& salt) const override {
    const std::string what =
        table.has_key() ? "(" + table.keys() + ")::text" : std::string("n::text");
    return "hashtext(" + std::string(table.has_key() ? "ROW" : "") + what + " || '" + salt + "')";
  }

  std::string one(const HistoryTable& table, bool notes, const std::string& salt,
                  int count) const override {
    const std::string order = " ORDER BY hashtext(" +
                              std::string(notes ? "coalesce(note, '') || " : "") + "n || '" + salt +
                              "'), ctid LIMIT " + std::to_string(count) + ")";
    return std::string(notes ? "ctid IN" : "ctid =") + " (SELECT ctid FROM " + table.name() + order;
  }

  std::string set_key(const HistoryTable& table, const std::string& number) const override {
    return "(" + table.keys() + ") = (SELECT " + key_values(table, number) + ")";
  }

  std::string fill(const HistoryTable& table, int keys) const override {
    return "INSERT INTO " + table.name() +
           " (id, n, note, updated_at) SELECT i, i % 100, 'note ' || i % 7, now() - i * interval "
           "'1 ms' FROM generate_series(1, " +
           std::to_string(keys) + ") i";
  }

  std::string row(const HistoryTable& table,
                  const std::vector<std::string>& columns) const override {
    return table.text(columns, "CAST(extract(epoch FROM updated_at) * 1000000 AS bigint)");
  }
  std::string sum(const HistoryTable& table, const std::string& row) const override {
    return "'" + table.name() + "|' || count(*) || ' rows, ' || coalesce(sum(('x' || substr(md5(" +
           row + "), 1, 15))::bit(60)::bigint), 0)";
  }
  std::string schema() const override { return "public"; }
};

}  // namespace

const HistorySql& postgres_sql() {
  static const PostgresSql sql;
  return sql;
}

}  // namespace sluice::testing
