# What can happen to a table, or to its server, between two runs, in the middle of a load and between the moments of one
# run. Each test says which of "handled" or "refused" it is: handled, the next run leaves every row and value equal;
# refused, the run says what is asserted here and the copy stays as it was.
#
#   event                                   between runs                        while a load is cut off     in a run
#   key moves between ranges                keys_move_between_ranges [1]        keys_move                   -
#   VACUUM FULL, CLUSTER                    changes: vacuum_full_and_cluster    files_are_rewritten         waits
#   VACUUM FREEZE                           vacuum_freeze                       row_places_are_used_again   -
#   TRUNCATE, and filled again              changes: truncate_and_fill_anew     truncated_and_filled        waits
#   dropped and made anew, same shape       changes: dropped_and_made_anew      dropped_and_made_anew       discovery
#   dropped and made anew, another shape    another_shape: refused, exit 5      -                           discovery
#   restored from a backup                  restored_from_a_backup              -                           -
#   partition attached                      partition_attached                  -                           -
#   partition detached                      changes: partitioned_table          -                           -
#   ALTER TABLE, DROP, RENAME               schema_test.py                      altered                     discovery, waits
#   two tables renamed into each other      renamed_into_each_other             -                           discovery
#   failover to a standby                   failover                            failover                    -
#
#   [1] and tests/contract/postgres_digest_test.cpp: KeysThatMovedAreFound
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

KEYED = "(id int primary key, a text, updated_at timestamptz default now())"
FILL = "insert into {} select i, 'row ' || i, now() - interval '1 day' from generate_series(1, {}) i"


class BetweenRuns(support.Fixture, unittest.TestCase):
    def make(self, rows=3000, table="t", shape=KEYED):
        self.sql(f"create table {table} {shape}; {FILL.format(table, rows)}")

    def sync_equal(self, *flags, tables=("public.t",)):
        text = self.sync(*flags)
        for table in tables:
            self.assert_equal(table, says=text)
        return text

    def synced(self, rows=3000):
        """A copy whose mark is proven."""
        self.make(rows)
        self.sync_equal()
        self.sync_equal()

    def test_keys_move_between_ranges(self):
        """Without a stamp. 60,000 rows: keys are compared by digests of ranges."""
        self.synced(60_000)
        for step in ("update t set id = id + 1000000 where id % 600 = 0",  # into a range of their own
                     "update t set id = -id where id % 700 = 1",
                     "update t set id = id - 1000000 where id > 1000000",  # and back
                     "update t set id = id + 1 where id = 60000"):
            self.sql(step)
            self.assertIn("incremental", self.sync_equal())

    def test_keys_are_swapped(self):
        """The keys are the same as before: with a stamp it is a change as any other, without one --full finds it."""
        self.synced()
        swap = "update t set id = -1 where id = 7; update t set id = 7{0} where id = 8; update t set id = 8{0} where id = -1"
        self.sql(swap.format(", updated_at = now()"))
        self.sync_equal()
        self.sql(swap.format(""))
        self.sync_equal("--full")

    def test_vacuum_freeze(self):
        self.synced()
        self.sql("delete from t where id < 10; vacuum (freeze) t; analyze t")
        self.assertIn("incremental", self.sync_equal())

    def test_dropped_and_made_anew_in_another_shape(self):
        self.synced()
        self.sql("drop table t; create table t (id uuid primary key, b int, updated_at timestamptz default now());"
                 " insert into t select md5(i::text)::uuid, i from generate_series(1, 100) i")
        text = self.sync(check_exit=5)
        self.assertIn("public.t: column id is now uuid (UUID), the copy has INTEGER", text)
        self.assertIn("--accept-drift public.t", text)
        self.assertEqual(support.value(self.file, "select count(*) || ' ' || sum(id) from public.t"), "3000 4501500")
        self.sync_equal("--accept-drift", "public.t")
        self.sync_equal()

    def test_dropped_and_made_anew_with_columns_more_and_less(self):
        self.synced()
        self.sql("drop table t; create table t (b int default 5, id int primary key, updated_at timestamptz default now());"
                 " insert into t select i, i, '2001-01-01' from generate_series(1, 2900) i")
        self.sync_equal()
        self.sync_equal()

    def test_partition_attached(self):
        """With rows whose stamps are old. What was a table with a copy of its own keeps it."""
        self.sql(f"""create table t {KEYED} partition by range (id); create table t_low partition of t for values from (0) to (1000);
            create table t_high (a text, gone int, id int primary key, updated_at timestamptz); alter table t_high drop column gone;
            insert into t select i, 'low', now() - interval '1 day' from generate_series(1, 999) i;
            insert into t_high (id, a, updated_at) select i, 'high', '2001-01-01' from generate_series(1000, 1999) i""")
        self.sync_equal(tables=("public.t", "public.t_high"))
        self.sync_equal(tables=("public.t", "public.t_high"))
        self.sql("alter table t attach partition t_high for values from (1000) to (2000)")
        self.sync_equal(tables=("public.t", "public.t_high"))
        self.sql("update t set a = 'changed', updated_at = now() where id % 100 = 0; delete from t where id % 100 = 1")
        self.sync_equal(tables=("public.t", "public.t_high"))
        self.sql("alter table t detach partition t_high concurrently" if int(self.sql("show server_version_num")) >= 140000
                 else "alter table t detach partition t_high")
        self.sync_equal(tables=("public.t", "public.t_high"))

    def test_renamed_into_each_other(self):
        self.make(3000, "t")
        self.make(500, "u")
        self.sql("update u set a = 'u'")
        for _ in range(2):
            self.sync_equal(tables=("public.t", "public.u"))
        self.sql("begin; alter table t rename to x; alter table u rename to t; alter table x rename to u; commit")
        text = self.sync(check_exit=3)  # t lost five rows of six, u got them
        self.assertIn("public.t: 2500 of 3000 rows would be deleted", text)
        self.assert_equal("public.u")
        self.sync_equal("--allow-deletes", "public.t", tables=("public.t", "public.u"))
        self.sql("update t set a = 'new t', updated_at = now() where id < 10; update u set a = 'new u', updated_at = now() where id < 10")
        self.sync_equal(tables=("public.t", "public.u"))

    def test_renamed_into_each_other_with_other_shapes(self):
        self.make(500, "t")
        self.make(500, "u", "(id bigint primary key, b text, updated_at timestamptz)")
        self.sync_equal(tables=("public.t", "public.u"))
        self.sql("begin; alter table t rename to x; alter table u rename to t; alter table x rename to u; commit")
        text = self.sync(check_exit=3)
        self.assertIn("public.u: column id is now integer (INTEGER), the copy has BIGINT", text)
        self.assert_equal("public.t")  # wider, with a column more
        self.assertEqual(support.value(self.file, "select count(b) from public.u"), "500")
        self.sync_equal("--accept-drift", "public.u", tables=("public.t", "public.u"))


class WhileALoadIsCutOff(support.Fixture, unittest.TestCase):
    """A first load dies after a unit; what the next run finds half loaded is no longer what the source holds."""

    def cut_off_then(self, *events, check="public.t"):
        for number, event in enumerate(events):
            with self.subTest(event=event):
                file = self.folder / f"{number}.duckdb"
                self.sql("drop table if exists t cascade; create table t " + KEYED + "; insert into t select i, repeat(md5(i::text), 14),"
                         " now() - interval '1 day' from generate_series(1, 40000) i")
                with self.start_sync("--unit-rows", "1", "--parallel", "2", file=file, SLUICE_FAILPOINT="after-unit") as run:
                    text = run.communicate()[0]
                self.assertEqual(run.returncode, -signal.SIGKILL, text)
                self.assertEqual(support.tables(file), ["public._sluice_load_t"])
                for statement in event.split("; "):
                    self.sql(statement)
                self.sync(file=file)
                self.assert_equal(check, file=file, says=event)
                self.sync(file=file)
                self.assert_equal(check, file=file, says=event + ", once more")
                self.assert_nothing_hidden(file)

    def test_keys_move(self):
        """Rows move within the file, too: from where was read to where was not, and back."""
        self.cut_off_then("update t set id = id + 1000000 where id % 40 = 0",
                          "update t set id = 100001 - id where id between 40000 and 50000 or id % 1000 = 0",
                          "update t set id = id + 1000000, updated_at = now() where id % 3 = 0")

    def test_row_places_are_used_again(self):
        self.cut_off_then("delete from t where id % 10 = 0; vacuum (freeze) t; insert into t select i, repeat(md5(i::text), 14),"
                          " '2001-01-01' from generate_series(100000, 103999) i",
                          "delete from t where id > 20000; vacuum (freeze) t")

    def test_files_are_rewritten(self):
        self.cut_off_then("delete from t where id % 3 = 0; vacuum full t", "create index by_a on t (a); cluster t using by_a",
                          "alter table t alter id type bigint", "alter table t set unlogged")

    def test_truncated_and_filled(self):
        self.cut_off_then("truncate t", "truncate t; insert into t select i, 'again', '2001-01-01' from generate_series(100, 30000) i")

    def test_dropped_and_made_anew(self):
        self.cut_off_then(f"drop table t; create table t {KEYED}; insert into t select i, 'anew', '2001-01-01' from"
                          " generate_series(100, 30000) i",
                          "drop table t; create table t (id text primary key, b int); insert into t values ('x', 1), ('y', null)")

    def test_altered(self):
        self.cut_off_then("alter table t add column b int default 7", "alter table t drop column a", "alter table t drop constraint t_pkey",
                          "alter table t rename column a to b", "alter table t drop column updated_at")


class InARun(support.Fixture, unittest.TestCase):
    """The tables are listed, then locked, then read: what happens between the first two is seen, what would happen later
    waits for the end of the run."""

    def setUp(self):
        super().setUp()
        self.sql(f"create table other {KEYED}; insert into other values (1, 'other')")
        self.files = 0

    def waiting(self):
        return self.sql("select count(*) from pg_locks where not granted and mode = 'AccessShareLock'") != "0"

    def between_discovery_and_lock(self, change, *flags, check_exit=0, table="public.t", rows=3000):
        """Both as a first load and over a copy."""
        texts = []
        for copied in (False, True):
            with self.subTest(change=change, copied=copied):
                self.files += 1
                file = self.folder / f"{self.files}.duckdb"
                self.sql(f"drop table if exists t, u; create table t {KEYED}; {FILL.format('t', rows)}")
                if copied:
                    self.sync(file=file)
                    self.sync(file=file)
                holder = self.pg.session(self.db)
                holder.sql("begin; lock table t in access exclusive mode")
                run = self.start_sync(*flags, file=file)
                support.wait_for(lambda: self.waiting() or run.poll() is not None)
                self.assertIsNone(run.poll(), "the run did not wait")
                holder.sql(change)
                holder.sql("commit")
                holder.close()
                texts.append(run.communicate()[0])
                self.assertEqual(run.returncode, check_exit, texts[-1])
                if table:
                    self.assert_equal(table, file=file, says=texts[-1])
                self.assert_equal("public.other", file=file)
        return texts

    def test_altered_after_discovery(self):
        for change in ("alter table t add column b int default 7", "alter table t alter id type bigint", "truncate t",
                       "alter table t rename column a to b"):
            self.between_discovery_and_lock(change, "--allow-deletes", "*")

    def test_dropped_after_discovery(self):
        for text in self.between_discovery_and_lock("drop table t", check_exit=3, table=None):
            self.assertIn("public.t: no such table any more", text)
            self.assertIn("it was dropped or renamed after it was listed", text)

    def test_made_anew_after_discovery(self):
        self.between_discovery_and_lock("drop table t; create table t (b int default 5, id int primary key, updated_at timestamptz"
                                        " default now()); insert into t select i, i, '2001-01-01' from generate_series(1, 2900) i")

    def test_renamed_after_discovery(self):
        for text in self.between_discovery_and_lock("alter table t rename to u", check_exit=3, table=None):
            self.assertIn("public.t: no such table any more", text)

    def test_swapped_after_discovery(self):
        self.between_discovery_and_lock(f"create table u {KEYED}; insert into u select i, 'u', '2001-01-01' from"
                                        " generate_series(1, 2900) i; alter table t rename to x; alter table u rename to t;"
                                        " alter table x rename to u")

    def test_changes_of_the_table_wait_for_the_run(self):
        self.sql(f"create table t {KEYED}; insert into t select i, repeat(md5(i::text), 14) from generate_series(1, 20000) i")
        run = self.start_sync("--max-rate", "1MB")
        support.wait_for(lambda: self.sql("select count(*) from pg_stat_activity where query ilike 'copy%'") != "0")
        for change in ("truncate t", "vacuum full t", "cluster t using t_pkey", "alter table t add column b int", "drop table t",
                       "alter table t rename to u"):
            with self.subTest(change):
                with self.assertRaisesRegex(AssertionError, "lock timeout"):
                    self.sql("set lock_timeout = '50ms'; " + change)
        self.assertIsNone(run.poll(), "the run ended before it was over")
        text = run.communicate()[0]
        self.assertEqual(run.returncode, 0, text)
        self.assert_equal("public.t", says=text)


class OtherServers(unittest.TestCase):
    """A server that goes back in time, and one that takes another's place."""

    def setUp(self):
        self.pg = support.Postgres()
        self.addCleanup(lambda: self.pg.remove())
        folder = pathlib.Path(self.pg.folder)
        self.file = folder / "copy.duckdb"
        self.db = self.pg.database("shop")
        # Half empty pages: a changed row stays in its page, where a load that goes on does not look again.
        self.pg.sql(f"create table t {KEYED} with (fillfactor = 40); {FILL.format('t', 3000)};"
                    f" create table idle {KEYED}; {FILL.format('idle', 100)}", self.db)

    def sync_equal(self, url, pg):
        text = support.sluice("sync", url, f"duckdb:{self.file}")
        for table in ("public.t", "public.idle"):
            support.assert_equal(pg, table, self.file, database=self.db, says=text)
        return text

    def change(self, pg, word, digit):
        """Rows that nothing else changes, so that their stamps before and after differ by a day."""
        pg.sql(f"update t set a = '{word}', updated_at = now() where id % 100 = {digit}0; delete from t where id % 100 = {digit}1;"
               f" insert into t select i, '{word}' from generate_series((select max(id) + 1 from t), (select max(id) + 20 from t)) i", self.db)

    def test_restored_from_a_backup(self):
        """Stamps, ids and transaction numbers are lower than those of the copy; the tables' files are the same."""
        url = self.pg.url(self.db)
        self.sync_equal(url, self.pg)
        self.pg.stop()
        subprocess.run(["cp", "-a", str(self.pg.data), str(self.pg.folder / "backup")], check=True)
        self.pg.start()
        self.change(self.pg, "lost", 1)
        self.sync_equal(url, self.pg)
        self.sync_equal(url, self.pg)
        self.pg.stop()
        shutil.rmtree(self.pg.data)
        (self.pg.folder / "backup").rename(self.pg.data)
        self.pg.start()
        self.pg.sql("insert into t values (3001, 'since')", self.db)
        self.assertIn("the source was set back", self.sync_equal(url, self.pg))
        self.change(self.pg, "again", 2)
        self.assertIn("incremental", self.sync_equal(url, self.pg))

    def failing_over(self):
        standby = support.Postgres(primary=self.pg)
        self.addCleanup(standby.remove)
        url = f"postgresql://postgres:{support.PASSWORD}@127.0.0.1:{self.pg.port},127.0.0.1:{standby.port}/{self.db}"
        return standby, url

    def test_failover(self):
        """What the primary committed last never came to the standby, and is in the copy."""
        standby, url = self.failing_over()
        self.sync_equal(url, self.pg)
        self.change(self.pg, "both have it", 1)
        standby.follow(self.pg)
        self.sync_equal(url, self.pg)
        self.sync_equal(url, self.pg)
        standby.stop()
        self.change(self.pg, "lost", 2)
        self.sync_equal(url, self.pg)
        self.pg.stop(signal.SIGQUIT)
        standby.start()
        standby.promote()
        self.sync_equal(url, standby)
        self.change(standby, "after", 3)
        self.sync_equal(url, standby)
        self.assertIn("incremental", self.sync_equal(url, standby))

    def test_failover_while_a_load_is_cut_off(self):
        standby, url = self.failing_over()
        self.pg.sql("insert into t select i, repeat(md5(i::text), 14), now() - interval '1 day' from generate_series(10001, 50000) i",
                    self.db)
        standby.follow(self.pg)
        standby.stop()
        self.change(self.pg, "lost", 1)
        with support.start("sync", url, f"duckdb:{self.file}", "--unit-rows", "1", "--parallel", "2", SLUICE_FAILPOINT="after-unit") as run:
            run.communicate()
        self.assertEqual(run.returncode, -signal.SIGKILL)
        self.pg.stop(signal.SIGQUIT)
        standby.start()
        standby.promote()
        self.sync_equal(url, standby)

    def test_failover_during_a_load(self):
        """The run goes on at the other server by itself."""
        standby, url = self.failing_over()
        self.pg.sql("insert into t select i, repeat(md5(i::text), 14), now() - interval '1 day' from generate_series(10001, 50000) i",
                    self.db)
        standby.follow(self.pg)
        standby.stop()
        self.change(self.pg, "lost", 1)
        run = support.start("sync", url, f"duckdb:{self.file}", "--unit-rows", "1", "--parallel", "2", "--max-rate", "8MB", "--json")
        first = next(line for line in run.stdout if '"unit' in line)
        self.pg.stop(signal.SIGQUIT)
        standby.start()
        standby.promote()
        text = first + run.communicate()[0]
        self.assertEqual(run.returncode, 0, text)
        self.sync_equal(url, standby)  # the load may have ended before the standby was promoted


if __name__ == "__main__":
    unittest.main()
