# Ways in which published connectors lose or invent changes, each a test with the name of its class. Elsewhere:
#   tie-at-checkpoint, null-cursor, late-commit  tests/unit/engine_sync_test.cpp, changes_test.py
#   unquoted identifiers, one-bad-table          rules_test.py
#   partition parent and child, no-PK collapse   changes_test.py
#   no retry on query, garbled results           server_faults_test.py
#   schema() and update() name mismatch          cannot be: one plan makes both
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

KEYED = "(id int primary key, a text, updated_at timestamptz default now())"
BY_MARK_ALONE = ("--deletes", "ignore", "--overlap", "0s")


class DefectClasses(support.Fixture, unittest.TestCase):
    def sync_equal(self, *flags, tables=("public.t",)):
        text = self.sync(*flags)
        for table in tables:
            self.assert_equal(table, says=text)
        return text

    def test_tie_at_checkpoint(self):
        """A bulk update gave every row one stamp, and the load dies among them."""
        self.sql(f"create table t {KEYED}; insert into t select i, repeat(md5(i::text), 14), '2026-01-01' from generate_series(1, 40000) i")
        with self.start_sync("--unit-rows", "1", "--parallel", "2", SLUICE_FAILPOINT="after-unit") as run:
            run.communicate()
        self.assertEqual(run.returncode, -signal.SIGKILL)
        self.sync_equal(*BY_MARK_ALONE)
        self.sync_equal()
        self.sql("update t set a = 'tie', updated_at = '2026-01-02'")
        with self.start_sync(SLUICE_FAILPOINT="before-commit") as run:
            run.communicate()
        self.assertEqual(run.returncode, -signal.SIGKILL)
        self.sync_equal()

    def test_cursor_string_compare_and_time_zones(self):
        """Stamps around the end of summer time, from sessions in zones whose texts sort otherwise than the moments."""
        self.sql(f"create table t {KEYED}; insert into t values (0, 'first', '2026-10-01')")
        zones = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Kiritimati", "UTC")
        for step in range(6):
            for number, zone in enumerate(zones):
                self.sql(f"set timezone = '{zone}'; insert into t values ({step * 10 + number + 1}, '{zone}',"
                         f" '2026-10-25 00:10+00'::timestamptz + {step * 25 + number} * interval '1 minute')")
            self.sync_equal(*BY_MARK_ALONE)
        self.sql(f"alter database {self.db} set timezone = 'America/New_York'; insert into t values (1000, 'zone', '2026-11-01 01:30')")
        self.sync_equal(*BY_MARK_ALONE)

    def test_naive_stamps_west_of_utc(self):
        """A timestamp without zone that the server writes in its local time is compared with itself, not with our clock."""
        self.sql(f"alter database {self.db} set timezone = 'America/Los_Angeles'")
        self.sql("create table t (id int primary key, a text, updated_at timestamp default localtimestamp);"
                 " insert into t select i, 'row' from generate_series(1, 100) i")
        for step in range(3):
            self.sync_equal("--deletes", "ignore")
            self.sql(f"update t set a = 'step {step}', updated_at = localtimestamp where id % 7 = {step}; insert into t values ({1000 + step}, 'new')")
        self.sync_equal("--deletes", "ignore")

    def test_sub_second_truncation(self):
        """Changes one microsecond apart."""
        self.sql(f"create table t {KEYED}; insert into t select i, 'row', '2026-01-01 12:00:00.999990' from generate_series(1, 10) i")
        for step in range(1, 12):
            self.sync_equal(*BY_MARK_ALONE)
            self.sql(f"update t set a = 'step {step}', updated_at = '2026-01-01 12:00:00.999990'::timestamptz + {step} * interval"
                     f" '1 microsecond' where id = {step % 10 + 1}")
        self.sync_equal(*BY_MARK_ALONE)

    def test_default_start_drops_history(self):
        self.sql(f"create table t {KEYED}; insert into t values (1, 'BC', '0044-03-15 BC'), (2, 'old', '1850-01-01'), (3, 'epoch',"
                 " '1970-01-01'), (4, 'before', '2024-01-01'), (5, 'oldest', '4713-01-01 BC'), (6, 'null', null)")
        self.sync_equal()
        self.sync_equal(*BY_MARK_ALONE)

    def test_delete_never_captured_and_delete_storm(self):
        """One row changes, one goes: one change and one delete, not the rest of the table."""
        self.sql(f"create table t {KEYED}; insert into t select i, 'row', now() - interval '1 day' from generate_series(1, 2000) i")
        self.sync_equal()
        self.sync_equal()
        self.sql("update t set a = 'changed', updated_at = now() where id = 7; delete from t where id = 8")
        self.assertIn("0 inserted, 1 updated, 1 deleted", self.sync_equal())
        self.assertIn("0 inserted, 0 updated, 0 deleted", self.sync_equal())

    def test_without_a_key_new_rows_overwrite_no_old_ones(self):
        self.sql("create table t (a int, b text); insert into t select i, 'row' from generate_series(1, 5) i")
        self.sync_equal()
        self.sql("insert into t values (6, 'row')")
        self.assertIn("1 inserted, 0 updated, 0 deleted", self.sync_equal())
        self.sql("update t set b = 'changed' where a = 2")
        self.sync_equal()

    def test_guessed_key(self):
        """A child table whose only id is its parent's, and a column that is called pk and is none."""
        self.sql("create table t (user_id int, note text, updated_at timestamptz default now());"
                 " insert into t select i % 10, 'note ' || i from generate_series(1, 200) i;"
                 " create table u (id int, pk int, note text); insert into u values (1, 1, 'a'), (1, 1, 'b'), (null, 1, 'a')")
        for _ in range(2):
            self.sync_equal(tables=("public.t", "public.u"))
            self.sql("update t set user_id = 11, updated_at = now() where note = 'note 7'; insert into u values (1, 1, 'a')")
        self.sync_equal(tables=("public.t", "public.u"))

    def test_key_order_of_a_composite_key(self):
        self.sql("create table t (a int, b text, c int, v int, updated_at timestamptz default now(), primary key (c, b, a));"
                 " insert into t select i % 10, 'b' || i % 7, i, i from generate_series(1, 2000) i")
        self.sync_equal()
        self.sql("update t set b = b || 'x', updated_at = now() where c % 50 = 0; delete from t where c % 50 = 1; update t set a = -a where"
                 " c % 50 = 2")
        self.sync_equal()

    def test_column_of_a_usual_name_and_no_clock(self):
        """updated_at that is text is no replication key; created_at never is: updates would not be seen again."""
        self.sql("create table t (id int primary key, a text, updated_at text); insert into t select i, 'row', 'some time' from"
                 " generate_series(1, 100) i; create table u (id int primary key, a text, created_at timestamptz default now());"
                 " insert into u select i, 'row' from generate_series(1, 100) i")
        for step in range(3):
            text = self.sync_equal(tables=("public.t", "public.u"))
            self.assertNotIn("incremental", text)
            self.sql(f"update t set a = 'step {step}' where id % 9 = {step}; update u set a = 'step {step}' where id % 9 = {step}")
        self.assertNotIn("incremental", self.sync_equal(tables=("public.t", "public.u")))

    def test_replication_key_in_mixed_case(self):
        """The mark advances: rows below it are not read again."""
        self.sql('create table t (id int primary key, a text, "Updated_At" timestamptz default now()); insert into t select i, \'row\','
                 " now() - i * interval '1 minute' from generate_series(1, 2000) i")
        for step in range(3):
            self.sync_equal(*BY_MARK_ALONE)
            self.sql(f"update t set a = 'step {step}', \"Updated_At\" = now() where id = {step + 1}")
        self.assertIn("1 updated", self.sync_equal(*BY_MARK_ALONE))
        read = support.value(self.file, "select max(rows_read) from _sluice.run_tables where strategy = 'incremental'")
        self.assertLess(int(read), 100)

    def test_state_does_not_grow_with_the_rows(self):
        sizes = []
        for rows in (100, 50000):
            self.sql(f"drop table if exists t; create table t {KEYED}; insert into t select i, 'secret value' from generate_series(1, {rows}) i")
            file = self.folder / f"{rows}.duckdb"
            self.sync(file=file)
            self.sync(file=file)
            self.assert_equal("public.t", file=file)
            state = support.query(file, "select length(state), contains(state, 'secret value') from _sluice.state")
            self.assertEqual(state[0][1], "false")
            sizes.append(int(state[0][0]))
        self.assertLess(sizes[1], sizes[0] + 100)

    def test_name_collisions(self):
        """a_b.c and a.b_c, and names that differ only in what other tools make of them."""
        names = ("a_b.c", "a.b_c", "a.\"b__c\"", "a.addr1", "a.addr_1")
        self.sql("create schema a_b; create schema a")
        for number, name in enumerate(names):
            self.sql(f"create table {name} {KEYED}; insert into {name} values ({number}, '{number}')")
        self.sync_equal(tables=names)
        text = self.sync("--naming", "fivetran", file=self.folder / "renamed.duckdb", check_exit=3)
        self.assertIn("would both be a.addr_1", text)
        self.assert_equal("a_b.c", file=self.folder / "renamed.duckdb")


if __name__ == "__main__":
    unittest.main()
