# MariaDB: changes of a table's shape between two runs: what is applied to the copy, and what is refused with exit code 5.
# Most leave every row's stamp as it was.
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import mysql_support  # noqa: E402
import support  # noqa: E402


class SchemaDrift(mysql_support.Fixture, unittest.TestCase):
    def make(self, columns, values, rows=500, table="t"):
        """Stamps old enough that nothing is read again for its stamp."""
        self.sql(f"create table {table} (id int primary key, {columns}, updated_at timestamp(6) default current_timestamp(6)); insert into"
                 f" {table} select seq, {values}, now(6) - interval 1 day from seq_1_to_{rows}")
        for _ in range(2):
            self.sync()

    def after(self, *steps, says="", **more):
        for step in steps:
            self.sql(step)
            self.assertIn(says, self.sync_equal(**more))
        self.sql("update t set updated_at = now(6) where id like '%5'; delete from t where id = (select max(id) from t)")
        self.sync_equal(**more)

    def refused(self, change, message):
        self.sql(change)
        text = self.sync(check_exit=5)
        self.assertIn(message, text)
        self.assertIn(f"--accept-drift {self.db}.t", text)
        self.sync_equal("--accept-drift", "t")
        self.sync_equal()

    def copy(self, what):
        return support.value(self.file, what.format(f'"{self.db}".t'))

    # ---- applied

    def test_column_added_with_a_default(self):
        """No row is written: each has the default of when the column came, also when another holds by then."""
        self.make("a text", "'row'")
        self.after("alter table t add column n int not null default 7, algorithm = instant",
                   "alter table t alter n set default 8; insert into t (id, a) values (1001, 'new')",
                   "alter table t add column d datetime(6) default '2020-02-02', add column e text default 'é' first, algorithm = instant",
                   says="")
        self.assertEqual(self.copy("select count(*) from {} where n = 7 and e = 'é'"), "500")

    def test_column_dropped(self):
        """What was there stays."""
        self.make("a text, b int", "'row', seq")
        self.after("alter table t drop column b, algorithm = instant", says="column dropped at the source: b is kept")
        self.assertEqual(self.copy("select count(b) from {} where updated_at < now() - interval 1 hour"), self.copy("select count(*) from {} where"
                                                                                                            " updated_at < now() - interval 1 hour"))

    def test_column_made_anew_under_its_name(self):
        self.make("a text, b int", "'row', seq")
        self.after("alter table t drop a, algorithm = instant; alter table t add a text default 'new', algorithm = instant")

    def test_columns_renamed(self):
        self.make("a text, b text", "concat('a', seq), concat('b', seq)")
        self.after("alter table t rename column a to b, rename column b to a")
        self.sql("alter table t change b c text")
        text = self.sync_equal()
        self.assertIn("column added: c VARCHAR", text)
        self.assertIn("column dropped at the source: b is kept", text)

    def test_column_renamed_in_its_case(self):
        self.make("a text", "'row'")
        self.sql("alter table t change a A text")
        self.assertIn("t: ", self.sync(check_exit=5))
        self.assertEqual(self.copy("select count(*) from {} where a = 'row'"), "500")

    def test_types_widened(self):
        self.make("i int, u int unsigned, s smallint, v varchar(10), n decimal(10,2), f float, d datetime, m enum('a')",
                  "seq, seq, seq, 'v', seq / 4, seq + 0.5, '2020-01-01', 'a'")
        self.after("alter table t modify i bigint; update t set i = 5000000000, updated_at = now(6) where id = 7",
                   "alter table t modify u bigint unsigned; insert into t (id, u) values (1000, 18446744073709551615)",
                   "alter table t modify s int; insert into t (id, s) values (1001, 100000)",
                   "alter table t modify n decimal(14,4); insert into t (id, n) values (1002, 1234567890.1234)",
                   "alter table t modify f double; insert into t (id, f) values (1003, 0.1)", says="column widened")
        self.after("alter table t modify v varchar(20); update t set v = repeat('x', 20), updated_at = now(6) where id = 8",
                   "alter table t modify v text; update t set v = repeat('y', 300), updated_at = now(6) where id = 9",
                   "alter table t modify d datetime(6); insert into t (id, d) values (1004, '2020-01-01 00:00:00.123456')",
                   "set sql_mode = ''; alter table t modify v varchar(5)", "set sql_mode = ''; alter table t modify d datetime(0)")

    def test_key_widened(self):
        self.make("a text", "'row'")
        self.after("alter table t modify id bigint", "insert into t (id) values (9000000000)")

    def test_enum_values(self):
        """Added behind, added before, in another order, taken away, renamed: rows keep the text that they had, or get another."""
        self.make("m enum('sad', 'ok'), o set('a', 'b')", "1 + seq % 2, seq % 4")
        self.after("alter table t modify m enum('sad', 'ok', 'happy'), algorithm = instant; insert into t (id, m) values (1000, 'happy')",
                   "alter table t modify m enum('fine', 'happy', 'ok', 'sad')", "alter table t modify o set('c', 'b', 'a')",
                   "set sql_mode = ''; alter table t modify m enum('fine', 'happy', 'ok')")

    def test_not_null(self):
        self.make("a text", "'row'")
        self.after("alter table t modify a text not null", "alter table t modify a text; update t set a = null, updated_at = now(6) where id % 3 = 0")

    def test_columns_reordered(self):
        self.make("a int, b text", "seq, 'b'")
        self.after("alter table t modify b text first", "alter table t modify id int after a, algorithm = copy")

    def test_collation_and_character_set(self):
        """Of texts and of a key: values stay, also where other ones are equal by then."""
        self.sql("create table t (id varchar(20) character set latin1 primary key, a text character set latin1, updated_at timestamp(6) null)"
                 " ; insert into t select concat('kéy ', seq), 'é', now(6) - interval 1 day from seq_1_to_500")
        self.sync_equal()
        self.after("alter table t convert to character set utf8mb4 collate utf8mb4_bin", "insert into t values ('KÉY 1', 'case', '2001-01-01')",
                   "delete from t where id = 'kéy 1'; alter table t convert to character set utf8mb4 collate utf8mb4_general_ci",
                   "update t set id = 'KÉY 2' where id = 'kéy 2'")

    def test_generated_column_of_another_expression(self):
        """No row is written, and all values are others."""
        self.make("n int, g int generated always as (n * 2) virtual", "seq, null")
        time.sleep(1.1)  # when a table was made is told in seconds
        self.after("alter table t modify g int generated always as (n * 3) virtual")

    def test_tables_that_come_and_go(self):
        self.make("a text", "'row'")
        self.make("a text", "'new'", table="u")
        self.assert_equal("u")
        self.sql("drop table t; create table v like u; insert into v values (1, 'v', now(6))")
        text = self.sync()
        self.assertRegex(text, r"\.t.*(no longer|gone|dropped)")
        self.assert_equal("v")
        self.assertEqual(self.copy("select count(*) from {}"), "500")
        self.sql("create table t (id int primary key, a text, updated_at timestamp(6) null); insert into t values (1, 'again', '2001-01-01')")
        self.sync_equal("--allow-deletes", "*")

    def test_table_that_becomes_a_view(self):
        self.make("a text", "'row'")
        self.sql("alter table t rename to base; create view t as select * from base")
        text = self.sync("--tables", f"{self.db}.t", check_exit=5)
        self.assertIn("t: it is a view now, which has no primary key; the key was (id)", text)

    # ---- refused

    def test_types_narrowed_or_changed(self):
        self.make("a varchar(20), n decimal(10,2), b bigint, s timestamp(6) null", "seq, seq, seq, now(6)")
        self.refused("alter table t modify a int", "t: column a is now int(11) (INTEGER), the copy has VARCHAR")
        self.refused("alter table t modify n decimal(10,4)", "t: column n is now decimal(10,4)")
        self.refused("alter table t modify b int", "t: column b is now int(11) (INTEGER), the copy has BIGINT")
        self.refused("alter table t modify b int unsigned", "t: column b is now int(10) unsigned (UINTEGER), the copy has INTEGER")
        self.refused("alter table t modify s datetime(6)", "t: column s is now datetime(6) (TIMESTAMP)")

    def test_key_changed(self):
        self.make("a text, b int not null default 1", "'row', 1")
        self.refused("alter table t drop primary key", "t: the primary key is now (none), it was (id)")
        self.refused("alter table t add primary key (id, b); insert into t select id, a, 2, updated_at from t where id % 2 = 0",
                     "t: the primary key is now (id, b), it was (none)")
        self.refused("alter table t drop primary key, add primary key (b, id)", "t: the primary key is now (b, id), it was (id, b)")
        self.refused("alter table t rename column id to number", "t: the primary key is now (b, number), it was (b, id)")

    def test_unique_index_that_may_hold_null_now(self):
        self.sql("create table t (id int not null unique, a text); insert into t select seq, 'row' from seq_1_to_500")
        self.sync_equal()
        self.refused("alter table t modify id int; insert into t values (null, 'a'), (null, 'a')", "t: the primary key is now (none), it was (id)")

    def test_on_drift_refuse(self):
        self.make("a text, b int", "'row', seq")
        refuse = ("--on-drift", "t=refuse")
        for change, message in (("alter table t add column c int default 1, algorithm = instant", "column added: c INTEGER"),
                                ("alter table t modify b bigint", "column widened: b INTEGER -> BIGINT"),
                                ("alter table t drop column b", "column dropped at the source: b")):
            with self.subTest(change):
                before = mysql_support.types_of(self.file, f'"{self.db}".t')
                self.sql(change)
                text = self.sync(*refuse, check_exit=5)
                self.assertIn(message, text)
                self.assertIn("(on_drift: refuse)", text)
                self.assertEqual(mysql_support.types_of(self.file, f'"{self.db}".t'), before)
                self.sync_equal(*refuse, "--accept-drift", "t")


if __name__ == "__main__":
    unittest.main()
