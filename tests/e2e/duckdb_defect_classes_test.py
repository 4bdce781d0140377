# Ways in which published connectors lose or invent changes of a DuckDB or MotherDuck database, each a test with the name of
# its class: the same classes as defect_classes_test.py where they mean something of such a source. Elsewhere:
#   one row of every type            tests/contract/duckdb_source_test.cpp
#   whole result in memory           duckdb_memory_test.py
#   default start, sub-seconds       also examples_test.py
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import duckdb_support  # noqa: E402
import support  # noqa: E402

KEYED = "(id int primary key, a text, updated_at timestamptz default now())"
BY_MARK_ALONE = ("--deletes", "ignore", "--overlap", "0s")
# A column of each, two values of it that must not be taken for one another, and a third.
TYPES = {
    "decimal(38,18)": ("1.100000000000000000", "1.100000000000000001", "-12345678901234567890.5"),
    "decimal(4,1)": ("999.9", "-999.9", "0"),
    "timestamp": ("'2026-03-29 02:30:00.000001'", "'2026-03-29 02:30:00.000002'", "'0044-03-15 (BC) 01:02:03'"),
    "timestamp_ns": ("'2026-03-29 02:30:00.000000001'", "'2026-03-29 02:30:00.000000002'", "'1999-12-31 23:59:59'"),
    "date": ("'2026-01-01'", "'infinity'", "'0001-01-01'"),
    "time": ("'23:59:59.999999'", "'24:00:00'", "'00:00:00'"),
    "blob": ("'\\x00\\xFF'::blob", "'\\x00'::blob", "''::blob"),
    "json": ("'{\"a\": 1.10}'", "'{\"a\":1.10}'", "'\"back\\\\slash\"'"),
    "hugeint": ("170141183460469231731687303715884105727", "-170141183460469231731687303715884105727", "2147483648"),
    "uhugeint": ("340282366920938463463374607431768211455", "340282366920938463463374607431768211454", "0"),
    "ubigint": ("18446744073709551615", "18446744073709551614", "9223372036854775808"),
    "uinteger": ("4294967295", "4294967294", "0"),
    "interval": ("'1 month'", "'30 days'", "'720 hours'"),
    "integer[]": ("[1, null]", "[1]", "[]"),
    "decimal(9,2)[][]": ("[[1.10], null]", "[[1.11], null]", "[]"),
    "struct(a integer, d date, u uuid)": ("{'a': 1, 'd': date '2026-01-01', 'u': null}", "{'a': 1, 'd': date '2026-01-02', 'u': null}",
                                          "{'a': null, 'd': null, 'u': '00000000-0000-0000-0000-000000000001'::uuid}"),
    "map(varchar, interval)": ("map {'k': interval '1 month'}", "map {'k': interval '30 days'}", "map {}"),
    "enum('PRINT', 'it''s')": ("'PRINT'", "'it''s'", "'PRINT'"),
    "union(n integer, w varchar)": ("union_value(n := 1)", "union_value(n := 2)", "union_value(w := '1')"),
    "double": ("0.1", "'nan'", "5e-324"),
    "bit": ("'101'", "'0101'", "'1'"),
    "uuid": ("'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'00000000-0000-0000-0000-000000000000'", "uuid()"),
}


class Changes(duckdb_support.Files, unittest.TestCase):
    def test_delete_never_captured(self):
        """Whatever finds the changes finds exactly the deletes, and a NULL beside."""
        self.sql(f"create table t {KEYED}; insert into t select i, nullif('row ' || i % 3, 'row 0'), now() - interval 1 day from range(2000) r(i);"
                 " create table keyed as select id, a from t; alter table keyed add primary key (id); create table bag as select a, id % 10 as n from t")
        tables = ("main.t", "main.keyed", "main.bag")
        self.sync_equal(tables=tables)
        self.sql("delete from t where id in (7, 8); delete from keyed where id % 1000 = 9; delete from bag where rowid in (3, 30, 300)")
        run = self.sync_equal(tables=tables)
        self.assertEqual([run.written(table) for table in tables], [(0, 0, 2), (0, 0, 2), (0, 0, 3)])
        self.assertEqual([run[table]["strategy"] for table in tables], ["incremental", "full", "full"])
        for how, where in (("soft", "not _sluice_deleted"), ("ignore", "true")):
            with self.subTest(how):
                file = self.folder / f"{how}.duckdb"
                self.sync("--deletes", how, "--tables", "main.t", file=file)
                self.sql(f"delete from t where id = {len(how)}")
                self.sync("--deletes", how, "--tables", "main.t", file=file)
                gone = self.look(f"select count(*) from {how}.t where id = {len(how)} and {where}", file)
                self.assertEqual(gone, "0" if how == "soft" else "1")

    def test_delete_storm(self):
        """A table of which nothing changed, and then one row: nothing else is taken for deleted, or written."""
        self.sql(f"create table t {KEYED}; insert into t select i, 'row', now() - interval 1 day from range(1000) r(i)")
        self.sync_equal()
        for _ in range(3):
            self.assertEqual(self.sync_equal().written("main.t"), (0, 0, 0))
        self.sql("update t set a = 'changed', updated_at = now() where id = 7")
        self.assertEqual(self.sync_equal().written("main.t"), (0, 1, 0))

    def test_no_key_collapse_and_updates_as_new_rows(self):
        """Rows that are the same stay as many as they are; an updated row is no further row."""
        self.sql("create table t (a int, b varchar); insert into t select i % 10, null from range(100) r(i); insert into t values (1, ''), (1, '')")
        self.sync_equal()
        self.sql("insert into t values (1, null)")
        self.assertEqual(self.sync_equal().written("main.t"), (1, 0, 0))
        self.sql("update t set b = '' where rowid in (1, 11)")
        self.sync_equal()
        self.sql("delete from t where rowid in (2, 12, 22)")
        self.assertEqual(self.sync_equal().written("main.t"), (0, 0, 3))
        self.assertEqual(self.look("select count(*) from copy.t"), "100")

    def test_updated_at_and_no_key(self):
        """Everything is compared, for a mark without a key says nothing of deletes; what did not change is not written."""
        self.sql("create table t (a int, b varchar, updated_at timestamp); insert into t select i % 500, 'b', localtimestamp from range(30000) r(i)")
        self.sync_equal("--synced-at=true", tables=())
        before = self.look("select max(_sluice_synced_at)::varchar from copy.t")
        for _ in range(2):
            run = self.sync("--synced-at=true")
            self.assertEqual((run["main.t"]["strategy"], *run.written("main.t")), ("full", 0, 0, 0))
        self.assertEqual(self.look("select max(_sluice_synced_at)::varchar from copy.t"), before)
        self.sql("update t set b = 'c', updated_at = localtimestamp where rowid = 77; delete from t where rowid = 5")
        self.assertEqual(self.sync("--synced-at=true").written("main.t"), (1, 0, 2))
        self.assertEqual(self.look(f"select count(*) from copy.t where _sluice_synced_at > '{before}'"), "1")

    def test_exchanged_values_without_a_key(self):
        """Rows that exchange a value: sums of their hashes must not be the same as before."""
        self.sql("create table t (a int, b int); insert into t select i, i * 7 from range(40000) r(i)")
        self.sync_equal()
        self.sql("update t set b = case when a % 2 = 0 then (a + 1) * 7 else (a - 1) * 7 end")
        self.sync_equal()

    def test_published_together_without_keys(self):
        """Each table's differences are its own when all are written in one commit."""
        self.sql("".join(f"create table t{n} as select i % {n + 3} as a, i as b from range(5000) r(i);" for n in range(4)))
        tables = [f"main.t{n}" for n in range(4)]
        self.sync_equal("--publish", "together", tables=tables)
        self.sql("".join(f"delete from t{n} where b % 1000 = {n}; insert into t{n} values (7, {n}); update t{n} set a = -1 where b = {n + 50};"
                         for n in range(4)))
        run = self.sync_equal("--publish", "together", tables=tables)
        self.assertEqual([run.written(table) for table in tables], [(2, 0, 6)] * 4)

    def test_size_of_the_state(self):
        """Neither its size nor a value in it comes from rows."""
        sizes = []
        for rows in (100, 200_000):
            self.sql(f"create or replace table t {KEYED}; insert into t select i, 'secret ' || i, now() from range({rows}) r(i);"
                     f" create or replace table bag as select a, id from t")
            file = self.folder / f"{rows}.duckdb"
            for _ in range(3):
                self.sync(file=file)
                self.sql("insert into bag values ('secret new', 1); update t set a = 'secret new', updated_at = now() where id = 7")
            own = [row[0] for row in support.query(file, "select table_name from duckdb_tables() where schema_name = '_sluice'")]
            texts = " || ".join(f"coalesce((select string_agg(to_json(each)::varchar, '') from _sluice.{table} each), '')" for table in own)
            size, secret = support.query(file, f"select length({texts}), contains({texts}, 'secret')")[0]
            self.assertEqual(secret, "false")
            sizes.append(int(size))
        self.assertLess(sizes[1], sizes[0] + 500)
        self.assertLess(sizes[1], 20_000)

    def test_type_fallthrough(self):
        """Each type lands as itself, and a change between two values that are near is seen, by key and without one."""
        columns = ", ".join(f"c{n} {kind}" for n, kind in enumerate(TYPES))
        row = lambda which: ", ".join(values[which] for values in TYPES.values())
        self.sql(f"create table t (id hugeint primary key, {columns}, updated_at timestamp); insert into t values"
                 f" (1, {row(0)}, '2026-01-01'), (170141183460469231731687303715884105727, {row(1)}, '2026-01-01'),"
                 f" (2147483648, {row(2)}, '2026-01-01'), (0, {', '.join('null' for _ in TYPES)}, '2026-01-01');"
                 " create table keyed as select * exclude (updated_at) from t; alter table keyed add primary key (id);"
                 " create table bag as select * exclude (updated_at) from t")
        tables = ("main.t", "main.keyed", "main.bag")
        self.sync_equal(tables=tables)
        for n, (kind, values) in enumerate(TYPES.items()):
            with self.subTest(kind):
                for value in ("null", values[1]):  # an UPDATE to a value that DuckDB takes for equal does nothing
                    self.sql("".join(f"update {table} set c{n} = {value} where id = 1;" for table in ("t", "keyed", "bag")))
                self.sql("update t set updated_at = now() where id = 1")
                run = self.sync_equal(tables=tables)
                self.assertEqual([run.written(table) for table in tables], [(0, 1, 0), (0, 1, 0), (1, 0, 1)])
        run = self.sync_equal(tables=tables)
        self.assertEqual([run.written(table) for table in tables], [(0, 0, 0)] * 3)

    def test_same_names_in_several_schemas(self):
        """Tables of one name with other columns: each copy has its own table's."""
        self.sql("create schema sales; create schema analytics; create table orders (id int primary key, amount decimal(9,2));"
                 " create table sales.orders (id varchar primary key, updated_at timestamp, amount double);"
                 " create table analytics.orders (orders int[]); insert into orders values (1, 1.10), (2, null);"
                 " insert into sales.orders values ('a', localtimestamp, 0.1); insert into analytics.orders values ([1]), ([1])")
        tables = ("main.orders", "sales.orders", "analytics.orders")
        for _ in range(2):
            run = self.sync_equal(tables=tables)
            self.assertEqual(sorted(run.tables), sorted(tables))
            self.sql("insert into orders select max(id) + 1, 3 from orders; update sales.orders set amount = 7, updated_at = now(); delete from analytics.orders where rowid = 0")
        one = self.folder / "one.duckdb"
        self.assertEqual(list(self.sync("--tables", "sales.*", file=one).tables), ["sales.orders"])
        self.assert_equal("sales.orders", file=one)
        self.assertEqual(support.tables(one), ["sales.orders"])

    def test_name_collisions(self):
        """a_b.c and a.b_c, and names that Fivetran's rules make one: both of those are refused, the others are copied."""
        names = ("a_b.c", "a.b_c", 'a."b__c"', "a.addr1", "a.addr_1")
        self.sql("create schema a_b; create schema a;" + "".join(
            f"create table {name} {KEYED}; insert into {name} (id, a) values ({number}, '{number}');" for number, name in enumerate(names)))
        self.sync_equal(tables=names)
        renamed = self.folder / "renamed.duckdb"
        text = self.sync("--naming", "fivetran", file=renamed, check_exit=3).text
        self.assertIn("would both be a.addr_1", text)
        self.assertIn("would both be a.b_c", text)
        self.assertEqual(support.tables(renamed), ["a_b.c"])
        self.assert_equal("a_b.c", file=renamed)

    def test_one_bad_table_kills_all(self):
        """A view over a table that is gone, a value that its chosen type cannot hold, a predicate that is none: reported, and the others done."""
        self.sql(f"create table t {KEYED}; insert into t (id, a) values (1, 'x'); create table u {KEYED}; insert into u (id, a) values (1, 'many');"
                 f" create table w {KEYED}; create table gone (a int); create view v as select a from gone; drop table gone;"
                 " create view good as select id, a from t")
        flags = ("--tables", "main.*,main.v,main.good", "--type", "main.u.a=INTEGER", "--where", "main.w=no_column > 1")
        for _ in range(2):
            run = self.sync(*flags, check_exit=3)
            self.assert_equal("main.t", "main.good", says=run.text)
            self.assertEqual({table: each["outcome"] for table, each in run.tables.items()},
                             {"main.t": "done", "main.good": "done", "main.u": "failed", "main.w": "refused", "main.v": "skipped"})
            self.assertIn("many", run["main.u"]["error"])
            self.assertIn("no_column", run["main.w"]["error"])
            self.assertIn("gone", run["main.v"]["error"])
            self.sql("insert into t (id, a) select max(id) + 1, 'more' from t")
        self.assertEqual(support.tables(self.file), ["main.good", "main.t"])

    def test_settings_never_validated(self):
        self.sql(f"create table t {KEYED}; insert into t (id, a) values (1, 'x')")
        for flags, word in ((("--tables", "main.nothing"), "main.nothing"), (("--replication-key", "main.t=updatedat"), "updatedat"),
                            (("--key", "main.t=no_such"), "no_such"), (("--start", "main.t=someday"), "start:")):
            with self.subTest(flags):
                self.assertIn(word, self.sync(*flags, check_exit=2).text)
        missing = support.sluice("sync", f"duckdb:{self.folder}/missing.duckdb", f"duckdb:{self.file}", check_exit=2)
        self.assertIn("missing.duckdb", missing)


class Cursors(duckdb_support.Files, unittest.TestCase):
    def test_tie_at_checkpoint(self):
        """A bulk update gave every row one stamp; the run dies before and after it commits."""
        self.sql(f"create table t {KEYED}; insert into t select i, 'row', '2026-01-01' from range(150000) r(i)")
        self.sync_equal()
        for step, place in enumerate(("before-commit", "after-commit")):
            self.sql(f"update t set a = 'tie {step}', updated_at = '2026-01-0{step + 2} 00:00:00+00'")
            self.sync(SLUICE_FAILPOINT=place, check_exit=-signal.SIGKILL)
            self.sync_equal()

    def test_sub_second_truncation(self):
        """Changes one microsecond apart, of keys with and without time zone, and of nanoseconds."""
        for kind, step in (("timestamptz", "interval 1 microsecond"), ("timestamp", "interval 1 microsecond"), ("timestamp_ns", "1")):
            with self.subTest(kind):
                value = lambda n: (f"make_timestamp_ns(1767268800999999990 + {n})" if kind == "timestamp_ns" else
                                   f"{kind} '2026-01-01 12:00:00.999990' + {n} * {step}")
                self.sql(f"create or replace table t (id int primary key, a text, updated_at {kind}); insert into t select i, 'row', {value(0)} from range(10) r(i)")
                self.file.unlink(missing_ok=True)
                for n in range(1, 5):
                    self.sync_equal(*BY_MARK_ALONE)
                    self.sql(f"update t set a = 'step {n}', updated_at = {value(n)} where id = {n}")
                self.assertEqual(self.sync_equal(*BY_MARK_ALONE).written("main.t"), (0, 1, 0))

    def test_date_cursor(self):
        """Several changes of one day, and of the next."""
        self.sql("create table t (id int primary key, a text, updated_at date); insert into t select i, 'row', '2026-01-01' from range(500) r(i)")
        for step in range(4):
            run = self.sync_equal(*BY_MARK_ALONE)
            self.sql(f"update t set a = 'step {step}', updated_at = date '2026-01-01' + {step // 2} where id % 100 = {step}")
        run = self.sync_equal(*BY_MARK_ALONE)
        self.assertEqual((run["main.t"]["strategy"], run.written("main.t")), ("incremental", (0, 5, 0)))

    def test_cursor_in_mixed_case(self):
        """The mark advances: rows below it are not read again."""
        self.sql("create table t (id int primary key, a text, \"Updated_At\" timestamptz); insert into t select i, 'row', now() - i * interval 1 minute from range(2000) r(i)")
        self.sync_equal(*BY_MARK_ALONE)
        for step in range(3):
            self.sql(f"update t set a = 'step {step}', updated_at = now() where id = {step + 1}")
            run = self.sync_equal(*BY_MARK_ALONE)
            self.assertEqual((run["main.t"]["strategy"], run.written("main.t")), ("incremental", (0, 1, 0)))
            self.assertLess(run["main.t"]["read"], 5)

    def test_created_at_is_no_cursor(self):
        """It says nothing of updates. Nor is a column of a usual name that is no time or number."""
        self.sql("create table t (id int primary key, a text, created_at timestamp default localtimestamp); insert into t (id, a) select i, 'row' from range(500) r(i);"
                 " create table u (id int primary key, a text, updated_at varchar); insert into u select i, 'row', 'some time' from range(500) r(i)")
        tables = ("main.t", "main.u")
        for step in range(3):
            run = self.sync_equal(tables=tables)
            self.assertNotIn("incremental", [each["strategy"] for each in run.tables.values()])
            self.sql(f"update t set a = 'step {step}' where id % 9 = {step}; update u set a = 'step {step}' where id % 9 = {step}")
        self.sync_equal(tables=tables)

    def test_null_cursor(self):
        """Rows without a stamp are compared at every run, and so is one that loses its stamp."""
        self.sql(f"create table t {KEYED}; insert into t select i, 'row', case when i % 10 > 0 then now() - interval 1 day end from range(500) r(i)")
        self.sync_equal()
        self.sql("update t set a = 'changed' where id = 10; update t set a = 'lost', updated_at = null where id = 11; insert into t values (1000, 'new', null)")
        self.assertEqual(self.sync_equal(*BY_MARK_ALONE).written("main.t"), (1, 2, 0))

    def test_late_commit(self):
        """Rows that come with a stamp below the mark: within the overlap by it, beyond by their keys."""
        self.sql(f"create table t {KEYED}; insert into t select i, 'row', now() - interval 1 day from range(500) r(i); insert into t values (1000, 'newest', now())")
        self.sync_equal()
        self.sync_equal()
        self.sql("insert into t values (1001, 'late', now() - interval 2 minutes), (1002, 'very late', now() - interval 3 days);"
                 " update t set a = 'late', updated_at = now() - interval 1 minute where id = 5")
        self.assertEqual(self.sync_equal().written("main.t"), (2, 1, 0))

    def test_a_stamp_that_is_not_maintained_comes_to_light(self):
        """Within 16 runs, for a table of this size; at once where everything is compared."""
        self.sql(f"create table t {KEYED}; insert into t select i, 'row', now() - interval 1 day from range(500) r(i)")
        self.sync()
        self.sql("update t set a = 'not stamped' where id = 7")
        updated = sum(self.sync().written("main.t")[1] for _ in range(16))
        self.assertEqual(updated, 1)
        self.sql("update t set a = 'not stamped again' where id = 7")
        self.assertEqual(self.sync_equal("--full").written("main.t"), (0, 1, 0))

    def test_cursor_string_compare_and_time_zones(self):
        """Moments around the end of summer time, whose texts sort otherwise; the program runs in a zone of its own."""
        zones = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati", "UTC")
        self.sql(f"create table t {KEYED}; insert into t values (0, 'first', '2026-10-01'); create table u (id int primary key, a text, updated_at timestamp);"
                 " insert into u values (0, 'first', '2026-10-01')")
        for step in range(4):
            for number, zone in enumerate(zones):
                minutes = f"{step * 25 + number} * interval 1 minute"
                self.sql(f"set timezone = '{zone}'; insert into t values ({step * 10 + number + 1}, '{zone}', timestamptz '2026-10-25 00:10:00+00' + {minutes});"
                         f" insert into u values ({step * 10 + number + 1}, '{zone}', timestamp '2026-10-25 01:10:00.000001' + {minutes})")
            for each in ("main.t", "main.u"):
                self.sync_equal("--tables", each, *BY_MARK_ALONE, "--name", each, tables=(each,), TZ=zones[step])
        self.assertEqual(self.look("select updated_at::varchar from copy.u where id = 1"), "2026-10-25 01:10:00.000001")


class Keys(duckdb_support.Files, unittest.TestCase):
    def test_guessed_key(self):
        """A child table whose only id is its parent's, one with a column called pk that is none, and a key of several columns."""
        self.sql("create table t (user_id int, note text, updated_at timestamptz default now()); insert into t (user_id, note) select i % 10, 'note ' || i from range(200) r(i);"
                 " create table u (id int, pk int, note text); insert into u values (1, 1, 'a'), (1, 1, 'b'), (null, 1, 'a'), (null, 1, 'a');"
                 " create table lines (order_id int, line int, note text, primary key (line, order_id)); insert into lines select i % 3, i // 3, 'x' from range(30) r(i)")
        tables = ("main.t", "main.u", "main.lines")
        for _ in range(3):
            run = self.sync_equal(tables=tables)
            self.sql("update t set user_id = 11, updated_at = now() where note = 'note 7'; insert into u values (1, 1, 'a'); update lines set note = note || '!' where line = 2 and order_id = 1")
        self.assertEqual(run.written("main.lines"), (0, 1, 0))

    def test_detected_key(self):
        """Where it is asked for, and proven at every run: else that table fails, says why, and keeps its last good copy."""
        stamped = "updated_at timestamptz default now()"
        self.sql("".join(f"create table {name} ({column} int, a text, {stamped}); insert into {name} ({column}, a) select i, 'row' from range(100) r(i);"
                         for name, column in (("users", "user_id"), ("pets", "id"), ("things", "PK"))) +
                 f"create table child (user_id int, a text, {stamped}); insert into child (user_id, a) select i % 10, 'row' from range(100) r(i)")
        keyed = ("main.users", "main.pets", "main.things")
        flags = tuple(f"--key={table}=detect" for table in keyed)
        run = self.sync_equal(*flags, tables=(*keyed, "main.child"))
        self.sql("".join(f"update {table} set a = 'changed', updated_at = now() where a = 'row' and rowid % 20 = 3;" for table in (*keyed, "main.child")))
        run = self.sync_equal(*flags, tables=(*keyed, "main.child"))
        self.assertEqual({table: (each["strategy"], each["updated"]) for table, each in run.tables.items()},
                         {**{table: ("incremental", 5) for table in keyed}, "main.child": ("full", 0)})
        self.sql("insert into pets (id, a) values (7, 'a second 7'); insert into users (user_id, a) values (null, 'nobody'); update things set a = 'again', updated_at = now() where pk = 1")
        run = self.sync(*flags, check_exit=3)
        for table in ("main.pets", "main.users"):
            self.assertEqual(run[table]["outcome"], "refused")
            self.assertIn("is not a key: 1 of its values", run[table]["error"])
        self.assert_equal("main.things", "main.child")
        self.assertEqual(self.look("select count(*) from copy.pets"), "100")
        self.sql("delete from pets where a = 'a second 7'; delete from users where user_id is null")
        self.sync_equal(*flags, tables=(*keyed, "main.child"))

    def test_a_key_that_none_is_called_is_not_detected(self):
        self.sql("create table child (user_id int, note text); insert into child values (1, 'a'), (2, 'b'); create table t (id int); insert into t values (1)")
        run = self.sync("--key", "main.child=detect", check_exit=3)
        self.assertIn("key: detect finds no column", run["main.child"]["error"])
        self.assert_equal("main.t")

    def test_unquoted_identifiers(self):
        """Names with quotes, points, other scripts and reserved words: of tables, columns, keys and marks."""
        for number, (schema, name) in enumerate((("main", 'quo"ted'), ('odd "schema"', "select"), ("a.b", "c"), ("Ünï", "a.b"), ("main", "it's; --"))):
            with self.subTest(name):
                table = ".".join(map(support.quoted, (schema, name)))
                self.sql(f"create schema if not exists {support.quoted(schema)}; create table {table} (\"or\"\"der\" int, \"it's\" text, \"up \"\"at\" timestamptz, primary key (\"or\"\"der\"));"
                         f" insert into {table} select i, 'row', now() - interval 1 day from range({number + 5}) r(i)")
                for step in range(3):
                    self.sync("--replication-key", f"{schema}.{name}=up \"at", "--tables", f"{schema}.{name}", "--name", str(number))
                    self.assert_equal(table)
                    self.sql(f"update {table} set \"it's\" = 'step {step}', \"up \"\"at\" = now() where \"or\"\"der\" = 1; delete from {table} where \"or\"\"der\" = {step + 2}")


if __name__ == "__main__":
    unittest.main()
