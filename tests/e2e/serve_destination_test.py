# `sluice serve-destination`, driven as Fivetran drives it. The oracle is content: every row and value, with its type.
import concurrent.futures
import fcntl
import hashlib
import json
import os
import pathlib
import resource
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
        kinds = dict(l=s.LONG, i=s.INT, h=s.SHORT, b=s.BOOLEAN, f=s.FLOAT, g=s.DOUBLE, day=s.DATE, at=s.DATETIME,
                     utc=s.UTC, bin=s.BINARY, j=s.JSON, t=s.TIME, wide=s.DECIMAL)
        wanted = table("rows", column("id", s.INT, True), column("d", s.DECIMAL, False, (10, 2)),
                       *(column(name, kind) for name, kind in kinds.items()))
        self.create(wanted)
        bad = [(name, text) for name in ("d", *kinds) for text in ("secret!", "") if (name, text) != ("bin", "")]
        # What DuckDB's casts would take for another value.
        bad += [("d", "1.005"), ("d", "1E-3"), ("wide", "0.12345678901"), ("l", "1.5"), ("i", "15E-1"), ("h", "0.1"),
                ("l", "9223372036854775808"), ("h", "32768"), ("f", "1e-50"), ("f", "1e39"), ("g", "1e400"), ("g", "1e-400"),
                ("day", "2024-01-01T23:00:00"), ("day", "2024-1-1x"), ("day", "2024-02-30"), ("at", "2024-01-01T10:00:00+05:00"),
                ("at", "2024-01-01T10:00:00Z"), ("t", "10:00:00+05:00"), ("t", "2024-01-01T10:00:00"), ("utc", "2024-02-30T00:00:00Z")]
        for how in ("replace", "there", "replace", "update"):  # into an empty table, and into one that is not
            if how == "there":
                self.write([self.file(csv(["id"], [2]))], wanted=wanted)
                continue
            for name, value in bad:
                with self.subTest(f"{how} {name} {value}"):
                    path = self.file(csv(["id", name], [1, None], [2, value]))
                    details = self.refused(lambda: self.write(**{how: [path]}, wanted=wanted), "DATA_LOSS", "a value", "is not of its column's type")
                    if name in ("d", "wide", "l", "i", "h", "day", "at", "t"):
                        self.assertIn(f"a value of {name} ", details)
                    self.assertNotIn("secret", details)
                    if how == "replace":
                        self.assertIn(pathlib.Path(path).name, details)
        for name, value in (("utc", "garbage"), ("d", "1.005")):  # as a key, too
            keyed = table("k" + name, column(name, s.UTC if name == "utc" else s.DECIMAL, True, (10, 2) if name == "d" else None))
            self.create(keyed)
            self.refused(lambda: self.write([self.file(csv([name], [value]))], wanted=keyed), "DATA_LOSS")
        self.assertNotIn("secret", self.server.text())
        self.assertEqual([(2,) + (None,) * 14], self.sql("SELECT * FROM s.rows"))
        # Other texts of a value that fits.
        good = dict(id="2", d="+1.5E+1", l="-0", i="7.00", h="2E+2", f="0e9", g="-0.0", day="+12000-01-01",
                    at="+12000-01-01T00:00:00.5", utc="+12000-01-01T05:00:00+05:00", wide="1E-10", t="23:59:59.999999")
        for how in ("replace", "update"):
            self.write(**{how: [self.file(csv(list(good), list(good.values())))]}, wanted=wanted)
            self.assertEqual([("15.00", "0", "7", "200", "12000-01-01", "12000-01-01 00:00:00.5", "12000-01-01 00:00:00",
                               "0.0000000001", "23:59:59.999999")],
                             self.sql("SELECT COLUMNS(*)::VARCHAR FROM (SELECT d, l, i, h, day, \"at\", utc AT TIME ZONE 'UTC' "
                                      "AS utc, wide, t FROM s.rows)"))

    def test_a_column_called_rowid(self):
        wanted = table("rows", column("id", s.INT, True), column("RowID", s.STRING), column("v", s.STRING))
        self.create(wanted)
        header = ["id", "RowID", "v"]
        replace = [self.file(csv(header, [1, "zzz", "old"], [1, "aaa", "new"], [2, "a", "old"], [2, None, "new"])),
                   self.file(csv(header, [3, "z", "old"])), self.file(csv(header, [3, "a", "new"]))]
        for _ in range(2):
            self.write(replace, wanted=wanted)
            self.assertEqual([(1, "aaa", "new"), (2, None, "new"), (3, "a", "new")], self.sql("SELECT * FROM s.rows ORDER BY id"))
        self.write(update=[self.file(csv(header, [2, "z", "u1"], [2, "a", "u2"], [2, SAME, SAME]))], wanted=wanted)
        self.assertEqual([(2, "a", "u2")], self.sql("SELECT * FROM s.rows WHERE id = 2"))
        times = [column(name, s.UTC, key) for name, key in (("_fivetran_start", True), ("_fivetran_end", False))]
        history = table("h", column("id", s.INT, True), column("rowid", s.STRING), *times, column("_fivetran_active", s.BOOLEAN))
        self.create(history)
        header = ["id", "rowid", "_fivetran_start", "_fivetran_end", "_fivetran_active"]
        for field in (6, 7):
            path = self.file(csv(header, [1, "zzz", T(field), END, "true"], [1, "aaa", T(field), END, "true"]))
            self.server.call("WriteHistoryBatch", (2, "s"), (3, history), (field, [path]), (9, parameters()))
            self.assertEqual([("aaa",)], self.sql(f"SELECT \"rowid\" FROM s.h WHERE second(_fivetran_start) = {field}"))

    def test_what_is_not_ours_is_left_alone(self):
        self.create()
        for schema, name in (("_sluice", "t"), ("_Sluice", "t"), ("s", "_sluice_next_rows")):
            call = lambda method, *fields: self.refused(lambda: self.server.call(method, *fields), "INVALID_ARGUMENT", "keeps for itself")
            call("CreateTable", (2, schema), (3, table(name, column("id", s.INT, True))))
            call("AlterTable", (2, schema), (3, table(name, column("id", s.INT, True))))
            call("Migrate", (2, message((1, schema), (2, name), (3, message((1, True))))))
            call("Truncate", (2, schema), (3, name), (4, "x"), (5, message((1, 1))))
        self.refused(lambda: self.create(table("t", column("_sluice_order", s.INT, True))), "INVALID_ARGUMENT", "keeps for itself")
        self.create(table("keyless", column("_sluice_row_id", s.STRING, True)))  # as serve-connector sends
        self.refused(lambda: self.server.migrate("rows", (5, message((1, message((1, "rows"), (2, "_sluice_x")))))), "INVALID_ARGUMENT")
        # A table without our mark of a key.
        self.assertEqual(0, self.server.stop())
        made = subprocess.run([SLUICE, "sync", f"duckdb:{self.others()}", f"duckdb:{self.folder / 'warehouse.duckdb'}", "--tables",
                               "main.theirs"], capture_output=True, text=True)
        self.assertEqual(0, made.returncode, made.stdout + made.stderr)
        self.server = s.Server(self.folder)
        theirs = table("theirs", column("id", s.INT, True))
        for work in (lambda: self.server.call("AlterTable", (2, "main"), (3, theirs)),
                     lambda: self.server.call("WriteBatch", (2, "main"), (3, theirs), (5, [self.file(csv(["id"], [1]))]), (8, parameters())),
                     lambda: self.server.call("Truncate", (2, "main"), (3, "theirs"), (4, "id"), (5, message((1, 1)))),
                     lambda: self.server.call("Migrate", (2, message((1, "main"), (2, "theirs"), (3, message((1, True))))))):
            self.refused(work, "ALREADY_EXISTS", "somebody else")
        self.assertEqual([(7,)], self.sql("SELECT id FROM main.theirs"))

    def others(self):
        """A file with the table main.theirs, made by this server and then renamed: any file of DuckDB's would do."""
        file = self.folder / "others.duckdb"
        one = table("theirs", column("id", s.INT, True))
        server = s.Server(self.folder)
        server.configuration = {"destination": f"duckdb:{file}"}
        server.call("CreateTable", (2, "main"), (3, one))
        server.call("WriteBatch", (2, "main"), (3, one), (5, [self.file(csv(["id"], [7]))]), (8, parameters()))
        self.assertEqual(0, server.stop())
        return file

    def test_what_is_refused_leaves_no_column(self):
        self.create(HISTORY)
        header = ["id", "a", "_fivetran_start", "_fivetran_end", "_fivetran_active"]
        self.history(replace=self.file(csv(header, [1, "a", T(5), END, "true"])))
        columns = list(s.described(self.server.call("DescribeTable", (2, "s"), (3, "h"))[0][1]))
        for at, value, code in ((T(4), "7", "FAILED_PRECONDITION"), (T(6), "secret", "DATA_LOSS"), (T(6), "1.5", "DATA_LOSS")):
            added = message((1, message((1, "c"), (2, s.INT), (3, value), (4, at))))
            self.refused(lambda: self.server.migrate("h", (6, added)), code)
        self.refused(lambda: self.server.migrate("h", (6, message((1, message((1, "a"), (2, s.INT), (3, "7"), (4, T(6))))))), "ALREADY_EXISTS")
        self.assertEqual(columns, list(s.described(self.server.call("DescribeTable", (2, "s"), (3, "h"))[0][1])))
        self.create()
        self.write([self.file(csv(["id", "v", "w"], [1, "a", 1], [2, "b", 2]))])
        only_new = table("rows", column("new", s.INT, True))
        self.refused(lambda: self.server.call("AlterTable", (2, "s"), (3, only_new)), "FAILED_PRECONDITION", "several rows")
        self.refused(lambda: self.server.migrate("rows", (4, message((2, message((1, "v"), (2, "w")))))), "ALREADY_EXISTS")
        far = (5, message((1, 9_300_000_000_000)))
        self.refused(lambda: self.server.call("Truncate", (2, "s"), (3, "rows"), (4, "_fivetran_synced"), far), "INVALID_ARGUMENT")
        self.assertEqual([(1, "a", 1), (2, "b", 2)], self.sql("SELECT id, v, w FROM s.rows ORDER BY id"))

    def test_two_texts_of_one_key_are_one_version(self):
        self.create(HISTORY)
        header = ["id", "a", "_fivetran_start", "_fivetran_end", "_fivetran_active"]
        self.history(update=self.file(csv(header, [1, "first", T(1), END, "true"], ["01", "last", "2024-01-01T00:00:01.000Z", END, "true"])))
        self.assertEqual([(1, "last", 1)], self.sql("SELECT id, a, second(_fivetran_start) FROM s.h"))

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

    def test_calls_at_once_on_one_table(self):
        """However the file's path is spelled: the last call that was answered counts, and each key is there once."""
        self.create()
        header = ["id", "v", "w"]
        files = [self.file(csv(header, *([i, f"call {n}", n] for i in range(20000)))) for n in range(6)]
        (self.folder / "link").symlink_to(self.folder)
        spelled = [self.folder / "warehouse.duckdb", self.folder / "link" / "warehouse.duckdb",
                   f"{self.folder}//./warehouse.duckdb"]

        def one(n):
            configuration = {"destination": f"duckdb:{spelled[n % 3]}"}
            self.server.raw("WriteBatch", message((1, configuration), (2, "s"), (3, ROWS), (5, [files[n]]), (8, parameters())))
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(one, range(6)))
        self.assertEqual([(20000, 20000, 1)], self.sql("SELECT count(*), count(DISTINCT id), count(DISTINCT v) FROM s.rows"))
        self.refused(lambda: self.server.raw("DescribeTable", message((1, {"destination": "warehouse.duckdb"}), (2, "s"), (3, "rows"))),
                     "INVALID_ARGUMENT", "neither")

    def test_a_file_that_is_slow_to_open_holds_up_no_other(self):
        self.create()
        blocked = {"destination": f"duckdb:{self.folder / 'blocked.duckdb'}"}
        request = message((1, blocked), (2, "s"), (3, "t"))
        self.server.raw("DescribeTable", request)
        with open(self.folder / "blocked.duckdb", "r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)  # as DuckDB in another process: a minute is waited for its end
            method = self.server.channel.unary_unary("/fivetran_sdk.v2.DestinationConnector/DescribeTable")
            waiting = method.future(request, timeout=60)
            for _ in range(5):
                self.server.call("DescribeTable", (2, "s"), (3, "rows"))
            self.assertFalse(waiting.done())
        self.assertEqual([(1, 1)], s.parsed(waiting.result()))

    def test_a_client_that_goes_away(self):
        self.create()
        path = self.file(csv(["id", "v", "w"], *([i, f"value {i}", i] for i in range(300000))))
        request = message((1, self.server.configuration), (2, "s"), (3, ROWS), (5, [path]), (8, parameters()))
        channel = s.grpc.insecure_channel(self.server.address)
        going = channel.unary_unary("/fivetran_sdk.v2.DestinationConnector/WriteBatch").future(request)
        channel.close()
        self.assertTrue(going.done())
        self.write([path])  # after that call, or without it
        self.assertEqual([(300000, 300000, True)],
                         self.sql("SELECT count(*), count(DISTINCT id), bool_and(v = 'value ' || id AND w = id) FROM s.rows"))

    def test_a_full_disk(self):
        self.create()
        self.write([self.file(csv(["id", "v"], [1, "kept"]))])
        path = self.file(csv(["id", "v"], *([i, hashlib.md5(b"%d" % i).hexdigest()] for i in range(200000))))
        self.assertEqual(0, self.server.stop())
        full = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        self.server = s.Server(self.folder, restore_signals=False, preexec_fn=full)  # SIGXFSZ stays ignored: writes fail
        self.refused(lambda: self.write([path]), "INTERNAL")
        self.assertEqual([(1, "kept")], self.sql("SELECT id, v FROM s.rows"))
        self.server.process.kill()
        self.server.process.wait()
        self.server = s.Server(self.folder)
        self.write([path])
        self.assertEqual([(200000, True)], self.sql("SELECT count(*), bool_and(v = md5(id::VARCHAR)) FROM s.rows"))

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
