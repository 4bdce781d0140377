# The document of the MotherDuck connector: its configuration, its tables and types, what it says of deletes and reruns.
# Against what stands in for MotherDuck's PostgreSQL endpoint; the service itself was never asked.
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debug_support  # noqa: E402
import support  # noqa: E402

ROWS = {"testdb_main_orders": "select id || '|' || coalesce(amount::varchar, '-') || '|' || epoch_us(updated_at) from {} {}",
        "testdb_analytics_customers": "select customer_id || '|' || name || '|' || epoch_us(updated_at) from {} {}",
        "testdb_sales_transactions": "select a::varchar || '|' || coalesce(b, '-') from {} {}"}
SOURCE = {"testdb_main_orders": "main.orders", "testdb_analytics_customers": "analytics.customers",
          "testdb_sales_transactions": "sales.transactions"}


class Motherduck(debug_support.Folder, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.service = debug_support.Double("endpoint_double", "testdb")
        self.addCleanup(self.service.close)
        _, port, certificates, self.token = self.service.words
        self.database = f"testdb?via=postgres&host=localhost&port={port}&sslrootcert={certificates}"
        for sql in ("create schema analytics", "create schema sales",
                    "create table orders as select i as id, (i / 4)::decimal(9,2) as amount, timestamptz '2026-01-01 00:00:00.000001+00'"
                    " + to_seconds(i) as updated_at, [i, null] as \"tagList\", {'a': i} as shape, (i % 200)::utinyint as small, uuid() as u,"
                    " 'x'::blob as bytes, time '10:00:00' as t, (i * 100000000000000000000)::hugeint as huge from range(3000) r(i)",
                    "create table analytics.customers as select i as customer_id, 'name ' || i as name, timestamp '2026-01-01' +"
                    " to_microseconds(i) as updated_at from range(40) r(i)",
                    "create table sales.transactions as select i % 5 as a, 'text' as b from range(20) r(i)"):
            self.service.sql(sql)
        self.configure({"motherduck_token": self.token, "database_name": self.database, "schema_name": "", "incremental_column": "updated_at"})

    def everything(self):
        for table, sql in ROWS.items():
            mine = self.look(sql.format(f"warehouse.tester.{table}", "where not _fivetran_deleted"))
            self.assertEqual(sorted(mine), sorted(self.service.query(sql.format("testdb." + SOURCE[table], ""))), table)

    def test_tables_types_and_report(self):
        said = self.debug()
        self.everything()
        self.assertEqual(self.tables(), sorted(ROWS))
        self.assertEqual((self.report["Upserts"], self.report["Deletes"], self.report["SchemaChanges"]), (3060, 0, 3))
        self.assertGreaterEqual(self.report["Checkpoints"], 3)
        self.assertIn("Successfully connected to MotherDuck", said)
        types = self.types("testdb_main_orders")
        self.assertEqual(types, {
            "id": "BIGINT", "amount": "DECIMAL(9.2)", "updated_at": "TIMESTAMP WITH TIME ZONE", "tag_list": "JSON", "shape": "JSON",
            "small": "SMALLINT", "u": "VARCHAR", "bytes": "BLOB", "t": "VARCHAR", "huge": "VARCHAR",
            "_fivetran_deleted": "BOOLEAN", "_fivetran_synced": "TIMESTAMP WITH TIME ZONE"})
        self.assertEqual(self.types("testdb_sales_transactions")["_fivetran_id"], "VARCHAR")
        self.assertEqual(self.look("select tag_list->>0, shape->>'a', huge from tester.testdb_main_orders where id = 7"),
                         ["7|7|700000000000000000000"])
        # Equal rows stay as many as they are, under one id.
        self.assertEqual(self.look("select count(*), count(distinct _fivetran_id) from tester.testdb_sales_transactions"), ["20|5"])

    def test_changes_deletes_and_a_run_without_any(self):
        self.debug()
        self.debug()
        self.assertEqual((self.report["Upserts"], self.report["Deletes"]), (0, 0))  # the published one: 2,999 deletes
        synced = self.look("select max(_fivetran_synced)::varchar from tester.testdb_main_orders")
        self.service.sql("update orders set amount = -1, updated_at = now() where id = 5; delete from orders where id = 6;"
                         " insert into sales.transactions values (9, null); alter table analytics.customers add column note varchar")
        self.debug()
        self.everything()
        self.assertEqual((self.report["Upserts"], self.report["Deletes"], self.report["SchemaChanges"]), (2, 1, 1), self.said)
        self.assertEqual(self.look("select id, _fivetran_deleted from tester.testdb_main_orders where id in (5, 6) order by id"),
                         ["5|false", "6|true"])
        newer = f"select count(*) from tester.testdb_main_orders where _fivetran_synced > '{synced[0]}'"
        self.assertEqual(self.look(newer), ["2"])

    def test_state_json(self):
        self.lives_by_its_state_json(self.everything, {"testdb_main_orders": {
            "last_incremental_value": "2099-01-01T00:00:00", "checksums": {"a" * 32: "b" * 64}, "last_synced_at": "2026-01-01T00:00:00"}})

    def test_an_older_state_json_is_merged_from_and_a_newer_one_is_not(self):
        self.debug()
        old, name = self.state.read_text(), "orders"
        self.service.sql("insert into orders (id, updated_at) values (5000, now())")
        self.debug()
        mark = self.marks()[name]
        self.debug()
        for change in (old, old.replace(self.marks()[name], "2999-01-01 00:00:00+00")):
            self.state.write_text(change)
            self.service.sql("insert into orders (id, updated_at) values ((select max(id) + 1 from orders), now())")
            self.debug()
            self.everything()
        self.assertGreaterEqual(self.marks()[name], mark)

    def test_one_schema_another_column_and_a_guessed_key_that_is_none(self):
        self.service.sql("create table sales.child as select i as id, i % 3 as user_id, timestamptz '2026-02-01' + to_seconds(i) as"
                         " \"Changed\" from range(9) r(i); insert into sales.child values (1, 1, now()); create table sales.texts as"
                         " select i as id, 'none' as changed from range(4) r(i)")
        self.configure({"motherduck_token": self.token, "database_name": self.database, "schema_name": "sales",
                        "incremental_column": "changed", "batch_size": 500})
        for _ in range(2):
            said = self.debug()
            self.assertEqual(self.tables(), ["testdb_sales_child", "testdb_sales_texts", "testdb_sales_transactions"])
            self.assertEqual(self.look("select count(*), count(distinct user_id) from tester.testdb_sales_child"), ["10|3"], said)
        self.assertIn("replication_key", self.state.read_text())

    def test_without_a_database_it_is_the_default_one(self):
        service = debug_support.Double("endpoint_double", "my_db")
        self.addCleanup(service.close)
        _, port, certificates, token = service.words
        service.sql("create table things as select i as id from range(3) r(i)")
        self.configure({"motherduck_token": token, "database_name": f"?via=postgres&host=localhost&port={port}&sslrootcert={certificates}"})
        self.debug()
        self.assertEqual(self.look("select id from tester.my_db_main_things order by id"), ["0", "1", "2"])

    def test_a_bad_table_is_said_and_the_others_are_done(self):
        self.service.sql("create table bad as select 1 as a, 2 as \"_fivetran_synced\"")
        self.debug(check_exit=3)
        self.everything()
        self.assertIn("bad", self.said)
        self.assertEqual(self.said.splitlines()[-1], "Sync FAILED")
        self.assertEqual(self.report["Upserts"], 3060)

    def test_configuration(self):
        self.configure({"database_name": "x", "schema_name": ""})
        self.refused("no \"motherduck_token\"")
        self.configure({"motherduck_token": "<YOUR_MOTHERDUCK_TOKEN>", "database_name": "x"})
        self.refused("\"motherduck_token\" is still as the documentation has it", "write your own value")
        self.configure({"motherduck_tokn": self.token, "database_name": "x"})
        text = self.refused("\"motherduck_tokn\" is no field", "did you mean motherduck_token?")
        self.assertNotIn(self.token, text)
        self.configure({"motherduck_token": "fivetran_encrypted:abc"})
        self.refused("\"motherduck_token\" is encrypted by Fivetran")
        self.configure({"motherduck_token": self.token, "batch_size": "many"})
        self.refused("\"batch_size\" is no number")
        self.configure({"motherduck_token": self.token, "database_name": self.database.replace("testdb", "nothere", 1)})
        self.assertNotIn(self.token, self.debug(check_exit=None))
        self.assertFalse(self.warehouse.exists())


if __name__ == "__main__":
    unittest.main()
