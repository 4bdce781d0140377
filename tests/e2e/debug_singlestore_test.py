# The document of the SingleStore connector: its configuration with a numeric port, its report, its log lines, tables
# without a key and tables without updated_at. Against what stands in for a SingleStore, before a real MariaDB.
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debug_support  # noqa: E402
import mysql_support  # noqa: E402

ORDERS = "select concat_ws('|', id, ifnull(note, '-'), date_format(updated_at, '%Y-%m-%d %H:%i:%s.%f')) from orders"
MINE = ("select concat_ws('/', id, coalesce(note, '-'), strftime(updated_at, '%Y-%m-%d %H:%M:%S.%f')) from tester.orders"
        " where not _fivetran_deleted")


@unittest.skipIf(mysql_support.server_program() is None, "no MariaDB server: tools/install-deps test")
class SingleStore(debug_support.Folder, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as nothing:
            cls.server = debug_support.Double("singlestore_double", nothing.name)
        cls.addClassCleanup(cls.server.close)

    def setUp(self):
        super().setUp()
        _, port, password, database = self.server.words
        self.configuration = {"host": "127.0.0.1", "port": int(port), "user": "root", "password": password, "database": database}
        self.configure(self.configuration)
        for table in ("orders", "nokey", "still"):
            self.server.sql(f"drop table if exists {table}")
        self.server.sql("create table orders (id int primary key, note varchar(50), updated_at datetime(6), `order` tinyint, big bigint"
                        " unsigned, at timestamp(6) null)")
        # Before the document's start of 2025-10-01, at it, and without a stamp.
        self.server.sql("insert into orders (id, note, updated_at) values (1, 'old', '2020-01-01'), (2, 'start', '2025-10-01'),"
                        " (3, 'new', '2026-01-01 10:00:00.000001'), (4, null, null), (5, 'late', '2026-01-01 10:00:00.000001')")
        self.server.sql("create table nokey (a int, b varchar(9), updated_at datetime default now())")
        self.server.sql("insert into nokey (a, b) values (1, 'x'), (1, 'x'), (2, null)")
        self.server.sql("create table still (id int primary key, v int)")
        self.server.sql("insert into still values (1, 1)")

    def debug(self, *arguments, **more):
        named = arguments if "--connector" in arguments or "--reset" in arguments else ("--connector", "singlestore", *arguments)
        return super().debug(*named, **more)

    def everything(self):
        self.assertEqual(sorted(each.replace("/", "|") for each in self.look(MINE)), sorted(self.server.query(ORDERS)))
        rows = lambda sql: sorted(each.replace("\t", "|") for each in sql)
        self.assertEqual(rows(self.look("select a, coalesce(b, 'NULL') from tester.nokey where not _fivetran_deleted")),
                         rows(self.server.query("select a, b from nokey")))

    def test_the_documents_example(self):
        said = self.debug("--log-level", "fine")
        self.everything()
        for line in ("Connected to SingleStoreDB!", "Querying orders from the start to 2026-01-01 10:00:00", "Number of rows fetched: 5", "Processed 5 records for orders",
                     "Checkpointed at 2026-01-01 10:00:00", "Sync completed successfully.",
                     "the server's certificate is not verified", "no updated_at column: it is copied once"):
            self.assertIn(line, said)
        self.assertEqual((self.report["Upserts"], self.report["Deletes"], self.report["SchemaChanges"]), (9, 0, 3))
        self.assertEqual(self.types("orders"), {
            "id": "INTEGER", "note": "VARCHAR", "updated_at": "TIMESTAMP", "order": "SMALLINT", "big": "DECIMAL(20.0)",
            "at": "TIMESTAMP WITH TIME ZONE", "_fivetran_deleted": "BOOLEAN", "_fivetran_synced": "TIMESTAMP WITH TIME ZONE"})
        self.assertNotIn(self.configuration["password"], said)

    def test_rows_without_a_key_have_ids_that_stay(self):
        self.debug()
        before = self.look("select _fivetran_row_id from tester.nokey order by 1")
        self.assertEqual(len(set(before)), 3)
        self.server.sql("insert into nokey (a, b) values (7, 'y')")  # the published one: overwrites row 1
        self.debug()
        self.everything()
        after = self.look("select _fivetran_row_id from tester.nokey")
        self.assertEqual((len(set(after)), set(before) - set(after)), (4, set()))
        self.server.sql("delete from nokey where a = 1 limit 1")
        self.debug()
        self.everything()
        self.assertEqual(self.look("select count(*) from tester.nokey where _fivetran_deleted"), ["1"])

    def test_tables_without_updated_at_are_copied_once(self):
        self.debug()
        self.server.sql("update still set v = 2; delete from orders where id = 1; update orders set note = 'changed', updated_at ="
                        " now(6) where id = 2")
        said = self.debug()
        self.everything()
        self.assertRegex(said, r"Querying orders from 2026-01-01 \d\d:\d\d:\d\d\S* to 20\d\d-\d\d-\d\d \d\d:")
        self.assertEqual((self.report["Upserts"], self.report["Deletes"]), (1, 1), said)
        self.assertEqual(self.look("select v from tester.still"), ["1"])
        self.assertIn("still: no updated_at column", said)
        self.debug("--full")
        self.assertEqual(self.look("select v from tester.still"), ["2"])

    def test_state_json(self):
        self.lives_by_its_state_json(self.everything, {"orders": {"last_updated_at": "2099-10-21 13:45:00"}})

    def test_which_connector(self):
        self.assertIn("--connector singlestore or --connector yugabytedb",
                      super().debug("--log-level", "info", check_exit=2))
        (self.folder / "connector.py").write_text("# SingleStore\nimport pymysql\n")
        text = super().debug(check_exit=2)
        self.assertIn("published connector singlestore", text)
        self.assertIn("--native", text)
        self.debug()

    def test_configuration(self):
        for missing in ("host", "user", "password", "database"):
            self.configure({name: value for name, value in self.configuration.items() if name != missing})
            self.refused(f'no "{missing}"')
        for wrong, said in ({"host": "your-singlestore-host"}, "still as the documentation has it"), ({"port": "x"}, "no number"), \
                ({"port": 70000}, "no number"), ({"port": True}, "neither text nor a number"), ({"user": ""}, "is empty"), \
                ({"databas": "x"}, "did you mean database?"):
            self.configure({**self.configuration, **wrong})
            self.refused(f'"{list(wrong)[0]}"', said)
        self.configure("{")
        self.refused("is no JSON object")
        (self.folder / "configuration.json").unlink()
        self.refused("cannot read", "--configuration")
        self.configure(self.configuration, "other.json")
        self.debug("--configuration", str(self.folder / "other.json"))
        self.everything()

    def test_reset(self):
        self.debug()
        self.assertIn("--yes deletes them", super().debug("--reset", check_exit=None))
        self.assertTrue(self.warehouse.exists())
        (self.files / "mine.txt").write_text("kept")
        super().debug("--reset", "--yes", check_exit=None)
        self.assertEqual([each.name for each in self.files.iterdir()], ["mine.txt"])
        self.debug()
        self.everything()
        self.assertEqual(self.report["Upserts"], 9)

    def test_in_place_of_deploy(self):
        unit = super().debug("--connector", "singlestore", "--print-service", check_exit=None)
        self.assertIn(f'debug "{self.folder}" --connector singlestore', unit)
        for word in ("[Service]", "[Timer]", "ExecStart=", "OnUnitActiveSec=6h"):
            self.assertIn(word, unit)


if __name__ == "__main__":
    unittest.main()
