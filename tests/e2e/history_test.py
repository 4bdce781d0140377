# mode: history, on a real server: runs that are killed at named places and at random moments, digests, verify, repair.
# The oracle is what the table showed at instants: one of a run's, whatever was killed.
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
HISTORY = ("--mode", "history")
TABLE = "create table t (id int primary key, a text, updated_at timestamptz default now());"
FILL = " insert into t select i, 'row ' || i, now() - interval '1 day' from generate_series(1, 5000) i;"
CHANGES = ("update t set a = 'changed', updated_at = now() where id % 5 = 0; delete from t where id % 50 = 1;"
           " insert into t select i, 'new' from generate_series(6000, 6500) i")


class History(support.Fixture, unittest.TestCase):
    def sound(self, file=None, says="", *, current=True):
        """Versions of a key follow each other, and none says what the one before it said."""
        file = file or self.file
        bad = support.value(file, """with v as (select *, lead(_sluice_valid_from) over w as next_from, lead(a) over w as next_a,
                lead(updated_at) over w as next_at from public.t window w as (partition by id order by _sluice_valid_from))
            select count(*) from v where _sluice_valid_to <= _sluice_valid_from or next_from < _sluice_valid_to
                or (next_from = _sluice_valid_to and next_a = a and next_at is not distinct from updated_at)
                or _sluice_is_current <> (_sluice_valid_to > '9999-01-01'::timestamptz)""")
        self.assertEqual(bad, "0", says)
        if current:
            self.assert_equal("public.t", "public.t where _sluice_is_current", file, says=says)

    def counts(self, file=None):
        """Versions, current ones, keys, instants."""
        return [int(each) for each in support.query(file or self.file, """select count(*), count(*) filter (_sluice_is_current),
            count(distinct id), count(distinct _sluice_valid_from) from public.t""")[0]]

    def killed(self, name, *flags, file=None):
        with self.start_sync(*HISTORY, *flags, file=file, SLUICE_FAILPOINT=name) as run:
            text = run.communicate()[0]
        self.assertEqual(run.returncode, KILLED, text)

    def test_a_first_load_killed_at_each_place(self):
        for name in FAILPOINTS:
            with self.subTest(failpoint=name):
                file = self.folder / f"{name}.duckdb"
                self.sql("drop table if exists t; " + TABLE + FILL)
                self.killed(name, file=file)
                self.sync(*HISTORY, file=file)
                self.sound(file, f"after {name}")
                self.assertEqual(self.counts(file)[:3], [5000, 5000, 5000])
                self.assert_nothing_hidden(file)

    def changed_at_each_place(self, *flags):
        for name in IN_PLACE:
            with self.subTest(failpoint=name):
                file = self.folder / f"{name}.duckdb"
                self.sql("drop table if exists t; " + TABLE + FILL)
                self.sync(*HISTORY, *flags, file=file)
                self.sync(*HISTORY, *flags, file=file)
                self.sql(CHANGES)
                self.killed(name, *flags, file=file)
                self.sound(file, f"killed {name}", current=False)
                self.assertIn(self.counts(file), ([5000, 5000, 5000, 1], [6501, 5401, 5501, 2]))
                # One more change of some, before the run that goes on where the killed one was.
                self.sql("update t set a = 'again', updated_at = now() where id % 100 = 0")
                self.sync(*HISTORY, *flags, file=file)
                self.sound(file, f"after {name}")
                committed = name == "after-commit"  # then the first change was seen, and is a version between
                self.assertEqual(self.counts(file), [6557, 5401, 5501, 3] if committed else [6501, 5401, 5501, 2])
                self.sync(*HISTORY, *flags, file=file)
                self.assertEqual(self.counts(file)[0], 6557 if committed else 6501)

    def test_an_incremental_run_killed_at_each_place(self):
        self.changed_at_each_place()

    def test_a_run_by_digests_killed_at_each_place(self):
        self.changed_at_each_place("--strategy", "digest")

    def test_a_run_that_compares_everything_killed_at_each_place(self):
        self.changed_at_each_place("--strategy", "full", "--full-every", "always")

    def test_killed_at_random_under_a_writer(self):
        """Each transaction keeps the sum at 0 and the number of keys: so does the table at each instant of its history."""
        rows, chance = 20_000, random.Random(SEED)
        self.sql(f"""create table t (id bigint primary key, balance int not null, a text, updated_at timestamptz default now());
            insert into t select i, 0, 'row ' || i from generate_series(1, {rows}) i; create index on t (updated_at); analyze t""")
        self.sync(*HISTORY)

        def change(some):
            one, other = some.randrange(1, rows // 2), some.randrange(rows // 2, rows)
            return some.choice([
                f"update t set balance = balance + case id when {one} then 1 else -1 end, updated_at = now()"
                f" where id in ({one}, {other}) and (select count(*) from t where id in ({one}, {other})) = 2",
                f"with gone as (delete from t where id = {one} returning *) insert into t"
                f" select id + {10 * rows}, balance, a, now() from gone",
                f"update t set a = a || '.', updated_at = now() where id between {one} and {one + 30}"])
        writer = support.Writer(self.pg.session(self.db), change, random.Random(SEED))
        self.addCleanup(lambda: writer.stopping.is_set() or writer.stop())
        began = time.monotonic()
        self.sync(*HISTORY)
        longest = time.monotonic() - began
        for _ in range(12):
            run = self.start_sync(*HISTORY)
            time.sleep(chance.uniform(0.5, 1.5) * longest)  # some end before they are killed
            run.kill()
            run.communicate()
            self.sound(says=f"seed {SEED}", current=False)
        writer.stop()
        self.sync(*HISTORY)
        self.sound()
        wrong = support.query(self.file, """select i, sum(balance), count(*) from public.t, (select distinct _sluice_valid_from as i
            from public.t) where _sluice_valid_from <= i and i < _sluice_valid_to group by i""")
        self.assertGreater(len(wrong), 3)
        self.assertEqual({tuple(each[1:]) for each in wrong}, {("0", str(rows))}, f"seed {SEED}")

    def test_deletes_and_returns_of_a_big_table_by_digests(self):
        """From 50,000 keys on only digests of them travel: of current versions, on the copy's side."""
        self.sql(TABLE + " insert into t select i, 'row ' || i, now() - interval '1 day' from generate_series(1, 60000) i")
        self.sync(*HISTORY)
        self.sync(*HISTORY)
        self.sql("delete from t where id % 1000 = 1")
        self.assertIn("B+C", self.sync(*HISTORY))
        self.sound()
        self.assertEqual(self.counts()[:2], [60000, 59940])
        self.sql("insert into t select i, 'row ' || i, now() - interval '1 day' from generate_series(1, 30000, 1000) i")
        self.sync(*HISTORY)
        self.sound()
        self.assertEqual(self.counts()[:3], [60030, 59970, 60000])
        self.sync(*HISTORY)
        self.assertEqual(self.counts()[0], 60030)

    def test_verify_and_repair(self):
        self.sql(TABLE + FILL)
        self.sync(*HISTORY)
        self.sql("update t set a = 'changed' where id <= 10; delete from t where id = 11")  # no stamp tells of it
        places = (self.url, f"duckdb:{self.file}", *HISTORY)
        self.assertIn("id 10: differs in a", support.sluice("verify", *places, check_exit=4))
        support.sluice("repair", *places)
        support.sluice("verify", *places)
        self.sound()
        self.assertEqual(self.counts(), [5010, 4999, 5000, 2])

    def test_rows_without_a_key(self):
        """As many versions of a row are current as the source has of it, at each instant; by digests, too."""
        self.sql("create table t (a text, b int); insert into t select 'row ' || i / 3, i % 2 from generate_series(1, 5000) i")
        flags, seen = (*HISTORY, "--strategy", "digest"), []
        for changes in ("", "update t set b = 7 where a like '%5'; insert into t select 'row 1', 1 from generate_series(1, 40)",
                        "delete from t where ctid in (select min(ctid) from t where a like '%9' group by a)", "", "truncate t",
                        "insert into t select 'row ' || i / 2, null from generate_series(1, 300) i"):
            self.sql(changes)
            self.sync(*flags, "--allow-deletes", "*")
            now = self.sql("select coalesce(string_agg(a || ' ' || coalesce(b::text, '') || ' ' || n, ';' order by a collate \"C\", b), 'none') from"
                           " (select a, b, count(*) n from t group by 1, 2) x")
            seen.append((support.value(self.file, "select instant.split(',')[1] from _sluice.run_tables order by run_id desc limit 1"),
                         now))
            for instant, then in seen:
                found = support.value(self.file, "select coalesce(string_agg(concat_ws(' ', a, coalesce(b::varchar, ''), n), ';' order"
                                                 " by a, b), 'none') from (select a, b, count(*) n from public.t where _sluice_valid_from <="
                                                 f" '{instant}' and '{instant}' < _sluice_valid_to group by 1, 2)")
                self.assertEqual(found, then, instant)
        support.sluice("verify", self.url, f"duckdb:{self.file}", *HISTORY)

    def test_what_a_version_says_of_time(self):
        """A version begins at the instant that the receipt of its run names."""
        self.sql(TABLE + FILL)
        self.sync(*HISTORY)
        self.sync(*HISTORY)
        self.sql("update t set a = 'x', updated_at = now() where id = 1")
        self.sync(*HISTORY)
        instants = support.query(self.file, "select epoch_us(split_part(instant, ',', 1)::timestamptz) from _sluice.run_tables"
                                            " order by run_id")
        found = support.query(self.file, "select epoch_us(_sluice_valid_from), epoch_us(_sluice_valid_to), _sluice_is_current"
                                         " from public.t where id = 1 order by 1")
        self.assertEqual(found[0][:2], [instants[0][0], instants[2][0]])
        self.assertEqual(found[1][0], instants[2][0])
        self.assertEqual([each[2] for each in found], ["false", "true"])

    def test_a_setting_that_would_end_the_history_is_refused(self):
        self.sql(TABLE + FILL)
        self.sync(*HISTORY)
        text = self.sync("--mode", "mirror", check_exit=2)
        self.assertIn("a load anew would lose the versions", text)
        self.assertIn("sluice state reset public.t --yes", text)
        self.sync(*HISTORY)
        support.sluice("state", "reset", "public.t", "--destination", self.file, "--yes")
        self.sync("--mode", "mirror")
        self.assert_equal("public.t")


if __name__ == "__main__":
    unittest.main()
