# The document of the DolphinDB connector: its configuration, its table `trade`, batches, new and changed ticks. Against
# what stands in for a server.
import collections
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debug_support  # noqa: E402


class DolphinDB(debug_support.Folder, unittest.TestCase):
    CREATE = ("INSERT INTO \"dfs://market\".trade SELECT ['AAPL', 'MSFT', 'IBM'][i % 3 + 1], 1704067200000000001 + i * 345600000000,"
              " 100 + (i % 40) / 8, i * 31 % 1000 FROM range(1000) r(i)")

    def setUp(self):
        super().setUp()
        partitions = [{"column": "timestamp", "kind": "VALUE", "type": "DATE", "scheme": list(range(19723, 19754))},
                      {"column": "symbol", "kind": "HASH", "scheme": 10}]
        columns = [["symbol", "SYMBOL"], ["timestamp", "NANOTIMESTAMP"], ["price", "DOUBLE"], ["volume", "INT"]]
        described = self.folder / "tables.json"
        table = {"database": "dfs://market", "columns": columns, "partitions": partitions, "engine": "TSDB",
                 "sort_columns": ["symbol", "timestamp"]}
        described.write_text(json.dumps({"tables": [{**table, "name": "trade"}, {**table, "name": "other"}], "sql": [self.CREATE]}))
        self.server = debug_support.Double("dolphindb_double", described)
        self.addCleanup(self.server.close)
        host, port = self.server.words[1].split(":")
        self.configuration = {"HOST": host, "PORT": port, "DATABASE": "market", "TABLE_NAME": "trade", "USERNAME": "admin",
                              "PASSWORD": "123456"}
        self.configure(self.configuration)
        self.ticks = collections.Counter((("AAPL", "MSFT", "IBM")[i % 3], str(1704067200000000001 + i * 345600000000),
                                          str(100 + i % 40 / 8), str(i * 31 % 1000)) for i in range(1000))

    def everything(self):
        rows = self.look("select symbol, epoch_ns(timestamp)::varchar, coalesce(price::varchar, '-'), coalesce(volume::varchar, '-')"
                         " from tester.trade where not _fivetran_deleted")
        self.assertEqual(collections.Counter(tuple(row.split("|")) for row in rows), self.ticks)

    def test_the_documents_example(self):
        said = self.debug()
        self.everything()
        self.assertEqual(self.tables(), ["trade"])
        self.assertEqual((self.report["Upserts"], self.report["SchemaChanges"]), (1000, 1), said)
        self.assertEqual(self.types("trade"), {
            "symbol": "VARCHAR", "timestamp": "TIMESTAMP_NS", "price": "DOUBLE", "volume": "INTEGER", "_fivetran_id": "VARCHAR",
            "_fivetran_deleted": "BOOLEAN", "_fivetran_synced": "TIMESTAMP WITH TIME ZONE"})
        self.assertIn("Successfully connected to DolphinDB", said)
        self.assertIn("not encrypted", said)

    def test_equal_late_and_deleted_ticks(self):
        self.debug()
        self.server.sql("INSERT INTO \"dfs://market\".trade VALUES ('AAPL', 1704499200000000000, 187.5, 100), ('AAPL', 1704499200000000000,"
                        " 187.5, 100), ('IBM', 1704067200000000007, 161.25, 5), ('MSFT', 1704499200000000001, NULL, NULL); DELETE FROM"
                        " \"dfs://market\".trade WHERE symbol = 'MSFT' AND timestamp = 1704067545600000001")
        self.ticks += collections.Counter([("AAPL", "1704499200000000000", "187.5", "100")] * 2 + [
            ("IBM", "1704067200000000007", "161.25", "5"), ("MSFT", "1704499200000000001", "-", "-")])
        self.ticks[("MSFT", "1704067545600000001", "100.125", "31")] -= 1
        self.ticks = +self.ticks
        self.debug()
        self.everything()
        self.assertEqual((self.report["Upserts"], self.report["Deletes"]), (4, 1))

    def test_state_json(self):
        self.lives_by_its_state_json(self.everything, {"last_timestamp": "2099-01-01T00:00:00+00:00"})

    def test_configuration(self):
        self.configure({**{name: value for name, value in self.configuration.items() if name != "TABLE_NAME"}, "BATCH_SIZE": 20000,
                        "DATABASE": "dfs://market"})
        self.debug()
        self.everything()
        for missing in ("HOST", "DATABASE", "USERNAME", "PASSWORD"):
            self.configure({name: value for name, value in self.configuration.items() if name != missing})
            self.refused(f'no "{missing}"')
        for wrong, said in ({"HOST": "<YOUR_DOLPHINDB_HOST>"}, "still as the documentation has it"), ({"PORT": "0"}, "no number"), \
                ({"BATCH_SIZE": "x"}, "no number"), ({"TABLENAME": "x"}, "did you mean TABLE_NAME?"):
            self.configure({**self.configuration, **wrong})
            self.refused(f'"{list(wrong)[0]}"', said)
        self.configure({**self.configuration, "TABLE_NAME": "other"})
        self.debug("--reset", "--yes", check_exit=None)
        self.debug()
        self.assertEqual(self.tables(), ["other"])


if __name__ == "__main__":
    unittest.main()
