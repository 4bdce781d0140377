# The program is killed, at random moments and at each named place, and run again: the copy must be whole at any time a
# reader could look, and equal at the end.
import os
import pathlib
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

FAILPOINTS = ["after-ddl", "after-create", "before-commit", "after-commit", "after-unit", "before-publish", "after-publish"]
KILLED = -signal.SIGKILL
SEED = int(os.environ.get("SLUICE_TEST_SEED", "20261121"))
ROWS = 150_000


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

    def kill_once(self, file, longest):
        """True if the run was still going. Now and then it is first asked to stop: then it dies about a unit's commit."""
        run = self.start_sync(file=file)
        time.sleep(self.random.uniform(0, longest))
        if self.random.random() < 0.4:
            run.send_signal(signal.SIGINT)
            time.sleep(self.random.uniform(0, 0.25))
        run.kill()
        text = run.communicate()[0]
        self.assertIn(run.returncode, (KILLED, 0, 130), text)
        return run.returncode != 0

    def assert_whole(self, file, says):
        """Nothing half-done under the table's name: it is not there, or it is the table at one instant."""
        if not file.exists() or file.stat().st_size < 3 * 4096:
            return False
        if "public.t" not in support.tables(file):
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
        """Kills go on over the resumed loads of a file until it is published; then a new file."""
        began = time.monotonic()
        self.sync(file=self.folder / "timed.duckdb")
        longest = (time.monotonic() - began) * 1.1
        writer, number, kills = self.start_writer(), 0, 0
        while kills < 25:
            file = self.folder / f"{number}.duckdb"
            kills += self.kill_once(file, longest)
            if self.assert_whole(file, f"after kill {kills}"):
                self.sync(file=file)
                self.assert_whole(file, f"after the run that followed kill {kills}")
                self.assert_nothing_hidden(file)
                number += 1
        self.finish(writer, file)

    def test_incremental_run_killed_25_times(self):
        self.sync()
        writer = self.start_writer()
        began = time.monotonic()
        self.sync()
        longest, kills = (time.monotonic() - began) * 1.1, 0
        while kills < 25:
            kills += self.kill_once(self.file, longest)
            self.assertTrue(self.assert_whole(self.file, f"after kill {kills}"))
        self.finish(writer, self.file)


class KilledAtFailpoints(support.Fixture, unittest.TestCase):
    """Each place at which a run can be ended by SLUICE_FAILPOINT, on each way to write a table."""

    def at_each_place(self, create, changes, must_hit):
        """A copy of `create`d tables (before `changes`, if any), a run that dies, then one that must heal."""
        hit = set()
        for name in FAILPOINTS:
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
                self.assertIn(run.returncode, (KILLED, 0), text)
                if run.returncode == KILLED:
                    hit.add(name)
                if "public.t" in support.tables(file):
                    new, seen, _ = support.contents(self.pg, "public.t", file, "public.t", self.db, columns)
                    self.assertIn(seen, (old, new), f"neither the old copy nor the new one is visible after {name}")
                else:
                    self.assertIsNone(old, f"the old copy is gone after {name}")
                self.sync(file=file)
                self.assert_equal("public.t", file=file, says=f"after {name}")
                self.assert_nothing_hidden(file)
        self.assertTrue(hit >= set(must_hit), f"not reached: {set(must_hit) - hit}")

    def test_first_load(self):
        self.at_each_place("create table t (id int primary key, a text, updated_at timestamptz default now());"
                           " insert into t select i, 'row ' || i from generate_series(1, 5000) i", None, FAILPOINTS)

    def test_first_load_without_keys(self):
        self.at_each_place("create table t (a text); insert into t select 'row ' || i / 3 from generate_series(1, 5000) i", None,
                           FAILPOINTS)

    def test_incremental_run(self):
        self.at_each_place(
            "create table t (id int primary key, a text, updated_at timestamptz default now());"
            " insert into t select i, 'row ' || i, now() - interval '1 day' from generate_series(1, 5000) i",
            "update t set a = 'changed', updated_at = now() where id % 5 = 0; delete from t where id % 50 = 1;"
            " insert into t select i, 'new' from generate_series(6000, 6500) i", ["after-ddl", "before-commit", "after-commit"])

    def test_full_refresh(self):
        self.at_each_place(
            "create table t (id int primary key, a text); insert into t select i, 'row ' || i from generate_series(1, 5000) i",
            "update t set a = 'changed' where id % 5 = 0; delete from t where id % 50 = 1;"
            " insert into t select i, 'new' from generate_series(6000, 6500) i", ["before-commit", "after-commit"])

    def test_full_refresh_that_builds_the_table_anew(self):
        self.at_each_place(
            "create table t (id int primary key, a text); insert into t select i, 'row ' || i from generate_series(1, 15000) i",
            "update t set a = 'changed' where id % 5 > 0; delete from t where id % 50 = 1;"
            " insert into t select i, 'new' from generate_series(16000, 16500) i",
            [name for name in FAILPOINTS])

    def test_table_without_a_key(self):
        self.at_each_place(
            "create table t (a text, b int); insert into t select 'row ' || i / 3, i % 2 from generate_series(1, 5000) i",
            "update t set a = 'changed' where a like '%7'; delete from t where ctid in (select min(ctid) from t where a like '%9' group by a);"
            " insert into t select 'row ' || i, 1 from generate_series(1, 200) i", ["before-commit", "after-commit"])

    def test_added_column(self):
        self.at_each_place(
            "create table t (id int primary key, a text, updated_at timestamptz default now());"
            " insert into t select i, 'row ' || i from generate_series(1, 5000) i",
            "alter table t add column b text; update t set b = 'filled ' || id where id % 3 = 0; delete from t where id % 50 = 1",
            ["after-ddl", "before-commit", "after-commit"])

    def test_widened_column(self):
        self.at_each_place(
            "create table t (id int primary key, a int, updated_at timestamptz default now());"
            " insert into t select i, i from generate_series(1, 5000) i",
            "alter table t alter a type bigint; update t set a = a + 5000000000, updated_at = now() where id % 3 = 0",
            ["after-ddl", "before-commit", "after-commit"])


if __name__ == "__main__":
    unittest.main()
