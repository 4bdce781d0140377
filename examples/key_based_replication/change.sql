-- Jake moves, John's address is gone, Anna is new, and of two changes a microsecond apart the later counts; Mathew leaves.
UPDATE customers SET email = 'jake@example.org', updated_at = '2024-04-01T08:00:00.000001Z' WHERE customer_id = 3;
UPDATE customers SET email = NULL, updated_at = '2024-04-01T08:00:00.000001Z' WHERE customer_id = 4;
INSERT INTO customers VALUES (6, 'Anna', NULL, '', '2024-04-01T08:00:00.000002Z');
DELETE FROM customers WHERE customer_id = 1;
