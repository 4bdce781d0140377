# `sluice serve-destination`, driven as Fivetran drives it. The oracle is content: every row and value, with its type.
import concurrent.futures
import json
import pathlib
import signal
import subprocess
import tempfile
import unittest

import serve_support as s
from serve_support import NULL, SAME, column, csv, message, parameters, table, write_file
from support import SLUICE

KEY = bytes(range(100, 132))
ROWS = table("rows", column("id", s.INT, True), column("v", s.STRING), column("w", s.LONG),
             column("_fivetran_synced", s.UTC), column("_fivetran_deleted", s.BOOLEAN))
HISTORY = table("h", column("id", s.INT, True), column("a", s.STRING), column("b", s.STRING),
                column("_fivetran_start", s.UTC, True), column("_fivetran_end", s.UTC),
                column("_fivetran_active", s.BOOLEAN), column("_fivetran_synced", s.UTC))
T = "2024-01-01T00:00:0{}Z".format
END = "9999-12-31T23:59:59.999Z"


class ServeDestination(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.server = s.Server(self.folder)
        self.addCleanup(self.ended)
        self.files = 0

    def ended(self):
        if self.server.process.poll() is None:
            self.assertEqual(0, self.server.stop())

    def file(self, content, **how):
        self.files += 1
        return write_file(self.folder / f"batch {self.files}.csv", content, **how)

    def sql(self, query):
        """While no call runs, the file is closed."""
        run = subprocess.run([SLUICE, "sql", str(self.folder / "warehouse.duckdb"), query, "--json"],
                             capture_output=True, text=True)
        self.assertEqual(0, run.returncode, run.stderr)
        return [tuple(json.loads(line).values()) for line in run.stdout.splitlines()]

    def create(self, wanted=ROWS):
        self.assertEqual([(1, 1)], self.server.call("CreateTable", (2, "s"), (3, wanted)))

    def write(self, replace=(), update=(), delete=(), wanted=ROWS, params=None, keys=None):
        return self.server.call("WriteBatch", (2, "s"), (3, wanted), (4, keys or {}), (5, list(replace)),
                                (6, list(update)), (7, list(delete)), (8, params or parameters()))

    def refused(self, work, code, *words):
        with self.assertRaises(s.grpc.RpcError) as caught:
            work()
        self.assertEqual(code, caught.exception.code().name, caught.exception.details())
        for word in words:
            self.assertIn(word, caught.exception.details())
        self.assertLessEqual(len(caught.exception.details().encode()), 8000)
        return caught.exception.details()

    def test_form_tests_and_capabilities(self):
        form = self.server.raw("ConfigurationForm", b"")
        fields = [dict(s.parsed(value)) for number, value in form if number == 3]
        self.assertEqual([b"destination", b"token"], [each[1] for each in fields])
        self.assertEqual([None, 1], [each.get(5) or None for each in fields])  # plain, password
        tests = [dict(s.parsed(value))[1] for number, value in form if number == 4]
        for each in tests:
            answer = self.server.raw("Test", message((1, each), (2, self.server.configuration)))
            self.assertEqual([(1, 1)], answer)
        answer = self.server.raw("Test", message((1, tests[0]), (2, {"destination": "duckdb:/no/such/x.duckdb"})))
        self.assertEqual(2, answer[0][0])
        self.assertIn(dict(self.server.raw("Capabilities", b"")).get(1, 0), [0])

    def test_every_type_there_and_back(self):
        wanted = {"id": (s.LONG, True, None), "b": (s.BOOLEAN, False, None), "s": (s.SHORT, False, None),
                  "i": (s.INT, False, None), "d": (s.DECIMAL, False, (38, 3)), "f": (s.FLOAT, False, None),
                  "g": (s.DOUBLE, False, None), "day": (s.DATE, False, None), "at": (s.DATETIME, False, None),
                  "utc": (s.UTC, False, None), "bin": (s.BINARY, False, None), "x": (s.XML, False, None),
                  'odd "name", 100 %': (s.STRING, False, None), "j": (s.JSON, False, None), "t": (s.TIME, False, None)}
        types = table("Types é", *(column(name, kind, key, decimal) for name, (kind, key, decimal) in wanted.items()))
        self.create(types)
        self.create(types)  # a second time, as by a client that has lost the answer
        [(number, there)] = self.server.call("DescribeTable", (2, "s"), (3, "Types é"))
        self.assertEqual(2, number)
        self.assertEqual(wanted, s.described(there))
        self.assertEqual([(1, 1)], self.server.call("DescribeTable", (2, "s"), (3, "other")))
        header = list(reversed(wanted))
        row = dict(id=-2**63, b="true", s=-32768, i=2147483647, d="12345678901234567890123456789012345.678",
                   f="3.4028237E+38", g="1.7976931348623157E308", day="2007-12-03", at="2007-12-03T10:15:30.5",
                   utc="2007-12-03T10:15:30.123456789Z", bin="AP8=", x="<a>\n</a>", j='{"k": [1.0, "é"]}',
                   t="10:15:30", **{'odd "name", 100 %': 'a "quoted", \\ two\nlines'})
        null = dict.fromkeys(header) | {"id": 2}
        empty = dict.fromkeys(header) | {"id": 3, "x": "", 'odd "name", 100 %': "", "f": "NaN", "g": "-Infinity"}
        self.write([self.file(csv(header, *([each[name] for name in header] for each in (row, null, empty))))],
                   wanted=types)
        # Those that JSON cannot say are compared as texts.
        self.assertEqual(
            [("-9223372036854775808", "true", "-32768", "2147483647", "12345678901234567890123456789012345.678",
              "3.4028235e+38", "1.7976931348623157e+308", "2007-12-03", "2007-12-03 10:15:30.5",
              "2007-12-03 10:15:30.123456", "\\x00\\xFF", "<a>\n</a>", 'a "quoted", \\ two\nlines',
              '{"k": [1.0, "é"]}', "10:15:30"),
             ("2",) + (None,) * 14,
             ("3", None, None, None, None, "nan", "-inf", None, None, None, None, "", "", None, None)],
            self.sql("SELECT COLUMNS(*)::VARCHAR FROM (SELECT * REPLACE (utc AT TIME ZONE 'UTC' AS utc) FROM s.\"Types é\")"
                     " ORDER BY 1"))

    def test_upsert_update_delete_twice(self):
        self.create()
        header = ["w", "id", "v", "_fivetran_synced", "_fivetran_deleted"]
        first = self.file(csv(header, [1, 1, "a", T(1), "false"], [2, 2, "b", T(1), "false"], [3, 1, "c", T(1), "false"]))
        for _ in range(2):  # the second finds a table that is not empty
            self.write([first])
            self.assertEqual([(1, "c", 3), (2, "b", 2)], self.sql("SELECT id, v, w FROM s.rows ORDER BY id"))
        replace = [self.file(csv(header, [None, 2, "", T(2), "false"], [4, 4, "d", T(2), "false"])),
                   self.file(csv(header, [5, 4, "e", T(2), "false"], [6, 6, "f", T(2), "false"]))]
        update = [self.file(csv(["id", "_fivetran_deleted", "v", "w", "_fivetran_synced"],
                                [1, "true", SAME, SAME, T(3)], [2, SAME, "x", 9, T(3)], [2, SAME, SAME, NULL, T(3)],
                                [77, SAME, "nobody", 1, T(3)])),
                  self.file(csv(["v", "id"], [NULL, 4]))]
        delete = [self.file(csv(header, [None, 6, None, None, None], [None, 78, None, None, None]))]
        for _ in range(2):
            self.write(replace, update, delete)
            self.assertEqual([(1, "c", 3, True, 3), (2, "x", None, False, 3), (4, None, 5, False, 2)],
                             self.sql("SELECT id, v, w, _fivetran_deleted, second(_fivetran_synced) FROM s.rows ORDER BY id"))

    def test_compression_and_encryption(self):
        self.create()
        header = ["id", "v", "w"]
        rows = [[i, f"value {i} " + "x" * (i % 91), None] for i in range(30000)]
        for compression in (None, "gzip", "zstd"):
            for key in (None, KEY):
                path = self.file(csv(header, *([i, v + str(compression), w] for i, v, w in rows)),
                                 compression=compression, key=key)
                self.write([path], params=parameters(compression, bool(key)), keys={path: key} if key else {})
                self.assertEqual([(30000, 30000, True)], self.sql(
                    "SELECT count(*), count(DISTINCT id), bool_and(v = 'value ' || id || ' ' || repeat('x', id % 91) || "
                    f"'{compression}' AND w IS NULL) FROM s.rows"))
        # A long record, beside one that is longer than DuckDB's first buffer.
        self.write([self.file(csv(header, [1, "y" * 5_000_000, 1], [2, "z" * 40_000_000, 2]))])
        self.assertEqual([(1, 5_000_000), (2, 40_000_000)],
                         self.sql("SELECT id, length(v) FROM s.rows WHERE w IS NOT NULL ORDER BY id"))

    def test_what_is_broken_changes_nothing_and_tells_no_value(self):
        self.create()
        header = ["id", "v", "w"]
        good = self.file(csv(header, [1, "kept", 1]))
        self.write([good])
        many = csv(header, *([i, f"secret-{i}", i] for i in range(50000)))

        def cut(**how):
            path = self.file(many, **how)
            pathlib.Path(path).write_bytes(pathlib.Path(path).read_bytes()[:-4000])
            return path
        for path, params, keys in (
                (cut(), parameters(), {}),
                (cut(compression="gzip"), parameters("gzip"), {}),
                (cut(key=KEY), parameters(encrypted=True), {"*": KEY}),
                (self.file(many, compression=None, key=KEY), parameters(None, True), {"*": bytes(32)}),
                (self.file(many), parameters("gzip"), {}),
                (self.file(csv(header, [2, "secret", "secret-word"])), parameters(), {}),
                (self.file(many + b'7,"secret\n'), parameters(), {}),
                (self.file(many + b"7,secret,1,2\n"), parameters(), {}),
                (self.file(many + b"7,secret\xff,1\n"), parameters(), {}),
                (self.file(b""), parameters(), {})):
            details = self.refused(lambda: self.write([good, path], params=params,
                                                      keys={path: keys["*"], good: KEY} if keys else {}),
                                   "DATA_LOSS")
            self.assertNotIn("secret", details)
        self.refused(lambda: self.write(update=[self.file(csv(header, [1, "secret", "secret-word"]))]), "DATA_LOSS")
        self.refused(lambda: self.write([good], params=parameters(encrypted=True)), "INVALID_ARGUMENT", "no key")
        self.refused(lambda: self.write(["/no/file"]), "INVALID_ARGUMENT", "file", "No such")
        self.refused(lambda: self.write([self.file(csv(["id", "new"], [1, 2]))]), "NOT_FOUND", "no column new")
        self.refused(lambda: self.create(table("k", column("id", s.INT))), "INVALID_ARGUMENT", "primary key")
        self.refused(lambda: self.server.raw("CreateTable", message((2, "s"), (3, ROWS))), "INVALID_ARGUMENT")
        self.assertEqual([(1, "kept", 1)], self.sql("SELECT id, v, w FROM s.rows"))
        self.assertNotIn("secret", self.server.text())
        self.assertNotIn(KEY.hex(), self.server.text())

    def test_a_value_that_is_not_of_its_type_is_named_by_its_place(self):
        wanted = table("rows", column("id", s.INT, True), column("n", s.LONG), column("b", s.BINARY), column("j", s.JSON))
        self.create(wanted)
        bad = [("n", "secret"), ("b", "secret!"), ("j", "{secret")]
        for how in ("replace", "there", "replace", "update"):
            if how == "there":
                self.write([self.file(csv(["id"], [2]))], wanted=wanted)
                continue
            for name, value in bad:
                path = self.file(csv(["id", name], [1, None], [2, value]))
                details = self.refused(lambda: self.write(**{how: [path]}, wanted=wanted), "DATA_LOSS", "not of its")
                self.assertNotIn("secret", details)
                if how == "replace":
                    self.assertIn(pathlib.Path(path).name, details)
        self.assertNotIn("secret", self.server.text())
        self.assertEqual([(2, None, None, None)], self.sql("SELECT * FROM s.rows"))

    def test_truncate(self):
        before = (5, message((1, 1704067202)))  # T(2)
        self.assertEqual([(1, 1)], self.server.call("Truncate", (2, "s"), (3, "none"), (4, "x"), before))
        self.create()
        self.write([self.file(csv(["id", "_fivetran_synced"], [1, T(1)], [2, T(2)], [3, T(3)]))])
        name = [(2, "s"), (3, "rows"), (4, "_fivetran_synced"), before]
        for _ in range(2):
            self.server.call("Truncate", *name, (6, message((1, "_fivetran_deleted"))))
            self.assertEqual([(1, True), (2, None), (3, None)],
                             self.sql("SELECT id, _fivetran_deleted FROM s.rows ORDER BY id"))
        self.server.call("Truncate", *name)
        self.assertEqual([(2,), (3,)], self.sql("SELECT id FROM s.rows ORDER BY id"))

    def test_alter(self):
        self.create()
        self.write([self.file(csv(["id", "v", "w"], [1, "5", 1], [2, "6", 1]))])
        wanted = table("rows", column("id", s.LONG, True), column("v", s.INT, True), column("new", s.XML))
        for drop, columns in ((False, ["id", "v", "w", "_fivetran_synced", "_fivetran_deleted", "new"]),
                              (True, ["id", "v", "new"])):
            for _ in range(2):
                self.server.call("AlterTable", (2, "s"), (3, wanted), (4, drop))
                there = s.described(self.server.call("DescribeTable", (2, "s"), (3, "rows"))[0][1])
                self.assertEqual(columns, list(there))
                self.assertEqual([(s.LONG, True, None), (s.INT, True, None), (s.XML, False, None)],
                                 [there[name] for name in ("id", "v", "new")])
        self.assertEqual([(1, 5, None), (2, 6, None)], self.sql("SELECT * FROM s.rows ORDER BY id"))
        self.write(update=[self.file(csv(["id", "v", "new"], [1, 6, "no row"], [2, 6, "<x/>"]))], wanted=wanted)
        self.assertEqual([(1, 5, None), (2, 6, "<x/>")], self.sql("SELECT * FROM s.rows ORDER BY id"))

    def history(self, **files):
        fields = [(number, [files[name]]) for name, number in
                  (("earliest", 5), ("replace", 6), ("update", 7), ("delete", 8)) if name in files]
        return self.server.call("WriteHistoryBatch", (2, "s"), (3, HISTORY), *fields, (9, parameters()))

    def versions(self):
        return self.sql("SELECT id, a, b, second(_fivetran_start), CASE WHEN year(_fivetran_end) = 9999 THEN 'open' ELSE "
                        "(epoch_ms(_fivetran_end) - 1704067200000)::VARCHAR END AS e, _fivetran_active FROM s.h ORDER BY id, 4")

    def test_history(self):
        self.create(HISTORY)
        header = ["id", "a", "b", "_fivetran_start", "_fivetran_end", "_fivetran_active"]
        first = self.file(csv(header, [1, "a1", "b1", T(1), END, "true"], [2, "a2", None, T(1), END, "true"],
                              [3, "a3", "b3", T(1), END, "true"]))
        changes = dict(
            earliest=self.file(csv(["id", "_fivetran_start"], [1, T(3)], [2, T(3)], [1, T(5)])),
            replace=self.file(csv(header, [2, "new", "row", T(3), END, "true"])),
            update=self.file(csv(header, [1, "x", SAME, T(3), "2024-01-01T00:00:04.999Z", "false"],
                                 [1, SAME, NULL, T(5), END, "true"])),
            delete=self.file(csv(header, [3, None, None, None, T(6), None], [9, None, None, None, T(6), None])))
        for _ in range(2):
            self.history(replace=first)
        for _ in range(2):
            self.history(**changes)
            self.assertEqual([(1, "a1", "b1", 1, "2999", False), (1, "x", "b1", 3, "4999", False),
                              (1, "x", None, 5, "open", True), (2, "a2", None, 1, "2999", False),
                              (2, "new", "row", 3, "open", True), (3, "a3", "b3", 1, "6000", False)], self.versions())
        # A late change: what began after it is forgotten.
        self.history(earliest=self.file(csv(["id", "_fivetran_start"], [1, T(2)])),
                     update=self.file(csv(header, [1, SAME, "late", T(2), END, "true"])))
        self.assertEqual([(1, "a1", "b1", 1, "1999", False), (1, "a1", "late", 2, "open", True)], self.versions()[:2])
        # A column that comes and goes at an instant.
        for _ in range(2):
            added = message((1, "c"), (2, s.INT), (3, "7"), (4, T(7)))
            self.assertEqual([(1, 1)], self.server.migrate("h", (6, message((1, added)))))
            self.assertEqual([(1, None, 1), (1, None, 2), (1, 7, 7), (2, None, 1), (2, None, 3), (2, 7, 7), (3, None, 1)],
                             self.sql("SELECT id, c, second(_fivetran_start) FROM s.h ORDER BY id, 3"))
        for _ in range(2):
            dropped = message((2, message((1, "c"), (2, T(8)))))
            self.assertEqual([(1, 1)], self.server.migrate("h", (3, dropped)))
            self.assertEqual([(1, None, 8, True), (2, None, 8, True)],
                             self.sql("SELECT id, c, second(_fivetran_start), _fivetran_active FROM s.h "
                                      "WHERE _fivetran_active ORDER BY id"))
        for _ in range(2):
            self.assertEqual([(1, 1)], self.server.migrate("h", (8, message((1, 2)))))
            self.assertEqual([(1, "a1", "late", False), (2, "new", "row", False), (3, "a3", "b3", True)],
                             self.sql("SELECT id, a, b, _fivetran_deleted FROM s.h ORDER BY id"))
        there = s.described(self.server.call("DescribeTable", (2, "s"), (3, "h"))[0][1])
        self.assertEqual(["id"], [name for name, (_, key, _) in there.items() if key])

    def test_migrations(self):
        self.create()
        self.write([self.file(csv(["id", "v", "w", "_fivetran_synced", "_fivetran_deleted"], [1, "a", 1, T(1), "false"],
                                  [2, "b", 2, T(4), "true"]))])

        def both(name, *operation):
            for _ in range(2):
                self.assertEqual([(1, 1)], self.server.migrate(name, *operation))
        both("rows", (6, message((2, message((1, "n"), (2, s.JSON), (3, '{"d": 1}'))))))   # add with a default
        both("rows", (4, message((2, message((1, "v"), (2, "v2"))))))                      # copy a column
        both("rows", (5, message((2, message((1, "w"), (2, "w2"))))))                      # rename one
        both("rows", (7, message((1, "v"), (2, "NULL"))))                                  # set one
        content = [(1, None, 1, '{"d": 1}', "a"), (2, None, 2, '{"d": 1}', "b")]
        query = "SELECT id, v, w2, n::VARCHAR AS n, v2 FROM s.{} ORDER BY id".format
        self.assertEqual(content, self.sql(query("rows")))
        both("rows", (4, message((1, message((1, "rows"), (2, "copied"))))))
        both("copied", (5, message((1, message((1, "copied"), (2, "renamed"))))))
        self.assertEqual(content, self.sql(query("renamed")))
        both("rows", (4, message((3, message((1, "rows"), (2, "hist"), (3, "_fivetran_deleted"))))))
        both("rows", (8, message((1, 1), (2, "_fivetran_deleted"))))
        for name in ("hist", "rows"):
            self.assertEqual([(1, 1704067204, 9999, True), (2, 0, 1970, False)],
                             self.sql(f"SELECT id, epoch(_fivetran_start)::BIGINT::INT, year(_fivetran_end), "
                                      f"_fivetran_active FROM s.{name} ORDER BY id"))
            there = s.described(self.server.call("DescribeTable", (2, "s"), (3, name))[0][1])
            self.assertEqual(["id", "_fivetran_start"], [each for each, (_, key, _) in there.items() if key])
            self.assertEqual(s.JSON, there["n"][0])
            self.assertNotIn("_fivetran_deleted", there)
        both("renamed", (3, message((1, True))))
        self.assertEqual([("hist",), ("rows",)], self.sql("SELECT table_name FROM duckdb_tables() ORDER BY 1"))
        for live in (0, 3, 4, 5):
            self.assertEqual([(2, 1)], self.server.migrate("rows", (8, message((1, live)))))

    def test_calls_at_once_and_a_clean_end(self):
        names = [f"t{i}" for i in range(8)]
        def one(name):
            wanted = table(name, column("id", s.INT, True), column("v", s.STRING))
            self.create(wanted)
            for i in range(3):
                path = write_file(self.folder / f"{name}.{i}", csv(["v", "id"], *([f"{name} {j}", j] for j in range(2000))))
                self.write([path], wanted=wanted)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(one, names))
        for name in names:
            self.assertEqual([(2000, True)], self.sql(f"SELECT count(*), bool_and(v = '{name} ' || id) FROM s.{name}"))
        self.assertEqual(0, self.server.stop(signal.SIGINT))


if __name__ == "__main__":
    unittest.main()
