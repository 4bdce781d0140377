# `sluice verify`: what is compared, what cannot be, and the exit codes that come of it.
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

KEYED = "(id int primary key, a text, updated_at timestamptz default now())"
APPEND = ("--mode", "public.log=append")


class Verify(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql(f"create table t {KEYED}; insert into t select i, 'row ' || i from generate_series(1, 50) i;"
                 f" create table log {KEYED}; insert into log select i, 'row ' || i from generate_series(1, 20) i")

    def verify(self, *flags, check_exit=0, command="verify"):
        return support.sluice(command, self.url, f"duckdb:{self.file}", *flags, check_exit=check_exit)

    def lines(self, *flags, check_exit=0):
        return {each["table"]: each for each in map(json.loads, self.verify("--json", *flags, check_exit=check_exit).splitlines())}

    def test_a_copy_in_mode_append_is_neither_failed_nor_different(self):
        self.sync(*APPEND)
        self.sql("delete from log where id = 3")
        text = self.verify(*APPEND)
        self.assertRegex(text, r"public\.log +not compared")
        self.assertIn("note  public.log: not compared: mode append keeps what the source no longer has", text)
        self.assertNotIn("failed", text)
        line = self.lines(*APPEND)["log"]
        self.assertEqual((line["equal"], line["error"]), (None, None))
        self.assertIn("mode append", line["not_compared"])
        self.verify(*APPEND, command="repair")

    def test_a_difference_beside_a_copy_in_mode_append_is_code_four(self):
        self.sync(*APPEND)
        self.sql("update t set a = 'other' where id = 7; insert into t values (51, 'new'), (52, 'new')")
        text = self.verify(*APPEND, check_exit=4)
        self.assertIn("id 7: differs in a", text)
        self.assertIn("50 (source 52)", text)
        self.assertIn("next: sluice sync", text)
        line = self.lines(*APPEND, check_exit=4)["t"]
        self.assertEqual((line["rows"], line["source_rows"], line["not_compared"]), (50, 52, None))

    def test_a_table_that_failed_says_more_than_a_difference(self):
        self.sync()
        self.sql(f"update t set a = 'other' where id = 7; create table fresh {KEYED}")
        text = self.verify(check_exit=3)
        self.assertIn("failed  public.fresh: there is no copy of the table as it is now", text)
        self.assertIn("id 7: differs in a", text)
        self.assertIn("next: sluice sync", text)

    def test_hints_name_a_command_that_has_the_flag(self):
        self.sync()
        self.sql("alter table t alter a type int using 1")
        text = self.verify(check_exit=3)
        self.assertIn("hint: `sluice sync` with --accept-drift public.t", text)
        self.assertNotIn("the same command", text)
        self.assertIn("`sluice sync` with --accept-drift", self.lines(check_exit=3)["t"]["hint"])

    def test_a_table_that_is_gone_is_in_the_report_and_is_not_compared(self):
        self.sync()
        self.sql("drop table log")
        text = self.sync()
        self.assertIn("\nnote  public.log is no longer at the source: its copy is kept as it is\n", text)
        events = [json.loads(line) for line in self.sync("--json", "--log-level", "error").splitlines()]
        self.assertIn("public.log is no longer at the source: its copy is kept as it is", [each.get("note") for each in events])
        self.assertEqual(support.value(self.file, "select count(*) from public.log"), "20")
        self.assertEqual(self.lines("--log-level", "error")["log"]["not_compared"], "it is no longer at the source")

    def test_help_lists_what_works(self):
        for command in ("verify", "repair"):
            text = support.sluice(command, "--help")
            self.assertIn("--log-level", text)
            for flag in ("--publish", "--unit-rows", "--storage", "--quiet"):
                self.assertNotIn(flag, text)
        self.sync()
        self.verify("--unit-rows", "1000")


if __name__ == "__main__":
    unittest.main()
