# A crash can leave any front part of DuckDB's write-ahead log behind. Each way to write a table is stopped right after
# its commit, the log is cut at its records (the last one is what DuckDB itself can lose), and the next run must heal it.
import os
import pathlib
import shutil
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

CUTS = int(os.environ.get("SLUICE_TEST_CUTS", "8"))  # for each shape, its last four records among them; 0: every record
TORN = 130_000  # more rows than DuckDB's row group of 122,880, which it keeps outside its log
IN_PLACE = "alter table t drop column c"  # its values stay in the copy, which is therefore never built anew
UNITS = ("--unit-rows", "1", "--parallel", "1")  # each chunk, about 4 MiB, is a commit
ONLY = ("--tables", "public.t")
KEYED = "create table t (id int primary key, a text, updated_at timestamptz default now())"


class LogCut(support.Fixture, unittest.TestCase):
    def cut_everywhere(self, create, changes="", *flags, equal=None, failpoint="after-commit", before=""):
        """`changes` (none: a first load) are synced by a run that dies after its commit; no `failpoint`: its last one.
        `before`: where the first load was killed before the changes; else it had been copied whole."""
        equal = equal or self.equal
        self.sql("create table u (a int); insert into u values (1); " + create)
        flags += ONLY
        if before:
            self.die_at(before, flags)
        elif changes:
            self.sync(*flags)
            self.sync(*flags)
        if changes:
            self.sql(changes)
        if failpoint:
            self.die_at(failpoint, flags)
        else:
            self.die_when_the_table_is_done(flags)
        log = self.folder / "copy.duckdb.wal"
        self.assertTrue(log.exists(), "the commit left no log")
        if not failpoint and "append" not in flags:
            self.assertRegex(log.read_bytes(), rb'"in_flight":[1-9]', "the commit was not one that can be torn")
        if UNITS[0] in flags:
            self.assertGreaterEqual(log.read_bytes().count(b'"todo_rows"'), 4, "not several units")
        self.source = support.expected(self.pg, "public.t", self.db)
        ends = support.records(log)
        cuts = ends
        if CUTS and len(cuts) > CUTS:
            cuts = ends[:-4:max(1, len(ends) // (CUTS - 4))] + ends[-4:]
        torn = [ends[-1] - 5, (ends[-3] + ends[-2]) // 2]
        for size in sorted(set(cuts + torn)):
            where = f"log cut at {size} of {ends[-1]}" + ("" if size in ends else ", inside a record")
            with self.subTest(where):
                self.heal(size, flags, equal, where, again=size == ends[-2])

    def equal(self, file, says, target=None):
        self.assert_equal("public.t", target, file, says=says, source=self.source)

    def die_at(self, failpoint, flags):
        with self.start_sync(*flags, SLUICE_FAILPOINT=failpoint) as run:
            text = run.communicate()[0]
        self.assertEqual(run.returncode, -signal.SIGKILL, text)

    def die_when_the_table_is_done(self, flags):
        """A big merge commits twice, so no failpoint marks its end: another table keeps the run from its checkpoint."""
        with self.start_sync(*flags[:-2], "--json", "--tables", "public.t,public.u", "--where",
                             "public.u=(select pg_sleep(100)) is not null") as run:
            for line in run.stdout:
                if '"table_finished"' in line and '"table":"t"' in line:
                    break
            self.assertIn('"outcome":"done"', line)
            run.kill()
        self.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sluice%'")

    def heal(self, size, flags, equal, where, again):
        file = self.folder / "cut" / "copy.duckdb"
        file.parent.mkdir()
        try:
            shutil.copy(self.file, file)
            with open(str(self.file) + ".wal", "rb") as whole:
                pathlib.Path(str(file) + ".wal").write_bytes(whole.read(size))
            self.sync(*flags, file=file)
            equal(file, where)
            self.assertNotIn("public._sluice_load_t", support.tables(file))
            if again:
                self.sync(*flags, file=file)
                equal(file, where + ", second run")
        finally:
            shutil.rmtree(file.parent)

    def fill(self, rows, first=1, text="'row ' || i"):
        return f"insert into t select i, {text}, now() - interval '1 day' from generate_series({first}, {first + rows - 1}) i;"

    def test_first_load_small(self):
        self.cut_everywhere(KEYED + "; " + self.fill(3000))

    def test_first_load_of_a_whole_row_group(self):
        self.cut_everywhere(KEYED + "; " + self.fill(TORN))

    def test_first_load_of_a_whole_row_group_without_keys(self):
        self.cut_everywhere(f"create table t (a text); insert into t select 'row ' || i / 2 from generate_series(1, {TORN}) i")

    def test_first_load_in_small_units(self):
        self.cut_everywhere(KEYED + "; " + self.fill(40000, text="repeat(md5(i::text), 8)"), "", *UNITS, failpoint="after-publish")

    def test_first_load_in_small_units_without_keys(self):
        self.cut_everywhere("create table t (a text); insert into t select repeat(md5((i / 2)::text), 8) from"
                            " generate_series(1, 40000) i", "", *UNITS, failpoint="after-publish")

    def test_resumed_load_of_a_table_that_moved_on(self):
        """Units of two snapshots, what settles them, and the publication."""
        self.cut_everywhere(KEYED + "; " + self.fill(40000, text="repeat(md5(i::text), 8)"),
                            "update t set a = 'changed', updated_at = now() where id % 50 = 0; delete from t where id % 50 = 1;"
                            + self.fill(100, 50000), *UNITS, failpoint="after-publish", before="after-unit")

    def test_publication(self):
        self.cut_everywhere(KEYED + "; " + self.fill(TORN), failpoint="after-publish")

    def test_publication_over_an_old_copy(self):
        self.cut_everywhere("create table t (id int primary key, a text); insert into t select i, 'row' from"
                            f" generate_series(1, {TORN}) i", "update t set a = 'changed'", failpoint="after-publish")

    def test_merge_small(self):
        self.cut_everywhere(KEYED + "; " + self.fill(5000),
                            "update t set a = 'changed', updated_at = now() where id % 5 = 0;" + self.fill(100, 8000)
                            + "update t set updated_at = now() where id >= 8000")

    def test_merge_of_more_than_a_row_group(self):
        self.cut_everywhere(KEYED + "; " + self.fill(TORN + 20000),
                            f"update t set a = 'changed', updated_at = now() where id <= {TORN};"
                            f" insert into t select i, 'new' from generate_series({2 * TORN}, {2 * TORN + 9}) i", failpoint="")

    def test_merge_of_more_than_a_row_group_of_new_rows(self):
        self.cut_everywhere(KEYED + "; " + self.fill(5000),
                            f"insert into t select i, 'new' from generate_series(6000, {6000 + TORN}) i", failpoint="")

    def test_prune(self):
        self.cut_everywhere(KEYED + "; " + self.fill(12000), "delete from t where id % 20 = 0")

    def test_without_a_key(self):
        self.cut_everywhere("create table t (a text, b int); insert into t select 'row ' || i / 3, 1 from generate_series(1, 9000) i",
                            "update t set b = 2 where a like '%7'; insert into t select 'row 1', 1 from generate_series(1, 50)")

    def test_without_a_key_more_than_a_row_group(self):
        self.cut_everywhere(
            "create table t (a text, b int, c int); insert into t select 'row ' || i / 3, 1, 0 from generate_series(1, 9000) i",
            f"{IN_PLACE}; insert into t select 'new ' || i / 2, 1 from generate_series(1, {TORN}) i;"
            " delete from t where a like 'row 99%1'", failpoint="")

    def test_append(self):
        self.cut_everywhere("create table t (n bigint, a text); insert into t select i, 'row' from generate_series(1, 5000) i",
                            "insert into t select i, 'new' from generate_series(5001, 5600) i",
                            "--mode", "append", "--replication-key", "n")

    def test_append_of_more_than_a_row_group(self):
        self.cut_everywhere("create table t (n bigint, a text); insert into t select i, 'row' from generate_series(1, 5000) i",
                            f"insert into t select i, 'new' from generate_series(5001, {5000 + TORN}) i",
                            "--mode", "append", "--replication-key", "n", failpoint="")

    def history(self, file, says):
        """Current versions are the source; the others follow each other back to what the first load brought."""
        self.equal(file, says, "public.t where _sluice_is_current")
        found = support.query(file, """with v as (select *, lead(_sluice_valid_from) over w as next_from, lead(a) over w as next_a
            from public.t window w as (partition by id order by _sluice_valid_from)) select count(*) filter (next_from < _sluice_valid_to
            or (next_from = _sluice_valid_to and next_a = a) or _sluice_valid_to <= _sluice_valid_from), count(*) filter
            (_sluice_valid_from = (select min(_sluice_valid_from) from v) and starts_with(a, 'row')), count(*) from v""")[0]
        self.assertEqual(found[:2], ["0", str(self.first)], says)
        self.assertEqual(found[2], str(self.all), says)

    def test_history(self):
        self.first, self.all = 5000, 5000 + 1000 + 100
        self.cut_everywhere(KEYED + "; " + self.fill(5000),
                            "update t set a = 'changed', updated_at = now() where id % 5 = 0; delete from t where id % 50 = 1;"
                            + self.fill(100, 8000) + "update t set updated_at = now() where id >= 8000",
                            "--mode", "history", equal=self.history)

    def test_history_of_more_than_a_row_group(self):
        self.first, self.all = TORN + 20000, 2 * TORN + 20010
        self.cut_everywhere(KEYED + "; " + self.fill(TORN + 20000),
                            f"update t set a = 'changed', updated_at = now() where id <= {TORN}; delete from t where id >"
                            f" {TORN + 19000}; insert into t select i, 'new' from generate_series({2 * TORN}, {2 * TORN + 9}) i",
                            "--mode", "history", equal=self.history, failpoint="")

    def test_added_column(self):
        self.cut_everywhere(KEYED + "; " + self.fill(5000),
                            "alter table t add column b text; update t set b = 'filled' where id % 3 = 0")

    def test_full_refresh(self):
        self.cut_everywhere("create table t (id int primary key, a text); insert into t select i, 'row ' || i from"
                            " generate_series(1, 5000) i", "update t set a = 'changed' where id % 5 = 0; delete from t where id % 50 = 1")

    def test_full_refresh_of_more_than_a_row_group(self):
        self.cut_everywhere(
            "create table t (id int primary key, a text, c int); insert into t select i, 'row ' || i, 0 from"
            f" generate_series(1, {TORN + 5000}) i",
            f"{IN_PLACE}; update t set a = 'changed' where id <= {TORN}; delete from t where id % 1000 = 1", failpoint="")


if __name__ == "__main__":
    unittest.main()
