# MariaDB: what can happen to a table, or to its server, between two runs, while a load is cut off and in a run. Each test
# says which of "handled" or "refused" it is: handled, the next run leaves every row and value equal; refused, the run
# says what is asserted here and the copy stays as it was. Changes of a table's shape: mysql_schema_test.py.
#
#   event                                   between runs                        while a load is cut off     in a run
#   key moves                               keys_move                           yes                         -
#   TRUNCATE, and filled again              truncated_and_filled                yes                         waits
#   dropped and made anew, same shape       dropped_and_made_anew               yes                         before_the_lock
#   two tables renamed into each other      renamed_into_each_other             yes                         before_the_lock
#   partition added, dropped, exchanged     partitions, exchanged_partition     yes                         waits
#   rewritten (ENGINE=InnoDB, OPTIMIZE)     rewritten                           yes                         waits
#   ALTER TABLE                             mysql_schema_test.py                yes                         before_the_lock, waits
#   another engine                          another_engine                      -                           -
#   backup restored (files, a dump)         files_, dump_of_a_backup            -                           -
#   restart, crash                          restarted                           mysql_crash_test.py         mysql_crash_test.py
#   another server under the address        another_server: refused, exit 2     -                           -
#   writes that touch no stamp              foreign_keys, trigger               -                           -
#   time zone of the server                 time_zone                           -                           -
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import mysql_support  # noqa: E402
import support  # noqa: E402

KEYED = "(id int primary key auto_increment, a varchar(700), updated_at timestamp(6) default current_timestamp(6))"
FILL = "insert into {} select seq, concat('row ', seq), now(6) - interval 1 day from seq_1_to_{}"
OLD = "insert into {} select seq, '{}', '2001-01-01' from seq_1_to_{}"  # with stamps below every mark
SWAP = "rename table t to x, u to t, x to u"


class BetweenRuns(mysql_support.Fixture, unittest.TestCase):
    def make(self, rows=3000, table="t", shape=KEYED):
        self.sql(f"create table {table} {shape}; {FILL.format(table, rows)}")

    def synced(self, rows=3000, tables=("t",)):
        """Copies whose marks are proven."""
        for table in tables:
            self.make(rows, table)
        for _ in range(2):
            self.sync_equal(tables=tables)

    def test_keys_move(self):
        """Without a stamp. 60,000 rows: more than one batch of keys."""
        self.synced(60_000)
        for step in ("update t set id = id + 1000000 where id % 600 = 0", "update t set id = -id where id % 700 = 1",
                     "update t set id = id - 1000000 where id > 1000000", "update t set id = id + 1 where id = 60000"):
            self.sql(step)
            self.assertIn("incremental", self.sync_equal())

    def test_keys_are_swapped(self):
        """The keys are the same as before: with a stamp it is a change as any other, without one --full finds it."""
        self.synced()
        swap = "update t set id = -1 where id = 7; update t set id = 7{0} where id = 8; update t set id = 8{0} where id = -1"
        self.sql(swap.format(", updated_at = now(6)"))
        self.sync_equal()
        self.sql(swap.format(""))
        self.sync_equal("--full")

    def test_truncated_and_filled(self):
        self.synced()
        self.sql("truncate t; " + OLD.format("t", "again", 2900))
        self.sync_equal()
        self.assertIn("incremental", self.sync_equal())

    def test_dropped_and_made_anew(self):
        self.synced()
        self.sql(f"drop table t; create table t {KEYED}; " + OLD.format("t", "anew", 2900))
        self.sync_equal()
        self.sql("drop table t; create table t (b int default 5, id int primary key, updated_at timestamp(6) null);"
                 " insert into t select seq, seq, '2001-01-01' from seq_1_to_2800")
        self.sync_equal()

    def test_dropped_and_made_anew_in_another_shape(self):
        self.synced()
        self.sql("drop table t; create table t (id uuid primary key, b int, updated_at timestamp(6) null)")
        text = self.sync(check_exit=5)
        self.assertIn("t: column id is now uuid (UUID), the copy has INTEGER", text)
        self.assertIn(f"--accept-drift {self.db}.t", text)
        self.assertEqual(support.value(self.file, f'select count(*) || \' \' || sum(id) from "{self.db}".t'), "3000 4501500")
        self.sync_equal("--accept-drift", "t")

    def test_renamed_into_each_other(self):
        self.synced(tables=("t", "u"))
        self.sql("update u set a = 'u'; " + SWAP)
        self.sync_equal(tables=("t", "u"))
        self.sql("update t set a = 'new t', updated_at = now(6) where id < 10; delete from u where id < 10")
        self.sync_equal(tables=("t", "u"))

    def test_renamed_into_each_other_with_the_brake(self):
        self.make(3000)
        self.make(500, "u")
        self.sync_equal(tables=("t", "u"))
        self.sql(SWAP)
        self.assertIn("t: 2500 of 3000 rows would be deleted", self.sync(check_exit=3))
        self.assert_equal("u")
        self.sync_equal("--allow-deletes", "t", tables=("t", "u"))

    def test_partitions(self):
        """Added, dropped, emptied and cut anew; with rows whose stamps are old."""
        self.make(shape=f"{KEYED} partition by range (id) (partition p0 values less than (1000), partition p1 values less than (2000),"
                        " partition p2 values less than (4000))")
        self.sync_equal()
        for step in ("alter table t add partition (partition p3 values less than (9000)); insert into t select seq, 'p3', '2001-01-01'"
                     " from seq_5000_to_5500", "alter table t drop partition p3", "alter table t truncate partition p0;"
                     " insert into t select seq, 'p0 again', '2001-01-01' from seq_1_to_990",
                     "alter table t reorganize partition p1, p2 into (partition p5 values less than (4000))", "alter table t remove partitioning"):
            self.sql(step)
            self.sync_equal()
        self.sql("update t set a = 'changed', updated_at = now(6) where id % 100 = 0; delete from t where id % 100 = 1")
        self.sync_equal()

    def test_exchanged_partition(self):
        """No row is written, and all of the partition's are others."""
        self.make(shape=f"{KEYED} partition by range (id) (partition p0 values less than (1000), partition p1 values less than (4000))")
        self.sql(f"create table u {KEYED}; " + OLD.format("u", "exchanged", 999))
        for _ in range(2):
            self.sync_equal(tables=("t", "u"))
        self.sql("alter table t exchange partition p0 with table u")
        self.sync_equal(tables=("t", "u"))

    def test_rewritten(self):
        self.synced()
        for step in ("alter table t engine = innodb", "alter table t force", "optimize table t", "alter table t row_format = compressed",
                     "analyze table t"):
            self.sql(step + "; update t set a = concat(a, '.'), updated_at = now(6) where id % 100 = 0")
            self.sync_equal()
        self.assertIn("incremental", self.sync_equal())

    def test_another_engine(self):
        """MyISAM has no instant: class D. Back in InnoDB it has one."""
        self.synced()
        for engine, guarantee in (("myisam", " D "), ("innodb", " [ABC+]+ "), ("aria", " D ")):
            self.sql(f"alter table t engine = {engine}; update t set a = '{engine}' where id % 100 = 7; delete from t where id = (select"
                     " max(id) from t)")
            self.assertRegex(self.sync_equal(), rf"\.t +\w+ +{guarantee.strip()} ")

    def test_foreign_keys_that_write_without_a_stamp(self):
        """What they delete is missed among the keys; what they change nobody sees but --full, or a run that compares the part."""
        self.sql("create table parent (id int primary key, updated_at timestamp(6) default current_timestamp(6));"
                 " insert into parent select seq, now(6) - interval 1 day from seq_1_to_300;"
                 " create table child (id int primary key, parent int, other int, updated_at timestamp(6) default current_timestamp(6) on update"
                 " current_timestamp(6), foreign key (parent) references parent (id) on delete cascade on update cascade, foreign key (other)"
                 " references parent (id) on delete set null); insert into child select seq, 1 + seq % 100, 101 + seq % 100, now(6) - interval"
                 " 1 day from seq_1_to_3000")
        both = ("parent", "child")
        for _ in range(2):
            self.sync_equal(tables=both)
        self.sql("delete from parent where id < 5")
        self.sync_equal(tables=both)
        self.sql("delete from parent where id between 101 and 110; update parent set id = id + 1000 where id = 50")
        self.sync_equal("--full", tables=both)
        self.sql("delete from parent where id = 120")
        for _ in range(16):
            text = self.sync()
        self.assert_equal("parent")
        self.assert_equal("child", says=text)

    def test_a_trigger_that_stamps(self):
        self.synced()
        self.sql("create trigger stamp before update on t for each row set new.updated_at = now(6)")
        self.sql("update t set a = 'by trigger', updated_at = '2001-01-01' where id % 10 = 3")
        text = self.sync_equal()
        self.assertIn("0 inserted, 300 updated, 0 deleted", text)
        self.assertIn("incremental", text)

    def test_time_zone_of_the_server_changes(self):
        """A TIMESTAMP is the same moment in each. A DATETIME is not: what is stamped below its mark comes by its key where it is
        new, by --full where it is changed."""
        self.addCleanup(self.server.sql, "set global time_zone = 'SYSTEM'")
        self.synced()
        self.sql("create table u (id int primary key, a text, updated_at datetime(6), m timestamp(6) default current_timestamp(6));"
                 " insert into u select seq, 'row', now(6) - interval 1 day, now(6) from seq_1_to_1000")
        both = ("t", "u")
        self.sync_equal(tables=both)
        for number, zone in enumerate(("+13:00", "-11:30", "+05:45", "+00:00")):
            self.server.sql(f"set global time_zone = '{zone}'")
            for table in both:
                self.sql(f"insert into {table} (id, a, updated_at) values (10000 + {number}, 'new', now(6)); update {table} set a = '{zone}',"
                         f" updated_at = now(6) where id % 100 = {number}; delete from {table} where id = 500 + {number}")
            self.sync_equal()
            self.assertEqual(support.value(self.file, f'select count(*) from "{self.db}".u where id = 10000 + {number}'), "1")
            self.assertEqual(support.value(self.file, f'select count(*) from "{self.db}".u where id = 500 + {number}'), "0")
        self.sync_equal("--full", tables=both)


class OfTheServer(unittest.TestCase):
    """What is done to a server of their own."""
    setUpClass = mysql_support.Fixture.__dict__["setUpClass"]
    db = "shop"
    sql, sync, sync_equal, assert_equal = (getattr(mysql_support.Fixture, each) for each in ("sql", "sync", "sync_equal", "assert_equal"))

    def setUp(self):
        mysql_support.Fixture.setUp(self)
        self.server = mysql_support.Mariadb()
        self.addCleanup(self.server.remove)
        self.db = self.server.database("shop")
        self.url = self.server.url(self.db)
        self.sql(f"create table t {KEYED}; {FILL.format('t', 3000)}")
        for _ in range(2):
            self.sync_equal()

    def change(self, word, digit):
        """Rows that nothing else changes, so that their stamps before and after differ by a day."""
        self.sql(f"update t set a = '{word}', updated_at = now(6) where id % 100 = {digit}0; delete from t where id % 100 = {digit}1;"
                 f" insert into t (a) select '{word}' from seq_1_to_20")

    def test_restarted(self):
        self.change("before", 1)
        for how in (signal.SIGTERM, signal.SIGKILL):
            self.server.stop(how)
            self.server.start()
            self.change(how.name, 2)
            self.assertIn("incremental", self.sync_equal())

    def test_files_of_a_backup_restored(self):
        """Stamps and numbers are lower than those of the copy. Tables' own files (.frm) are those of before, as when a volume
        was set back: when a table was made tells nothing."""
        self.server.stop()
        backup = self.server.folder / "backup"
        subprocess.run(["cp", "-a", str(self.server.data), str(backup)], check=True)
        self.server.start()
        self.change("lost", 1)
        for _ in range(2):
            self.sync_equal()
        self.server.stop()
        for file in backup.rglob("*"):
            if file.is_file() and file.suffix != ".frm":
                shutil.copy2(file, self.server.data / file.relative_to(backup))
        for log in self.server.data.glob("binlog.*"):
            log.unlink()
        self.server.start()
        self.sql("insert into t (a) values ('since')")
        self.assertIn("the source was set back", self.sync_equal())
        self.change("again", 2)
        self.assertIn("incremental", self.sync_equal())

    def test_dump_of_a_backup_restored(self):
        dump = subprocess.run(["mariadb-dump", "--no-defaults", "-u", "root", "-S", str(self.server.folder / mysql_support.SOCKET), self.db],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        self.change("lost", 1)
        for _ in range(2):
            self.sync_equal()
        self.sql(dump + "; insert into t (a) values ('since')")
        self.sync_equal()

    def test_another_server_under_the_address(self):
        """Though it holds the same, and more of it."""
        self.server.stop()
        other = mysql_support.Mariadb(like=self.server)
        self.addCleanup(other.remove)
        other.stop()
        other.port = self.server.port
        other.start()
        self.server = other
        self.change("other", 1)
        before = support.query(self.file, f'select md5(string_agg(t::varchar, \'\' order by id)) from "{self.db}".t t')
        text = self.sync(check_exit=2)
        self.assertRegex(text, "connection default has always read mariadb server .*, this is mariadb server ")
        self.assertIn("--accept-source", text)
        self.assertEqual(support.query(self.file, f'select md5(string_agg(t::varchar, \'\' order by id)) from "{self.db}".t t'), before)
        self.sync_equal("--accept-source")
        self.sync_equal()


class WhileALoadIsCutOff(mysql_support.Fixture, unittest.TestCase):
    """A first load dies after a unit; what the next run finds half loaded is no longer what the source holds."""

    def cut_off_then(self, *events):
        for number, event in enumerate(events):
            with self.subTest(event=event):
                file = self.folder / f"{number}.duckdb"
                self.sql(f"drop table if exists t, u; create table t {KEYED}; create table u {KEYED}; {OLD.format('u', 'u', 900)}; insert into t"
                         " select seq, repeat(md5(seq), 21), now(6) - interval 1 day from seq_1_to_50000; analyze table t")
                self.die("after-unit", "--unit-rows", "1", "--parallel", "1", "--tables", "t", file=file)
                self.assertEqual(support.tables(file), [f"{self.db}._sluice_load_t"])
                self.sql(event)
                for _ in range(2):
                    self.sync_equal("--tables", "t", file=file)
                self.assert_nothing_hidden(file)

    def test_keys_move(self):
        self.cut_off_then("update t set id = id + 1000000 where id % 40 = 0; update t set id = -id where id % 41 = 0",
                          "update t set id = 100001 - id, updated_at = now(6) where id between 1 and 9000")

    def test_emptied_or_made_anew(self):
        self.cut_off_then("truncate t; " + OLD.format("t", "again", 30000),
                          f"drop table t; create table t {KEYED}; " + OLD.format("t", "anew", 30000),
                          "drop table t; create table t (id varchar(9) primary key, b int); insert into t values ('x', 1), ('y', null)", SWAP)

    def test_altered(self):
        self.cut_off_then("alter table t add column b int default 7, algorithm = instant", "alter table t modify id bigint, drop primary key",
                          "alter table t partition by hash (id) partitions 3; alter table t truncate partition p1")


class InARun(mysql_support.Fixture, unittest.TestCase):
    """The tables are listed, then held, then read: what happens between the first two is seen, what would happen later waits
    for the end of the run."""

    def before_the_lock(self, change, check_exit=0, table="t"):
        """Both as a first load and over a copy."""
        for copied in (False, True):
            with self.subTest(change=change, copied=copied):
                file = self.folder / f"{abs(hash(change))}{copied}.duckdb"
                self.sql(f"drop table if exists t, u, v, x; create table t {KEYED}; {FILL.format('t', 3000)}")
                if copied:
                    self.sync("--tables", "t", file=file)
                holder = self.server.session(self.db)
                holder.sql(f"create table u {KEYED}; {OLD.format('u', 'u', 2900)}; lock table t write, u write")
                run = self.start_sync("--tables", "t", "--allow-deletes", "*", file=file)
                support.wait_for(lambda: self.server.sessions("state like 'Waiting for table metadata lock%'") or run.poll() is not None)
                self.assertIsNone(run.poll(), "the run did not wait")
                holder.sql(change)
                holder.sql("unlock tables")
                holder.close()
                text = run.communicate()[0]
                self.assertEqual(run.returncode, check_exit, text)
                if table:
                    self.assert_equal(table, file=file, says=text)
                yield text

    def test_altered_after_discovery(self):
        for change in ("alter table t add column b int default 7", "alter table t modify id bigint", "truncate t",
                       "alter table t rename column a to b"):
            for _ in self.before_the_lock(change):
                pass

    def test_dropped_after_discovery(self):
        for change in ("drop table t", "alter table t rename to v"):
            for text in self.before_the_lock(change, check_exit=1, table=None):
                self.assertIn("t: no such table any more", text)
                self.assertIn("it was dropped or renamed after it was listed", text)

    def test_changes_of_the_table_wait_for_the_run(self):
        self.sql(f"create table t {KEYED} partition by hash (id) partitions 2; create table u {KEYED}; insert into t select seq,"
                 " repeat(md5(seq), 14), now(6) from seq_1_to_20000")
        run = self.start_sync("--max-rate", "2MB")
        support.wait_for(lambda: self.server.sessions("info like '%FROM `%`.`t`%' and time_ms > 50") or run.poll() is not None)
        for change in ("truncate t", "alter table t engine = innodb", "alter table t add column b int", "drop table t", SWAP,
                       "alter table t truncate partition p0"):
            with self.subTest(change):
                with self.assertRaisesRegex(AssertionError, "Lock wait timeout"):
                    self.sql("set lock_wait_timeout = 0; " + change)
        self.assertIsNone(run.poll(), "the run was over")
        text = run.communicate()[0]
        self.assertEqual(run.returncode, 0, text)
        self.assert_equal(says=text)


if __name__ == "__main__":
    unittest.main()
