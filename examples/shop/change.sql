-- A day at the shop: inserts, updates, deletes, a new column.
INSERT INTO orders SELECT 200000 + i, i % 50000, 'new', 9.99,
  TIMESTAMPTZ '2026-03-01 00:00:00+00' + INTERVAL (i) SECOND FROM range(1500) r(i);
UPDATE orders SET status = 'sent', updated_at = TIMESTAMPTZ '2026-03-02 00:00:00+00'
  WHERE status = 'paid' AND order_id % 400 = 1;
DELETE FROM order_lines WHERE order_id % 5000 = 17;
ALTER TABLE customers ADD COLUMN loyalty INTEGER;
UPDATE customers SET loyalty = 10, updated_at = TIMESTAMPTZ '2026-03-02 00:00:00+00'
  WHERE customer_id % 1000 = 3;
DELETE FROM events WHERE kind = 'click' AND happened_at < TIMESTAMP '2026-01-01 00:05:00';
INSERT INTO events SELECT TIMESTAMP '2026-03-02', 'view', NULL FROM range(3);
UPDATE "Gift Cards & ""Vouchers""" SET "left" = 0 WHERE "Code №" = 'G-49';
