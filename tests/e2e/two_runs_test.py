# One file, several programs: who comes second is told who holds it, or waits; readers have a copy of their own.
import json
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

SLOW = ("--where", "public.slow=(select pg_sleep(3)) is not null")


class TwoRuns(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql("create table t (id int primary key, a text, updated_at timestamptz default now());"
                 " insert into t select i, 'row ' || i from generate_series(1, 3000) i;"
                 " create table slow (id int primary key); insert into slow values (1)")

    def begin_slow_run(self):
        """A run that holds the file for some seconds."""
        run = self.start_sync(*SLOW, "--json")
        for line in run.stdout:
            if json.loads(line)["event"] == "table_started":
                return run
        self.fail("the run ended at once")

    def end(self, run):
        run.stdout.read()
        run.stdout.close()
        self.assertEqual(run.wait(support.LIMIT), 0)

    def test_second_run_is_told_who_holds_the_file(self):
        first = self.begin_slow_run()
        began = time.monotonic()
        text = self.sync(*SLOW, check_exit=6)
        self.assertLess(time.monotonic() - began, 2)
        self.assertIn(str(first.pid), text)
        self.assertIn("sluice", text)
        self.assertIn("--wait", text)
        self.end(first)
        self.assert_equal("public.t")
        self.sync(*SLOW)
        self.assert_equal("public.t")
        self.assert_equal("public.slow")

    def test_second_run_waits(self):
        first = self.begin_slow_run()
        text = self.sync(*SLOW, "--wait", "60s")
        self.assertIsNotNone(first.poll(), text)
        self.end(first)
        self.assert_equal("public.t")
        self.assert_equal("public.slow")

    def test_second_run_waits_no_longer_than_told(self):
        first = self.begin_slow_run()
        began = time.monotonic()
        self.sync(*SLOW, "--wait", "1s", check_exit=6)
        self.assertGreater(time.monotonic() - began, 0.9)
        self.end(first)

    def test_three_runs_at_once_all_wait_and_all_succeed(self):
        runs = [self.start_sync("--wait", "60s") for _ in range(3)]
        for run in runs:
            text = run.communicate(timeout=support.LIMIT)[0]
            self.assertEqual(run.returncode, 0, text)
        self.assert_equal("public.t")
        self.assertEqual(support.value(self.file, "select count(*) from _sluice.runs"), "3")

    def hold(self, how, *sql):
        holder = subprocess.Popen([support.HOLD_FILE, str(self.file), how, *sql], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.assertEqual(holder.stdout.readline(), "ready\n")
        return holder

    def let_go(self, holder):
        holder.stdin.close()
        holder.stdout.close()
        holder.wait()

    def test_reader_keeps_a_run_out_and_is_named(self):
        self.sync()
        for how in ("read", "write"):
            with self.subTest(how):
                holder = self.hold(how)
                self.sql("insert into t values (-1, 'new') on conflict (id) do update set a = 'newer', updated_at = now()")
                text = self.sync(check_exit=6)
                self.assertIn("hold_file", text)
                self.assertIn(str(holder.pid), text)
                self.assertIn("read_copy", text)
                waiting = self.start_sync("--wait", "60s")
                time.sleep(0.5)
                self.assertIsNone(waiting.poll())
                self.let_go(holder)
                self.assertEqual(waiting.wait(support.LIMIT), 0, waiting.stdout.read())
                waiting.stdout.close()
                self.assert_equal("public.t")

    def test_interrupted_while_it_waits(self):
        self.sync()
        holder = self.hold("read")
        waiting = self.start_sync("--wait", "60s")
        time.sleep(0.5)
        waiting.send_signal(signal.SIGINT)
        began = time.monotonic()
        waiting.communicate(timeout=support.LIMIT)
        self.assertEqual(waiting.returncode, 130)
        self.assertLess(time.monotonic() - began, 3)
        self.let_go(holder)

    def test_runs_are_read_while_the_file_is_locked(self):
        self.sync()
        first = self.begin_slow_run()
        done = support.sluice("runs", "--json", f"duckdb:{self.file}", check_exit=None)
        self.end(first)
        self.assertNotIn("Traceback", done)
        self.assertTrue((self.folder / "copy.duckdb.sluice.log").exists())

    def test_read_copy_stays_readable_and_is_equal(self):
        copy = self.folder / "readers.duckdb"
        flags = ("--tables", "public.t", "--read-copy", copy)
        self.sync(*flags)
        self.assert_equal("public.t", file=copy)
        held = subprocess.Popen([support.HOLD_FILE, str(copy), "read"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual(held.stdout.readline(), "ready\n")
        stop = self.start_reading(copy)
        for step in range(5):
            self.sql(f"update t set a = 'step {step}', updated_at = now() where id % 7 = {step}; delete from t where id = {step}")
            self.sync(*flags)
            self.assert_equal("public.t", file=copy)
            self.assert_equal("public.t")
        self.assertEqual(stop(), [])
        self.let_go(held)

    def start_reading(self, copy):
        """Reads the copy without pause; what went wrong is said by the function that ends it."""
        wrong, done = [], threading.Event()

        def read():
            while not done.is_set():
                try:
                    rows = int(support.value(copy, "select count(*) from public.t"))
                    if not 2990 <= rows <= 3000:
                        wrong.append(rows)
                except AssertionError as error:
                    wrong.append(str(error))
        reader = threading.Thread(target=read)
        reader.start()

        def stop():
            done.set()
            reader.join()
            return wrong
        return stop

    def test_two_connections_to_one_file(self):
        """Each has its own state; neither touches the other's tables."""
        self.sync("--name", "one", "--tables", "public.t")
        self.sync("--name", "two", "--tables", "public.t", "--schema", "second")
        self.assert_equal("public.t")
        self.assert_equal("public.t", "second.t")
        self.sql("delete from t where id < 10; update t set a = 'x', updated_at = now() where id = 20")
        text = self.sync("--name", "two", "--tables", "public.t", check_exit=(2, 3))
        self.assertIn("one", text)
        self.sync("--name", "two", "--tables", "public.t", "--schema", "second")
        self.sync("--name", "one", "--tables", "public.t")
        self.assert_equal("public.t")
        self.assert_equal("public.t", "second.t")


if __name__ == "__main__":
    unittest.main()
