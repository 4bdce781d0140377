# What a run must refuse, leave alone or say: rights, row security, another source, the brake, tables of other people,
# odd names, and passwords.
import json
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

KEYED = "(id int primary key, a text, updated_at timestamptz default now())"
SECRET = "s3cr3t-s3cr3t"
ODD_NAMES = ["two words", 'quo"ted', "it's", "Mixed Case", "select", "order", "table", "emoji 🦆", "ünïcode", "a.b", "semi;colon", "%s",
             "$1", "back\\slash", "tab\tbed", "-- comment", "trailing ", "1digit", "x" * 63, "*", "what?"]


class Rights(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql(f"""create table open {KEYED}; insert into open select i, 'row' from generate_series(1, 500) i;
            create table closed {KEYED}; insert into closed select i, 'hidden' from generate_series(1, 500) i;
            drop role if exists reader; create role reader login password '{SECRET}';
            grant select on open to reader""")
        self.addCleanup(lambda: self.sql("drop owned by reader; drop role reader"))
        self.reader = self.pg.url(self.db, "reader", SECRET)

    def read(self, *flags, check_exit=0):
        return support.sluice("sync", self.reader, f"duckdb:{self.file}", *flags, check_exit=check_exit)

    def test_no_right_on_one_table(self):
        text = self.read(check_exit=3)
        self.assertRegex(text, "(?i)grant select on .*closed.* to .*reader")
        self.assert_equal("public.open")
        self.assertEqual(support.tables(self.file), ["public.open"])
        self.sql("grant select on closed to reader")
        self.read()
        self.assert_equal("public.closed")

    def test_right_taken_away_between_runs(self):
        self.sql("grant select on closed to reader")
        self.read()
        self.sql("revoke select on closed from reader; delete from open where id = 1; delete from closed where id = 1")
        self.read(check_exit=3)
        self.assert_equal("public.open")
        self.assertEqual(support.value(self.file, "select count(*) from public.closed"), "500")

    def test_row_security_is_an_error_and_not_a_smaller_table(self):
        self.sql("grant select on closed to reader; alter table closed enable row level security;"
                 " create policy half on closed using (id % 2 = 0)")
        text = self.read(check_exit=3)
        self.assertRegex(text, "(?i)row.(level )?security")
        self.assert_equal("public.open")
        self.assertEqual(support.tables(self.file), ["public.open"])
        self.sql("alter role reader bypassrls")
        self.read()
        self.assert_equal("public.closed")

    def test_row_security_switched_on_later(self):
        self.sql("grant select on closed to reader")
        self.read()
        self.sql("alter table closed enable row level security; create policy half on closed using (id % 2 = 0)")
        self.read(check_exit=3)
        self.assertEqual(support.value(self.file, "select count(*) from public.closed"), "500")

    def test_wrong_password_fails_once(self):
        began = time.monotonic()
        text = support.sluice("sync", self.pg.url(self.db, "reader", "wr0ng-wr0ng"), f"duckdb:{self.file}", check_exit=1)
        self.assertLess(time.monotonic() - began, 5)
        self.assertRegex(text, "(?i)password")
        self.assertNotIn("wr0ng-wr0ng", text)

    def test_a_server_without_tls_is_asked_once(self):
        text = support.sluice("sync", self.url + "?sslmode=require", f"duckdb:{self.file}", check_exit=2)
        self.assertIn("the server has no TLS (ssl = on in its postgresql.conf)", text)
        self.assertNotIn("retr", text)

    def test_the_password_is_nowhere(self):
        self.sql(f"grant select on closed to reader; insert into open select i, repeat('x', 900) from generate_series(1000, 30000) i")
        said, titles = [], set()
        for flags in ((), ("--json",), ("--full", "--log-level", "debug"), ("--max-rate", "2MB", "--full", "--json")):
            run = support.start("sync", self.reader, f"duckdb:{self.file}", *flags)
            born = time.monotonic()
            while run.poll() is None and time.monotonic() - born < 60:
                try:
                    title = pathlib.Path(f"/proc/{run.pid}/cmdline").read_bytes()
                except OSError:
                    continue
                if time.monotonic() - born > 0.3:  # a title cannot be wiped before the program has begun
                    titles.add(title)
                time.sleep(0.01)
            said.append(run.communicate()[0])
            self.assertEqual(run.returncode, 0, said[-1])
        for command in (("runs",), ("runs", "--json"), ("state", "show"), ("check",), ("plan", "--json"), ("discover",)):
            places = [self.reader] if command[0] == "discover" else [self.reader, f"duckdb:{self.file}"]
            said.append(support.sluice(*command, *places, check_exit=None))
        self.sql("alter table open rename column a to b; drop table closed")
        said.append(self.read("--json", check_exit=None))
        self.assertTrue(titles)
        for title in titles:
            self.assertNotIn(SECRET.encode(), title)
        for text in said:
            self.assertNotIn(SECRET, text)
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        self.assertTrue(any(path.name.endswith(".sluice.log") for path in files), files)
        for path in files:
            self.assertNotIn(SECRET.encode(), path.read_bytes(), path)
        for table in ("state", "runs", "run_tables", "meta"):
            for row in support.query(self.file, f"select hex(encode(to_json(each)::varchar)) from _sluice.{table} each"):
                self.assertNotIn(SECRET, bytes.fromhex(row[0]).decode())


class Refusals(support.Fixture, unittest.TestCase):
    def make(self, rows=3000, table="t"):
        self.sql(f"create table {table} {KEYED}; insert into {table} select i, 'row ' || i from generate_series(1, {rows}) i")

    def test_another_database_under_the_same_connection(self):
        self.make()
        self.sync()
        other = self.pg.database("another")
        self.addCleanup(lambda: self.pg.sql("drop database another with (force)"))
        self.pg.sql(f"create table t {KEYED}; insert into t values (1, 'other')", other)
        text = support.sluice("sync", self.pg.url(other), f"duckdb:{self.file}", check_exit=2)
        self.assertIn("--accept-source", text)
        self.assert_equal("public.t")
        support.sluice("sync", self.pg.url(other), f"duckdb:{self.file}", "--accept-source", "--allow-deletes", "*")
        support.assert_equal(self.pg, "public.t", self.file, database=other)

    def test_another_database_is_compared_whatever_the_cadence_says(self):
        self.make()
        flags = ("--strategy", "full", "--full-every", "never")
        self.sync(*flags)
        other = self.pg.database("another_one")
        self.addCleanup(lambda: self.pg.sql("drop database another_one with (force)"))
        self.pg.sql(f"create table t {KEYED}; insert into t values (1, 'other')", other)
        support.sluice("sync", self.pg.url(other), f"duckdb:{self.file}", "--accept-source", "--allow-deletes", "*", *flags)
        support.assert_equal(self.pg, "public.t", self.file, database=other)

    def test_a_killed_run_opens_no_brake(self):
        """Before a big commit its rows are announced: they are no deletes that need no word."""
        self.sql(f"create table t {KEYED}; insert into t select i, 'row', '2026-01-01' from generate_series(1, 400000) i")
        self.sync()
        self.sync()
        self.sql("update t set a = 'new', updated_at = now() where id <= 150000")
        with self.start_sync(SLUICE_FAILPOINT="before-commit") as run:
            run.communicate()
        self.sql("delete from t where id > 260000")
        self.assertIn("--allow-deletes", self.sync(check_exit=3))
        self.sync("--allow-deletes", "t")
        self.assert_equal("public.t")

    def test_a_predicate_lets_no_other_rows_in(self):
        self.make()
        self.assertIn("without its other half", self.sync("--where", "public.t=id < 5) or (1 = 1", check_exit=2))
        self.sync("--where", "public.t=(id < 5 or a = ')') and a <> 'it''s ('")
        self.assert_equal("public.t", where="id < 5 or a = ')'")

    def test_a_replication_key_that_lands_as_text_is_refused(self):
        """'1000' sorts before '999'."""
        self.sql("create table t (id int primary key, ver int); insert into t select i, 990 + i from generate_series(0, 9) i")
        flags = ("--mode", "append", "--replication-key", "ver")
        self.assertIn("sorts otherwise", self.sync("--type", "public.t.ver=VARCHAR", *flags, check_exit=2))
        self.sync(*flags)
        self.sql("insert into t select i, 990 + i from generate_series(10, 15) i")
        self.sync(*flags)
        self.assert_equal("public.t")

    def test_values_that_were_dropped_are_read_again_when_that_is_over(self):
        self.sql("create table t (id int primary key, m numeric(8,2), updated_at timestamptz default now()); insert into t values (1, 'NaN', '2026-01-01'), (2, 5, '2026-01-01')")
        for _ in range(2):
            self.sync("--misfit", "null", "--strategy", "xmin")
        self.assertIn("NaN", self.sync("--misfit", "fail", "--strategy", "xmin", check_exit=1))

    def test_another_server_under_the_same_connection(self):
        """Same names, another cluster: a server that was set up anew, say."""
        self.make()
        self.sync()
        other = support.Postgres()
        self.addCleanup(other.remove)
        other.database(self.db)
        other.sql(f"create table t {KEYED}; insert into t values (1, 'other')", self.db)
        text = support.sluice("sync", other.url(self.db), f"duckdb:{self.file}", check_exit=2)
        self.assertIn("--accept-source", text)
        self.assert_equal("public.t")
        self.sync()

    def test_brake_on_deletes(self):
        for name, flags in (("incremental", ()), ("full", ("--strategy", "full")), ("multiset", ())):
            with self.subTest(name):
                self.sql("drop table if exists t")
                self.make()
                if name == "multiset":
                    self.sql("alter table t drop constraint t_pkey; alter table t drop updated_at")
                file = self.folder / f"{name}.duckdb"
                self.sync(*flags, file=file)
                self.sync(*flags, file=file)
                old = support.contents(self.pg, "public.t", file, "public.t", self.db)[1]
                self.sql("delete from t where id % 20 > 0; create table if not exists small (id int primary key)")
                text = self.sync(*flags, file=file, check_exit=3)
                self.assertIn("--allow-deletes", text)
                self.assertIn("2850", text.replace(",", ""))
                self.assertEqual(support.contents(self.pg, "public.t", file, "public.t", self.db)[1], old)
                self.assert_equal("public.small", file=file)
                self.sync(*flags, "--allow-deletes", "public.t", file=file)
                self.assert_equal("public.t", file=file)

    def test_brake_holds_for_a_truncated_table(self):
        self.make()
        self.sync()
        self.sync()
        self.sql("truncate t")
        self.sync(check_exit=3)
        self.assertEqual(support.value(self.file, "select count(*) from public.t"), "3000")
        self.sync("--allow-deletes", "public.*")
        self.assert_equal("public.t")

    def test_table_that_somebody_else_made(self):
        self.make()
        self.make(table="mine")
        holder = subprocess.run([support.HOLD_FILE, str(self.file), "write",
                                 "create schema if not exists main; create table main.t as select 42 as answer"],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(holder.returncode, 0, holder.stderr)
        text = self.sync("--schema", "main", check_exit=3)
        self.assertRegex(text, "schema")
        self.assertEqual(support.query(self.file, "select * from main.t"), [["42"]])
        self.assert_equal("public.mine", "main.mine")
        self.sync("--schema", "main", "--tables", "public.t", check_exit=2)
        self.assertEqual(support.query(self.file, "select * from main.t"), [["42"]])
        self.sync("--schema", "main", "--exclude", "public.t")

    def test_case_twins(self):
        for name in ("A", "a", "b"):
            self.sql(f'create table "{name}" {KEYED}; insert into "{name}" values (1, \'{name}\')')
        text = self.sync(check_exit=3)
        self.assertIn("public.A", text)
        self.assertIn("public.a", text)
        self.assert_equal("public.b")
        self.assertEqual(support.tables(self.file), ["public.b"])
        self.sql("create table columns (\"X\" int, x int); insert into columns values (1, 2)")
        text = self.sync("--exclude", "public.A", check_exit=3)
        self.assertRegex(text, "(?s)X.*x")
        self.assert_equal("public.a")

    def test_odd_names(self):
        for number, name in enumerate(ODD_NAMES):
            table, column = support.quoted(name), support.quoted(name)
            self.sql(f"create table {table} (id int primary key, {column} text, updated_at timestamptz default now());"
                     f" insert into {table} select i, 'row ' || i from generate_series(1, {number + 5}) i")
        self.sql('create schema "odd schema"; create table "odd schema"."odd ""table""" ("key one" int, "Key 2" text,'
                 ' "order" int, primary key ("key one", "Key 2")); insert into "odd schema"."odd ""table""" values (1, \'a\', 2), (1, \'b\', 3)')
        for step in range(3):
            self.sync()
            for name in ODD_NAMES:
                with self.subTest(name=name, step=step):
                    self.assert_equal("public." + support.quoted(name))
                    self.sql(f"update {support.quoted(name)} set {support.quoted(name)} = '{step}', updated_at = now() where id = 2;"
                             f" delete from {support.quoted(name)} where id = {step + 3}")
            self.assert_equal('"odd schema"."odd ""table"""')
            self.sql('update "odd schema"."odd ""table""" set "order" = "order" + 1 where "Key 2" = \'b\'')

    def test_twin_that_appears_later(self):
        """The one that is copied goes on; the new one is refused, also though its name comes first."""
        self.sql(f"create table a {KEYED}; insert into a values (1, 'a')")
        self.sync()
        self.sql(f"create table \"A\" {KEYED}; insert into \"A\" values (1, 'A'); insert into a values (2, 'more')")
        self.assertIn("public.A", self.sync(check_exit=3))
        self.assert_equal("public.a")

    def test_names_that_sluice_keeps_for_itself(self):
        """A source table named as the hidden table of another's load would be dropped by that load."""
        self.make(table="t")
        self.make(table="_sluice_load_t")
        self.sql("create table columns (id int primary key, _sluice_x int); create schema _sluice; create table _sluice.state (a int)")
        for _ in range(2):
            text = self.sync("--full", check_exit=3)
            for name in ("public._sluice_load_t", "_sluice.state", "_sluice_x"):
                self.assertIn(name, text)
            self.assert_equal("public.t")
            self.assertEqual(support.tables(self.file), ["public.t"])

    def test_300_tables(self):
        self.sql("do $$ begin for i in 1..300 loop execute format('create table t%s (id int primary key, a text, updated_at"
                 " timestamptz default now())', i); execute format('insert into t%s select g, %L || g from generate_series(1, %s) g',"
                 " i, 'table ' || i || ' row ', i % 17); end loop; end $$")
        self.sync("--quiet")
        self.assertEqual(len(support.tables(self.file)), 300)
        self.sql("update t7 set a = 'changed', updated_at = now(); delete from t8 where id = 1; insert into t9 values (99, 'new')")
        summary = json.loads(self.sync("--json").splitlines()[-1])
        self.assertEqual((summary["tables"], summary["failed"], summary["deleted"]), (300, 0, 1))
        both = "select 't{0}' as name, id, a from {1}"
        source = self.sql(" union all ".join(both.format(i, f"public.t{i}") for i in range(1, 301)))
        copy = support.query(self.file, " union all ".join(both.format(i, f"public.t{i}") for i in range(1, 301)))
        self.assertEqual(sorted(source.splitlines()), sorted("|".join(row) for row in copy))


if __name__ == "__main__":
    unittest.main()
