# Looking into a destination: by whatever word names it, and while somebody else has it open.
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402


class Looks(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql("create table t (id int primary key); insert into t values (1), (2)")
        self.sync()

    def test_runs_and_state_take_a_destination_as_an_argument(self):
        run = support.value(self.file, "select run_id from _sluice.runs")
        home = {"HOME": str(self.folder)}
        for words in ((f"duckdb:{self.file}",), (str(self.file),), ("--destination", str(self.file)),
                      ("duckdb:~/copy.duckdb",), (f"duckdb://{self.file}",)):
            with self.subTest(words):
                self.assertIn(run, support.sluice("runs", *words, **home))
                self.assertIn("public.t", support.sluice("state", "show", *words, **home))
        self.assertIn("2", support.sluice("sql", "duckdb:~/copy.duckdb", "select count(*) from copy.public.t", **home))

    def test_a_locked_file_is_explained_with_who_holds_it(self):
        with subprocess.Popen([support.HOLD_FILE, str(self.file), "write"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as holder:
            holder.stdout.readline()
            text = support.sluice("sql", self.file, "select 1", check_exit=6)
            self.assertIn(f"pid {holder.pid}", text)
            holder.stdin.close()

    def test_json_keeps_every_digit_and_is_json(self):
        row = support.sluice("sql", self.file, "--json", """select '{"a": 12345678901234567890.123, "b": 1.10}'::json as j,
            'NaN'::double as n, 1.5::double as d, 12345678901234567890.123::decimal(38,3) as m, null as "no ""thing", [1] as l""")
        self.assertEqual(row.strip(), '{"j":{"a": 12345678901234567890.123, "b": 1.10},"n":"nan","d":1.5,'
                                      '"m":12345678901234567890.123,"no \\"thing":null,"l":[1]}')

    def test_several_statements_print_each_of_their_results(self):
        text = support.sluice("sql", self.file, "--csv", "attach ':memory:' as m; select 1 as a; select 2 as b")
        self.assertEqual(text.split(), ["a", "1", "b", "2"])
        self.assertIn("one statement", support.sluice("sql", self.file, "--json", "select 1; select 2", check_exit=2))
        text = support.sluice("sql", self.file, "set TimeZone = 'UTC'; select now() as t", check_exit=2)
        self.assertIn("::VARCHAR", text)

    def test_preview_lands_as_a_first_load_would(self):
        self.sql("create table n (id int primary key, x numeric); insert into n values (1, 1::numeric / 7)")
        self.assertIn("0.14285714285714285714", support.sluice("preview", self.pg.url(self.db), "n"))

    def test_check_finds_what_would_refuse_a_sync(self):
        self.sql("alter table t add column v int")
        self.sync()
        self.sql("alter table t alter column v type text")
        self.assertIn("column v is now text", support.sluice("check", self.pg.url(self.db), f"duckdb:{self.file}", check_exit=3))
        self.assertIn("no such table", support.sluice("check", self.pg.url(self.db), f"duckdb:{self.file}", "--tables", "t,nope",
                                                      check_exit=3))

    def test_hints_name_the_whole_command(self):
        self.assertIn("`sluice runs show --help`", support.sluice("runs", "show", "--nope", check_exit=2))

    def test_a_file_of_another_kind_is_explained(self):
        other = self.folder / "other.duckdb"
        other.write_bytes(b"x" * 20000)
        self.assertIn("is not a DuckDB file", support.sluice("sql", other, "select 1", check_exit=2))
        self.assertIn("there is no file", support.sluice("runs", self.folder / "none.duckdb", check_exit=2))


if __name__ == "__main__":
    unittest.main()
