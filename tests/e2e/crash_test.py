# The program is killed, at random moments and at each named place, and run again: the copy must be whole at any time a
# reader could look, and equal at the end.
import collections
import json
import os
import pathlib
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

IN_PLACE = ["after-ddl", "before-commit", "after-commit"]
FAILPOINTS = [*IN_PLACE, "after-create", "after-unit", "before-publish", "after-publish"]
KILLED = -signal.SIGKILL
SEED = int(os.environ.get("SLUICE_TEST_SEED", "20261121"))
ROWS = 150_000
SMALL_UNITS = ("--unit-rows", "1", "--parallel", "2")  # a commit for each one or two chunks of 4 MiB


def change(chance):
    """One transaction. Those on ids that 7 divides keep the sum of all balances at 0: half of one would show."""
    one, other = (7 * chance.randrange(1, ROWS // 7) for _ in range(2))
    new, gone = ROWS + chance.randrange(10**6), chance.randrange(1, ROWS // 7) * 7 + chance.randrange(1, 7)
    return chance.choice([
        f"update t set balance = balance + case id when {one} then 1 else -1 end, updated_at = now()"
        f" where id in ({one}, {other}) and {one} <> {other}",
        f"insert into t values ({new * 7 + 1}, 0, 'new', now()) on conflict (id) do update set pad = 'again', updated_at = now()",
        f"delete from t where id = {gone}",
        f"update t set pad = pad || '.', updated_at = now() where id between {gone} and {gone + 30}"])


class KilledAtRandom(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.sql(f"""create table t (id bigint primary key, balance int not null, pad text, updated_at timestamptz default now());
            insert into t select i, 0, repeat(md5(i::text), 7) from generate_series(1, {ROWS}) i;
            create index on t (updated_at); vacuum analyze t""")

    def start_writer(self):
        writer = support.Writer(self.pg.session(self.db), change, random.Random(SEED))
        self.addCleanup(lambda: writer.stopping.is_set() or writer.stop())
        return writer

    def kill_once(self, file, longest, *flags):
        """True if the run was still going."""
        run = self.start_sync(*flags, file=file)
        time.sleep(self.random.uniform(0, longest))
        run.kill()
        text = run.communicate()[0]
        self.assertIn(run.returncode, (KILLED, 0), text)
        return run.returncode != 0

    def state(self, file):
        """What the file remembers of the table: nothing, or the state as the program wrote it."""
        if not self.has(file, "_sluice", "state"):
            return {}
        rows = support.query(file, "select hex(encode(state)) from _sluice.state")
        return json.loads(bytes.fromhex(rows[0][0])) if rows else {}

    @staticmethod
    def has(file, schema, table):
        return file.exists() and file.stat().st_size >= 3 * 4096 and support.value(
            file, f"select count(*) from duckdb_tables() where schema_name = '{schema}' and table_name = '{table}'") == "1"

    def phase(self, file):
        state = self.state(file)
        loading = state.get("loading")
        if not loading:
            return "published" if state else "before the load"
        if not loading["todo"]:
            return "all units done"
        return "between units" if loading["rows"] else "in the first unit"

    def assert_whole(self, file, says):
        """Nothing half-done under the table's name: it is not there, or it is the table at one instant."""
        if not self.has(file, "public", "t"):
            return False
        found = support.query(file, "select count(*), count(distinct id), sum(balance), count(*) filter (id % 7 = 0 and id <="
                                    f" {ROWS}) from public.t")[0]
        self.assertEqual(found, [found[0], found[0], "0", str(ROWS // 7)], f"{says}, seed {SEED}")
        return True

    def finish(self, writer, file):
        writer.stop()
        self.sync(file=file)
        self.assert_equal("public.t", file=file)
        self.assert_nothing_hidden(file)
        self.sync(file=file)
        self.assert_equal("public.t", file=file)

    def test_first_load_killed_25_times(self):
        """A load is killed, its resumed load too; the third run of a file must publish it."""
        began = time.monotonic()
        self.sync(*SMALL_UNITS, file=self.folder / "timed.duckdb")
        longest = time.monotonic() - began
        writer, number, phases = self.start_writer(), 0, collections.Counter()
        while phases.total() < 25:
            file = self.folder / f"{number}.duckdb"
            for _ in range(2):
                if self.kill_once(file, longest, *SMALL_UNITS):
                    phases[self.phase(file)] += 1
                self.assert_whole(file, f"after kill {phases.total()}")
            self.sync(file=file)
            self.assertTrue(self.assert_whole(file, f"after the run that came after kill {phases.total()}"))
            self.assert_nothing_hidden(file)
            (self.folder / f"{number - 1}.duckdb").unlink(missing_ok=True)
            number += 1
        self.assertGreaterEqual(phases["between units"], 5, phases)
        self.finish(writer, file)

    def test_incremental_run_killed_25_times(self):
        self.sync()
        writer = self.start_writer()
        began = time.monotonic()
        self.sync()
        longest, kills, moved = time.monotonic() - began, 0, 0
        while kills < 25:
            before = self.state(self.file)
            if self.kill_once(self.file, longest):
                kills += 1
                moved += self.state(self.file) != before
            self.assertTrue(self.assert_whole(self.file, f"after kill {kills}"))
        self.assertLess(moved, kills, "no kill came before the commit")
        self.finish(writer, self.file)


class KilledAtFailpoints(support.Fixture, unittest.TestCase):
    """Each place at which a run can be ended by SLUICE_FAILPOINT, on each way to write a table."""

    def at_each_place(self, create, changes, places):
        """A copy of `create`d tables (before `changes`, if any), a run that dies, then one that must heal."""
        for name in places:
            with self.subTest(failpoint=name):
                file = self.folder / f"{name}.duckdb"
                self.sql("drop table if exists t; " + create)
                old, columns = None, None
                if changes:
                    columns = support.columns_of(self.pg, "public.t", self.db)
                    self.sync(file=file)
                    self.sync(file=file)
                    old = support.contents(self.pg, "public.t", file, "public.t", self.db)[1]
                    self.sql(changes)
                with self.start_sync(file=file, SLUICE_FAILPOINT=name) as run:
                    text = run.communicate()[0]
                self.assertEqual(run.returncode, KILLED, text)
                if "public.t" in support.tables(file):
                    new, seen, _ = support.contents(self.pg, "public.t", file, "public.t", self.db, columns)
                    self.assertIn(seen, (old, new), f"neither the old copy nor the new one is visible after {name}")
                else:
                    self.assertIsNone(old, f"the old copy is gone after {name}")
                self.sync(file=file)
                self.assert_equal("public.t", file=file, says=f"after {name}")
                self.assert_nothing_hidden(file)

    def test_first_load(self):
        self.at_each_place("create table t (id int primary key, a text, updated_at timestamptz default now());"
                           " insert into t select i, 'row ' || i from generate_series(1, 5000) i", None, FAILPOINTS)

    def test_promotion_of_a_mark(self):
        """A mark waits for a transaction that was open when it was taken. The run that finds it ended dies; what that
        transaction wrote has an old stamp and must not be passed over."""
        create = ("create table t (id int primary key, a text, updated_at timestamptz default now());"
                  " insert into t select i, 'row ' || i, now() - interval '1 day' from generate_series(1, 3000) i")
        alone = ("--deletes", "ignore", "--overlap", "0s")  # rows come by the mark, by nothing else
        for name in ("before-commit", "after-commit"):
            with self.subTest(failpoint=name):
                file = self.folder / f"{name}.duckdb"
                self.sql("drop table if exists t; " + create)
                self.sync(*alone, file=file)
                late = self.pg.session(self.db)
                late.sql("begin; insert into t values (5000, 'late')")
                self.sql("select pg_sleep(0.05); insert into t values (6000, 'later stamp')")
                self.sync(*alone, file=file)
                late.sql("commit")
                late.close()
                with self.start_sync(*alone, file=file, SLUICE_FAILPOINT=name) as run:
                    text = run.communicate()[0]
                self.assertEqual(run.returncode, KILLED, text)
                for _ in range(2):
                    self.sync(*alone, file=file)
                    self.assert_equal("public.t", file=file, says=f"after {name}")

    def test_first_load_without_keys(self):
        self.at_each_place("create table t (a text); insert into t select 'row ' || i / 3 from generate_series(1, 5000) i", None,
                           FAILPOINTS)

    def test_incremental_run(self):
        self.at_each_place(
            "create table t (id int primary key, a text, updated_at timestamptz default now());"
            " insert into t select i, 'row ' || i, now() - interval '1 day' from generate_series(1, 5000) i",
            "update t set a = 'changed', updated_at = now() where id % 5 = 0; delete from t where id % 50 = 1;"
            " insert into t select i, 'new' from generate_series(6000, 6500) i", IN_PLACE)

    def test_full_refresh(self):
        self.at_each_place(
            "create table t (id int primary key, a text); insert into t select i, 'row ' || i from generate_series(1, 5000) i",
            "update t set a = 'changed' where id % 5 = 0; delete from t where id % 50 = 1;"
            " insert into t select i, 'new' from generate_series(6000, 6500) i", IN_PLACE)

    def test_full_refresh_that_builds_the_table_anew(self):
        self.at_each_place(
            "create table t (id int primary key, a text); insert into t select i, 'row ' || i from generate_series(1, 15000) i",
            "update t set a = 'changed' where id % 5 > 0; delete from t where id % 50 = 1;"
            " insert into t select i, 'new' from generate_series(16000, 16500) i",
            FAILPOINTS)

    def test_table_without_a_key(self):
        self.at_each_place(
            "create table t (a text, b int); insert into t select 'row ' || i / 3, i % 2 from generate_series(1, 5000) i",
            "update t set a = 'changed' where a like '%7'; delete from t where ctid in (select min(ctid) from t where a like '%9' group by a);"
            " insert into t select 'row ' || i, 1 from generate_series(1, 200) i", IN_PLACE)

    def test_added_column(self):
        self.at_each_place(
            "create table t (id int primary key, a text, updated_at timestamptz default now());"
            " insert into t select i, 'row ' || i from generate_series(1, 5000) i",
            "alter table t add column b text; update t set b = 'filled ' || id where id % 3 = 0; delete from t where id % 50 = 1",
            IN_PLACE)

    def test_widened_column(self):
        self.at_each_place(
            "create table t (id int primary key, a int, updated_at timestamptz default now());"
            " insert into t select i, i from generate_series(1, 5000) i",
            "alter table t alter a type bigint; update t set a = a + 5000000000, updated_at = now() where id % 3 = 0",
            IN_PLACE)


if __name__ == "__main__":
    unittest.main()
