// SPDX-License-Identifier: Apache-2.0
#include "support/history_sql_mysql.h"

#include <array>
#include <utility>

#include "support/history_table.h"

namespace sluice::testing {
namespace {

using Kind = HistoryTable::Kind;

class MysqlSql : public HistorySql {
 public:
  explicit MysqlSql(MysqlNames names) : names_(std::move(names)) {}

  // Keys that differ by case or by blanks at their end alone are one to this collation.
  std::string create(const HistoryTable& table) const override {
    std::string key, more;
    switch (table.kind()) {
      case Kind::pair:
        key = "a int, b varchar(60) COLLATE utf8mb4_general_ci, PRIMARY KEY (a, b), ";
        break;
      case Kind::uuid:
        key = "id " + names_.uuid + " PRIMARY KEY, ";
        break;
      case Kind::bag:
        break;
      default:
        key = "id bigint PRIMARY KEY, ";
    }
    const bool wide = table.kind() == Kind::uuid || table.kind() == Kind::bag;
    if (table.stamped()) more = ", updated_at " + table.stamp_type() + stamp_default(table);
    if (table.indexed()) more += ", KEY (updated_at)";
    std::string sql = "CREATE TABLE " + table.name() + " (" + key + "n int, note " +
                      (wide ? "text" : "varchar(400)") + more + ") ENGINE=InnoDB";
    if (table.partitioned()) sql += " PARTITION BY KEY (" + table.keys() + ") PARTITIONS 3";
    return sql;
  }

  std::string stamped_by_trigger(const HistoryTable& table) const override {
    std::string sql;
    for (const char* each : {"INSERT", "UPDATE"}) {
      sql += std::string(sql.empty() ? "" : "; ") + "CREATE TRIGGER " + table.name() + "_" + each +
             " BEFORE " + each + " ON " + table.name() +
             " FOR EACH ROW SET NEW.updated_at = NOW(6)";
    }
    return sql;
  }

  std::string added_type(Dice& dice) const override {
    static constexpr std::array<const char*, 6> kTypes{
        "int",         "int DEFAULT 7", "varchar(50)", "varchar(50) DEFAULT 'seven' NOT NULL",
        "int AFTER n", "text AFTER n"};
    return dice.pick(kTypes);
  }

  std::string rewrite(const HistoryTable& table) const override {
    return "ALTER TABLE " + table.name() + " FORCE";
  }

  // TRUNCATE would be a transaction of its own.
  std::string refill(const HistoryTable& table, const std::string& insert) const override {
    return "DELETE FROM " + table.name() + "; " + insert;
  }

  std::string key_values(const HistoryTable& table, const std::string& number) const override {
    switch (table.kind()) {
      case Kind::pair:
        return number + " % 5, " + text_key(number, number);
      case Kind::uuid:
        return "INSERT(INSERT(MD5(" + number + "), 13, 1, '4'), 17, 1, '8')";
      case Kind::bag:
        return "";
      case Kind::large:
        return number;
      default:
        return "CASE WHEN " + number + " % 3 = 0 THEN -" + number + " ELSE " + number + " END";
    }
  }

  std::string half(const std::string& number) const override { return "(" + number + " DIV 2)"; }
  std::string now() const override { return "NOW(6)"; }
  // The last one of these counts whole seconds, whatever its column holds.
  std::string some_clock(Dice& dice) const override {
    static constexpr std::array kClocks{"NOW(6)",     "NOW(6)",     "CURRENT_TIMESTAMP(6)",
                                        "SYSDATE(6)", "SYSDATE(6)", "NOW()"};
    return dice.pick(kClocks);
  }
  std::string shifted(bool ahead, const std::string& time) const override {
    const auto blank = time.find(' ');
    const std::string count = time.substr(0, blank), unit = time.substr(blank + 1);
    const std::string by = unit == "ms"  ? count + "000 MICROSECOND"
                           : unit == "s" ? count + " SECOND"
                                         : count + " " + unit;
    return std::string("NOW(6) ") + (ahead ? "+" : "-") + " INTERVAL " + by;
  }
  std::string next_hours() const override {
    return "DATE_FORMAT(NOW(), '%Y-%m-%d %H:00:00') + INTERVAL 2 HOUR";
  }

  std::string series(const std::string& first, const std::string& last) const override {
    const int before = std::stoi(first) - 1;
    return "(SELECT i + " + std::to_string(before) + " AS i FROM " + names_.numbers +
           " WHERE i <= " + std::to_string(std::stoi(last) - before) + kSeriesEnd;
  }
  std::string insert_or_leave(const std::string& insert) const override {
    std::string sql = insert;
    return sql.insert(sql.find("INTO"), "IGNORE ");
  }
  std::string insert_or_update(const std::string& insert, const std::string& keys,
                               const std::string& more) const override {
    return insert + " ON DUPLICATE KEY UPDATE n = VALUES(n)" +
           (keys == "a, b" ? ", b = VALUES(b)" : "") + more;
  }

  std::string hash(const HistoryTable& table, const std::string& salt) const override {
    return "CRC32(CONCAT_WS('|', " + (table.has_key() ? table.keys() : "n") + ", '" + salt + "'))";
  }

  std::string one(const HistoryTable& table, bool notes, const std::string& salt,
                  int count) const override {
    const std::string keys = table.keys();
    const std::string order = " ORDER BY CRC32(CONCAT_WS('|', " +
                              std::string(notes ? "note, " : "") + "n, '" + salt + "'))" +
                              (keys.empty() ? "" : ", " + keys) + " LIMIT " + std::to_string(count);
    if (keys.empty()) return "true" + order;
    return "(" + keys + ") IN (SELECT " + keys + " FROM (SELECT " + keys + " FROM " + table.name() +
           order + ") chosen)";
  }

  std::string set_key(const HistoryTable& table, const std::string& number) const override {
    if (table.kind() == Kind::pair) return "a = " + number + " % 5, b = " + text_key(number, "n");
    return "id = " + key_values(table, number);
  }

  std::string fill(const HistoryTable& table, int keys) const override {
    return "INSERT INTO " + table.name() +
           " (id, n, note, updated_at) SELECT i, i % 100, CONCAT('note ', i % 7), NOW(6) - "
           "INTERVAL i * 1000 MICROSECOND FROM " +
           series("1", std::to_string(keys));
  }

  std::string row(const HistoryTable& table,
                  const std::vector<std::string>& columns) const override {
    std::string sql = "CONCAT('" + table.name() + "'";
    for (const std::string& each : columns) {
      const std::string value =
          each == "updated_at" ? "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', updated_at)" : each;
      sql += ", IFNULL(CONCAT('|" + each + "=', " + value + "), '')";
    }
    return sql + ")";
  }
  std::string sum(const HistoryTable& table, const std::string& row) const override {
    return "CONCAT('" + table.name() + "|', count(*), ' rows, ', IFNULL(sum(CAST(CONV(LEFT(MD5(" +
           row + "), 15), 16, 10) AS UNSIGNED)), 0))";
  }
  std::string schema() const override { return names_.schema; }

 private:
  /// A key of the same number, whatever `how`, is the same one.
  static std::string text_key(const std::string& number, const std::string& how) {
    return "CONCAT(IF(" + how + " % 3 = 0, 'KEY ', 'Key '), " + number + " DIV 5, IF(" + how +
           " % 7 = 0, ' ', ''))";
  }
  static std::string stamp_default(const HistoryTable& table) {
    if (table.kind() == Kind::nullable) return " NULL DEFAULT NULL";
    const std::string& type = table.stamp_type();
    const auto digits = type.find('(');
    const std::string clock =
        "CURRENT_TIMESTAMP" + (digits == std::string::npos ? "" : type.substr(digits));
    return " NOT NULL DEFAULT " + clock + (table.automatic() ? " ON UPDATE " + clock : "");
  }

  MysqlNames names_;
};

}  // namespace

std::unique_ptr<HistorySql> mysql_sql(const MysqlNames& names) {
  return std::make_unique<MysqlSql>(names);
}

}  // namespace sluice::testing
