CREATE TABLE lineitem (
  l_orderkey bigint NOT NULL, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int NOT NULL,
  l_quantity decimal(15,2) NOT NULL, l_extendedprice decimal(15,2) NOT NULL, l_discount decimal(15,2) NOT NULL,
  l_tax decimal(15,2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL,
  l_shipdate date NOT NULL, l_commitdate date NOT NULL, l_receiptdate date NOT NULL,
  l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL, l_comment varchar(44) NOT NULL,
  updated_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  PRIMARY KEY (l_orderkey, l_linenumber)) CHARACTER SET utf8mb4;
INSERT INTO lineitem SELECT
  seq DIV 4, seq * 7919 % 200000, seq * 104729 % 10000, seq % 4,
  seq % 50, (seq * 31) % 10000000 / 100, (seq % 11) / 100, (seq % 9) / 100,
  elt(1 + seq % 3, 'R', 'A', 'N'), elt(1 + seq % 2, 'O', 'F'),
  date '1992-01-01' + interval seq % 2500 day, date '1992-01-01' + interval seq % 2500 + 30 day,
  date '1992-01-01' + interval seq % 2500 + 60 day,
  elt(1 + seq % 4, 'DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'),
  elt(1 + (seq DIV 3) % 4, 'TRUCK', 'MAIL', 'SHIP', 'AIR'), md5(seq),
  timestamp '2026-01-01 00:00:00' + interval seq second
FROM seq_0_to_:last;
ALTER TABLE lineitem ADD KEY (updated_at);
ANALYZE TABLE lineitem;
