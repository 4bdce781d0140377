CREATE TABLE lineitem AS SELECT
  (i // 4)::BIGINT AS l_orderkey,
  (i * 7919 % 200000)::INTEGER AS l_partkey,
  (i * 104729 % 10000)::INTEGER AS l_suppkey,
  (i % 4)::INTEGER AS l_linenumber,
  (i % 50)::DECIMAL(15,2) AS l_quantity,
  (((i * 31) % 10000000) / 100)::DECIMAL(15,2) AS l_extendedprice,
  ((i % 11) / 100)::DECIMAL(15,2) AS l_discount,
  ((i % 9) / 100)::DECIMAL(15,2) AS l_tax,
  ['R', 'A', 'N'][1 + i % 3] AS l_returnflag,
  ['O', 'F'][1 + i % 2] AS l_linestatus,
  DATE '1992-01-01' + (i % 2500)::INTEGER AS l_shipdate,
  DATE '1992-01-01' + (i % 2500)::INTEGER + 30 AS l_commitdate,
  DATE '1992-01-01' + (i % 2500)::INTEGER + 60 AS l_receiptdate,
  rpad(['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'][1 + i % 4], 25, ' ') AS l_shipinstruct,
  rpad(['TRUCK', 'MAIL', 'SHIP', 'AIR'][1 + (i // 3) % 4], 10, ' ') AS l_shipmode,
  md5(i::VARCHAR) AS l_comment,
  TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i) SECOND AS updated_at
FROM range(:rows) r(i);
