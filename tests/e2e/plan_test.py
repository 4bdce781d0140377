# Plans that are kept in a file and done later: `sluice plan --out FILE`, `sluice sync --plan FILE`.
import json
import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402


class Plans(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "plan.json"
        self.sql("create table t (id int primary key, a text, updated_at timestamptz default now());"
                 " insert into t select i, 'row ' || i from generate_series(1, 1000) i; create table u (id int primary key)")

    def plan(self, *flags, check_exit=0):
        return support.sluice("plan", self.url, f"duckdb:{self.file}", *flags, check_exit=check_exit)

    def test_a_plan_is_written_whole_and_done(self):
        text = self.plan("--tables", "t", "--out", self.out)
        self.assertIn(f"next: sluice sync .. --plan {self.out}", text)
        self.assertFalse(self.file.exists())
        self.assertEqual(sorted(each.name for each in self.folder.iterdir()), ["plan.json"])
        plan = json.loads(self.out.read_text())
        self.assertEqual((plan["sluice_plan"], plan["connection"]), (1, "default"))
        self.assertEqual([(each["table"], each["strategy"]) for each in plan["tables"]], [("t", "load")])
        self.assertNotIn(support.PASSWORD, self.out.read_text())
        self.sync("--plan", self.out)
        self.assert_equal("public.t")
        self.assertEqual(support.tables(self.file), ["public.t"])

    def test_a_changed_shape_is_refused_with_code_five(self):
        self.plan("--out", self.out)
        self.sql("alter table t alter a type varchar(100); drop table u")
        text = self.sync("--plan", self.out, check_exit=5)
        self.assertIn("public.t: not as planned: column a is character varying(100) now, it was text", text)
        self.assertIn("public.u: not as planned: the source no longer has it", text)
        self.assertIn("make the plan anew with `sluice plan --out FILE`", text)
        self.assertEqual(support.tables(self.file), [])

    def test_a_second_run_of_the_same_plan_loads_nothing_twice(self):
        self.plan("--tables", "t", "--out", self.out)
        self.sync("--plan", self.out)
        text = self.sync("--plan", self.out, check_exit=5)
        self.assertIn("it would be incremental now", text)
        self.plan("--tables", "t", "--out", self.out)
        self.sync("--plan", self.out)
        self.assert_equal("public.t")

    def test_a_plan_of_something_else_is_refused_before_a_file_is_made(self):
        self.plan("--out", self.out)
        for says, flags, url in (("the plan is of connection default, this is other", ("--name", "other"), self.url),
                                 ("the plan is of", (), self.pg.url("postgres")),
                                 ("made with other settings: where is", ("--where", "t=id > 5"), self.url)):
            with self.subTest(says):
                text = support.sluice("sync", url, f"duckdb:{self.file}", "--plan", self.out, *flags, check_exit=2)
                self.assertIn(says, text)
                self.assertFalse(self.file.exists())
        self.out.write_text(self.out.read_text().replace('"sluice_plan": 1', '"sluice_plan": 2'))
        self.assertIn("its format is 2, 1 is known", self.sync("--plan", self.out, check_exit=2))
        self.assertIn("cannot read", self.sync("--plan", self.folder / "none", check_exit=2))
        self.assertFalse(self.file.exists())

    def test_flags_that_contradict_a_plan_are_named(self):
        self.plan("--out", self.out)
        for flags in (("--tables", "t"), ("--exclude", "u"), ("--full",), ("--accept-drift", "t"), ("--accept-source",),
                      ("--dry-run",)):
            with self.subTest(flags):
                self.assertIn(f"{flags[0]} and --plan contradict each other", self.sync("--plan", self.out, *flags, check_exit=2))
        self.sync("--plan", self.out, "--allow-deletes", "t", "--verify", "--parallel", "2")

    def test_a_plan_is_published_as_it_was_made(self):
        self.plan("--out", self.out, "--publish", "together")
        self.assertIn("publish is", self.sync("--plan", self.out, check_exit=2))
        self.sync("--plan", self.out, "--publish", "together")

    def test_a_file_that_cannot_be_written_leaves_the_old_plan(self):
        self.plan("--out", self.out)
        before = self.out.read_text()
        self.assertIn("cannot write", self.plan("--out", self.folder / "no" / "plan.json", check_exit=2))
        self.sql("revoke all on t, u from public; create role nobody_reads login password 'x'")
        self.addCleanup(lambda: self.pg.sql("drop owned by nobody_reads; drop role nobody_reads", self.db))
        url = self.pg.url(self.db, "nobody_reads", "x")
        text = support.sluice("plan", url, f"duckdb:{self.file}", "--out", self.out, check_exit=None)
        self.assertIn("nothing can be done", text)
        self.assertEqual(self.out.read_text(), before)
        self.assertEqual([each for each in os.listdir(self.folder) if ".new." in each], [])

    def test_a_plan_says_what_it_costs_the_source(self):
        self.sql("create index on t (updated_at); insert into t select i, 'row', now() - interval '1 day' from"
                 " generate_series(1001, 60000) i; analyze t, u")
        self.assertIn("public.t, public.u: whole table once\n", self.plan())
        for _ in range(2):
            self.sync()
        self.sql("delete from t where id > 50000; analyze t")
        text = self.plan()
        self.assertIn("about 10,000", text)
        self.assertIn("--allow-deletes public.t", text)
        if int(self.sql("show server_version_num")) >= 110000:
            self.assertIn("public.t: one index range, digests of all keys, computed by the server", text)
        self.assertRegex(text, r"one snapshot is held for about [0-9.]+ s \(as earlier runs took\)")
        lines = [json.loads(line) for line in self.plan("--json").splitlines()]
        self.assertEqual([line.get("table") for line in lines], ["t", "u", None])
        self.assertEqual(lines[0]["deletes"], 10000)
        self.assertEqual((lines[2]["tables"], lines[2]["deletes"], lines[2]["by_earlier_runs"]), (2, 10000, True))
        text = self.plan("--strategy", "digest", "--verify")
        if int(self.sql("show server_version_num")) >= 110000:
            self.assertIn("digests of the whole table, computed by the server, digests of the whole table to verify", text)

    def test_a_plan_finds_its_connection_in_sluice_yaml(self):
        config = self.folder / "sluice.yaml"
        config.write_text("connections:\n" + "".join(
            f'  {name}:\n    source: "{self.url}"\n    destination: "duckdb:{self.folder}/{name}.duckdb"\n'
            for name in ("one", "two")))
        self.assertIn("--out: a plan is of one connection",
                      support.sluice("plan", "--config", config, "--out", self.out, check_exit=2))
        support.sluice("plan", "two", "--config", config, "--out", self.out)
        self.assertIn("the plan is of connection two, this is one",
                      support.sluice("sync", "one", "--config", config, "--plan", self.out, check_exit=2))
        support.sluice("sync", "--config", config, "--plan", self.out)
        self.assert_equal("public.t", file=self.folder / "two.duckdb")
        self.assertFalse((self.folder / "one.duckdb").exists())


if __name__ == "__main__":
    unittest.main()
