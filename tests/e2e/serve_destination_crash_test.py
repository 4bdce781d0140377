# What is left of a call to `sluice serve-destination` that did not end: the same call again gives the same content. A batch
# that is a FIFO stands still where the test wants it to.
import functools
import json
import os
import pathlib
import random
import resource
import signal
import subprocess
import tempfile
import time
import unittest

import serve_support as s
from serve_support import SAME, column, csv, message, parameters, table, write_file
from support import SLUICE

ROWS = table("rows", column("id", s.INT, True), column("v", s.STRING), column("w", s.LONG),
             column("_fivetran_synced", s.UTC), column("_fivetran_deleted", s.BOOLEAN))
HISTORY = table("h", column("id", s.INT, True), column("a", s.STRING), column("_fivetran_start", s.UTC, True),
                column("_fivetran_end", s.UTC), column("_fivetran_active", s.BOOLEAN))
T = "2024-01-01T00:00:0{}Z".format
END = "9999-12-31T23:59:59.999Z"
HEADER = ["id", "v", "w", "_fivetran_synced", "_fivetran_deleted"]
PLAIN = parameters(None)
MANY = 130_000  # more than a row group of DuckDB's: its rows go to the file before the commit


class Folder:
    """A destination file, its server, and batches."""

    def __init__(self, test, **how):
        folder = tempfile.TemporaryDirectory()
        test.addCleanup(folder.cleanup)
        self.folder, self.how, self.fifos = pathlib.Path(folder.name), how, 0
        self.start()
        test.addCleanup(lambda: self.server.process.poll() is None and self.kill())

    def start(self, **how):
        self.server = s.Server(self.folder, **(how or self.how))

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()
        self.server.channel.close()
        self.server.log.close()

    def file(self, name, content):
        path = self.folder / name
        return str(path) if path.exists() else write_file(path, content, compression=None)

    def write(self, replace=(), update=(), delete=(), wanted=ROWS, timeout=60):
        method = self.server.channel.unary_unary("/fivetran_sdk.v2.DestinationConnector/WriteBatch")
        return method.future(message((1, self.server.configuration), (2, "s"), (3, wanted), (5, list(replace)),
                                     (6, list(update)), (7, list(delete)), (8, PLAIN)), timeout=timeout)

    def halted(self, wanted=ROWS):
        """A call that is in the middle of its batch: its future, and the file to go on with."""
        self.fifos += 1
        path = self.folder / f"fifo{self.fifos}"
        os.mkfifo(path)
        call = self.write([str(path)], wanted=wanted)
        pipe = open(path, "wb", buffering=0)  # once the server has opened it
        pipe.write(csv(HEADER[:3], *([i, "halted", i] for i in range(1000))))
        return call, pipe

    def create(self, wanted):
        self.server.call("CreateTable", (2, "s"), (3, wanted))

    def sql(self, query):
        run = subprocess.run([SLUICE, "sql", str(self.folder / "warehouse.duckdb"), query, "--json"],
                             capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return [tuple(json.loads(line).values()) for line in run.stdout.splitlines()]

    def content(self):
        """Every table with its columns, and a sum of all its rows."""
        tables = self.sql("SELECT table_name, sql FROM duckdb_tables() WHERE schema_name = 's' ORDER BY 1")
        return [(name, made, self.sql(f'SELECT count(*), sum(hash(t::VARCHAR))::VARCHAR FROM s."{name}" t'))
                for name, made in tables]


@functools.cache
def rows(first, last, value):
    lines = (f'{i},"{value} {i}",{i},{T(1)},false\n' for i in range(first, last))
    return (",".join(HEADER) + "\n" + "".join(lines)).encode()


class Crash(unittest.TestCase):
    def calls(self, at):
        """One of each kind, in their order: each ends before the next begins."""
        start = [[i, f"first {i}", T(1), END, "true"] for i in range(100)]
        versions = ["id", "a", "_fivetran_start", "_fivetran_end", "_fivetran_active"]
        history = dict(earliest=csv(["id", "_fivetran_start"], [1, T(3)], [2, T(3)]),
                       replace=csv(versions, [2, "new", T(3), END, "true"]),
                       update=csv(versions, [1, SAME, T(3), END, "true"]),
                       delete=csv(versions, [3, None, None, T(6), None]))

        def versioned(files):
            fields = [(number, [at.file(f"h {name} {len(files)}", files[name])]) for name, number in
                      (("earliest", 5), ("replace", 6), ("update", 7), ("delete", 8)) if name in files]
            at.server.call("WriteHistoryBatch", (2, "s"), (3, HISTORY), *fields, (9, PLAIN))
        added = message((1, "c"), (2, s.INT), (3, "7"), (4, T(7)))
        wider = table("rows", column("id", s.LONG, True), column("v", s.STRING), column("w", s.LONG),
                      column("_fivetran_synced", s.UTC), column("_fivetran_deleted", s.BOOLEAN), column("x", s.JSON))
        return [
            lambda: at.create(ROWS),
            lambda: at.write([at.file("one", rows(0, MANY, "first"))]).result(),
            lambda: at.write([at.file("two", rows(1000, MANY + 1000, "second"))],
                             [at.file("three", csv(["id", "v", "w"], *([i, SAME, -i] for i in range(500))))],
                             [at.file("four", csv(["id"], *([i] for i in range(500, 700))))]).result(),
            lambda: at.server.call("Truncate", (2, "s"), (3, "rows"), (4, "_fivetran_synced"), (5, message((1, 1704067202))),
                                   (6, message((1, "_fivetran_deleted")))),
            lambda: at.server.call("AlterTable", (2, "s"), (3, wider)),
            lambda: at.server.migrate("rows", (6, message((2, message((1, "n"), (2, s.JSON), (3, '{"d": 1}')))))),
            lambda: at.server.migrate("rows", (4, message((2, message((1, "v"), (2, "v2")))))),
            lambda: at.server.migrate("rows", (5, message((2, message((1, "w"), (2, "w2")))))),
            lambda: at.server.migrate("rows", (4, message((1, message((1, "rows"), (2, "copied")))))),
            lambda: at.server.migrate("copied", (5, message((1, message((1, "copied"), (2, "renamed")))))),
            lambda: at.server.migrate("rows", (8, message((1, 1), (2, "_fivetran_deleted")))),
            lambda: at.create(HISTORY),
            lambda: versioned(dict(replace=csv(versions, *start))),
            lambda: versioned(history),
            lambda: at.server.migrate("h", (6, message((1, added)))),
            lambda: at.server.migrate("h", (8, message((1, 2)))),
        ]

    # While a call stands still, the file stays open, and what the others have committed is in its log alone.
    def test_killed_behind_calls_and_within_one(self):
        whole, killed = Folder(self), Folder(self)
        wanted = table("halted", column("id", s.INT, True), column("v", s.STRING), column("w", s.LONG))
        for one in (whole, killed):
            one.create(wanted)
        calls = list(zip(self.calls(whole), self.calls(killed)))
        for first in range(0, len(calls), 4):
            _, pipe = killed.halted(wanted)
            for call, same in calls[first:first + 4]:
                call()
                same()
            killed.kill()
            pipe.close()
            self.assertEqual(whole.content(), killed.content(), f"behind call {first + 3}")
            killed.start()
            same()  # as a client that has lost the answer
        self.assertEqual(whole.content(), killed.content())
        self.assertEqual(0, whole.server.stop())

    # At parts of the time that the call takes unharmed: all of it is there, or nothing.
    def test_killed_at_any_moment_of_a_large_batch(self):
        at = Folder(self)
        at.create(ROWS)
        first, second = at.file("one", rows(0, MANY, "first")), at.file("two", rows(1000, MANY, "second"))
        updates = at.file("three", csv(["id", "v", "w"], *([i, SAME, -i] for i in range(500))))
        at.write([first]).result()
        before = at.content()
        began = time.monotonic()
        at.write([second], [updates]).result()
        took, after = time.monotonic() - began, at.content()
        self.assertNotEqual(before, after)
        for part in (0.2, 0.6, 0.9):
            at.write([first]).result()
            call = at.write([second], [updates])
            try:
                call.result(timeout=part * took)
            except s.grpc.FutureTimeoutError:
                pass
            at.kill()
            self.assertIn(at.content(), (before, after), part)
            at.start()
            at.write([second], [updates]).result()
            self.assertEqual(after, at.content(), part)

    def test_two_calls_on_one_table_are_made_in_turn(self):
        at = Folder(self)
        at.create(ROWS)
        first, pipe = at.halted()
        second = at.write([at.file("two", csv(HEADER[:3], *([i, "second", i] for i in range(1000))))])
        with self.assertRaises(s.grpc.FutureTimeoutError):
            second.result(timeout=0.5)
        pipe.close()
        self.assertEqual([(1, 1)], s.parsed(first.result()))
        self.assertEqual([(1, 1)], s.parsed(second.result()))
        self.assertEqual([(1000, "second", "second")], at.sql("SELECT count(*), min(v), max(v) FROM s.rows"))
        self.assertEqual(0, at.server.stop())

    def test_a_client_that_disappears(self):
        at = Folder(self)
        at.create(ROWS)
        call, pipe = at.halted()
        call.cancel()
        again = at.write([at.file("two", csv(HEADER[:3], *([i, "again", i] for i in range(1000))))])
        pipe.close()
        self.assertEqual([(1, 1)], s.parsed(again.result()))
        self.assertEqual([(1000, "again", "again")], at.sql("SELECT count(*), min(v), max(v) FROM s.rows"))
        self.assertEqual(0, at.server.stop())

    # A limit on a file's size ends a write as a full disk does.
    def test_a_full_disk(self):
        at = Folder(self)
        at.create(ROWS)
        at.write([at.file("one", rows(0, 5000, "first"))]).result()
        self.assertEqual(0, at.server.stop())
        before, size = at.content(), (at.folder / "warehouse.duckdb").stat().st_size

        def limited():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + (1 << 19),) * 2)
        dice = random.Random(8)
        many = at.file("two", "".join(["id,v\n", *(f"{i},{dice.randbytes(32).hex()}\n" for i in range(MANY))]).encode())
        at.start(preexec_fn=limited)
        with self.assertRaises(s.grpc.RpcError) as caught:
            at.write([many]).result()
        self.assertIn("File too large", caught.exception.details())
        self.assertIsNone(at.server.process.poll())
        self.assertEqual([(1, 1)], s.parsed(at.write([at.file("three", csv(HEADER[:3], [1, "small", 1]))]).result()))
        self.assertEqual(0, at.server.stop())
        self.assertEqual([("small",)], at.sql("SELECT v FROM s.rows WHERE id = 1"))
        at.start()
        at.write([str(at.folder / "one")]).result()
        self.assertEqual(before, at.content())
        at.write([many]).result()
        self.assertEqual([(MANY, MANY)], at.sql("SELECT count(*), count(DISTINCT id) FROM s.rows"))
        self.assertEqual(0, at.server.stop())


if __name__ == "__main__":
    unittest.main()
