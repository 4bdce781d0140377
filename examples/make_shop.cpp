// SPDX-License-Identifier: Apache-2.0
// A small shop in a DuckDB file, for the demo and the documents: `make_shop create FILE` fills it
// with a million rows, `make_shop change FILE` does a day's work on it.
#include <cstdio>
#include <exception>
#include <string>

#include "duck/duck.h"

namespace {

using sluice::duck::Connection;
using sluice::duck::Database;
using sluice::duck::literal;

constexpr const char* kCreate = R"sql(
CREATE TABLE shop.customers (customer_id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, email VARCHAR,
  birthday DATE, updated_at TIMESTAMPTZ NOT NULL);
INSERT INTO shop.customers SELECT i, 'Customer ' || i, CASE WHEN i % 7 > 0 THEN 'c' || i || '@example.com' END,
  DATE '1950-01-01' + (i % 20000)::INTEGER, TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i) SECOND
  FROM range(50000) r(i);

CREATE TABLE shop.orders (order_id BIGINT PRIMARY KEY, customer_id INTEGER NOT NULL, status VARCHAR NOT NULL,
  total DECIMAL(12,2), updated_at TIMESTAMPTZ NOT NULL);
INSERT INTO shop.orders SELECT i, i % 50000, ['new', 'paid', 'sent'][1 + i % 3], (i % 100000) / 100,
  TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i * 10) SECOND FROM range(200000) r(i);

CREATE TABLE shop.order_lines (order_id BIGINT, line INTEGER, product VARCHAR, quantity INTEGER,
  price DECIMAL(10,2), updated_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (order_id, line));
INSERT INTO shop.order_lines SELECT i // 3, 1 + i % 3, 'Product ' || (i % 900), 1 + i % 5, (i % 5000) / 100,
  TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i * 3) SECOND FROM range(600000) r(i);

CREATE TABLE shop.events (happened_at TIMESTAMP, kind VARCHAR, tags VARCHAR[]);
INSERT INTO shop.events SELECT TIMESTAMP '2026-01-01' + INTERVAL (i // 2) SECOND, ['view', 'click'][1 + i % 2],
  [CASE WHEN i % 3 > 0 THEN 'tag' || i % 10 END] FROM range(149000) r(i);

CREATE TABLE shop."Gift Cards & ""Vouchers""" ("Code №" VARCHAR PRIMARY KEY, "left" DECIMAL(8,2));
INSERT INTO shop."Gift Cards & ""Vouchers""" SELECT 'G-' || i, i % 50 FROM range(1000) r(i);
)sql";

constexpr const char* kChange = R"sql(
INSERT INTO shop.orders SELECT 200000 + i, i % 50000, 'new', 9.99,
  TIMESTAMPTZ '2026-03-01 00:00:00+00' + INTERVAL (i) SECOND FROM range(1500) r(i);
UPDATE shop.orders SET status = 'sent', updated_at = TIMESTAMPTZ '2026-03-02 00:00:00+00'
  WHERE status = 'paid' AND order_id % 400 = 1;
DELETE FROM shop.order_lines WHERE order_id % 5000 = 17;
ALTER TABLE shop.customers ADD COLUMN loyalty INTEGER;
UPDATE shop.customers SET loyalty = 10, updated_at = TIMESTAMPTZ '2026-03-02 00:00:00+00'
  WHERE customer_id % 1000 = 3;
DELETE FROM shop.events WHERE kind = 'click' AND happened_at < TIMESTAMP '2026-01-01 00:05:00';
INSERT INTO shop.events SELECT TIMESTAMP '2026-03-02', 'view', NULL FROM range(3);
UPDATE shop."Gift Cards & ""Vouchers""" SET "left" = 0 WHERE "Code №" = 'G-49';
)sql";

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string command = argc > 2 ? argv[1] : "";
    Database database;
    Connection connection = database.connect();
    if (command == "create" || command == "change") {
      connection.query("ATTACH " + literal(argv[2]) + " AS shop (STORAGE_VERSION 'v1.4.0')");
      connection.query(command == "create" ? kCreate : kChange);
      connection.query("DETACH shop");
      return 0;
    }
    std::fputs("usage: make_shop create FILE | change FILE\n", stderr);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_shop: %s\n", error.what());
    return 1;
  }
}
