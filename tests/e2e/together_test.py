# publish: together. Customers, their orders and the lines of those are written by transactions that keep the references
# and a sum across the tables; runs are killed at each named place and at random moments, and their log is cut at its
# records. Whatever is left, the file that DuckDB opens has no dangling reference and the sum.
import os
import pathlib
import random
import shutil
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

TOGETHER = ("--publish", "together")
KILLED = -signal.SIGKILL
SEED = int(os.environ.get("SLUICE_TEST_SEED", "20261121"))
CUTS = int(os.environ.get("SLUICE_TEST_CUTS", "8"))  # of each log, its last records among them; 0: every record
TORN = 130_000  # more rows than DuckDB's row group of 122,880, which it keeps outside its log
TABLES = ("customers", "orders", "lines", "places")
# What an order is worth is the sum of its lines; where a customer lives is a table without a key.
SHOP = """create table customers (id bigint primary key, name text, updated_at timestamptz default clock_timestamp());
    create table orders (id bigint primary key, customer bigint not null references customers, worth bigint,
        updated_at timestamptz default clock_timestamp());
    create table lines (id bigserial primary key, order_id bigint not null references orders, worth bigint);
    create table places (customer bigint not null references customers, name text);
    create index on orders (updated_at); create index on customers (updated_at); create index on lines (order_id);
    create index on orders (customer); create index on places (customer);
    insert into customers select i, 'customer ' || i from generate_series(1, {0}) i;
    insert into orders select i, 1 + i % {0}, 3 from generate_series(1, 2 * {0}) i;
    insert into lines (order_id, worth) select 1 + i % (2 * {0}), 1 from generate_series(1, 6 * {0}) i;
    insert into places select i, 'place ' || i % 10 from generate_series(1, {0}) i; vacuum analyze"""
DANGLING = """select (select count(*) from public.orders o where not exists (from public.customers c where c.id = o.customer)) || ' '
    || (select count(*) from public.lines l where not exists (from public.orders o where o.id = l.order_id)) || ' '
    || (select count(*) from public.places p where not exists (from public.customers c where c.id = p.customer)) || ' '
    || ((select sum(worth) from public.orders) - (select sum(worth) from public.lines))"""


def change(chance, customers):
    """One transaction over several tables."""
    new, old = 10**7 + chance.randrange(10**9), chance.randrange(1, customers)
    return chance.choice([
        f"begin; insert into customers values ({new}, 'new'); insert into places values ({new}, 'new place');"
        f" insert into orders values ({new}, {new}, 7); insert into lines (order_id, worth) values ({new}, 3), ({new}, 4); commit",
        f"begin; delete from lines where order_id in (select id from orders where customer = {old});"
        f" delete from orders where customer = {old}; delete from places where customer = {old};"
        f" delete from customers where id = {old}; commit",
        f"begin; update orders set worth = worth + 1, updated_at = clock_timestamp() where id = {old};"
        f" insert into lines (order_id, worth) select id, 1 from orders where id = {old}; commit",
        f"begin; update orders set customer = (select max(id) from customers), updated_at = clock_timestamp() where customer = {old};"
        f" update places set customer = (select max(id) from customers) where customer = {old};"
        f" delete from customers where id = {old}; commit"])


class Together(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)

    def shop(self, customers=3000):
        self.customers = customers
        self.sql(SHOP.format(customers))

    def start_writer(self):
        writer = support.Writer(self.pg.session(self.db), lambda chance: change(chance, self.customers), self.chance)
        self.addCleanup(lambda: writer.stopping.is_set() or writer.stop())
        return writer

    def assert_whole(self, file, says=""):
        """None of the tables, or all of them as of one instant; True if they are there."""
        there = [each for each in support.tables(file) if "sluice" not in each]
        if not there:
            return False
        self.assertEqual(there, sorted(f"public.{each}" for each in TABLES), says)
        self.assertEqual(support.value(file, DANGLING), "0 0 0 0", f"{says}, seed {SEED}")
        return True

    def expected(self):
        return {each: support.expected(self.pg, f"public.{each}", self.db) for each in TABLES}

    def assert_copied(self, file=None, says="", source=None):
        for each, rows in (source or self.expected()).items():
            self.assert_equal(f"public.{each}", file=file, says=says, source=rows)
        self.assert_nothing_hidden(file)

    def die(self, *flags, file=None, **env):
        with self.start_sync(*TOGETHER, *flags, file=file, **env) as run:
            text = run.communicate()[0]
        self.assertEqual(run.returncode, KILLED, text)

    def fingerprint(self, file):
        return support.query(file, " union all ".join(f"select sum(hash(t))::varchar from public.{each} t" for each in TABLES))

    def test_runs_beside_writers_keep_every_reference(self):
        self.shop()
        writer = self.start_writer()
        for number in range(8):
            self.sync(*TOGETHER)
            self.assertTrue(self.assert_whole(self.file, f"run {number}"))
        writer.stop()
        self.sync(*TOGETHER)
        self.assert_copied()

    def test_killed_at_random(self):
        self.shop()
        began = time.monotonic()
        self.sync(*TOGETHER)
        longest, kills = time.monotonic() - began, 0
        writer = self.start_writer()
        while kills < 15:
            if kills % 5 == 0 and kills:
                self.file.unlink()  # a first load again
                pathlib.Path(str(self.file) + ".wal").unlink(missing_ok=True)
            run = self.start_sync(*TOGETHER)
            time.sleep(self.chance.uniform(0, longest))
            run.kill()
            run.communicate()
            kills += run.returncode != 0
            if self.file.exists() and self.file.stat().st_size >= 3 * 4096:
                self.assert_whole(self.file, f"after kill {kills}")
        writer.stop()
        self.sync(*TOGETHER)
        self.assert_copied()

    def killed_at_each_place(self, places, changes=None):
        for name in places:
            with self.subTest(failpoint=name):
                self.sql(f"drop table if exists {', '.join(TABLES)} cascade")
                self.shop(2000)
                file, old = self.folder / f"{name}.duckdb", None
                if changes:
                    self.sync(*TOGETHER, file=file)
                    self.sync(*TOGETHER, file=file)
                    old = self.fingerprint(file)
                    self.sql(changes)
                self.die(file=file, SLUICE_FAILPOINT=name)
                there = self.assert_whole(file, name)
                if changes and not name.startswith("after-p"):
                    self.assertEqual(self.fingerprint(file), old, name)
                if not changes:
                    self.assertEqual(there, name == "after-publish")
                # What the killed run had read is not of the next one's instant.
                writer = self.start_writer()
                self.sync(*TOGETHER, file=file)
                self.assertTrue(self.assert_whole(file, f"after {name}"))
                writer.stop()
                self.sync(*TOGETHER, file=file)
                self.assert_copied(file, f"after {name}")

    def test_first_run_killed_at_each_place(self):
        self.killed_at_each_place(["after-ddl", "before-commit", "after-commit", "after-create", "after-unit", "before-publish",
                                   "after-publish"])

    def test_second_run_killed_at_each_place(self):
        """Places is without a key and few of its rows change; most of lines does, so that it is built anew."""
        self.killed_at_each_place(
            ["after-ddl", "after-create", "after-unit", "before-commit", "before-publish", "after-publish"],
            "begin; insert into customers values (5000, 'new'); update places set customer = 5000 where customer < 9;"
            " update orders set customer = 5000, worth = 6, updated_at = clock_timestamp() where customer < 9;"
            " update orders set worth = 6, updated_at = clock_timestamp(); update lines set worth = 2;"
            " delete from customers where id < 9; commit")

    def cut_everywhere(self, changes, *flags, customers=3000, killed_before=()):
        """The log of a run that was killed after its common commit, cut at its records: the next run goes on from there."""
        self.shop(customers)
        old = None
        if changes:
            self.sync(*TOGETHER, *flags)
            self.sync(*TOGETHER, *flags)
            old = self.fingerprint(self.file)
            self.sql(changes)
        for name in killed_before:
            self.die(*flags, SLUICE_FAILPOINT=name)
            self.assertEqual(self.fingerprint(self.file), old, name)
        self.die(*flags, SLUICE_FAILPOINT="after-publish")
        log = self.folder / "copy.duckdb.wal"
        self.assertTrue(log.exists(), "the commit left no log")
        source = self.expected()
        ends = support.records(log)
        cuts = ends if not CUTS or len(ends) <= CUTS else ends[:-5:max(1, len(ends) // (CUTS - 5))] + ends[-5:]
        for size in sorted({*cuts, ends[-1] - 5, (ends[-3] + ends[-2]) // 2}):
            with self.subTest(cut=size, of=ends[-1]):
                self.heal(log, size, old, flags, source)

    def heal(self, log, size, old, flags, source):
        file = self.folder / "cut" / "copy.duckdb"
        file.parent.mkdir()
        try:
            shutil.copy(self.file, file)
            pathlib.Path(str(file) + ".wal").write_bytes(log.read_bytes()[:size])
            # Looked at as readers do, in a copy of its own: the next run is to find the log as it was cut.
            seen = self.folder / "cut" / "seen.duckdb"
            shutil.copy(file, seen)
            shutil.copy(str(file) + ".wal", str(seen) + ".wal")
            there = self.assert_whole(seen, f"log cut at {size}")
            if old and size < log.stat().st_size:
                self.assertEqual(self.fingerprint(seen), old, f"log cut at {size}")
            if not old:
                self.assertEqual(there, size == log.stat().st_size, f"log cut at {size}")
            self.sync(*TOGETHER, *flags, file=file)
            self.assert_copied(file, f"log cut at {size}", source)
        finally:
            shutil.rmtree(file.parent)

    def test_log_of_a_first_run(self):
        self.cut_everywhere(None)

    def test_log_of_small_changes(self):
        self.cut_everywhere(
            "begin; insert into customers values (5000, 'new'); update places set customer = 5000 where customer < 9;"
            " update orders set customer = 5000, worth = 4, updated_at = clock_timestamp() where customer < 9;"
            " insert into lines (order_id, worth) select id, 1 from orders where customer = 5000;"
            " delete from customers where id < 9; commit")

    def test_log_of_more_than_a_row_group(self):
        """A merge into each of two tables beside small changes in the others."""
        self.cut_everywhere(
            f"begin; insert into customers select i, 'new' from generate_series(10001, {10000 + TORN}) i;"
            f" insert into orders select i, i, 2 from generate_series(10001, {10000 + TORN}) i;"
            f" insert into lines (order_id, worth) select i, 2 from generate_series(10001, {10000 + TORN}) i;"
            " update places set customer = 10001 where customer = 5; delete from lines where order_id in (select id from orders"
            " where customer = 5); delete from orders where customer = 5; delete from customers where id = 5; commit",
            killed_before=("after-clone", "before-publish"))

    def test_log_of_more_than_a_row_group_where_the_table_is_never_built_anew(self):
        self.cut_everywhere(
            f"begin; insert into customers select i, 'new' from generate_series(10001, {10000 + TORN}) i;"
            " update places set customer = 10001; commit", "--deletes", "public.customers=soft")

    def test_one_table_that_fails_keeps_all_as_they_were(self):
        self.shop()
        self.sync(*TOGETHER)
        old = self.fingerprint(self.file)
        self.sql("update customers set name = 'changed', updated_at = now() where id = 1; alter table orders alter worth type text")
        text = self.sync(*TOGETHER, check_exit=5)
        self.assertIn("public.customers: not published", text)
        self.assertIn("--accept-drift public.orders", text)
        self.assertEqual(self.fingerprint(self.file), old)
        self.sync(*TOGETHER, "--accept-drift", "public.orders")
        self.assert_copied()

    def test_the_read_copy_is_of_one_instant(self):
        self.shop()
        copy = self.folder / "readers.duckdb"
        writer = self.start_writer()
        for _ in range(3):
            self.sync(*TOGETHER, "--read-copy", str(copy))
            self.assertTrue(self.assert_whole(copy))
        writer.stop()

    def test_a_table_dropped_at_the_source_stays_as_it_was(self):
        self.shop()
        self.sync(*TOGETHER)
        places = support.value(self.file, "select sum(hash(p))::varchar from public.places p")
        self.sql("drop table places; update customers set name = 'changed', updated_at = now() where id = 1")
        text = self.sync(*TOGETHER)
        self.assertIn("public.places is no longer at the source", text)
        self.assertEqual(support.value(self.file, "select sum(hash(p))::varchar from public.places p"), places)
        for each in ("customers", "orders", "lines"):
            self.assert_equal(f"public.{each}")

    def test_contradictions_are_usage_errors(self):
        self.shop(10)
        text = self.sync(*TOGETHER, "--snapshot", "table", check_exit=2)
        self.assertIn("leave out one of the two", text)
        text = self.sync(*TOGETHER, "--delete-check", "1h", check_exit=2)
        self.assertIn("delete_check", text)
        text = self.sync("--publish", "both", check_exit=2)
        self.assertIn("together", text)


if __name__ == "__main__":
    unittest.main()
