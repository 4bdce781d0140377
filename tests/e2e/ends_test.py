# How the program ends: signals, and outputs that nobody can write to.
import json
import pathlib
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

SLOW = ("--where", "public.slow=(select pg_sleep(20)) is not null")


class Ends(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql("create table t (id int primary key, a text, updated_at timestamptz default now());"
                 " insert into t select i, 'row ' || i from generate_series(1, 3000) i;"
                 " create table slow (id int primary key); insert into slow values (1)")

    def sync_into_full(self, *arguments):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [support.SLUICE, "sync", self.url, f"duckdb:{self.file}", *arguments], stdin=subprocess.DEVNULL,
                stdout=full, stderr=subprocess.PIPE, text=True, env=support.environment(), timeout=support.LIMIT)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("No space left on device", done.stderr)
        self.assertEqual(done.stderr.count("error: "), 1, done.stderr)
        self.assert_equal("public.t")
        self.assert_equal("public.slow")

    def test_a_full_standard_output_ends_with_an_error_and_a_complete_copy(self):
        for arguments in (("--json",), ()):
            with self.subTest(arguments):
                self.sync_into_full(*arguments)

    def test_sigterm_is_143_and_sigint_is_130(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            with self.subTest(number):
                run = self.start_sync(*SLOW, "--json")
                for line in run.stdout:
                    if json.loads(line)["event"] == "table_started":
                        break
                run.send_signal(number)
                run.send_signal(number)
                text = run.stdout.read()
                run.stdout.close()
                self.assertEqual(run.wait(support.LIMIT), code, text)
        self.assertEqual(support.value(self.file, "select max(exit_code) from _sluice.runs"), "130")

    def test_the_log_and_json_name_the_run(self):
        lines = [json.loads(line) for line in self.sync("--tables", "public.t", "--json", "--log-level", "error")
                 .splitlines()]
        run = support.value(self.file, "select run_id from _sluice.runs")
        self.assertEqual([line["run"] for line in lines if line["event"] in ("run_started", "run_finished")], [run, run])
        log = pathlib.Path(f"{self.file}.sluice.log").read_text()
        self.assertEqual(json.loads(log.splitlines()[0])["run"], run)


if __name__ == "__main__":
    unittest.main()
