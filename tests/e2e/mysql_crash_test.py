# MariaDB: the program is killed at each named place, on each way to write a table, and run again; the server, its sessions
# and the way to it go in the middle of a run. The copy must be whole at any time a reader could look, and equal at the end.
import pathlib
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import mysql_support  # noqa: E402
import support  # noqa: E402

IN_PLACE = ["after-ddl", "before-commit", "after-commit"]
LOADING = ["after-create", "after-unit", "before-publish", "after-publish"]
# One column of each kind whose value a torn or repeated write could bend.
STAMPED = "(id int primary key, a varchar(20), m decimal(12,3), b varbinary(9), d datetime(3), e enum('x', 'ü'), updated_at timestamp(6))"
FILL = ("insert into t select seq, concat('row ', seq), seq / 8, unhex(hex(seq)), '2020-01-01' + interval seq second, 1 + seq % 2,"
        " now(6) - interval 1 day from seq_1_to_{}")
CHANGE = ("update t set a = 'changed', m = -m, updated_at = now(6) where id % 5 = 0; delete from t where id % 50 = 1;"
          " insert into t (id, a, e, updated_at) select seq, '', 2, now(6) from seq_20000_to_20400")


class KilledAtFailpoints(mysql_support.Fixture, unittest.TestCase):
    def at_each_place(self, create, changes, places, *flags, target="{}"):
        """A copy of `create`d tables (before `changes`, if any), a run that dies, then one that must heal."""
        table = f'"{self.db}".t'
        target = target.format(table)
        for place in places:
            with self.subTest(failpoint=place):
                file = self.folder / f"{place}.duckdb"
                self.sql("drop table if exists t; " + create)
                old, columns = None, mysql_support.columns_of(self.server, "t", self.db)
                if changes:
                    self.sync(*flags, file=file)
                    self.sync(*flags, file=file)
                    self.sql(changes)
                    now = {each.name: each.full for each in mysql_support.columns_of(self.server, "t", self.db)}
                    columns = [each for each in columns if now.get(each.name) == each.full]
                    old = mysql_support.copied(file, target, columns)
                self.die(place, *flags, file=file)
                if f"{self.db}.t" in support.tables(file):
                    new = mysql_support.contents(self.server, "t", self.db, columns)
                    self.assertIn(mysql_support.copied(file, target, columns), (old, new), f"a half of it is visible after {place}")
                else:
                    self.assertIsNone(old, f"the old copy is gone after {place}")
                self.sync(*flags, file=file)
                self.assert_equal(file=file, target=target, says=f"after {place}")
                self.assert_nothing_hidden(file)

    def test_first_load(self):
        self.at_each_place(f"create table t {STAMPED}; {FILL.format(5000)}", None, IN_PLACE + LOADING)

    def test_first_load_without_keys(self):
        self.at_each_place("create table t (a text, b int unsigned); insert into t select concat('row ', seq div 3), seq % 2 from seq_1_to_5000",
                           None, ["before-commit", *LOADING])

    def test_incremental_run_with_deletes(self):
        self.at_each_place(f"create table t {STAMPED}; {FILL.format(5000)}", CHANGE, IN_PLACE)

    def test_full_refresh(self):
        self.at_each_place("create table t (id int primary key, a text); insert into t select seq, concat('row ', seq) from seq_1_to_5000",
                           "update t set a = 'changed' where id % 5 = 0; delete from t where id % 50 = 1;"
                           " insert into t select seq, 'new' from seq_6000_to_6500", IN_PLACE)

    def test_full_refresh_that_builds_the_table_anew(self):
        self.at_each_place("create table t (id int primary key, a text); insert into t select seq, concat('row ', seq) from seq_1_to_15000",
                           "update t set a = 'changed' where id % 5 > 0; delete from t where id % 50 = 1", LOADING)

    def test_column_added_and_widened(self):
        self.at_each_place(f"create table t {STAMPED}; {FILL.format(3000)}",
                           "alter table t add c text, modify m decimal(20,6); update t set c = concat('filled ', id) where id % 3 = 0;"
                           " delete from t where id % 50 = 1", IN_PLACE)

    def test_history(self):
        """The versions of before stay, and of each key one is current."""
        for place in IN_PLACE:
            with self.subTest(failpoint=place):
                file = self.folder / f"{place}.duckdb"
                self.sql(f"drop table if exists t; create table t {STAMPED}; {FILL.format(3000)}")
                columns = mysql_support.columns_of(self.server, "t", self.db)
                flags, versions = ("--mode", "history"), f'"{self.db}".t'
                self.sync(*flags, file=file)
                before = mysql_support.contents(self.server, "t", self.db)
                self.sql(CHANGE)
                self.die(place, *flags, file=file)
                self.sync(*flags, file=file)
                self.assert_equal(file=file, target=f"(from {versions} where _sluice_is_current)", says=f"after {place}")
                ended = mysql_support.copied(file, f"(from {versions} where id < 20000 and not (_sluice_is_current and a = 'changed'))", columns)
                self.assertEqual(ended, before, f"the versions of before the change, after {place}")
                self.assertEqual("0", support.value(file, f"select count(*) from {versions} a join {versions} b on a.id = b.id and a.rowid <"
                                                          " b.rowid where a._sluice_valid_from < b._sluice_valid_to and b._sluice_valid_from"
                                                          " < a._sluice_valid_to"), "versions overlap")

    # ---- publish: together

    def shop(self, rows=2000):
        self.sql(f"""drop table if exists t, customers; create table customers (id int primary key, name varchar(20), updated_at timestamp(6));
            create table t (id int primary key, customer int, worth decimal(9,2), updated_at timestamp(6));
            insert into customers select seq, concat('customer ', seq), now(6) - interval 1 day from seq_1_to_{rows};
            insert into t select seq, 1 + seq % {rows}, 1.25, now(6) - interval 1 day from seq_1_to_{2 * rows}""")

    def both(self, file):
        """What of the two is there: none, or both as of one instant."""
        there = [each for each in support.tables(file) if "_sluice" not in each]
        if there:
            self.assertEqual(there, [f"{self.db}.customers", f"{self.db}.t"])
            self.assertEqual(support.value(file, f'select count(*) from "{self.db}".t where customer not in (select id from'
                                                 f' "{self.db}".customers)'), "0")
        return [mysql_support.copied(file, each, mysql_support.columns_of(self.server, each.split(".")[1], self.db)) for each in there]

    def together(self, places, change, rows=2000):
        for place in places:
            with self.subTest(failpoint=place, change=bool(change)):
                file = self.folder / f"together-{place}-{bool(change)}.duckdb"
                self.shop(rows)
                old = []
                if change:
                    self.sync("--publish", "together", file=file)
                    old = self.both(file)
                    self.sql(change)
                self.die(place, "--publish", "together", file=file)
                new = [mysql_support.contents(self.server, each, self.db) for each in ("customers", "t")]
                self.assertIn(self.both(file), (old, new), f"after {place}")
                self.sync("--publish", "together", file=file)
                for table in ("customers", "t"):
                    self.assert_equal(table, file=file, says=f"after {place}")
                self.assert_nothing_hidden(file)

    def test_together_first_load(self):
        self.together(["after-unit", "before-publish", "after-publish"], "")

    def test_together_with_changes(self):
        self.together(["before-commit", "before-publish", "after-publish"],
                      "insert into customers values (9001, 'new', now(6)); update t set customer = 9001, updated_at = now(6) where id % 9 = 0;"
                      " delete from t where customer % 20 = 7; delete from customers where id % 20 = 7")

    def test_together_with_a_change_as_big_as_a_row_group(self):
        self.together(["after-clone", "before-publish"], "update t set worth = 2.5, updated_at = now(6)", 52_000)


class Cut(mysql_support.Fixture, unittest.TestCase):
    """What goes is the server, its sessions, or the way to it."""
    ROWS = 60_000  # 54 MB: chunks have 16 MiB

    def setUp(self):
        super().setUp()
        self.sql(f"create table t (id int primary key auto_increment, a text, updated_at timestamp(6) default current_timestamp(6) on"
                 f" update current_timestamp(6)); insert into t (a, updated_at) select repeat(md5(seq), 28), now(6) - interval 1 day from"
                 f" seq_1_to_{self.ROWS}; analyze table t")

    def loading(self, *flags):
        """A slow load of which a unit is committed."""
        run = self.start_sync("--max-rate", "25MB", "--unit-rows", "1", "--parallel", "1", "--json", *flags)
        first = next((line for line in run.stdout if '"unit_committed' in line), None)
        self.assertIsNotNone(first, "the run ended before a unit was committed")
        return run

    def end(self, run, *codes):
        text = support.waited_for(run)
        self.assertIn(run.returncode, codes, text)
        return text

    def test_server_killed_in_a_load_and_back(self):
        """The run waits for it, and goes on by itself."""
        run = self.loading()
        self.server.stop(signal.SIGKILL)
        back = threading.Timer(1.5, self.server.start)
        back.start()
        text = self.end(run, 0)
        back.join()
        self.assertIn('"retrying"', text)
        self.assert_equal(says=text)
        self.assert_nothing_hidden()

    def test_server_killed_in_a_load_and_back_later(self):
        """The run gives up with one message, and nothing of the half is visible; the next run goes on."""
        run = self.loading()
        self.server.stop(signal.SIGKILL)
        text = self.end(run, 1)
        self.assertIn("cannot connect to mysql://root:***@127.0.0.1", text)
        self.assertNotIn(support.PASSWORD, text)
        self.assertEqual([each for each in support.tables(self.file) if "_sluice" not in each], [])
        self.server.start()
        self.sql("update t set a = 'since' where id % 1000 = 0; delete from t where id % 1000 = 1; insert into t (a) values ('new')")
        self.sync_equal()
        self.assert_nothing_hidden()

    def test_sessions_killed_in_a_load(self):
        run = self.loading()
        for _ in range(2):
            for each in self.server.sessions():
                self.server.sql(f"kill {each}")
            time.sleep(0.3)
        text = self.end(run, 0)
        self.assertIn('"retrying"', text)
        self.assert_equal(says=text)
        self.assert_nothing_hidden()

    def test_statements_killed_in_a_load(self):
        """KILL QUERY ends what is read, and no row of it may be missing."""
        run = self.loading()
        for each in self.server.sessions("command = 'Query'"):
            self.server.sql(f"kill query {each}")
        text = self.end(run, 0)
        self.assert_equal(says=text)

    def test_sessions_killed_in_an_incremental_run(self):
        self.sync()
        self.sql("update t set a = concat('changed ', a) where id % 4 = 0; delete from t where id % 40 = 1")
        run = self.start_sync("--max-rate", "12MB", "--json")
        support.wait_for(lambda: self.server.sessions("command = 'Query'") or run.poll() is not None)
        for each in self.server.sessions("command = 'Query'"):
            self.server.sql(f"kill {each}")
        text = self.end(run, 0)
        self.assert_equal(says=text)

    def test_a_way_that_stalls_is_cut_or_garbles(self):
        few = ("--where", "t=id <= 15000")
        for fault, after, flags in (("stall", 5_000_000, ("--idle-timeout", "1s")), ("cut", 5_000_000, ()), ("garble", 300, ())):
            with self.subTest(fault=fault, after=after):
                proxy = support.Proxy(self.server.port, fault, after)
                self.addCleanup(proxy.close)
                file = self.folder / f"{fault}{after}.duckdb"
                url = self.server.url(self.db, port=proxy.port)
                run = support.start("sync", url, f"duckdb:{file}", "--unit-rows", "1", "--parallel", "2", *few, *flags)
                text = self.end(run, 0, 1)
                self.assertTrue(proxy.hit.is_set())
                if run.returncode == 0:
                    self.assert_equal(file=file, says=text, where="id <= 15000")
                self.sync(*few, file=file)
                self.assert_equal(file=file, says=text, where="id <= 15000")
                self.assert_nothing_hidden(file)


if __name__ == "__main__":
    unittest.main()
