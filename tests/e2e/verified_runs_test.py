# Runs that end verified (`verify: after-run`, --verify): what they find, what they must not take for a difference, and
# where they say so.
import json
import pathlib
import random
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

KEYED = "(id int primary key, a text, updated_at timestamptz default now())"
FILL = "insert into {} select i, 'row ' || i, '2026-01-01'::timestamptz + i * interval '1 minute' from generate_series(1, {}) i"


def writing(dice):
    """One statement of a writer that stamps what it writes."""
    key = dice.randrange(1, 4000)
    return dice.choice((
        f"update t set a = md5(random()::text), updated_at = now() where id = {key}",
        f"delete from t where id = {key}",
        f"insert into t values ({key}, 'new', now()) on conflict (id) do update set a = 'again', updated_at = now()",
        f"insert into bag values ({key}, 'x')", f"delete from bag where n = {key}",
        f"begin; update t set a = 'late', updated_at = now() where id = {key}; select pg_sleep(0.05); commit"))


class VerifiedRuns(support.Fixture, unittest.TestCase):
    def synced(self, rows=3000):
        """A copy whose mark is proven."""
        self.sql(f"create table t {KEYED}; {FILL.format('t', rows)}")
        self.sync()
        self.sync()

    def test_writers_are_no_false_alarm(self):
        """Half of the rounds with a snapshot for each table."""
        self.sql(f"create table t {KEYED}; {FILL.format('t', 3000)}; create table bag (n int, v text);"
                 " insert into bag select i % 500, 'v' from generate_series(1, 3000) i")
        writers = [support.Writer(self.pg.session(self.db), writing, random.Random(seed)) for seed in (1, 2, 3)]
        try:
            for turn in range(6):
                text = self.sync("--verify", "--snapshot", "table" if turn % 2 else "run")
                self.assertRegex(text, "verified: [0-9,]+ rows of 2 tables\n")
        finally:
            for writer in writers:
                writer.stop()
        self.sync("--verify")
        self.assert_equal("public.t")
        self.assert_equal("public.bag")

    def test_what_no_stamp_shows_is_found_and_said_everywhere(self):
        self.synced()
        self.sql("update t set a = 'bent' where id in (5, 7)")
        text = self.sync("--verify", check_exit=4)
        self.assertIn("differs  public.t: id 5: differs in a\n", text)
        self.assertIn("next: sluice repair", text)
        self.assertEqual(self.sync("--verify", "--quiet", check_exit=4),
                         "differs  public.t: id 5: differs in a\ndiffers  public.t: id 7: differs in a\n")
        lines = [json.loads(line) for line in self.sync("--verify", "--json", "--log-level", "error", check_exit=4).splitlines()
                 if line.startswith("{")]
        found = next(line for line in lines if line["event"] == "table_finished")["verified"]
        self.assertEqual((found["equal"], found["rows"], found["changed"]), (False, 3000, 2))
        self.assertEqual(found["examples"], ["id 5: differs in a", "id 7: differs in a"])
        self.assertEqual((lines[-1]["differing"], lines[-1]["exit_code"]), (1, 4))
        run = support.value(self.file, "select max(run_id) from _sluice.runs")
        self.assertIn("2 of 3000 rows differ", support.sluice("runs", "show", run, str(self.file)))
        support.sluice("repair", self.url, f"duckdb:{self.file}")
        self.assertIn("verified: 3,000 rows of 1 table\n", self.sync("--verify"))
        self.assert_equal("public.t")

    def test_sluice_yaml_says_it_for_a_connection(self):
        self.synced()
        config = self.folder / "sluice.yaml"
        config.write_text(f'connections:\n  default:\n    source: "{self.url}"\n    destination: "duckdb:{self.file}"\n'
                          "    verify: after-run\n")
        self.sql("update t set a = 'bent' where id = 5")
        support.sluice("sync", "--config", config, check_exit=4)
        support.sluice("sync", "--config", config, "--verify=never")
        support.sluice("sync", "--config", config, check_exit=0, SLUICE_VERIFY="never")
        self.assertIn('"never " is not one of', support.sluice("sync", "--config", config, "--verify=never ", check_exit=2))

    def test_values_that_were_dropped_are_no_difference(self):
        self.sql("create table n (id int primary key, x numeric(5,2)); insert into n values (1, 'NaN'), (2, 1.5)")
        text = self.sync("--verify", "--misfit", "null", "--tables", "n")
        self.assertIn("1 values did not fit", text)
        self.assertIn("may drop values (misfit: null)", text)


if __name__ == "__main__":
    unittest.main()
