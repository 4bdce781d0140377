# The document of the key-based replication connector: it runs without a configuration, makes CUSTOMERS, and goes on
# from its last checkpoint.
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debug_support  # noqa: E402
import support  # noqa: E402

PEOPLE = ["1|Mathew|1704067199000000", "2|Joe|1706742279000000", "3|Jake|1698883199000000", "4|John|1707951599000000",
          "5|Ricky|1710607229000000"]


class KeyBasedReplication(debug_support.Folder, unittest.TestCase):
    def debug(self, *arguments, **more):
        named = arguments if {"--reset", "--native", "--connector"} & set(arguments) else ("--connector", "key_based_replication", *arguments)
        return super().debug(*named, **more)

    def people(self):
        return sorted(self.look("select customer_id, first_name, epoch_us(updated_at) from tester.CUSTOMERS where not _fivetran_deleted"))

    def change(self, sql):
        subprocess.run([support.BUILD / "bin" / "run_sql", self.folder / "shop.duckdb", "/dev/stdin"], check=True, text=True, input=sql)

    def test_the_documents_example(self):
        self.debug()
        self.assertEqual(self.people(), PEOPLE)  # with those before the published one's start of 2024
        self.assertEqual(self.types("customers"), {
            "customer_id": "INTEGER", "first_name": "VARCHAR", "last_name": "VARCHAR", "email": "VARCHAR",
            "updated_at": "TIMESTAMP WITH TIME ZONE", "_fivetran_deleted": "BOOLEAN", "_fivetran_synced": "TIMESTAMP WITH TIME ZONE"})
        self.assertEqual((self.report["Upserts"], self.report["Deletes"], self.report["SchemaChanges"], self.report["Checkpoints"]),
                         (5, 0, 1, 1))
        self.assertEqual(json.loads(self.state.read_text()), {"updated_at_micros": 1710607229000000})
        self.debug("--log-level", "fine")
        self.assertEqual((self.report["Upserts"], self.report["SchemaChanges"]), (1, 0))  # the newest stamp again: nothing is lost
        self.assertIn("1 customers changed", self.said)
        self.assertEqual(self.people(), PEOPLE)

    def test_a_file_of_ones_own_and_its_state_json(self):
        self.change("create table customers (customer_id int, first_name varchar, last_name varchar, email varchar, updated_at timestamptz);"
                    " insert into customers values (1, 'Ann', null, null, '2026-01-01 00:00:00.000001+00')")
        self.configure({"database": str(self.folder / "shop.duckdb")})
        self.debug()
        old = self.state.read_text()
        self.change("insert into customers values (2, 'Bob', null, null, '2026-01-01 00:00:00.000001+00'), (3, 'Eve', null, null, '2026-02-01')")
        self.debug()
        people = ["1|Ann|1767225600000001", "2|Bob|1767225600000001", "3|Eve|1769904000000000"]
        self.assertEqual(self.people(), people)
        self.state.write_text(old)
        self.debug()
        self.assertEqual((self.report["Upserts"], self.people()), (3, people))
        self.state.unlink()
        self.debug()
        self.assertEqual((self.report["Upserts"], self.people()), (3, people))
        self.assertIn("all is synced again", self.said)
        # Of the published connector, without a warehouse and with ours.
        published = {"last_updated_at": "2099-01-01T00:00:00Z"}
        self.warehouse.unlink()
        for _ in range(2):
            self.state.write_text(json.dumps(published))
            self.debug()
            self.assertEqual(self.people(), people)
        self.assertEqual(json.loads((self.files / "state.fivetran.json").read_text()), published)
        self.assertEqual(self.storage(), 64)

    def test_which_connector(self):
        (self.folder / "connector.py").write_text("log.warning('Example: Source Examples - Common Patterns - Key Based Replication')")
        text = super().debug(check_exit=2)
        self.assertIn("--connector key_based_replication", text)
        self.assertIn("--python", text)
        self.debug("--native")
        self.assertEqual(self.people(), PEOPLE)
        self.assertIn("did you mean key_based_replication?", self.debug("--connector", "key_based_replicaton", check_exit=2))

    def test_configuration(self):
        self.configure({"database": "<YOUR_DATABASE>"})
        self.refused('"database" is still as the documentation has it')
        self.configure({"database": "/nowhere/shop.duckdb"})
        self.debug(check_exit=(1, 2))
        self.assertEqual(self.said.count("Sync FAILED"), 1)


if __name__ == "__main__":
    unittest.main()
