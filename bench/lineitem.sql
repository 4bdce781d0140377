CREATE TABLE lineitem AS SELECT
  (i / 4)::bigint AS l_orderkey,
  (i::bigint * 7919 % 200000)::int AS l_partkey,
  (i::bigint * 104729 % 10000)::int AS l_suppkey,
  (i % 4)::int AS l_linenumber,
  (i % 50)::numeric(15,2) AS l_quantity,
  ((i::bigint * 31) % 10000000 / 100.0)::numeric(15,2) AS l_extendedprice,
  ((i % 11) / 100.0)::numeric(15,2) AS l_discount,
  ((i % 9) / 100.0)::numeric(15,2) AS l_tax,
  (ARRAY['R','A','N'])[1 + i % 3]::char(1) AS l_returnflag,
  (ARRAY['O','F'])[1 + i % 2]::char(1) AS l_linestatus,
  DATE '1992-01-01' + (i % 2500)::int AS l_shipdate,
  DATE '1992-01-01' + (i % 2500)::int + 30 AS l_commitdate,
  DATE '1992-01-01' + (i % 2500)::int + 60 AS l_receiptdate,
  (ARRAY['DELIVER IN PERSON','COLLECT COD','NONE','TAKE BACK RETURN'])[1 + i % 4]::char(25) AS l_shipinstruct,
  (ARRAY['TRUCK','MAIL','SHIP','AIR'])[1 + (i / 3) % 4]::char(10) AS l_shipmode,
  md5(i::text) AS l_comment,
  timestamptz '2026-01-01 00:00+00' + i * interval '1 second' AS updated_at
FROM generate_series(0, :rows - 1) i;
ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber);
CREATE INDEX ON lineitem (updated_at);
