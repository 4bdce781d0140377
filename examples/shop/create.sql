-- A small shop for the demo: five tables, a million rows, one table without a key.
CREATE TABLE customers (customer_id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, email VARCHAR,
  birthday DATE, updated_at TIMESTAMPTZ NOT NULL);
INSERT INTO customers SELECT i, 'Customer ' || i, CASE WHEN i % 7 > 0 THEN 'c' || i || '@example.com' END,
  DATE '1950-01-01' + (i % 20000)::INTEGER, TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i) SECOND
  FROM range(50000) r(i);

CREATE TABLE orders (order_id BIGINT PRIMARY KEY, customer_id INTEGER NOT NULL, status VARCHAR NOT NULL,
  total DECIMAL(12,2), updated_at TIMESTAMPTZ NOT NULL);
INSERT INTO orders SELECT i, i % 50000, ['new', 'paid', 'sent'][1 + i % 3], (i % 100000) / 100,
  TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i * 10) SECOND FROM range(200000) r(i);

CREATE TABLE order_lines (order_id BIGINT, line INTEGER, product VARCHAR, quantity INTEGER,
  price DECIMAL(10,2), updated_at TIMESTAMPTZ NOT NULL, PRIMARY KEY (order_id, line));
INSERT INTO order_lines SELECT i // 3, 1 + i % 3, 'Product ' || (i % 900), 1 + i % 5, (i % 5000) / 100,
  TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i * 3) SECOND FROM range(600000) r(i);

CREATE TABLE events (happened_at TIMESTAMP, kind VARCHAR, tags VARCHAR[]);
INSERT INTO events SELECT TIMESTAMP '2026-01-01' + INTERVAL (i // 2) SECOND, ['view', 'click'][1 + i % 2],
  [CASE WHEN i % 3 > 0 THEN 'tag' || i % 10 END] FROM range(149000) r(i);

CREATE TABLE "Gift Cards & ""Vouchers""" ("Code №" VARCHAR PRIMARY KEY, "left" DECIMAL(8,2));
INSERT INTO "Gift Cards & ""Vouchers""" SELECT 'G-' || i, i % 50 FROM range(1000) r(i);
