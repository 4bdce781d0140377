# What the tests of `sluice debug` share: a folder with a configuration.json, what stands in for each database, and the
# closing report as numbers. Standard library only.
import fcntl
import json
import os
import pathlib
import pty
import struct
import subprocess
import tempfile
import termios

import support

REPORT = ("Upserts", "Updates", "Deletes", "Truncates", "SchemaChanges", "Checkpoints")


class Double:
    """A program of tests/support that stands in for a database, and obeys lines of its input."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([str(support.BUILD / "bin" / program), *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.words = self.process.stdout.readline().split()
        assert self.words, f"{program} did not start"

    def tell(self, line):
        """What it prints before `done`."""
        self.process.stdin.write(line + "\n")
        said = []
        for answer in self.process.stdout:
            if answer == "done\n":
                return said
            said.append(answer.rstrip("\n"))
        raise AssertionError(f"it ended at: {line}")

    def sql(self, text):
        self.tell("sql " + text.replace("\n", " "))

    def query(self, text):
        return self.tell("query " + text.replace("\n", " "))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Folder:
    """Mixed into a TestCase: the folder of a connector."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="sluice-e2e-debug-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.files = self.folder / "files"
        self.warehouse, self.state = self.files / "warehouse.db", self.files / "state.json"

    def configure(self, configuration, name="configuration.json"):
        text = configuration if isinstance(configuration, str) else json.dumps(configuration)
        (self.folder / name).write_text(text)

    def debug(self, *arguments, check_exit=0, **env):
        """Both outputs; the report in self.report."""
        text = support.sluice("debug", str(self.folder), *arguments, check_exit=check_exit, **env)
        rows = [line.split("|") for line in text.splitlines() if " | " in line and line.split()[0] in REPORT]
        self.report = {name.strip(): int(count.replace(",", "")) for name, count in rows}
        self.said = text
        if check_exit == 0:
            self.assertEqual(text.splitlines()[-1], "Sync SUCCEEDED")
            lines = [line for line in text.splitlines() if "|" in line or line.startswith("----")]
            self.assertEqual(lines[:2], ["Operation       | Calls", "----------------+------------"])
            self.assertEqual(tuple(self.report), REPORT)
            self.assertEqual((self.report["Updates"], self.report["Truncates"]), (0, 0))
        return text

    def at_a_terminal(self, *arguments, answer=""):
        """Of 80 columns: what is shown, without colours, and the exit code."""
        child, terminal = pty.fork()
        if child == 0:
            os.execve(support.SLUICE, [support.SLUICE, "debug", str(self.folder), *arguments], support.environment(NO_COLOR="1"))
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.write(terminal, answer.encode())
        shown = b""
        try:
            while block := os.read(terminal, 65536):
                shown += block
        except OSError:  # its end
            pass
        os.close(terminal)
        return shown.decode().replace("\r\n", "\n"), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def refused(self, *words, arguments=()):
        """Exit 2, and the words in what is said."""
        text = self.debug(*arguments, check_exit=2)
        for word in words:
            self.assertIn(word, text)
        self.assertIn("Sync FAILED", text.splitlines())
        return text

    def look(self, sql):
        """Rows as one text each, '|' between values."""
        return ["|".join(row) for row in support.query(self.warehouse, sql)]

    def types(self, table):
        return dict(each.split("|") for each in self.look(
            f"select column_name, replace(column_type, ',', '.') from (describe select * from warehouse.tester.{support.quoted(table)})"))

    def tables(self):
        return [each.removeprefix("tester.") for each in support.tables(self.warehouse)]

    def marks(self):
        """Of state.json, by table."""
        tables = json.loads(self.state.read_text())["tables"]
        return {name: table["cursor"] for schema in tables.values() for name, table in schema.items()}

    def storage(self):
        # Offset 12 of the file: the version of the storage, 64 for what DuckDB v1.0.0 reads.
        return int.from_bytes(self.warehouse.read_bytes()[12:20], "little")

    def lives_by_its_state_json(self, everything, state_of_the_published):
        """What holds of files/state.json for each connector: `everything` checks the copy, as it is after a run."""
        self.debug()
        everything()
        first = dict(self.report)
        self.debug()
        self.assertEqual((self.report["Upserts"], self.report["Deletes"], self.report["SchemaChanges"]), (0, 0, 0))
        everything()
        kept = self.state.read_text()
        self.state.unlink()
        self.debug()
        self.assertEqual((self.report["Upserts"], self.report["Deletes"]), (first["Upserts"], 0), self.said)
        everything()
        self.assertEqual(json.loads(self.state.read_text())["tables"].keys(), json.loads(kept)["tables"].keys())
        # The published connector's, beside the tester's warehouse: nothing of both is believed, nothing is lost.
        self.warehouse.unlink()
        subprocess.run([support.BUILD / "bin" / "run_sql", self.warehouse, "/dev/stdin"], check=True, text=True,
                       input="create schema tester; create table tester.t as select 1 as a;")
        self.state.write_text(json.dumps(state_of_the_published))
        self.debug()
        self.assertEqual(self.report["Upserts"], first["Upserts"], self.said)
        everything()
        self.assertEqual(json.loads((self.files / "state.fivetran.json").read_text()), state_of_the_published)
        self.assertEqual(support.query(self.files / "warehouse.fivetran.db", "from tester.t"), [["1"]])
        # Nor beside ours.
        self.state.write_text(json.dumps(state_of_the_published))
        self.debug()
        everything()
        self.assertEqual(self.storage(), 64)
