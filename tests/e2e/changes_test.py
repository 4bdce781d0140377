# What happens to a table between two runs: rows that commit late, odd replication keys, and tables that are emptied,
# rewritten, altered or made anew. Each time the copy must end equal.
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

KEYED = "(id int primary key, a text, updated_at timestamptz default now())"
# Rows old enough that no overlap reads them again, and no look for keys: what arrives came by its mark alone.
BY_MARK_ALONE = ("--deletes", "ignore", "--overlap", "0s")


class Changes(support.Fixture, unittest.TestCase):
    def make(self, rows=3000, table="t", shape=KEYED):
        self.sql(f"create table {table} {shape}; insert into {table} select i, 'row ' || i, now() - interval '1 day' from"
                 f" generate_series(1, {rows}) i")

    def sync_equal(self, *flags, table="public.t", check_exit=0):
        text = self.sync(*flags, check_exit=check_exit)
        self.assert_equal(table, says=text)
        return text

    # ---- late commits

    def test_transaction_open_before_the_run_commits_after_it(self):
        self.make()
        self.sync(*BY_MARK_ALONE)
        late = self.pg.session(self.db)
        late.sql("begin; insert into t values (5000, 'late'); update t set a = 'late too', updated_at = now() where id = 7")
        self.sql("select pg_sleep(0.1); insert into t select i, 'later stamp' from generate_series(6000, 6100) i")
        for _ in range(3):
            self.sync(*BY_MARK_ALONE)  # marks beyond the open transaction's stamp
            self.sql("insert into t select max(id) + 1, 'more' from t")
        text = self.sync(*BY_MARK_ALONE)
        self.assertRegex(" ".join(text.split()), r"waits for pid [0-9]+ \(psql, idle in transaction, user postgres\), open for [0-9]+ s")
        late.sql("commit")
        late.close()
        self.sync_equal(*BY_MARK_ALONE)
        self.sync_equal(*BY_MARK_ALONE)

    def test_transaction_open_during_the_first_load(self):
        self.make()
        late = self.pg.session(self.db)
        late.sql("begin; insert into t values (5000, 'late')")
        self.sync(*BY_MARK_ALONE)
        late.sql("commit")
        late.close()
        self.sync_equal(*BY_MARK_ALONE)

    def test_prepared_transaction_commits_late(self):
        self.make()
        self.sync(*BY_MARK_ALONE)
        self.sql("begin; insert into t values (5000, 'prepared'); prepare transaction 'sluice_late'")
        for step in range(3):
            self.sql(f"insert into t values ({6000 + step}, 'later stamp')")
            text = self.sync(*BY_MARK_ALONE)
        self.assertIn("waits for the prepared transaction 'sluice_late' of user postgres, open for", " ".join(text.split()))
        self.sql("commit prepared 'sluice_late'")
        self.sync_equal(*BY_MARK_ALONE)

    def test_open_transaction_becomes_a_prepared_one(self):
        self.make()
        self.sync(*BY_MARK_ALONE)
        late = self.pg.session(self.db)
        late.sql("begin; insert into t values (5000, 'late')")
        self.sql("insert into t values (6000, 'later stamp')")
        self.sync(*BY_MARK_ALONE)
        late.sql("prepare transaction 'sluice_late'")
        late.close()
        self.sql("insert into t values (6001, 'later stamp')")
        self.sync(*BY_MARK_ALONE)
        self.sync(*BY_MARK_ALONE)
        self.sql("commit prepared 'sluice_late'")
        self.sync_equal(*BY_MARK_ALONE)

    # ---- replication keys

    def test_null_keys_are_compared_every_time(self):
        self.make()
        self.sql("update t set updated_at = null where id % 10 = 0")
        for step in range(4):
            self.sync_equal(*BY_MARK_ALONE)
            self.sql(f"update t set a = 'null {step}' where updated_at is null; update t set updated_at = null where id = {step + 1};"
                     f" insert into t values ({9000 + step}, 'new', null)")
        self.sync_equal(*BY_MARK_ALONE)

    def test_all_keys_null(self):
        self.make()
        self.sql("update t set updated_at = null")
        self.sync_equal()
        self.sql("update t set a = 'changed' where id < 10; delete from t where id = 20")
        self.sync_equal()
        self.sync_equal()

    def test_future_stamps_do_not_hide_present_rows(self):
        self.make()
        self.sql("insert into t values (9000, 'future', now() + interval '10 years'), (9001, 'for ever', 'infinity')")
        self.sync(*BY_MARK_ALONE)
        for step in range(3):
            self.sql(f"update t set a = 'step {step}', updated_at = now() where id = {step + 1};"
                     f" update t set a = 'future {step}' where id = 9000; insert into t values ({step + 5000}, 'new')")
            self.sync(*BY_MARK_ALONE)
            columns = [("id", "integer"), ("a", "text")]
            self.assert_equal("public.t", columns=columns)

    def test_ties_with_the_mark(self):
        """Rows that get exactly the mark's value after it was taken."""
        self.make(shape="(id int primary key, a text, updated_at date)")
        for step in range(4):
            self.sync_equal(*BY_MARK_ALONE)
            self.sql(f"insert into t values ({5000 + step}, 'same day', (select max(updated_at) from t));"
                     f" update t set a = 'changed {step}', updated_at = (select max(updated_at) from t) where id = {step + 1}")
        self.sync_equal(*BY_MARK_ALONE)

    def test_integer_replication_key(self):
        self.sql("create sequence s; create table t (id int primary key, a text, version bigint default nextval('s'));"
                 " insert into t select i, 'row ' || i from generate_series(1, 3000) i")
        flags = ("--replication-key", "version")  # no clock: late rows come by the look for missing keys
        self.sync(*flags)
        late = self.pg.session(self.db)
        late.sql("begin; insert into t values (5000, 'late')")
        self.sql("insert into t values (5001, 'higher version')")
        self.sync(*flags)
        late.sql("commit")
        late.close()
        self.sync_equal(*flags)
        self.sync_equal(*flags)

    # ---- tables rewritten between runs

    def between_runs(self, *steps, flags=("--allow-deletes", "*")):
        self.make()
        self.sync_equal()
        self.sync_equal()
        for step in steps:
            self.sql(step)
            self.sync_equal(*flags)
            self.sql("update t set a = 'after', updated_at = now() where id % 100 = 1; delete from t where id % 100 = 2")
            self.sync_equal(*flags)
        self.assert_nothing_hidden()

    def test_truncate_and_fill_anew(self):
        self.between_runs("truncate t", "insert into t select i, 'again ' || i from generate_series(1, 500) i",
                          "truncate t; insert into t select i, 'old stamp', '2001-01-01' from generate_series(100, 700) i")

    def test_vacuum_full_and_cluster(self):
        self.between_runs("delete from t where id < 100", "vacuum full t", "cluster t using t_pkey")

    def test_alter_type_that_widens(self):
        self.between_runs("alter table t add column n int default 7", "alter table t alter n type bigint using n * 5000000000",
                          "alter table t alter id type bigint")

    def test_dropped_and_added_columns(self):
        self.make()
        self.sync_equal()
        self.sql("alter table t drop column a; insert into t values (5000)")
        self.sync()
        self.assert_equal("public.t", columns=[("id", "integer"), ("updated_at", "timestamp with time zone")])
        self.assertEqual(support.value(self.file, "select count(a) || '/' || count(*) from public.t"), "3000/3001")
        self.sql("alter table t add column b text; update t set b = 'filled'; alter table t add column c boolean default true")
        self.sync()
        self.assert_equal("public.t")

    def test_alter_type_that_narrows_is_refused_until_accepted(self):
        self.make()
        self.sync_equal()
        old = support.contents(self.pg, "public.t", self.file, "public.t", self.db)[1]
        self.sql("alter table t alter a type int using substr(a, 5)::int")
        self.assertIn("--accept-drift", self.sync(check_exit=5))
        self.assertEqual(support.query(self.file, "select count(*) from public.t where a like 'row %'"), [["3000"]])
        self.assertEqual(sum(old.values()), 3000)
        self.sync_equal("--accept-drift", "public.t")
        self.sync_equal()

    def test_dropped_and_made_anew(self):
        self.between_runs(f"drop table t; create table t {KEYED}; insert into t select i, 'anew', '2001-01-01' from"
                          " generate_series(1, 2900) i", "alter table t rename to was; create table t (like was including all);"
                          " insert into t select id, 'copied', updated_at from was; drop table was")

    def test_dropped_table_keeps_its_copy(self):
        self.make()
        self.make(table="other")
        self.sync()
        self.sql("drop table t; insert into other values (5000, 'new')")
        self.assertIn("no longer at the source", self.sync())
        self.assertEqual(support.value(self.file, "select count(*) from public.t"), "3000")
        self.assert_equal("public.other")

    def test_partitioned_table_is_copied_once(self):
        self.sql("create table t (id int, a text, updated_at timestamptz default now(), primary key (id)) partition by range (id);"
                 " create table t_low partition of t for values from (0) to (1000);"
                 " create table t_high partition of t for values from (1000) to (2000) partition by hash (id);"
                 " create table t_high_0 partition of t_high for values with (modulus 2, remainder 0);"
                 " create table t_high_1 partition of t_high for values with (modulus 2, remainder 1);"
                 " create table t_rest partition of t default; insert into t select i, 'row ' || i from generate_series(1, 3000) i")
        self.sync_equal()
        self.assertEqual(support.tables(self.file), ["public.t"])
        self.sql("update t set id = id + 10000, updated_at = now() where id % 100 = 0; delete from t where id % 100 = 1")
        self.sync_equal()
        self.sql("alter table t detach partition t_low; insert into t select i, 'x' from generate_series(20000, 20010) i")
        self.sync("--allow-deletes", "*")
        self.assert_equal("public.t")
        self.assert_equal("public.t_low")

    def test_rows_equal_but_for_multiplicity(self):
        self.sql("create table t (a text, b int); insert into t select 'same', i % 3 from generate_series(1, 999) i;"
                 " insert into t values (null, null), (null, null), ('', null), ('', 0)")
        self.sync_equal()
        for step in ("delete from t where ctid in (select ctid from t where b = 1 limit 10)", "insert into t select * from t where b = 2",
                     "insert into t values (null, null), ('', null)", "update t set b = 0 where b = 1"):
            self.sql(step)
            self.sync_equal("--allow-deletes", "*")


if __name__ == "__main__":
    unittest.main()
