# What the commands that look at a destination show of a connector that pushes, and its reset.
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

PROGRAM = str(support.BUILD / "bin" / "feed_program")


class FeedState(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="sluice-e2e-feed-")
        self.addCleanup(holder.cleanup)
        self.file = pathlib.Path(holder.name) / "copy.duckdb"
        self.url = f"duckdb:{self.file}"

    def checkpoints(self, number):
        subprocess.run([PROGRAM, str(self.file), str(number), "10"], check=True, capture_output=True)

    def ids(self):
        answer = support.sluice("sql", self.file, "select count(*) as rows, max(n) as n from t", "--json")
        return tuple(json.loads(answer.splitlines()[0]).values())

    def test_runs_and_state_show_it_and_a_reset_makes_it_start_over(self):
        self.checkpoints(3)
        self.assertEqual(self.ids(), (20, 2))
        self.assertIn("default goes on from {\"n\": 3}", support.sluice("state", "show", self.url))
        lines = [json.loads(line) for line in support.sluice("state", "show", self.url, "--json").splitlines()]
        self.assertEqual([line["connector"] for line in lines if "connector" in line], [{"n": 3}])
        run = support.sluice("runs", self.url)
        self.assertIn("default", run)
        # One table: the connector starts over, the others' rows stay.
        text = support.sluice("state", "reset", "t", "--destination", self.url, check_exit=2)
        self.assertIn("would reset default: t", text)
        self.assertIn("a connector that pushes starts over", text)
        self.checkpoints(1)
        self.assertEqual(self.ids(), (25, 3))
        support.sluice("state", "reset", "t", "--yes", "--destination", self.url)
        self.checkpoints(1)
        self.assertEqual(self.ids(), (10, 0))
        # All of it: the state, too.
        self.assertIn("reset default: the connector's state",
                      support.sluice("state", "reset", "--yes", "--destination", self.url))
        self.assertIn("default goes on from {}", support.sluice("state", "show", self.url))
        self.checkpoints(2)
        self.assertEqual(self.ids(), (15, 1))


if __name__ == "__main__":
    unittest.main()
