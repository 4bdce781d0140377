# What a user may get wrong, and what the program says of it: words that are empty, that fit nothing or contradict each
# other, predicates that the source refuses; and command lines in hints, which must run as they are.
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

KEYED = "(id int primary key, a text, updated_at timestamptz default now())"


class Slips(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql(f"create table orders {KEYED}; insert into orders select i, 'row ' || i from generate_series(1, 50) i;"
                 f" create table secrets {KEYED}; insert into secrets values (1, 's')")

    def config(self, text=""):
        file = self.folder / "sluice.yaml"
        file.write_text(f'connections:\n  shop:\n    source: "{self.url}"\n    destination: "duckdb:{self.file}"\n{text}')
        return file

    def test_an_empty_glob_does_not_mean_everything(self):
        for flags in (("--tables", ""), ("--exclude", ""), ("--tables", "orders,"), ("--exclude", "secrets", "--exclude", "")):
            with self.subTest(flags):
                text = self.sync(*flags, check_exit=2)
                self.assertIn(f"{flags[0]}: an empty glob fits no table", text)
                self.assertFalse(self.file.exists())
        for text in ('    tables: ""\n', '    tables: [orders, ""]\n', "    exclude: '${NOTHING}'\n"):
            with self.subTest(text):
                self.assertIn("an empty glob fits no table",
                              support.sluice("sync", "--config", self.config(text), check_exit=2, NOTHING=""))

    def test_allowing_something_to_a_table_that_is_not_there(self):
        for flag in ("--accept-drift", "--allow-deletes"):
            with self.subTest(flag):
                text = self.sync(flag, "public.ordres", check_exit=2)
                self.assertIn(f'{flag}: no table is called "public.ordres"', text)
                self.assertIn("did you mean public.orders?", text)
                self.assertIn("did you mean orders?", self.sync(flag, "order", check_exit=2))
                self.assertIn("no table", self.sync(flag, "", check_exit=2))
                self.assertIn(f"{flag}: no table fits x*", self.sync(flag, "x*"))
                self.sync(flag, "orders,public.secrets,*")

    def test_files_and_names_that_would_not_be_looked_at(self):
        missing = self.folder / "missing.yaml"
        self.assertIn(f"--config {missing}: a URL is named, so no file is read", self.sync("--config", missing, check_exit=2))
        self.assertIn("so no file is read", support.sluice("discover", self.url, "--config", missing, check_exit=2))
        self.sync(SLUICE_CONFIG=str(missing))  # set for all commands
        text = support.sluice("sync", "--config", self.config(), "--name", "other", check_exit=2)
        self.assertIn("--name is said of SOURCE DESTINATION", text)

    def test_numbers_and_columns_that_make_no_sense(self):
        self.assertIn("--parallel: at least 1 connection is needed", self.sync("--parallel", "0", check_exit=2))
        text = self.sync("--columns", "orders=id,a", "--exclude-columns", "orders=a", "--tables", "orders", check_exit=2)
        self.assertIn("public.orders: column a is in columns: and in exclude_columns:", text)

    def test_a_detected_replication_key_may_be_excluded(self):
        text = self.sync("--exclude-columns", "orders=updated_at")
        self.assertIn("note  public.orders: no replication key: updated_at", text)
        self.assert_equal("public.orders", columns=[("id", "integer"), ("a", "text")])
        self.sql("update orders set a = 'unseen' where id = 3")
        self.sync("--exclude-columns", "orders=updated_at")
        self.assert_equal("public.orders", columns=[("id", "integer"), ("a", "text")])
        named = ("--exclude-columns", "orders=updated_at", "--replication-key", "orders=updated_at")
        self.assertIn("column updated_at is a key and cannot be excluded", self.sync(*named, check_exit=3))

    def test_a_predicate_that_the_source_refuses_names_its_option(self):
        self.sync()
        for where, says in (("id >", "syntax error"), ("no_such > 1", "does not exist"),
                            ("id in (select id from secrets)", "does not exist"), ("a = 1", "operator does not exist")):
            for command in ("sync", "plan"):
                with self.subTest((where, command)):
                    text = support.sluice(command, self.url, f"duckdb:{self.file}", "--name", "other", "--schema", "other",
                                          "--tables", "orders", "--where", f"orders={where}",
                                          check_exit=2)
                    self.assertRegex(text, f"public.orders: where: .*{says}")
                    self.assertIn("where: is a predicate in the source's SQL", text)
                    self.assertIn("need their schema", text)
        text = self.sync("--start", "orders=soon", "--tables", "orders", check_exit=2)
        self.assertRegex(text, "public.orders: start: invalid input syntax")
        self.sync("--where", "orders=id in (select id from public.secrets) -- the few", "--tables", "orders")
        self.assertEqual(support.value(self.file, "select count(*) from public.orders"), "1")

    def test_a_predicate_that_a_duckdb_file_refuses_names_its_option(self):
        shop, other = self.folder / "shop.duckdb", self.folder / "other.duckdb"
        self.sync(file=shop)
        for where in ("id >", "no_such > 1"):
            text = support.sluice("sync", f"duckdb:{shop}", f"duckdb:{other}", "--tables", "orders", "--where", f"orders={where}",
                                  check_exit=2)
            self.assertIn("public.orders: where: ", text)
            self.assertIn("where: is a predicate in the source's SQL", text)

    def test_a_table_that_became_a_view_is_called_one(self):
        self.sync()
        self.sql("alter table secrets rename to base; create view secrets as select * from base")
        text = self.sync("--exclude", "base", check_exit=3)
        self.assertIn("public.secrets: it is a view now, which has no primary key; the key was (id)", text)
        self.sync("--exclude", "base", "--accept-drift", "public.secrets")

    def test_the_schema_that_sluice_keeps_for_itself(self):
        self.assertIn("hint: choose another schema:\n", self.sync("--schema", "_sluice", check_exit=2))

    def test_what_to_type_next_runs_when_pasted(self):
        self.sql('drop table orders, secrets; create schema "a.b"')
        for schema, table in (("a.b", "c.d"), ("public", "Order"), ("public", "it's"), ("public", 'quo"ted'), ("public", "select"),
                              ("public", "plain")):
            name = f"{support.quoted(schema)}.{support.quoted(table)}"
            self.sql(f"create table {name} (id int primary key); insert into {name} values (4711)")
            file = self.folder / "two words.duckdb"
            text = self.sync(file=file)
            with self.subTest(name):
                line = re.search("^next: (sluice sql .*)$", text, re.M).group(1)
                done = subprocess.run(["sh", "-c", line.replace("sluice", support.SLUICE, 1)], text=True, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, env=support.environment())
                self.assertIn("4711", done.stdout, line)
            file.unlink()
            self.sql(f"drop table {name}")

    def test_a_hint_on_a_misfit_names_its_table(self):
        self.sql("alter table orders add v int[]; update orders set v = '{1}'")
        self.sync()
        self.sql("insert into orders (id, v) values (51, '{{1}}')")
        self.assertIn("--type 'public.orders.v=VARCHAR'", self.sync(check_exit=3))
        self.sync("--type", "public.orders.v=VARCHAR")


if __name__ == "__main__":
    unittest.main()
