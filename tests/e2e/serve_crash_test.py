# `sluice serve-destination`, killed. The oracle is content: a call that is made again gives what it gives without a crash.
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

import serve_support as s
from serve_support import SAME, column, csv, message, parameters, table, write_file
from support import SLUICE, records

TORN = 130_000  # more rows than DuckDB's row group of 122,880, which it keeps outside its log
T = "2024-01-01T00:00:0{}Z".format
END = "9999-12-31T23:59:59.999Z"
ROWS = table("t", column("id", s.INT, True), column("v", s.STRING), column("w", s.LONG), column("_fivetran_synced", s.UTC),
             column("_fivetran_deleted", s.BOOLEAN))
HISTORY = table("t", column("id", s.INT, True), column("v", s.STRING), column("w", s.LONG), column("_fivetran_start", s.UTC, True),
                column("_fivetran_end", s.UTC), column("_fivetran_active", s.BOOLEAN))


class ServeCrash(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.server = None
        self.addCleanup(lambda: self.server and self.server.process.kill())
        self.files = 0

    def file(self, header, rows):
        self.files += 1
        return write_file(self.folder / f"batch {self.files}.csv", csv(header, *rows))

    def call(self, where, method, *fields):
        self.server.configuration = {"destination": f"duckdb:{where / 'w.duckdb'}"}
        self.assertEqual([(1, 1)], self.server.call(method, *fields))

    def content(self, where, name):
        run = subprocess.run([SLUICE, "sql", str(where / "w.duckdb"), f"SELECT * FROM s.{name} ORDER BY ALL", "--csv"],
                             capture_output=True, text=True)
        self.assertEqual(0, run.returncode, run.stderr)
        return run.stdout

    def heals(self, calls, call, places, name="t", torn=0):
        """After `calls`, `call` is killed at each of the places, and made again; after a commit also with each end of the log
        cut off that a crash can cut off."""
        base = self.folder / "base"
        base.mkdir()
        self.server = s.Server(self.folder)
        for each in calls:
            self.call(base, *each)
        whole = self.folder / "whole"
        shutil.copytree(base, whole)
        for _ in range(2):
            self.call(whole, *call)
            wanted = self.content(whole, name)
            if _:
                self.assertEqual(once, wanted, "made again")
            once = wanted
        self.assertGreaterEqual(wanted.count("\n"), torn)
        self.assertEqual(0, self.server.stop())
        died = []
        for place in places:
            where = self.folder / place
            shutil.copytree(base, where)
            self.server = s.Server(self.folder, failpoint=place)
            self.server.configuration = {"destination": f"duckdb:{where / 'w.duckdb'}"}
            with self.assertRaises(s.grpc.RpcError, msg=place) as lost:
                self.server.call(*call)
            self.assertEqual("UNAVAILABLE", lost.exception.code().name, place)
            self.assertEqual(-signal.SIGKILL, self.server.process.wait(20), place)
            died.append((place, where))
            log = where / "w.duckdb.wal"
            if place.startswith("after") and log.exists() and log.stat().st_size > 0:
                ends = records(log)
                for size in sorted({*ends[1:5], *ends[-3:-1], ends[-1] - 5}):
                    cut = self.folder / f"{place} {size}"
                    shutil.copytree(where, cut)
                    with open(cut / "w.duckdb.wal", "r+b") as file:
                        file.truncate(size)
                    died.append((f"{place}, log cut at {size} of {ends[-1]}", cut))
        self.server = s.Server(self.folder)
        for place, where in died:
            with self.subTest(place):
                self.call(where, *call)
                self.assertEqual(wanted, self.content(where, name))
        self.assertEqual(0, self.server.stop())
        if torn:
            self.assertGreater(len(died), len(places), "no log to cut")

    def batch(self, wanted=ROWS, **files):
        fields = [(number, [files[name]]) for name, number in (("replace", 5), ("update", 6), ("delete", 7)) if name in files]
        return ("WriteBatch", (2, "s"), (3, wanted), *fields, (8, parameters()))

    def history(self, **files):
        fields = [(number, [files[name]]) for name, number in
                  (("earliest", 5), ("replace", 6), ("update", 7), ("delete", 8)) if name in files]
        return ("WriteHistoryBatch", (2, "s"), (3, HISTORY), *fields, (9, parameters()))

    def changes(self):
        rows = self.file(["id", "v", "w", "_fivetran_synced"], ([i, f"new {i}", i, T(2)] for i in range(TORN)))
        twice = self.file(["id", "v", "w"], ([i, f"{i}", SAME] for i in range(0, 2000, 7)))
        return self.batch(replace=rows, update=twice, delete=self.file(["id"], ([i] for i in range(0, 2000, 5))))

    PLACES = ("before-commit", "after-commit")

    def test_a_batch_into_an_empty_table(self):
        self.heals([("CreateTable", (2, "s"), (3, ROWS))], self.changes(), self.PLACES, torn=TORN - 401)

    def test_a_batch_over_rows(self):
        old = self.batch(replace=self.file(["id", "v", "w"], ([i, "old", -i] for i in range(1000, TORN + 1000))))
        self.heals([("CreateTable", (2, "s"), (3, ROWS)), old], self.changes(), self.PLACES, torn=TORN)

    HEADER = ["id", "v", "w", "_fivetran_start", "_fivetran_end", "_fivetran_active"]

    def versions(self, rows=TORN):
        return [("CreateTable", (2, "s"), (3, HISTORY)),
                self.history(replace=self.file(self.HEADER, ([i, f"{i}", i, T(1), END, "true"] for i in range(rows))))]

    def test_a_history_batch(self):
        changes = dict(
            earliest=self.file(["id", "_fivetran_start"], ([i, T(3)] for i in range(TORN))),
            replace=self.file(self.HEADER, ([i, "whole", i, T(3), END, "true"] for i in range(1000))),
            update=self.file(self.HEADER, ([i, f"part {i}", SAME, T(3), END, "true"] for i in range(1000, TORN))),
            delete=self.file(["id", "_fivetran_end"], ([i, T(5)] for i in range(0, 2000, 5))))
        self.heals(self.versions(), self.history(**changes), self.PLACES, torn=2 * TORN)

    def migration(self, *operation):
        return ("Migrate", (2, message((1, "s"), (2, "t"), *operation)))

    def test_a_column_that_comes_and_goes_at_an_instant(self):
        added = self.migration((6, message((1, message((1, "c"), (2, s.INT), (3, "7"), (4, T(7)))))))
        self.heals(self.versions(), added, ("after-ddl", *self.PLACES), torn=2 * TORN)

    def test_a_column_that_goes_at_an_instant(self):
        dropped = self.migration((3, message((2, message((1, "w"), (2, T(8)))))))
        self.heals(self.versions(), dropped, self.PLACES, torn=2 * TORN - 1)

    def test_new_versions_that_a_torn_commit_has_kept(self):
        """Some are in the table, and the old ones are not ended: what DuckDB's replay can leave, made by hand."""
        self.server = s.Server(self.folder)
        dropped = self.migration((3, message((2, message((1, "w"), (2, T(8)))))))
        kept = self.history(replace=self.file(self.HEADER, ([i, f"{i}", None, T(8), END, "true"] for i in range(1, 400, 2))))
        contents = []
        for name, calls in (("whole", [dropped]), ("torn", [kept, dropped])):
            where = self.folder / name
            where.mkdir()
            for each in self.versions(1000) + calls:
                self.call(where, *each)
            contents.append(self.content(where, "t"))
        self.assertEqual(*contents)
        self.assertEqual(2001, contents[0].count("\n"))

    def test_columns_added_and_copied(self):
        old = [("CreateTable", (2, "s"), (3, ROWS)), self.batch(replace=self.file(["id", "v"], ([i, f"{i}"] for i in range(TORN))))]
        operations = {"added": (6, message((2, message((1, "n"), (2, s.LONG), (3, "5"))))),
                      "copied": (4, message((2, message((1, "v"), (2, "v2")))))}
        for name, operation in operations.items():
            with self.subTest(name):
                self.folder = self.folder / name
                self.folder.mkdir()
                self.heals(old, self.migration(operation), self.PLACES)
                self.folder = self.folder.parent

    def test_tables_made_anew(self):
        old = [("CreateTable", (2, "s"), (3, ROWS)),
               self.batch(replace=self.file(["id", "v", "_fivetran_synced", "_fivetran_deleted"],
                                            ([i, f"{i}", T(i % 9), "true" if i % 3 else "false"] for i in range(TORN))))]
        operations = {"mode": ((8, message((1, 1))), "t"), "copy": ((4, message((1, message((1, "t"), (2, "t2"))))), "t2")}
        for name, (operation, result) in operations.items():
            with self.subTest(name):
                self.folder = self.folder / name
                self.folder.mkdir()
                self.heals(old, self.migration(operation), ("after-create", "before-publish", "after-publish"), result)
                self.folder = self.folder.parent

    def test_alter(self):
        old = [("CreateTable", (2, "s"), (3, ROWS)), self.batch(replace=self.file(["id", "v", "w"], ([i, f"{i}", i] for i in range(5000))))]
        wanted = table("t", column("id", s.LONG, True), column("v", s.INT, True), column("new", s.XML))
        self.heals(old, ("AlterTable", (2, "s"), (3, wanted), (4, True)), self.PLACES)


if __name__ == "__main__":
    unittest.main()
