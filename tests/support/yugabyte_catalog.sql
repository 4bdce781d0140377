-- SPDX-License-Identifier: Apache-2.0
-- The functions and catalogs of YugabyteDB, as views and functions of pg_catalog, for what stands in
-- for one (yugabyte_double.h).
--   yb_servers, yb_table_properties, yb_get_range_split_clause, yb_hash_code, yb_tablet_metadata:
--   https://docs.yugabyte.com/stable/api/ysql/exprs/ and .../stable/explore/observability/
--   indoption & 4 (a hash column of an index), access methods lsm and ybgin: yb-tools' source.

-- What another double left in this database.
SET allow_system_table_mods = on;
DROP EVENT TRIGGER IF EXISTS yb_double_ddl;
DROP EVENT TRIGGER IF EXISTS yb_double_drop;
DO $$
DECLARE each text;
BEGIN
  FOR each IN
    SELECT format('DROP VIEW IF EXISTS %s CASCADE', oid::regclass) FROM pg_class
      WHERE relkind = 'v' AND relnamespace = 'pg_catalog'::regnamespace AND relname LIKE 'yb\_%'
    UNION ALL
    SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
      WHERE pronamespace = 'pg_catalog'::regnamespace AND proname LIKE 'yb\_%'
    UNION ALL
    SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) FROM pg_class
      WHERE relkind = 'r' AND relnamespace = 'pg_catalog'::regnamespace AND relname LIKE 'yb\_%'
  LOOP
    EXECUTE each;
  END LOOP;
END $$;

CREATE TABLE pg_catalog.yb_double_tables (oid oid PRIMARY KEY, tablets int NOT NULL,
  hash_columns int NOT NULL, colocated bool NOT NULL, split text NOT NULL);
CREATE TABLE pg_catalog.yb_double_nodes (n int PRIMARY KEY, host text, port int, node_type text,
  cloud text, region text, zone text, public_ip text, alive bool NOT NULL DEFAULT true);
CREATE TABLE pg_catalog.yb_double_settings (name text PRIMARY KEY, vartype text, initial text);
CREATE TABLE pg_catalog.yb_double_ddl (id bigserial PRIMARY KEY, name text);
GRANT SELECT ON pg_catalog.yb_double_tables, pg_catalog.yb_double_nodes,
  pg_catalog.yb_double_settings, pg_catalog.yb_double_ddl TO PUBLIC;

-- The nodes. Older versions have no universe_uuid.
CREATE FUNCTION pg_catalog.yb_double_old_servers(OUT host text, OUT port int,
  OUT num_connections int, OUT node_type text, OUT cloud text, OUT region text, OUT zone text,
  OUT public_ip text, OUT uuid text) RETURNS SETOF record LANGUAGE sql STABLE AS $$
  SELECT host, port, 0, node_type, cloud, region, zone, public_ip, pg_catalog.md5('node ' || n)
  FROM pg_catalog.yb_double_nodes ORDER BY n
$$;
CREATE FUNCTION pg_catalog.yb_servers(OUT host text, OUT port int, OUT num_connections int,
  OUT node_type text, OUT cloud text, OUT region text, OUT zone text, OUT public_ip text,
  OUT uuid text, OUT universe_uuid text) RETURNS SETOF record LANGUAGE sql STABLE AS $$
  SELECT s.*, '5f3c0de0-0000-4000-8000-00000000cafe' FROM pg_catalog.yb_double_old_servers() s
$$;

-- How tables are split.
CREATE FUNCTION pg_catalog.yb_double_declare(named regclass, tablets int, hash_columns int,
  colocated bool, split text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO pg_catalog.yb_double_tables VALUES (named, tablets, hash_columns, colocated, split)
  ON CONFLICT (oid) DO UPDATE SET tablets = excluded.tablets,
    hash_columns = excluded.hash_columns, colocated = excluded.colocated, split = excluded.split
$$;
CREATE FUNCTION pg_catalog.yb_table_properties(named oid, OUT num_tablets bigint,
  OUT num_hash_key_columns bigint, OUT is_colocated bool, OUT tablegroup_oid oid,
  OUT colocation_id oid) LANGUAGE sql STABLE AS $$
  SELECT coalesce(d.tablets, 3), coalesce(d.hash_columns, 1), coalesce(d.colocated, false),
    NULL::oid, CASE WHEN d.colocated THEN c.oid END
  FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.yb_double_tables d ON d.oid = c.oid
  WHERE c.oid = named
$$;
-- https://github.com/yugabyte/yugabyte-db, regress/expected/yb.orig.get_range_split_clause.out: each
-- value has all columns of the key (MINVALUE where none was given); empty: one tablet.
CREATE FUNCTION pg_catalog.yb_get_range_split_clause(named oid) RETURNS text
LANGUAGE plpgsql STRICT STABLE AS $$
DECLARE found record;
BEGIN
  SELECT * INTO found FROM pg_catalog.yb_double_tables WHERE oid = named;
  IF found.hash_columns = 0 THEN RETURN found.split; END IF;
  RAISE NOTICE 'relation with oid % is not range-partitioned', named;
  RETURN NULL;
END $$;
CREATE FUNCTION pg_catalog.yb_is_database_colocated() RETURNS bool LANGUAGE sql STABLE AS
  'SELECT false';
-- A primary key is the table itself: it has no tablets of its own.
CREATE VIEW pg_catalog.yb_tablet_metadata AS
SELECT pg_catalog.md5(c.oid || '/' || i) AS tablet_id, c.oid,
  pg_catalog.current_database()::text AS db_name, c.relname::text AS relname,
  CASE WHEN p.num_hash_key_columns > 0 THEN i * (65536 / p.num_tablets) END::int
    AS start_hash_code,
  CASE WHEN p.num_hash_key_columns = 0 THEN NULL WHEN i = p.num_tablets - 1 THEN 65536
    ELSE (i + 1) * (65536 / p.num_tablets) END::int AS end_hash_code,
  n.alive[1 + (i + c.oid::bigint) % pg_catalog.cardinality(n.alive)] AS leader, n.replicas
FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.yb_table_properties(c.oid) p
  CROSS JOIN LATERAL pg_catalog.generate_series(0, p.num_tablets - 1) i
  CROSS JOIN (SELECT
    pg_catalog.array_agg(host || ':' || port ORDER BY n) FILTER (WHERE alive) AS alive,
    pg_catalog.array_agg(host || ':' || port ORDER BY n) AS replicas
    FROM pg_catalog.yb_double_nodes WHERE node_type = 'primary') n
WHERE c.relkind IN ('r', 'i', 'm', 'p') AND c.relnamespace NOT IN ('pg_catalog'::regnamespace,
    'pg_toast'::regnamespace, 'information_schema'::regnamespace)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indexrelid = c.oid AND x.indisprimary);
GRANT SELECT ON pg_catalog.yb_tablet_metadata TO PUBLIC;

-- 0..65535 as documented, but not DocDB's own hash: no client computes it. Statements are rewritten
-- to the first, which takes what the record of all arguments hashes to.
CREATE FUNCTION pg_catalog.yb_double_yb_hash_code(hash bigint) RETURNS int
LANGUAGE sql IMMUTABLE AS 'SELECT ($1 >> 16 & 65535)::int';
CREATE FUNCTION pg_catalog.yb_hash_code(of anyelement) RETURNS int LANGUAGE sql IMMUTABLE AS
  'SELECT (pg_catalog.hash_record_extended(ROW($1), 97) >> 16 & 65535)::int';

-- PostgreSQL's catalogs with some columns replaced.
CREATE FUNCTION pg_catalog.yb_double_view(of regclass, replaced text[], with_these text[],
  rest text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE columns text;
BEGIN
  SELECT string_agg(coalesce(r.w || ' AS ', 'c.') || quote_ident(a.attname), ', '
    ORDER BY a.attnum) INTO columns
  FROM pg_attribute a LEFT JOIN unnest(replaced, with_these) r(n, w) ON r.n = a.attname
  WHERE a.attrelid = of AND a.attnum > 0;
  EXECUTE format('CREATE VIEW pg_catalog.yb_double_%1$s AS
    SELECT %2$s FROM pg_catalog.%1$s c %3$s', of, columns, rest);
  EXECUTE format('GRANT SELECT ON pg_catalog.yb_double_%s TO PUBLIC', of);
END $$;

-- The first columns of a key are hashed unless it is declared otherwise: of a table's primary key
-- as many as the table is declared with, of another index one.
CREATE FUNCTION pg_catalog.yb_double_indoption(index oid, of oid, options int2vector,
  is_primary bool, am text) RETURNS int2vector LANGUAGE sql STABLE AS $$
  SELECT pg_catalog.string_agg(
    (CASE WHEN o.n <= h.hashed THEN o.o | 4 ELSE o.o END)::text, ' ' ORDER BY o.n)::int2vector
  FROM pg_catalog.unnest(options) WITH ORDINALITY o(o, n),
    (SELECT CASE WHEN am <> 'btree' THEN 0 WHEN is_primary THEN p.num_hash_key_columns
      WHEN p.is_colocated THEN 0 ELSE coalesce(d.hash_columns, 1) END AS hashed
    FROM pg_catalog.yb_table_properties(of) p
      LEFT JOIN pg_catalog.yb_double_tables d ON d.oid = index) h
$$;
SELECT pg_catalog.yb_double_view('pg_am', '{amname}', ARRAY[
  $$(CASE c.amname WHEN 'btree' THEN 'lsm' WHEN 'gin' THEN 'ybgin' ELSE c.amname END)::name$$], '');
SELECT pg_catalog.yb_double_view('pg_class', '{relpages}', '{0}', '');
SELECT pg_catalog.yb_double_view('pg_index', '{indoption}', ARRAY[$$
  pg_catalog.yb_double_indoption(c.indexrelid, c.indrelid, c.indoption, c.indisprimary,
    (SELECT a.amname FROM pg_catalog.pg_am a JOIN pg_catalog.pg_class x ON x.relam = a.oid
      WHERE x.oid = c.indexrelid))$$], '');

-- A session's node is the number of a lock that it holds, which goes with it and which every
-- snapshot sees.
CREATE FUNCTION pg_catalog.yb_double_at_this_node() RETURNS SETOF int LANGUAGE sql STABLE AS $$
  SELECT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND classid = 7962
    AND objid::text = pg_catalog.current_setting('yb_double.node', true)
$$;
SELECT pg_catalog.yb_double_view('pg_stat_activity', '{}', '{}',
  'WHERE c.pid IN (SELECT pg_catalog.yb_double_at_this_node())');
SELECT pg_catalog.yb_double_view('pg_locks', '{}', '{}',
  'WHERE c.pid IN (SELECT pg_catalog.yb_double_at_this_node())
    AND (c.classid = 7962) IS NOT TRUE');

-- Settings.
CREATE FUNCTION pg_catalog.yb_double_setting(asked text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN asked IN ('server_version', 'server_version_num') OR EXISTS (
    SELECT FROM pg_catalog.yb_double_settings s WHERE s.name = pg_catalog.lower(asked))
    THEN 'yb_double.' || asked ELSE asked END
$$;
CREATE FUNCTION pg_catalog.yb_double_current_setting(name text, missing_ok bool DEFAULT false)
RETURNS text LANGUAGE sql STABLE AS
  'SELECT pg_catalog.current_setting(pg_catalog.yb_double_setting($1), $2)';
CREATE FUNCTION pg_catalog.yb_double_set_config(name text, value text, is_local bool)
RETURNS text LANGUAGE sql AS $$
  SELECT pg_catalog.set_config(pg_catalog.yb_double_setting($1), coalesce(
    (SELECT CASE WHEN $2::bool THEN 'on' ELSE 'off' END FROM pg_catalog.yb_double_settings s
      WHERE s.name = $1 AND s.vartype = 'bool'), $2), $3)
$$;
SELECT pg_catalog.yb_double_view('pg_settings', '{setting}',
  '{"pg_catalog.current_setting(pg_catalog.yb_double_setting(c.name), true)"}', $$
  WHERE c.name LIKE 'server\_version%'
  UNION ALL SELECT * FROM pg_catalog.pg_settings s WHERE s.name NOT LIKE 'server\_version%'
  UNION ALL SELECT s.name, pg_catalog.current_setting('yb_double.' || s.name, true), NULL,
    'YugabyteDB', '', NULL, 'user', s.vartype, 'default', NULL, NULL, NULL, s.initial, s.initial,
    NULL, NULL, false FROM pg_catalog.yb_double_settings s$$);
CREATE FUNCTION pg_catalog.yb_double_version() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT 'PostgreSQL ' || pg_catalog.current_setting('yb_double.server_version') ||
    ' on x86_64-pc-linux-gnu, compiled by clang version 17.0.6, 64-bit'
$$;
CREATE FUNCTION pg_catalog.yb_double_pg_relation_size(of regclass, fork text DEFAULT 'main')
RETURNS bigint LANGUAGE sql STABLE AS 'SELECT 0::bigint';

-- Times to read as of. Statements are rewritten to the first.
CREATE FUNCTION pg_catalog.yb_double_yb_get_current_hybrid_time_lsn(given bigint) RETURNS bigint
LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION pg_catalog.yb_get_current_hybrid_time_lsn() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RAISE 'the double of a YugabyteDB has a time only for the text of a statement';
END $$;
-- What changed tables: a time before it cannot be read as of.
CREATE FUNCTION pg_catalog.yb_double_note_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF tg_event = 'sql_drop' THEN
    INSERT INTO pg_catalog.yb_double_ddl (name)
      SELECT object_name FROM pg_catalog.pg_event_trigger_dropped_objects()
      WHERE object_type = 'table' AND NOT is_temporary;
  ELSE
    INSERT INTO pg_catalog.yb_double_ddl (name)
      SELECT DISTINCT c.relname FROM pg_catalog.pg_event_trigger_ddl_commands() d
        CROSS JOIN LATERAL (
          SELECT d.objid UNION SELECT relid FROM pg_catalog.pg_partition_tree(d.objid)) t(oid)
        JOIN pg_catalog.pg_class c
          ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = t.oid
      WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND d.command_tag IN (
        'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE');
  END IF;
END $$;
CREATE EVENT TRIGGER yb_double_ddl ON ddl_command_end
  EXECUTE FUNCTION pg_catalog.yb_double_note_ddl();
CREATE EVENT TRIGGER yb_double_drop ON sql_drop
  EXECUTE FUNCTION pg_catalog.yb_double_note_ddl();

-- Aborts a transaction.
CREATE FUNCTION pg_catalog.yb_double_fail() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE 'a fault';
END $$;
