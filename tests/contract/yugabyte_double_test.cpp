// SPDX-License-Identifier: Apache-2.0
// What stands in for a YugabyteDB, asked by programs that are not ours: psql, libpq and
// YugabyteDB's own Python driver.
#include <fstream>
#include <set>
#include <sstream>

#include "contract/yugabyte_fixture.h"
#include "support/output_of.h"

namespace sluice {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::output_of;
using testing::PostgresDatabase;
using testing::python_with;
using ::testing::StartsWith;

class YugabyteDoubleTest : public YugabyteDoubleFixture {
 protected:
  std::string file(const std::string& name) const {
    return ::testing::TempDir() + db->name() + "_" + name;
  }
  /// What psql says to a file of statements.
  std::string psql(const std::string& url, const std::string& script) const {
    return output_of("psql '" + url + "' -X -a -v VERBOSITY=verbose -f " + script +
                     " 2>&1 | grep -v ^LOCATION:");
  }
  /// The driver's answer to a script, which has `url`, `host` and `port`.
  std::string driver(const std::string& script) const {
    const std::string path = file("driver.py");
    std::ofstream(path) << "import collections, os, sys, psycopg\n"
                           "login = psycopg.conninfo.conninfo_to_dict(sys.argv[1])\n"
                           "def connect(more='', **other):\n"
                           "    asked = login | other\n"
                           "    return psycopg.connect(' '.join(f\"{k}='{v}'\" for k, v in "
                           "asked.items()) + ' ' + more)\n"
                           "def hosts(made): return "
                           "sorted(collections.Counter(c.info.host for c in made).items())\n"
                        << script;
    return output_of(python_with("yugabytedb") + path + " '" + plain_url() + "'");
  }
};

TEST_F(YugabyteDoubleTest, PsqlIsToldWhatItIsToldDirectly) {
  db->exec(
      "CREATE TABLE wide AS SELECT g, repeat(md5(g::text), 4000) w FROM generate_series(1, 40) g");
  const std::string script = file("statements.sql");
  std::ofstream(script) << R"(
SELECT * FROM t WHERE id < 4 ORDER BY id;
SELECT count(*), sum(length(w)), md5(string_agg(w, '' ORDER BY g)) FROM wide;
SELECT NULL, '', 'it''s', E'a\'b;c', $tag$ d; ' $tag$, "id" FROM t /* ; /* nested */ ' */ LIMIT 1; -- ; '
SELECT 'ctid', $$SELECT xmin$$, 'pg_index' /* xmax */ AS "relname"; -- cmin
SELECT 1; SELECT 2 WHERE false; SELECT nothing FROM t;
;
BEGIN; SELECT 1/0; SELECT 1; ROLLBACK;
BEGIN; INSERT INTO t VALUES (1001, 'new', ''); SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; SELECT count(*) FROM t; COMMIT;
COPY (SELECT id, s FROM t ORDER BY id LIMIT 3) TO STDOUT;
COPY t (id, s) FROM STDIN;
2001	copied
2002	\N
\.
COPY t (id, s) FROM STDIN;
not a number	x
\.
SELECT id, s FROM t WHERE id > 1000 ORDER BY id;
DO $$ BEGIN RAISE NOTICE 'a notice; with ctid'; END $$;
CREATE FUNCTION twice(a int) RETURNS int LANGUAGE sql AS $body$ SELECT a * 2; $body$;
SELECT twice(21) AS version;
PREPARE p(int) AS SELECT s FROM t WHERE id = $1;
EXECUTE p(7);
BEGIN; DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id; FETCH 2 FROM c; FETCH 1 FROM c; COMMIT;
LISTEN heard; NOTIFY heard, 'a word';
SET TimeZone = 'Asia/Tokyo'; SELECT timestamptz '2024-01-01 00:00Z';
SET search_path = ''; SHOW search_path; RESET search_path;
SELECT current_setting('DateStyle'), current_setting('no.such', true) IS NULL, set_config('a.b', 'c', true);
DROP FUNCTION twice(int); DELETE FROM t WHERE id > 1000;
\d t
)";
  begin();
  const std::string direct = psql(db->url(), script);
  EXPECT_THAT(direct, HasSubstr("Asynchronous notification"));
  // The process that notified is another one.
  const auto without_pid = [](const std::string& text) {
    const std::size_t at = text.find("server process with PID");
    return text.substr(0, at) + text.substr(text.find('\n', at));
  };
  EXPECT_EQ(without_pid(psql(plain_url(), script)), without_pid(direct));
  for (const char* format : {"binary", "csv"}) {
    const std::string copy =
        std::string("\"\\copy (SELECT * FROM wide ORDER BY g) to '%' (format ") + format + ")\"";
    const auto copied = [&](const std::string& url, const std::string& name) {
      std::string to = copy;
      to.replace(to.find('%'), 1, file(name));
      EXPECT_EQ(output_of("psql '" + url + "' -X -c " + to), "COPY 40\n");
      std::stringstream bytes;
      bytes << std::ifstream(file(name)).rdbuf();
      return bytes.str();
    };
    const std::string expected = copied(db->url(), "direct");
    EXPECT_GT(expected.size(), 5'000'000U);
    EXPECT_TRUE(copied(plain_url(1), "through") == expected) << format;
  }
}

TEST_F(YugabyteDoubleTest, ItsVersionIsSaidInEveryWay) {
  begin();
  PlainClient one = client();
  EXPECT_THAT(one.run("SELECT version()"), StartsWith("PostgreSQL 15.12-YB-2025.1.0.0-b0 on "));
  EXPECT_THAT(one.run("SELECT pg_catalog.version()"), HasSubstr("-YB-"));
  EXPECT_EQ(one.run("SHOW server_version"), "15.12-YB-2025.1.0.0-b0");
  EXPECT_EQ(one.run("SELECT current_setting('server_version'), setting FROM pg_settings WHERE name "
                    "= 'server_version_num'"),
            "15.12-YB-2025.1.0.0-b0|150012");
  EXPECT_EQ(PQserverVersion(one.handle()), 150012);
  EXPECT_STREQ(PQparameterStatus(one.handle(), "server_version"), "15.12-YB-2025.1.0.0-b0");
  begin({.version = YugabyteDouble::kOldVersion});
  EXPECT_EQ(PQserverVersion(client().handle()), 110002);
  EXPECT_EQ(client().run("SHOW server_version_num"), "110002");
}

TEST_F(YugabyteDoubleTest, ItsNodesAreThoseThatListen) {
  begin({.nodes = 2, .places = {{.public_ip = "203.0.113.7", .zone = "a"}}});
  const std::string port = std::to_string(cluster->port());
  EXPECT_EQ(client(1).run("SELECT host, port, num_connections, node_type, cloud, region, zone, "
                          "public_ip, universe_uuid FROM yb_servers() ORDER BY host"),
            "127.0.0.1|" + port + "|0|primary|cloud1|region1|a|203.0.113.7|" +
                "5f3c0de0-0000-4000-8000-00000000cafe\n127.0.0.2|" + port +
                "|0|primary|cloud1|region1|zone2||5f3c0de0-0000-4000-8000-00000000cafe");
  EXPECT_EQ(client().run("SELECT count(DISTINCT uuid) FROM pg_catalog.yb_servers()"), "2");
  begin({.universe_uuid = false});
  EXPECT_THAT(client().run("SELECT universe_uuid FROM yb_servers()"), StartsWith("ERROR 42703"));
}

TEST_F(YugabyteDoubleTest, AHashCodeIsOfAnyKeyTheSameEverywhereAndItsRangesHoldEachRowOnce) {
  begin();
  PlainClient one = client();
  const std::string asked =
      "SELECT string_agg(concat_ws(' ', yb_hash_code(id), yb_hash_code(s, id), "
      "yb_hash_code(id, s, b)), ',' ORDER BY id) FROM t";
  const std::string codes = one.run(asked);
  EXPECT_EQ(client(2).run(asked), codes);
  EXPECT_EQ(one.run("SELECT min(c) >= 0 AND max(c) < 65536 AND count(DISTINCT c) > 90 FROM (SELECT "
                    "yb_hash_code(id) FROM t) q(c)"),
            "t");
  std::set<std::string> ids;
  std::size_t rows = 0;
  for (int i = 0; i < 8; ++i) {
    std::istringstream part(
        one.bound("SELECT id FROM t WHERE yb_hash_code(id) >= $1 AND yb_hash_code(id) < $2",
                  {std::to_string(i * 8192), std::to_string((i + 1) * 8192)}));
    for (std::string id; std::getline(part, id); ++rows) ids.insert(id);
  }
  EXPECT_EQ(rows, 100U);
  EXPECT_EQ(ids.size(), 100U);
  EXPECT_EQ(one.run("SELECT yb_hash_code(date '2024-01-01', 1::bigint, 'x'::varchar) = "
                    "pg_catalog.yb_hash_code(date '2024-01-01', 1::bigint, 'x'::varchar)"),
            "t");
}

TEST_F(YugabyteDoubleTest, ATableIsSplitAsDeclaredInEveryCatalog) {
  db->exec(
      "CREATE TABLE h (a int, b int, c int, PRIMARY KEY (a, b, c)); CREATE INDEX h_c ON h (c, b);"
      "CREATE INDEX h_b ON h (b);"
      "CREATE TABLE r (a int PRIMARY KEY); CREATE TABLE n (a int); CREATE TABLE c (a int PRIMARY "
      "KEY)");
  begin();
  cluster->declare("h", YugabyteDouble::hash(4, 2));
  cluster->declare("h_b", YugabyteDouble::range());
  cluster->declare("r", YugabyteDouble::range("SPLIT AT VALUES ((10), (20))"));
  cluster->declare("c", YugabyteDouble::colocated());
  PlainClient one = client();
  one.run("SET search_path = ''");
  EXPECT_EQ(one.run("SELECT t, num_tablets, num_hash_key_columns, is_colocated, colocation_id IS "
                    "NULL FROM unnest('{c,h,n,r,t}'::text[]) t, "
                    "yb_table_properties(('public.' || t)::regclass) ORDER BY 1"),
            "c|1|0|t|f\nh|4|2|f|t\nn|3|1|f|t\nr|3|0|f|t\nt|3|1|f|t");
  EXPECT_EQ(one.run("SELECT c.relname, i.indoption, am.amname FROM pg_catalog.pg_index i JOIN "
                    "pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam WHERE "
                    "i.indrelid = ANY ('{public.h,public.r,public.c}'::regclass[]) ORDER BY 1"),
            "c_pkey|0|lsm\nh_b|0|lsm\nh_c|4 0|lsm\nh_pkey|4 4 0|lsm\nr_pkey|0|lsm");
  EXPECT_EQ(one.run("SELECT yb_get_range_split_clause('public.r'::regclass), "
                    "yb_get_range_split_clause('public.h'::regclass) IS NULL"),
            "SPLIT AT VALUES ((10), (20))|t");
  EXPECT_EQ(one.run("SELECT start_hash_code, end_hash_code FROM yb_tablet_metadata WHERE relname = "
                    "'h' AND db_name = current_database() ORDER BY 1"),
            "0|16384\n16384|32768\n32768|49152\n49152|65536");
  EXPECT_EQ(one.run("SELECT count(*), bool_and(start_hash_code IS NULL), count(DISTINCT leader) "
                    "FROM yb_tablet_metadata WHERE oid = 'public.r'::regclass"),
            "3|t|3");
  EXPECT_EQ(one.run("SELECT count(*) FROM yb_tablet_metadata m JOIN yb_servers() s ON m.leader = "
                    "s.host || ':' || s.port AND m.leader = ANY (m.replicas) WHERE relname = 't'"),
            "3");
  begin({.tablet_metadata = false});
  EXPECT_THAT(client().run("SELECT 1 FROM yb_tablet_metadata"), StartsWith("ERROR 42P01"));
}

TEST_F(YugabyteDoubleTest, ItsSettingsAreThoseThatItHas) {
  begin();
  PlainClient one = client(0, "options=-c%20yb_fetch_row_limit%3D77%20-c%20work_mem%3D1MB");
  EXPECT_EQ(one.run("SHOW yb_fetch_row_limit"), "77");
  EXPECT_EQ(one.run("SHOW work_mem"), "1MB");
  EXPECT_EQ(one.run("SET yb_fetch_size_limit = '1MB'; SHOW yb_fetch_size_limit"), "1MB");
  EXPECT_EQ(one.run("SET yb_read_from_followers TO true; SHOW yb_read_from_followers"), "on");
  one.run("BEGIN; SET LOCAL yb_fetch_row_limit = 5");
  EXPECT_EQ(one.run("SELECT current_setting('yb_fetch_row_limit')"), "5");
  one.run("COMMIT");
  EXPECT_EQ(one.run("SHOW yb_fetch_row_limit"), "77");
  EXPECT_EQ(
      one.bound("SELECT set_config($1, '9', false), current_setting($1)", {"yb_fetch_row_limit"}),
      "9|9");
  EXPECT_EQ(one.run("SELECT set_config('yb_read_from_followers', 'false', false)"), "off");
  EXPECT_EQ(one.run("SELECT setting, vartype FROM pg_settings WHERE name = 'yb_fetch_row_limit'"),
            "9|integer");
  EXPECT_EQ(one.run("RESET yb_fetch_row_limit; SHOW yb_fetch_row_limit"), "77");
  EXPECT_EQ(one.run("SET yb_read_after_commit_visibility = deferred"), "");
  EXPECT_EQ(
      one.run("SET yb_read_after_commit_visibility = 'other'"),
      "ERROR 22023: invalid value for parameter \"yb_read_after_commit_visibility\": \"other\"");
  EXPECT_THAT(one.run("SET yb_fetch_row_limit = many"), StartsWith("ERROR 22023: "));
  EXPECT_EQ(one.run("SET yb_no_such = 1"),
            "ERROR 42704: unrecognized configuration parameter \"yb_no_such\"");
  EXPECT_THAT(one.run("SELECT current_setting('yb_no_such')"), StartsWith("ERROR 42704: "));
  PGresult* result = PQexec(one.handle(), "SHOW yb_fetch_row_limit");
  EXPECT_STREQ(PQfname(result, 0), "yb_fetch_row_limit");
  PQclear(result);
  begin({.read_time = false});
  EXPECT_EQ(client().run("SET yb_read_time = 1"),
            "ERROR 42704: unrecognized configuration parameter \"yb_read_time\"");
  EXPECT_THAT(client().run("SELECT yb_get_current_hybrid_time_lsn()"), StartsWith("ERROR 42883: "));
  EXPECT_EQ(client().run("SELECT count(*) FROM pg_settings WHERE name = 'yb_read_time'"), "0");
  EXPECT_FALSE(client(0, "options=-c%20yb_read_time%3D1").connected());
}

TEST_F(YugabyteDoubleTest, WhatItLacksFailsAsANameAndStaysAsAText) {
  begin();
  PlainClient one = client();
  for (const std::string column : {"ctid", "xmin", "xmax", "cmin", "cmax"}) {
    const std::string expected =
        "ERROR 0A000: System column \"" + column + "\" is not supported yet";
    EXPECT_EQ(one.run("SELECT " + column + " FROM t"), expected);
    EXPECT_EQ(one.run("SELECT t.\"" + column + "\" FROM public.t"), expected);
    EXPECT_EQ(one.bound("SELECT id FROM t WHERE id = $1 AND " + column + " IS NOT NULL", {"1"}),
              expected);
  }
  EXPECT_THAT(one.run("BEGIN; SELECT ctid FROM t"), StartsWith("ERROR 0A000: "));
  EXPECT_EQ(one.state(), "in error");
  one.run("ROLLBACK");
  EXPECT_EQ(one.run("SELECT 'ctid', tableoid::regclass FROM t WHERE id = 1"), "ctid|t");
  for (const char* call : {"pg_current_wal_lsn()", "pg_control_system()", "txid_current_snapshot()",
                           "pg_current_xact_id()", "pg_catalog.pg_walfile_name('0/1')"})
    EXPECT_THAT(one.run(std::string("SELECT ") + call), StartsWith("ERROR 0A000: ")) << call;
  const std::string disabled =
      "ERROR 42601: cannot export or import snapshot when ysql_enable_pg_export_snapshot is "
      "disabled.";
  EXPECT_EQ(one.run("SELECT pg_catalog.pg_export_snapshot()"), disabled);
  one.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  EXPECT_EQ(one.run("SET TRANSACTION SNAPSHOT '00000003-1'"), disabled);
  EXPECT_EQ(one.state(), "in error");
}

TEST_F(YugabyteDoubleTest, ExportedSnapshotsAreThereWhereTheyAreSwitchedOn) {
  begin({.exported_snapshots = true});
  PlainClient one = client(), other = client(1);
  one.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  const std::string name = one.run("SELECT pg_export_snapshot()");
  db->exec("DELETE FROM t");
  other.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  EXPECT_EQ(other.run("SET TRANSACTION SNAPSHOT '" + name + "'"), "");
  EXPECT_EQ(other.run("SELECT count(*) FROM t"), "100");
}

TEST_F(YugabyteDoubleTest, SizesAreThoseOfATableThatHasNoFile) {
  db->exec("VACUUM ANALYZE t");
  ASSERT_EQ(db->value("SELECT relpages > 0 FROM pg_class WHERE relname = 't'"), "t");
  begin();
  EXPECT_EQ(client().run("SELECT pg_relation_size('t'), pg_catalog.pg_relation_size('t', 'main'), "
                         "pg_table_size('t') > 0, relpages, reltuples FROM pg_class c WHERE oid = "
                         "'t'::regclass"),
            "0|0|t|0|100");
}

TEST_F(YugabyteDoubleTest, ANodeKnowsItsOwnSessionsOnly) {
  begin();
  const PlainClient first = client(0, "application_name=first"),
                    second = client(1, "application_name=second");
  PlainClient third = client(1, "application_name=third");
  EXPECT_EQ(third.run("SELECT string_agg(application_name, ' ' ORDER BY application_name) FROM "
                      "pg_stat_activity"),
            "second third");
  third.run("DISCARD ALL");
  EXPECT_EQ(third.run("SELECT count(*) FROM pg_catalog.pg_stat_activity"), "2");
  EXPECT_EQ(third.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
}

TEST_F(YugabyteDoubleTest, YugabytesOwnDriverSpreadsItsConnectionsAndAvoidsANodeThatDied) {
  begin();
  EXPECT_EQ(driver(R"(
made = [connect('load_balance_hosts=true') for _ in range(9)]
print(hosts(made))
print(made[4].execute('SELECT id, s, b FROM t WHERE id = %s', (7,)).fetchall())
print(made[4].info.server_version, made[4].info.parameter_status('server_version'))
with made[5].cursor() as cursor, cursor.copy('COPY (SELECT id, s FROM t ORDER BY id LIMIT 2) TO STDOUT (FORMAT BINARY)') as copy:
    copy.set_types(['int4', 'text'])
    print(list(copy.rows()))
with made[6].cursor() as cursor:
    with cursor.copy('COPY t (id, s) FROM STDIN') as copy:
        copy.write_row((1001, 'written'))
    print(cursor.execute('SELECT s FROM t WHERE id = %s', (1001,)).fetchall())
    try:
        with cursor.copy('COPY t (id, s) FROM STDIN') as copy:
            copy.write_row((1001, 'again'))
    except psycopg.Error as error:
        print(error.sqlstate)
made[6].rollback()
print(made[6].execute('SELECT count(*) FROM t').fetchall())
print(hosts([connect('load_balance_hosts=true topology_keys=cloud1.region1.zone2') for _ in range(3)]))
try:
    made[0].execute('SELECT ctid FROM t WHERE id = %s', (7,))
except psycopg.Error as error:
    print(error.sqlstate, made[0].info.transaction_status.name)
)"),
            "[('127.0.0.1', 3), ('127.0.0.2', 3), ('127.0.0.3', 3)]\n"
            "[(7, 'row 7', b'\\x8f\\x14\\xe4_\\xce\\xea\\x16zZ6\\xde\\xddK\\xea%C'"
            ")]\n150012 15.12-YB-2025.1.0.0-b0\n[(1, 'row 1'), (2, 'row 2')]\n"
            "[('written',)]\n23505\n[(100,)]\n"
            "[('127.0.0.2', 3)]\n0A000 INERROR\n");
  cluster->stop_node(1);
  EXPECT_EQ(driver("print(hosts([connect('load_balance_hosts=true') for _ in range(6)]))\n"),
            "[('127.0.0.1', 3), ('127.0.0.3', 3)]\n");
}

TEST_F(YugabyteDoubleTest, YugabytesOwnDriverReadsAsOfATimeInBothManners) {
  begin();
  EXPECT_EQ(driver(R"(
one, other = connect(), connect(host='127.0.0.2')
lsn = one.execute('SELECT yb_get_current_hybrid_time_lsn()').fetchone()[0]
one.commit()
one.execute('DELETE FROM t WHERE id > 10')
one.commit()
count = 'SELECT count(*) FROM t WHERE id > %s'
other.execute(f"SET LOCAL yb_read_time TO '{lsn} ht'")
print(other.execute(count, (0,)).fetchall())
other.rollback()
print(other.execute(count, (0,)).fetchall())
other.commit()
other.autocommit = True
other.execute(f'SET yb_read_time TO {lsn >> 12}')
print([other.execute(count, (i,)).fetchone()[0] for i in range(8)])
other.execute('RESET yb_read_time')
print(other.execute(count, (0,)).fetchall())
)"),
            "[(100,)]\n[(10,)]\n[100, 99, 98, 97, 96, 95, 94, 93]\n[(10,)]\n");
}

TEST_F(YugabyteDoubleTest, TlsIsTheProxysWithTheClustersCertificate) {
  const PostgresServer& server = db->server();
  if (!server.tls()) GTEST_SKIP() << "no openssl command, or a PostgreSQL without TLS";
  begin();
  PlainClient refused = client(0, "sslmode=require");
  EXPECT_THAT(refused.why_not(), HasSubstr("server does not support SSL"));
  begin({.tls = true});
  std::string url = plain_url(0, "hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=");
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  PlainClient one(url + server.ca().string());
  EXPECT_EQ(one.run("SELECT count(*) FROM t"), "100") << one.why_not();
  EXPECT_EQ(PQsslInUse(one.handle()), 1);
  EXPECT_EQ(cluster->statements("count(*)").size(), 1U);
  EXPECT_FALSE(PlainClient(url + server.wrong_ca().string()).connected());
  EXPECT_FALSE(client(1, "sslmode=verify-full&sslrootcert=" + server.ca().string()).connected());
  EXPECT_EQ(client(0, "sslmode=disable").run("SELECT 1"), "1");
}

TEST_F(YugabyteDoubleTest, AWrongPasswordIsRefused) {
  begin();
  std::string url = plain_url();
  url.replace(url.find(":pa"), 3, ":no");
  EXPECT_THAT(PlainClient(url).why_not(), HasSubstr("password authentication failed"));
}

TEST_F(YugabyteDoubleTest, AProgramServesScriptsUntilItsInputEnds) {
  const std::string script = file("tables.sql");
  std::ofstream(script) << "CREATE TABLE s (a int PRIMARY KEY); INSERT INTO s VALUES (1), (2);"
                           "SELECT yb_double_declare('s', 1, 0, false, '')";
  const std::string folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::string uses = file("uses.sh");
  std::ofstream(uses) << R"(
coproc cluster { "$1/yugabyte_double" "$2" nodes=2; }
read -u ${cluster[0]} word url
url=${url/yugabytedb/postgresql}
psql "$url" -XAtc "SELECT count(*), (SELECT num_tablets FROM yb_table_properties('s'::regclass)),
  (SELECT count(*) FROM yb_servers()) FROM s"
echo "stop 0" >&${cluster[1]}
read -u ${cluster[0]} said
echo $said
psql "$url" -XAtc 'SELECT 1' >/dev/null 2>&1 || echo refused
eval "exec ${cluster[1]}>&-"
wait $cluster_PID && echo ended
)";
  EXPECT_EQ(output_of("bash " + uses + " " + folder + " " + script),
            "2|1|2\ndone\nrefused\nended\n");
}

}  // namespace
}  // namespace sluice
