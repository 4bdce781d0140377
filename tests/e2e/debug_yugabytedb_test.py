# The document of the YugabyteDB connector: its configuration with comments, its four tables under their own names, full
# syncs of tables without updated_at. Against what stands in for a cluster: PostgreSQL, answering as YugabyteDB would.
import pathlib
import re
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debug_support  # noqa: E402
import support  # noqa: E402

KEYS = {"devices": "device_id", "sensor_readings": "reading_id", "alerts": "alert_id", "maintenance_log": "maintenance_id"}
CONFIGURATION = """{
  "host": "%s",           // Required: Hostname or IP address of your YugabyteDB server
  "port": "%s",           // Optional: Port number (default: 5433)
  "database": "%s",  // Required: Name of the database to connect to
  "user": "%s",       // Required: Username for database authentication
  "password": "%s",   // Required: Password for database authentication
  "schema": "%s",             // Optional: Database schema to sync (default: public)
  "sslmode": "%s"                // Optional: SSL mode (require, prefer, allow, disable)
}
"""


class YugabyteDB(debug_support.Folder, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as nothing:
            nothing.write("select 1")
            nothing.flush()
            cls.cluster = debug_support.Double("yugabyte_double", nothing.name)
        cls.addClassCleanup(cls.cluster.close)
        cls.place = urllib.parse.urlsplit(cls.cluster.words[1])

    def setUp(self):
        super().setUp()
        self.write()
        self.cluster.sql("drop schema if exists other cascade; drop table if exists " + ", ".join([*KEYS, "plain", "keyless"]))
        for table, key in KEYS.items():
            self.cluster.sql(f"create table {table} ({key} int primary key, note text, updated_at timestamptz);"
                             f" insert into {table} select i, 'note ' || i, timestamptz '2026-01-01 00:00:00.000001+00' from generate_series(1, 30) i")
        self.cluster.sql("create table plain (id uuid primary key, v numeric(9,2), tags text[], f float8);"
                         " insert into plain values ('00000000-0000-0000-0000-000000000001', 1.10, '{a,b}', 0.1)")

    def write(self, schema="public", sslmode="disable", **wrong):
        place = self.place
        told = {"host": place.hostname, "port": place.port, "database": place.path[1:], "user": place.username,
                "password": urllib.parse.unquote(place.password or ""), **wrong}
        self.configure(CONFIGURATION % (*told.values(), schema, sslmode))

    def rows(self, table):
        key = KEYS[table]
        return sorted(self.look(f"select {key}, coalesce(note, '-'), epoch_us(updated_at) from warehouse.tester.{table} where not _fivetran_deleted"))

    def everything(self):
        for table, key in KEYS.items():
            self.assertEqual(self.rows(table), sorted(self.expected[table]), table)

    @property
    def expected(self):
        stamp = "1767225600000001"
        return {table: [f"{i}|note {i}|{stamp}" for i in range(1, 31)] for table in KEYS}

    def test_the_documents_example(self):
        said = self.debug()
        self.everything()
        self.assertEqual(self.tables(), sorted([*KEYS, "plain"]))
        self.assertEqual((self.report["Upserts"], self.report["SchemaChanges"]), (121, 5), said)
        self.assertEqual(self.types("plain"), {"id": "VARCHAR", "v": "DECIMAL(9.2)", "tags": "VARCHAR[]", "f": "DOUBLE",
                                               "_fivetran_deleted": "BOOLEAN", "_fivetran_synced": "TIMESTAMP WITH TIME ZONE"})
        self.assertIn("Successfully connected to YugabyteDB", said)
        self.assertIn("does not verify the server's certificate", said)

    def test_what_is_stamped_alike_late_or_not_at_all_is_found(self):
        self.debug()
        self.cluster.sql("update devices set note = 'tie' where device_id = 3; insert into alerts values (99, 'no stamp', null);"
                         " update plain set v = 2.20; delete from maintenance_log where maintenance_id = 5; alter table devices add"
                         " column \"MixedCase\" int; create table keyless (a int, b text); insert into keyless values (1, 'x'), (1, 'x')")
        self.debug()
        self.assertEqual(self.look("select note from tester.devices where device_id = 3"), ["tie"])
        self.assertEqual(self.look("select count(*) from tester.alerts where alert_id = 99 and updated_at is null"), ["1"])
        self.assertEqual(self.look("select v from tester.plain"), ["2.20"])
        self.assertEqual(self.look("select _fivetran_deleted from tester.maintenance_log where maintenance_id = 5"), ["true"])
        self.assertIn("MixedCase", self.types("devices"))
        self.assertEqual(self.look("select count(*), count(distinct _fivetran_id) from tester.keyless"), ["2|1"])
        self.assertEqual(self.report["Deletes"], 1)

    def test_state_json(self):
        self.lives_by_its_state_json(self.everything, {f"{table}_last_updated_at": "2099-01-01T00:00:00+00:00" for table in KEYS})

    def test_schema_and_names(self):
        self.cluster.sql("create schema other; create table other.\"MixedCase1\" (id int primary key, \"aB\" int); insert into"
                         " other.\"MixedCase1\" values (1, 2)")
        self.write(schema="other")
        self.debug()
        self.assertEqual(self.tables(), ["MixedCase1"])
        self.assertEqual(self.look('select "aB" from tester."MixedCase1"'), ["2"])
        self.debug("--reset", "--yes", check_exit=None)
        self.debug("--naming", "fivetran")
        self.assertEqual(self.look("select id, a_b from tester.mixed_case_1"), ["1|2"])

    def test_configuration(self):
        for mode in ("allow", "prefer"):
            self.write(sslmode=mode)
            self.debug()
        self.write(sslmode="required")
        self.refused('"sslmode" is none that there is', "require, verify-ca and verify-full")
        for wrong in ({"host": "<YOUR_YUGABYTEDB_HOST>"}, {"port": "<YOUR_YUGABYTEDB_PORT>"}, {"password": "<YOUR_YUGABYTEDB_PASSWORD>"}):
            self.write(**wrong)
            self.refused(f'"{list(wrong)[0]}" is still as the documentation has it')
        self.write(schema="<YOUR_SCHEMA_NAME>")
        self.refused('"schema" is still')
        self.write(password="ENCRYPTED:v1:abc")
        self.refused('"password" is encrypted by Fivetran')
        self.write(host="127.0.0.1", port=support.free_port())
        self.debug(check_exit=1)
        self.assertEqual(self.said.count("Sync FAILED"), 1)


if __name__ == "__main__":
    unittest.main()
