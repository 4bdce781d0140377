# `sluice debug` that is killed at any of its writes, or stopped by Ctrl-C: the next run makes the copy what it should be,
# whichever of files/warehouse.db and files/state.json is the older one. The oracle is the content of the source.
import json
import pathlib
import shutil
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debug_support  # noqa: E402
import support  # noqa: E402

KILLED = -signal.SIGKILL
LOADS = ("state-file", "after-create", "before-commit", "after-commit", "after-unit", "before-publish", "after-publish")
CHANGES = ("state-file", "after-ddl", "before-commit", "after-commit", "before-publish", "after-publish")
PUSHES = ("state-file", "feed-shaped", "feed-applied", "before-commit", "after-commit")


class Read(debug_support.Folder, unittest.TestCase):
    """Of a connector that is read: MotherDuck's, by what stands in for it."""

    def setUp(self):
        super().setUp()
        self.service = debug_support.Double("endpoint_double", "shop")
        self.addCleanup(self.service.close)
        _, port, certificates, token = self.service.words
        self.service.sql("create table orders as select i as id, 'n' || i as note, timestamp '2026-01-01' + to_seconds(i) as updated_at"
                         " from range(500) r(i)")
        self.configure({"motherduck_token": token, "database_name": f"shop?via=postgres&host=localhost&port={port}&sslrootcert={certificates}"})

    def everything(self):
        columns = [each for each in self.types("shop_main_orders") if not each.startswith("_fivetran")]
        rows = f"select concat_ws('|', {', '.join(columns)}) from {{}} order by id"
        self.assertEqual(self.look(rows.format("tester.shop_main_orders").replace(" order", " where not _fivetran_deleted order")),
                         self.service.query(rows.format("shop.main.orders")))

    def killed(self, place):
        self.debug(check_exit=KILLED, SLUICE_FAILPOINT=place)

    def test_a_first_load_that_is_killed_anywhere(self):
        for place in LOADS:
            with self.subTest(place):
                shutil.rmtree(self.files, ignore_errors=True)
                self.killed(place)
                self.debug()
                self.everything()
                # What this run wrote: the unit that the killed one had committed is not sent twice.
                self.assertEqual(self.report["Upserts"], 0 if place in ("after-unit", "before-publish", "after-publish") else 500)
                self.debug()
                self.assertEqual((self.report["Upserts"], self.report["Deletes"], self.report["SchemaChanges"]), (0, 0, 0))

    def test_changes_that_are_killed_anywhere(self):
        self.debug()
        for number, place in enumerate(CHANGES):
            with self.subTest(place):
                self.service.sql(f"update orders set note = '{place}', updated_at = '2026-02-01'::timestamp + to_seconds({number}) where id % 7 = {number}")
                self.service.sql(f"delete from orders where id = {100 + number}")
                self.service.sql(f"insert into orders (id, note, updated_at) values ({1000 + number}, 'new', '2026-02-02')")
                self.service.sql(f"alter table orders add column more_{'abcdef'[number]} int")
                self.killed(place)
                self.debug()
                self.everything()
                self.assertIn("cursor", self.state.read_text())

    def test_a_warehouse_that_is_older_than_its_state_json(self):
        self.debug()
        older = self.warehouse.read_bytes()
        self.service.sql("insert into orders values (600, 'x', '2026-03-02'); delete from orders where id = 3;"
                         " update orders set note = 'y', updated_at = '2026-03-01' where id % 50 = 7")
        self.debug()
        self.warehouse.write_bytes(older)
        self.debug()
        self.everything()

    def test_ctrl_c_before_there_is_anything(self):
        # A server that takes the connection and never answers.
        with support.socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            self.configure({"host": "127.0.0.1", "port": silent.getsockname()[1], "user": "u", "password": "p", "database": "d"})
            with support.start("debug", str(self.folder), "--connector", "yugabytedb") as run:
                with silent.accept()[0]:
                    run.send_signal(signal.SIGINT)
                    run.send_signal(signal.SIGINT)
                    said = support.waited_for(run)
        self.assertEqual(run.returncode, 130, said)
        self.assertFalse(self.warehouse.exists())


class Pushed(debug_support.Folder, unittest.TestCase):
    """Of a connector that pushes: key-based replication's, and Python's."""

    def setUp(self):
        super().setUp()
        self.source = self.folder / "shop.duckdb"
        support.subprocess.run([support.BUILD / "bin" / "run_sql", self.source, "/dev/stdin"], check=True, text=True, input=(
            "create table customers (customer_id int, first_name varchar, last_name varchar, email varchar, updated_at timestamptz);"
            " insert into customers select i, 'n' || i, null, null, timestamptz '2026-01-01' + to_seconds(i) from range(50) r(i)"))

    def test_a_sync_that_is_killed_anywhere(self):
        self.configure({"database": str(self.source)})
        rows = "select customer_id || first_name || epoch_us(updated_at) from {} order by customer_id"
        for place in PUSHES:
            with self.subTest(place):
                shutil.rmtree(self.files, ignore_errors=True)
                named = ("--connector", "key_based_replication")
                self.debug(*named, check_exit=KILLED, SLUICE_FAILPOINT=place)
                self.debug(*named)
                self.assertEqual(self.look(rows.format("warehouse.tester.customers where not _fivetran_deleted")),
                                 [each[0] for each in support.query(self.source, rows.format("customers"))])
                self.assertEqual(json.loads(self.state.read_text()), {"updated_at_micros": 1767225649000000})

    def test_ctrl_c_keeps_what_is_committed(self):
        (self.folder / "connector.py").write_text("""
import os, time
from fivetran_connector_sdk import Connector, Logging as log, Operations as op

def update(configuration, state):
    for i in range(state.get("at", 0), 6):
        if i == 3:
            log.info("three are sent")
            while not os.path.exists("go"):
                time.sleep(0.02)
        op.upsert("points", {"id": i, "n": "p" + str(i)})
        op.checkpoint({"at": i + 1})

connector = Connector(update=update, schema=lambda configuration: [{"table": "points", "primary_key": ["id"]}])
""")
        with support.start("debug", str(self.folder)) as run:
            said = ""
            for line in run.stdout:
                said += line
                if "three are sent" in line:
                    break
            # Its words come sooner than its rows.
            support.wait_for(lambda: self.state.exists() and json.loads(self.state.read_text()) == {"at": 3})
            run.send_signal(signal.SIGINT)
            said += support.waited_for(run)
        self.assertEqual(run.returncode, 130, said)
        self.assertEqual(said.splitlines()[-1], "Sync FAILED")
        self.assertIn("the same command again goes on from there", said)
        self.assertEqual((self.look("select n from tester.points order by id"), json.loads(self.state.read_text())),
                         (["p0", "p1", "p2"], {"at": 3}))
        (self.folder / "go").touch()
        self.debug()
        self.assertEqual(self.look("select n from tester.points order by id"), [f"p{i}" for i in range(6)])
        self.assertEqual((self.report["Upserts"], self.report["Checkpoints"]), (3, 3))


if __name__ == "__main__":
    unittest.main()
