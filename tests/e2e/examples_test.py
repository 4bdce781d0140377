# Every command line of the examples' READMEs, run in order by a shell in a copy of their folder, with what `sluice sql`
# prints as the README shows it; and what the copies then hold, row by row.
import collections
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import duckdb_support  # noqa: E402
import support  # noqa: E402

EXAMPLES = support.ROOT / "examples"
DOUBLE = str(support.BUILD / "bin" / "yugabyte_double")
IOT = {"devices": "device_id", "sensor_readings": "reading_id", "alerts": "alert_id", "maintenance_log": "maintenance_id"}


def steps(readme):
    """Of the console blocks: the command behind each `$ `, and what is shown below it."""
    for block in re.findall(r"^```console\n(.*?)^```", readme.read_text(), re.M | re.S):
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            yield command, shown


class Example:
    """Mixed into a TestCase: `name` is the folder of examples/ that a copy of is made for each test."""

    def setUp(self):
        super().setUp()
        holder = tempfile.TemporaryDirectory(prefix="sluice-e2e-example-")
        self.addCleanup(holder.cleanup)
        self.example = pathlib.Path(holder.name) / self.name
        shutil.copytree(EXAMPLES / self.name, self.example)

    def shell(self, command, **env):
        path = f"{pathlib.Path(support.SLUICE).resolve().parent}:{support.BUILD.resolve() / 'bin'}:{support.environment()['PATH']}"
        done = subprocess.run(["bash", "-c", command], cwd=self.example, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=support.environment(PATH=path, **env))
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}{done.stderr}")
        return done.stdout

    def run_readme(self, after=lambda command: None, **env):
        count = 0
        for command, shown in steps(self.example / "README.md"):
            with self.subTest(command):
                said = self.shell(command, **env)
                if shown:
                    self.assertEqual(said, shown)
                after(command)
                count += 1
        return count


class KeyBasedReplication(Example, duckdb_support.Files, unittest.TestCase):
    name = "key_based_replication"

    def setUp(self):
        super().setUp()
        self.source = self.example / "customers.duckdb"
        self.file, self.of_2024 = self.example / "warehouse.duckdb", self.example / "warehouse_2024.duckdb"

    def equal(self):
        self.assert_equal("main.customers")
        self.assert_equal("main.customers", file=self.of_2024, where="updated_at >= '2024-01-01 00:00:00+00'")

    def receipt(self, file):
        return support.query(file, "select strategy, rows_inserted, rows_updated, rows_deleted from _sluice.run_tables order by run_id desc limit 1")[0]

    def test_every_command_line_runs(self):
        synced = lambda command: self.equal() if command.startswith("sluice sync") else None
        self.assertEqual(self.run_readme(synced), 9)

    def test_default_start_drops_no_history(self):
        self.shell("run_sql customers.duckdb create.sql && sluice sync")
        names = lambda file: [row[0] for row in support.query(file, "select first_name from customers order by customer_id")]
        self.assertEqual(names(self.file), ["Mathew", "Joe", "Jake", "John", "Ricky"])
        self.assertEqual(names(self.of_2024), ["Joe", "John", "Ricky"])
        self.shell("run_sql customers.duckdb change.sql && sluice sync")
        self.equal()
        self.assertEqual(names(self.of_2024), ["Joe", "Jake", "John", "Ricky", "Anna"])
        self.assertEqual(self.receipt(self.file), ["incremental", "1", "2", "1"])
        self.assertEqual(self.receipt(self.of_2024), ["incremental", "2", "1", "0"])

    def test_what_comes_later(self):
        """A stamp a microsecond later, one that is lost, deletes on either side of the start, and nothing at all."""
        self.shell("run_sql customers.duckdb create.sql && sluice sync && run_sql customers.duckdb change.sql && sluice sync && sluice sync")
        self.assertEqual(self.receipt(self.file), ["incremental", "0", "0", "0"])
        for change in ("update customers set last_name = 'Hill', updated_at = '2024-04-01T08:00:00.000003Z' where customer_id = 6",
                       "update customers set last_name = null, updated_at = null where customer_id = 2",
                       "delete from customers where customer_id = 5; insert into customers values (9223372036854775807, '', null, null, '2023-01-01')"):
            self.sql(change)
            self.shell("sluice sync")
            self.equal()
        self.assertEqual(self.look("select updated_at::varchar from warehouse.customers where customer_id = 6"), "2024-04-01 08:00:00.000003+00")


class YugabyteDB(Example, unittest.TestCase):
    """Against what stands in for a cluster: PostgreSQL, asked and answering as YugabyteDB would."""
    name = "yugabytedb"

    @classmethod
    def setUpClass(cls):
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as nothing:
            nothing.write("select 1")
            nothing.flush()
            cls.cluster = subprocess.Popen([DOUBLE, nothing.name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
            cls.addClassCleanup(cls.cluster.stdin.close)
            cls.url = re.match(r"url yugabytedb://(.*)", cls.cluster.stdout.readline()).group(1)

    def setUp(self):
        super().setUp()
        user, place = self.url.split("@", 1)
        user, _, password = user.partition(":")
        self.env = {"IOT": f"{user}@{place}", "PGPASSWORD": urllib.parse.unquote(password)}
        self.addCleanup(self.psql, "drop table if exists alerts, maintenance_log, sensor_readings, devices")

    def psql(self, text):
        return self.shell(f'psql "postgresql://$IOT" -XqAt -c {shlex.quote(text)}', **self.env)

    def equal(self):
        """Every row of the cluster, as texts that both sides write alike, is in the copy, and no other."""
        for table, key in IOT.items():
            columns = self.psql(f"select column_name || ' ' || data_type from information_schema.columns where table_name = '{table}' order by ordinal_position").splitlines()
            source, copy = [], []
            for column in columns:
                name, kind = column.split(" ", 1)
                one, other = f"{name}::text", f"{name}::varchar"
                if kind == "timestamp with time zone":
                    one, other = f"(extract(epoch from {name}) * 1000000)::bigint::text", f"epoch_us({name})::varchar"
                elif name == "vibration":
                    one, other = f"array_to_string({name}::numeric(9,3)[], '|', 'null')", f"array_to_string(list_transform({name}, lambda x: coalesce(x::decimal(9,3)::varchar, 'null')), '|')"
                elif kind == "ARRAY":
                    one, other = f"array_to_string({name}, '|', 'null')", f"array_to_string(list_transform({name}, lambda x: coalesce(x::varchar, 'null')), '|')"
                elif kind == "interval":
                    one, other = f"extract(epoch from {name})::bigint::text", f"epoch({name})::bigint::varchar"
                elif kind == "bytea":
                    one, other = f"encode({name}, 'hex')", f"lower(hex({name}))"
                elif kind == "double precision":
                    one, other = f"('x' || encode(float8send({name}), 'hex'))::bit(64)::text", f"{name}::bit::varchar"
                source.append(f"coalesce('=' || {one}, 'null')")
                copy.append(f"coalesce('=' || {other}, 'null')")
            digest = "md5({})"
            rows = self.psql(f"select {digest.format(' || chr(31) || '.join(source))} from {table}").split()
            mine = [row[0] for row in support.query(self.example / "iot.duckdb", f"select {digest.format(' || chr(31) || '.join(copy))} from public.{table}")]
            lost, extra = collections.Counter(rows) - collections.Counter(mine), collections.Counter(mine) - collections.Counter(rows)
            self.assertEqual((table, len(rows), lost.total(), extra.total()), (table, len(mine), 0, 0))

    def test_every_command_line_runs(self):
        synced = lambda command: self.equal() if command.startswith("sluice sync") else None
        self.assertEqual(self.run_readme(synced, **self.env), 8)
        file = self.example / "iot.duckdb"
        for table, key in IOT.items():
            state = support.value(file, f"select state->>'$.primary_key[0]' || ' ' || (state->>'replication_key') from _sluice.state where source_table = '{table}'")
            self.assertEqual(state, f"{key} updated_at")
        self.assertEqual(support.value(file, "select string_agg(distinct strategy, ' ' order by strategy) from _sluice.run_tables"), "incremental load")
        self.shell("sluice sync", **self.env)
        written = support.value(file, "select sum(rows_inserted + rows_updated + rows_deleted) from _sluice.run_tables where run_id = (select max(run_id) from _sluice.runs)")
        self.assertEqual(written, "0")

    def test_sizes_by_a_variable_and_the_same_each_time(self):
        found = []
        for _ in range(2):
            self.shell('psql "postgresql://$IOT" -Xq -v devices=30 -f create.sql', **self.env)
            found.append([self.psql(f"select count(*), md5(string_agg(t::text, '' order by {key})) from {table} t") for table, key in IOT.items()])
            self.psql("drop table alerts, maintenance_log, sensor_readings, devices")
        self.assertEqual(found[0], found[1])
        self.assertEqual([each.split("|")[0] for each in found[0]], ["30", "1500", "60", "15"])


class DolphinDB(Example, unittest.TestCase):
    """Against what stands in for a server, which knows queries only: what the two scripts do is done to its tables."""
    name = "dolphindb"
    CREATE = ("INSERT INTO \"dfs://market\".trade SELECT ['AAPL', 'MSFT', 'IBM'][i % 3 + 1], 1704067200000000001 + i * 345600000000,"
              " 100 + (i % 40) / 8, i * 31 % 1000 FROM range(1000) r(i)")
    CHANGE = ("INSERT INTO \"dfs://market\".trade VALUES ('AAPL', 1704499200000000000, 187.5, 100), ('AAPL', 1704499200000000000, 187.5, 100),"
              " ('IBM', 1704067200000000007, 161.25, 5), ('MSFT', 1704499200000000001, NULL, NULL);"
              " DELETE FROM \"dfs://market\".trade WHERE symbol = 'MSFT' AND timestamp = 1704067545600000001")

    def setUp(self):
        super().setUp()
        partitions = [{"column": "timestamp", "kind": "VALUE", "type": "DATE", "scheme": list(range(19723, 19754))},
                      {"column": "symbol", "kind": "HASH", "scheme": 10}]
        columns = [["symbol", "SYMBOL"], ["timestamp", "NANOTIMESTAMP"], ["price", "DOUBLE"], ["volume", "INT"]]
        tables = self.example / "tables.json"
        tables.write_text(json.dumps({"tables": [{"database": "dfs://market", "name": "trade", "columns": columns, "partitions": partitions,
                                                  "engine": "TSDB", "sort_columns": ["symbol", "timestamp"]}], "sql": [self.CREATE]}))
        self.server = subprocess.Popen([support.BUILD / "bin" / "dolphindb_double", tables], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.server.__exit__, None, None, None)
        self.addCleanup(self.server.stdin.close)
        self.env = {"DOLPHINDB": "admin:123456@" + self.server.stdout.readline().split()[1]}

    def change(self):
        self.server.stdin.write(f"sql {self.CHANGE}\n")
        self.server.stdin.flush()
        self.assertEqual(self.server.stdout.readline(), "done\n")

    def rows(self):
        return collections.Counter(map(tuple, support.query(self.example / "trades.duckdb", "select symbol, epoch_ns(timestamp)::varchar, coalesce(price::varchar, '-'), coalesce(volume::varchar, '-') from main.trade")))

    def test_every_command_line_runs(self):
        first = collections.Counter((("AAPL", "MSFT", "IBM")[i % 3], str(1704067200000000001 + i * 345600000000), str(100 + i % 40 / 8), str(i * 31 % 1000)) for i in range(1000))
        later = first + collections.Counter([("AAPL", "1704499200000000000", "187.5", "100")] * 2 + [("IBM", "1704067200000000007", "161.25", "5"), ("MSFT", "1704499200000000001", "-", "-")])
        later[("MSFT", "1704067545600000001", "100.125", "31")] -= 1
        expected = [+later, first]

        def after(command):
            if command.startswith("sluice sync"):
                self.assertEqual(self.rows(), expected.pop())
            if "limit 3" in command:
                self.change()

        self.assertEqual(self.run_readme(after, **self.env), 7)


if __name__ == "__main__":
    unittest.main()
