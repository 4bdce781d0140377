# What `sluice debug` makes of a folder: which connector is meant, connectors of one's own in Python and in a shared object,
# what is shown at a terminal, `--reset`, and the units in place of `fivetran deploy`.
import configparser
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import debug_support  # noqa: E402
import support  # noqa: E402

# What each of the five does that no other does, in a connector that runs.
PUBLISHED = {
    "motherduck": 'token = configuration.get("motherduck_token", "t")',
    "key_based_replication": 'log.warning("Example: Source Examples - Common Patterns - Key Based Replication")',
    "singlestore": 'log.info("Connected to SingleStoreDB!")',
    "yugabytedb": 'log.info("Successfully connected to YugabyteDB")',
    "dolphindb": '"pydolphindb is imported here"',
}
PYTHON = """
from fivetran_connector_sdk import Connector, Logging as log, Operations as op

def schema(configuration):
    return [{"table": "Points", "primary_key": ["id"], "columns": {"id": "INT", "price": "FLOAT", "day": "UTC_DATETIME"}}]

def update(configuration, state):
    %s
    start = state.get("next", 0)
    log.info("it begins at " + str(start) + " with " + configuration.get("api_key", "nothing"))
    for i in range(start, start + 3):
        op.upsert("Points", {"id": i, "price": i + 0.5, "day": "2026-01-01T00:00:0%%d+00:00" %% i})
    op.checkpoint({"next": start + 3})
    if start == 6:
        raise RuntimeError("the seventh is too much")

connector = Connector(update=update, schema=schema)
"""
POINTS = "select id || '|' || price || '|' || epoch(day) from tester.points order by id"


def points(count):
    return [f"{i}|{i + 0.5}|{float(1767225600 + i)}" for i in range(count)]


class Folders(debug_support.Folder, unittest.TestCase):
    def write(self, line="pass"):
        (self.folder / "connector.py").write_text(PYTHON % line)

    def test_each_published_connector_is_recognised(self):
        for name, line in PUBLISHED.items():
            with self.subTest(name):
                self.write(line)
                self.refused(f"looks like the published connector {name}", f"--native, or --connector {name}", "--python")
                self.assertFalse(self.files.exists())
        # With --native it is ours, which misses its fields here.
        self.configure({"database": "/nowhere/shop.duckdb"})
        self.write(PUBLISHED["key_based_replication"])
        self.assertIn("/nowhere/shop.duckdb", self.debug("--native", check_exit=(1, 2)))

    def test_python(self):
        self.write(PUBLISHED["yugabytedb"])
        self.configure({"api_key": "s3cret-of-the-test"})
        self.debug("--python", "--log-level", "fine")
        self.assertIn("Successfully connected to YugabyteDB", self.said)
        self.assertRegex(self.said, r"Checkpointed: \d+ bytes in .*state\.json")
        self.assertNotIn('"next"', self.said)  # connectors keep tokens there
        self.assertNotIn("s3cret-of-the-test", self.said)
        self.assertEqual(self.look(POINTS), points(3))
        self.assertEqual(self.types("points"), {"id": "INTEGER", "price": "FLOAT", "day": "TIMESTAMP WITH TIME ZONE",
                                                "_fivetran_deleted": "BOOLEAN", "_fivetran_synced": "TIMESTAMP WITH TIME ZONE"})
        self.assertEqual((self.report["Upserts"], self.report["SchemaChanges"], self.report["Checkpoints"]), (3, 1, 1))
        self.assertEqual(json.loads(self.state.read_text()), {"next": 3})
        # One's own needs no flag; it goes on, and says less.
        self.write()
        self.debug("--log-level", "severe")
        self.assertNotIn("it begins at", self.said)
        self.assertEqual(self.look(POINTS), points(6))
        # What is committed stays, and the traceback is shown.
        self.debug(check_exit=1)
        self.assertIn("the seventh is too much", self.said)
        self.assertIn("connector.py", self.said)
        self.assertEqual(self.said.splitlines()[-1], "Sync FAILED")
        self.assertEqual((self.report["Upserts"], self.look(POINTS)), (3, points(9)))
        # A state of one's own to begin with, and none.
        self.state.unlink()
        self.debug()
        self.assertIn("all is synced again", self.said)
        (self.folder / "mine.json").write_text('{"next": 1}')
        self.debug("--state", str(self.folder / "mine.json"))
        self.assertEqual(json.loads(self.state.read_text()), {"next": 4})
        self.assertEqual(self.look(POINTS), points(9))
        # A state that is of no connector which pushes.
        self.state.write_text('{"sluice": 1, "connector": "yugabytedb", "tables": {}}')
        self.debug()
        self.assertIn("says nothing to this one", self.said)
        self.assertEqual(json.loads(self.state.read_text()), {"next": 3})
        self.assertEqual(self.look(POINTS), points(9))
        self.assertIn("is for databases", self.debug("--full", check_exit=2))

    def test_a_shared_object(self):
        connector = f"connector:{support.BUILD / 'connectors' / 'file_source.so'}"
        (self.folder / "in").mkdir()
        (self.folder / "in" / "a.csv").write_text("id,Big Name\n1,x\n2,y\n")
        self.configure({"folder": str(self.folder / "in"), "table": "Notes"})
        self.debug("--connector", connector)
        self.assertEqual(self.look("select id, big_name from tester.notes order by id"), ["1|x", "2|y"])
        self.assertEqual((self.report["Upserts"], self.report["SchemaChanges"]), (2, 1))
        self.debug("--connector", connector)
        self.assertEqual(self.report["Upserts"], 0)
        self.state.unlink()
        self.debug("--connector", connector)
        self.assertEqual((self.report["Upserts"], self.look("select count(*) from tester.notes")), (2, ["2"]))
        # What is put there is kept with all its digits.
        state = self.state.read_text().rstrip().removesuffix("}") + ', "of.another": 12345678901234567890123}'
        self.state.write_text(state)
        self.debug("--connector", connector, "--log-level", "fine")
        self.assertEqual(self.report["Upserts"], 0)
        self.assertIn("12345678901234567890123", self.state.read_text())
        self.assertIn("no such file", self.debug("--connector", "connector:/nowhere.so", check_exit=2))
        self.assertEqual(self.said.splitlines()[-1], "Sync FAILED")

    def test_slips(self):
        for arguments, words in ((("--connector", "singlestor"), "did you mean singlestore?"), (("--naming", "snake"), "fivetran or source"),
                                 (("--python", "--native"), "leave one of the two out"), (("--log-level", "loud"), "severe"),
                                 (("--state", "mistyped.json"), "there is no mistyped.json")):
            self.assertIn(words, self.debug(*arguments, check_exit=2))
        # A mistyped folder is not made.
        nowhere = self.folder / "nowhere"
        said = support.sluice("debug", str(nowhere), "--connector", "key_based_replication", check_exit=2)
        self.assertIn(f"there is no folder {nowhere}", said)
        self.assertFalse(nowhere.exists())

    def test_at_a_terminal(self):
        shown, code = self.at_a_terminal("--connector", "key_based_replication")
        self.assertEqual((code, shown.splitlines()), (0, [
            "5 customers changed", "Sync completed successfully.", "Operation       | Calls", "----------------+------------",
            "Upserts         | 5", "Updates         | 0", "Deletes         | 0", "Truncates       | 0", "SchemaChanges   | 1",
            "Checkpoints     | 1", "Sync SUCCEEDED"]))
        shown, code = self.at_a_terminal("--connector", "singlestore")
        self.assertEqual((code, shown.splitlines()[-1]), (2, "Sync FAILED"))
        self.assertIn("\n hint: ", shown)
        self.assertLessEqual(max(len(line) for line in shown.splitlines() if str(self.folder) not in line), 80)

    def test_reset_asks(self):
        self.debug("--connector", "key_based_replication")
        shown, code = self.at_a_terminal("--reset", answer="n\n")
        self.assertEqual((code, shown.splitlines()[-1], self.warehouse.exists()), (0, "Delete them? (y/N) nothing was deleted", True))
        self.assertIn("no terminal to ask at", self.debug("--reset", check_exit=2))
        self.assertTrue(self.warehouse.exists() and self.state.exists())
        with subprocess.Popen([support.HOLD_FILE, str(self.warehouse), "write"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as holder:
            holder.stdout.readline()
            self.debug("--reset", "--yes", check_exit=6)
            holder.stdin.close()
        self.assertTrue(self.warehouse.exists())
        shown, code = self.at_a_terminal("--reset", answer="y\n")
        self.assertEqual((code, list(self.files.iterdir())), (0, []))
        self.assertIn("nothing to reset", self.debug("--reset", check_exit=None))

    def units(self, folder, *arguments):
        """Both files by their names, as systemd would read them."""
        text = support.sluice("debug", str(folder), "--print-service", *arguments)
        found = re.split(r"^# /etc/systemd/system/(\S+)\n", text.split("# then:")[0], flags=re.M)[1:]
        units = dict(zip(found[::2], found[1::2]))
        with tempfile.TemporaryDirectory() as place:
            for name, unit in units.items():
                (pathlib.Path(place) / name).write_text(unit)
            if shutil.which("systemd-analyze"):
                checked = subprocess.run(["systemd-analyze", "verify", *(f"{place}/{name}" for name in units)], capture_output=True, text=True)
                ours = [line for line in checked.stderr.splitlines() if "sluice-" in line]
                self.assertEqual((ours, checked.returncode), ([], 0), checked.stderr)
        parsed = {}
        for name, unit in units.items():
            parsed[name] = configparser.ConfigParser(interpolation=None)
            parsed[name].optionxform = str
            parsed[name].read_string(unit)
        return parsed

    def test_units(self):
        odd = self.folder / 'a "b" 50% $HOME\\'
        odd.mkdir()
        (odd / "connector.py").write_text(PYTHON % "pass")
        for arguments, name, command in ((("--connector", "key_based_replication"), "key_based_replication", ["--connector", "key_based_replication"]),
                                         ((), "a--b--50---HOME-", ["--python"]),
                                         (("--connector", "connector:/x y/libmine.so", "--naming", "source"), "libmine",
                                          ["--connector", "connector:/x y/libmine.so", "--naming", "source"])):
            units = self.units(odd, *arguments)
            self.assertEqual(list(units), [f"sluice-{name}.service", f"sluice-{name}.timer"])
            service, timer = units.values()
            self.assertEqual(service["Service"]["Type"], "oneshot")
            line = service["Service"]["ExecStart"]
            self.assertIn("50%%", line)
            words = [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]
            self.assertEqual(words[1:], ["debug", str(odd), *command])
            self.assertEqual(timer["Timer"]["OnUnitActiveSec"], "6h")
            self.assertEqual(timer["Install"]["WantedBy"], "timers.target")
        # The command is one that runs.
        self.units(self.folder, "--connector", "key_based_replication")
        words = shlex.split(self.units(self.folder, "--connector", "key_based_replication")["sluice-key_based_replication.service"]["Service"]["ExecStart"])
        self.assertIn("Sync SUCCEEDED", subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        self.assertIn("for one run", support.sluice("debug", str(odd), "--print-service", "--state", "x", check_exit=2))


if __name__ == "__main__":
    unittest.main()
