# Changes of a table's shape between two runs: what is applied to the copy, what is refused with exit code 5, and what
# `on_drift` makes of it. Most leave every row's stamp as it was. More of it: changes_test.py (columns added and dropped,
# types narrowed), tests/unit/engine_table_test.cpp (columns that return), crash_test.py (killed in the middle).
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402


class SchemaDrift(support.Fixture, unittest.TestCase):
    def make(self, columns, values, rows=500, table="t"):
        """Stamps old enough that nothing is read again for its stamp."""
        self.sql(f"create table {table} (id int primary key, {columns}, updated_at timestamptz default now() - interval '1 day');"
                 f" insert into {table} select i, {values} from generate_series(1, {rows}) i")
        self.sync()
        self.sync()

    def sync_equal(self, *flags, table="public.t"):
        text = self.sync(*flags)
        self.assert_equal(table, says=text)
        return text

    def after(self, *steps, says=""):
        for step in steps:
            self.sql(step)
            self.assertIn(says, self.sync_equal())
            self.sql("update t set updated_at = now() where id % 50 = 1; delete from t where id = (select max(id) from t)")
            self.sync_equal()

    def refused(self, change, message):
        self.sql(change)
        text = self.sync(check_exit=5)
        self.assertIn(message, text)
        self.assertIn("--accept-drift public.t", text)
        self.sync_equal("--accept-drift", "public.t")
        self.sync_equal()

    # ---- applied

    def test_not_null_set_and_dropped(self):
        self.make("a text", "'row ' || i")
        self.after("alter table t alter a set not null", "alter table t alter a drop not null; update t set a = null, updated_at = now()"
                   " where id % 3 = 0")

    def test_enum_values_added(self):
        self.sql("create type mood as enum ('sad', 'ok')")
        self.make("m mood", "(array['sad', 'ok']::mood[])[1 + i % 2]")
        self.after("alter type mood add value 'happy'", "update t set m = 'happy', updated_at = now() where id % 5 = 0",
                   "alter type mood add value 'fine' before 'ok'", "insert into t values (1000, 'fine')")

    def test_enum_values_renamed(self):
        """Every row that holds it changes, and none of them is written."""
        self.sql("create type mood as enum ('sad', 'ok'); create domain my_mood as mood; create type pair as (m mood, n int)")
        one = "(array['sad', 'ok']::mood[])[1 + i % 2]"
        self.make("m mood, d my_mood", f"{one}, {one}")
        self.make("l mood[], p pair", f"array[{one}, 'ok'], row({one}, i)::pair", table="nested")
        self.after("alter type mood rename value 'ok' to 'fine'")
        self.assertEqual(support.query(self.file, "select distinct array_to_string(l, ' '), p.m from public.nested order by all"),
                         [["fine fine", "fine"], ["sad fine", "sad"]])

    def test_columns_reordered(self):
        self.make("a int, b text", "i, 'b' || i")
        self.after("alter table t add a2 int; update t set a2 = a; alter table t drop a; alter table t rename a2 to a",
                   "begin; alter table t rename to was; create table t (b text, updated_at timestamptz, a int, id int primary key);"
                   " insert into t select b, updated_at, a, id from was; drop table was; commit")

    def test_column_dropped_and_made_anew_under_its_name(self):
        self.make("a text, b int", "'row ' || i, i")
        self.after("alter table t drop a; alter table t add a text default 'new'")

    def test_columns_renamed_into_each_other(self):
        self.make("a text, b text", "'a' || i, 'b' || i")
        self.after("alter table t rename a to x; alter table t rename b to a; alter table t rename x to b")

    def test_column_renamed(self):
        """Seen as one that was dropped and one that was added."""
        self.make("a text", "'row ' || i")
        self.sql("alter table t rename a to b")
        text = self.sync_equal()
        self.assertIn("column added: b VARCHAR", text)
        self.assertIn("column dropped at the source: a is kept", text)
        self.assertEqual(support.value(self.file, "select count(*) from public.t where b = 'row ' || id"), "500")

    def test_types_widened(self):
        self.make("i int, s smallint, v varchar(10), n numeric(10,2), r real", "i, i, 'v' || i, i / 7.0, i + 0.5")
        self.after("alter table t alter i type bigint; update t set i = 5000000000, updated_at = now() where id = 7",
                   "alter table t alter s type int; insert into t (id, s) values (1000, 100000)",
                   "alter table t alter n type numeric(14,4); insert into t (id, n) values (1001, 1234567890.1234)",
                   "alter table t alter r type double precision; insert into t (id, r) values (1002, 0.1)",
                   "alter table t alter s type numeric(12,2); insert into t (id, s) values (1003, 0.25)", says="column widened")
        self.after("alter table t alter v type varchar(20); update t set v = repeat('x', 20), updated_at = now() where id = 8",
                   "alter table t alter v type text; update t set v = repeat('y', 300), updated_at = now() where id = 9",
                   "alter table t alter v type varchar(5) using left(v, 5)")

    def test_key_widened(self):
        self.make("a text", "'row ' || i")
        self.after("alter table t alter id type bigint", "insert into t values (9000000000, 'new')")

    def test_added_column_with_a_default(self):
        """PostgreSQL writes no row: each gets the default when it is read, also when another default holds by then."""
        self.make("a text", "'row ' || i", rows=60_000)
        self.after("alter table t add column n int not null default 7", "alter table t alter n set default 8; insert into t (id) values (100001)",
                   "alter table t add column at timestamptz default now(), add column d date default 'infinity', add column e text default ''",
                   "alter table t alter e drop default; insert into t (id) values (100002)")
        self.sync_equal("--strategy", "digest")  # computed by the server from values that no row holds

    # ---- refused

    def test_key_dropped(self):
        self.make("a text", "'row ' || i")
        self.refused("alter table t drop constraint t_pkey", "public.t: the primary key is now (none), it was (id)")

    def test_key_changed(self):
        self.make("a text, b int not null default 1", "'row ' || i")
        self.refused("alter table t drop constraint t_pkey, add primary key (id, b); insert into t select id, a, 2 from t where id % 2 = 0",
                     "public.t: the primary key is now (id, b), it was (id)")
        self.refused("alter table t drop constraint t_pkey, add primary key (b, id)",
                     "public.t: the primary key is now (b, id), it was (id, b)")

    def test_key_renamed(self):
        self.make("a text", "'row ' || i")
        self.refused("alter table t rename id to number", "public.t: the primary key is now (number), it was (id)")

    def test_key_that_may_be_null_now(self):
        self.sql("create table t (id int not null unique, a text, updated_at timestamptz default now() - interval '1 day');"
                 " insert into t select i, 'row ' || i from generate_series(1, 500) i")
        self.sync_equal()
        self.refused("alter table t alter id drop not null; insert into t values (null, 'a'), (null, 'a')",
                     "public.t: the primary key is now (none), it was (id)")

    def test_types_that_do_not_widen(self):
        self.make("a text, n numeric(10,2), b bigint", "i::text, i, i")
        self.refused("alter table t alter a type int using a::int", "public.t: column a is now integer (INTEGER), the copy has VARCHAR")
        self.refused("alter table t alter n type numeric(10,4) using n / 1000", "public.t: column n is now numeric(10,4)")
        self.refused("alter table t alter b type int", "public.t: column b is now integer (INTEGER), the copy has BIGINT")

    # ---- on_drift

    def assert_old(self, columns):
        found = support.query(self.file, "select column_name from duckdb_columns() where table_name = 't' and schema_name = 'public'"
                              " order by column_index")
        self.assertEqual([row[0] for row in found], columns)
        self.assertEqual(support.value(self.file, "select count(*) from public.t where a = 'row ' || id"), "500")

    def test_on_drift_refuse(self):
        self.make("a text, b int", "'row ' || i, i")
        refuse = ("--on-drift", "public.t=refuse")
        for change, message in (("alter table t add column c int default 1", "public.t: column added: c INTEGER"),
                                ("alter table t alter b type bigint", "column widened: b INTEGER -> BIGINT"),
                                ("alter table t drop column b", "column dropped at the source: b")):
            with self.subTest(change):
                before = [row[0] for row in support.query(self.file, "select column_name from duckdb_columns() where table_name = 't'"
                                                          " and schema_name = 'public' order by column_index")]
                self.sql(change)
                for _ in range(2):
                    text = self.sync(*refuse, check_exit=5)
                    self.assertIn(message, text)
                    self.assertIn("(on_drift: refuse)", text)
                    self.assertIn("the same command with --accept-drift public.t applies it", text)
                    self.assert_old(before)
                self.sync_equal(*refuse, "--accept-drift", "public.t")
                self.sync_equal(*refuse)
        self.refused("alter table t alter a type int using substr(a, 5)::int", "public.t: column a is now integer")

    def test_on_drift_in_the_file(self):
        self.make("a text", "'row ' || i")
        self.make("a text", "'row ' || i", table="u")
        (self.folder / "sluice.yaml").write_text(f"connections:\n  default:\n    source: \"{self.url}\"\n    destination: {self.file}\n"
                                                 "    defaults: {on_drift: refuse}\n    table_options: {public.u: {on_drift: apply}}\n")
        self.sql("alter table t add column c int default 1; alter table u add column c int default 1")
        config = ("--config", str(self.folder / "sluice.yaml"))
        text = support.sluice("sync", *config, check_exit=3)
        self.assertIn("public.t: column added: c INTEGER (on_drift: refuse)", text)
        self.assert_equal("public.u")
        self.assert_old(["id", "a", "updated_at"])
        support.sluice("sync", *config, "--on-drift", "apply")
        self.assert_equal("public.t")


if __name__ == "__main__":
    unittest.main()
