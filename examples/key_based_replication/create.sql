-- Five customers, each with the moment of its last change.
CREATE TABLE customers (
  customer_id BIGINT PRIMARY KEY,
  first_name VARCHAR,
  last_name VARCHAR,
  email VARCHAR,
  updated_at TIMESTAMPTZ
);
INSERT INTO customers VALUES
  (1, 'Mathew', 'Brook', 'mathew.brook@example.com', '2023-12-31T23:59:59Z'),
  (2, 'Joe', 'Hill', 'joe.hill@example.com', '2024-01-31T23:04:39Z'),
  (3, 'Jake', 'Stone', 'jake.stone@example.com', '2023-11-01T23:59:59Z'),
  (4, 'John', 'Field', 'john.field@example.com', '2024-02-14T22:59:59Z'),
  (5, 'Ricky', 'Marsh', 'ricky.marsh@example.com', '2024-03-16T16:40:29Z');
