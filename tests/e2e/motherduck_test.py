# The program and MotherDuck, where there is none: no network, one that answers nothing, files that are no extension of
# this DuckDB. It ends in about ten seconds, says what to do, and its token is nowhere to be seen.
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

TOKEN = "eyJhbGciOiJ.MARKED-TOKEN.c2VjcmV0"
LIMIT = 10


@contextlib.contextmanager
def proxy(answers):
    """One that takes connections and says nothing, or one that nobody listens to: the environment that leads to it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if not answers:
            listener.listen(16)
        yield {"HTTP_PROXY": f"http://127.0.0.1:{listener.getsockname()[1]}"}


class Motherduck(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="sluice-md-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.file = self.folder / "shop.duckdb"
        # A home without the extension; no token of the user's.
        self.env = {"HOME": str(self.folder), "MOTHERDUCK_TOKEN": "", "motherduck_token": ""}

    def sluice(self, *arguments, check_exit, **env):
        began = time.monotonic()
        text = support.sluice(*arguments, check_exit=check_exit, **{**self.env, **env})
        self.took = time.monotonic() - began
        self.assertNotIn("MARKED", text)
        for each in self.folder.rglob("*"):
            if each.is_file() and each.name != "token":
                self.assertNotIn(b"MARKED", each.read_bytes(), each)
        return text

    def extension_file(self):
        with proxy(answers=True) as no_network:
            text = self.sluice("check", "md:shop", self.file, check_exit=1, MOTHERDUCK_TOKEN=TOKEN, **no_network)
        version, platform = re.search(r"/(v[0-9.]+)/(\w+)/motherduck", text).groups()
        return self.folder / ".duckdb/extensions" / version / platform / "motherduck.duckdb_extension", version, platform

    def test_without_a_token_nothing_is_tried(self):
        text = self.sluice("sync", "md:shop", self.file, check_exit=2)
        self.assertIn("md:shop: there is no MotherDuck token", text)
        self.assertIn("MOTHERDUCK_TOKEN", text)
        self.assertFalse(self.file.exists())

    def test_a_token_without_the_name_of_its_parameter_is_not_shown(self):
        for url in (f"md:shop?{TOKEN}", f"md:shop?attach_mode=single&{TOKEN}"):
            text = self.sluice("sync", url, self.file, check_exit=2)
            self.assertIn("md:shop: a parameter of the URL has no value", text)
            self.assertIn("a token is in a URL of the command line", text)
        self.assertNotIn("command line", self.sluice("sync", "md:shop?attach_mode=single", self.file, check_exit=2))

    def test_without_a_network(self):
        config = self.folder / "sluice.yaml"
        token = self.folder / "token"
        token.write_text(TOKEN + "\n")
        config.write_text("connections:\n  shop:\n    source: md:shop\n    destination: duckdb:copy.duckdb\n"
                          "    password_file: token\n")
        with proxy(answers=True) as no_network:
            for arguments, env in ((("sync", "md:shop", self.file), {"MOTHERDUCK_TOKEN": TOKEN}),
                                   (("sync", "md:shop", self.file), {"SLUICE_PASSWORD": TOKEN}),
                                   (("sync", "--config", config), {}),
                                   (("discover", f"md:shop?motherduck_token={TOKEN}"), {}),
                                   (("runs", "md:shop"), {"motherduck_token": TOKEN}),
                                   (("sql", "md:shop", "select 1"), {"motherduck_token": TOKEN})):
                with self.subTest(arguments):
                    text = self.sluice(*arguments, check_exit=1, **no_network, **env)
                    self.assertIn("md:shop: DuckDB's extension motherduck is not installed, and cannot be downloaded",
                                  text)
                    self.assertIn("hint: let this machine reach extensions.duckdb.org", text)
                    self.assertLess(self.took, LIMIT + 5)
        self.assertFalse(self.file.exists())

    def test_as_a_destination(self):
        subprocess.run([support.HOLD_FILE, str(self.file), "write", "CREATE TABLE t AS SELECT 1 AS id"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        before = self.file.read_bytes()
        text = self.sluice("sync", self.file, "md:warehouse", check_exit=2)
        self.assertIn("md:warehouse: there is no MotherDuck token", text)
        with proxy(answers=True) as no_network:
            for url, env in ((f"md:warehouse?motherduck_token={TOKEN}", {}), ("md:warehouse", {"MOTHERDUCK_TOKEN": TOKEN}),
                             ("motherduck:warehouse", {"SLUICE_PASSWORD": TOKEN})):  # a file has no password of its own
                for command in ("sync", "plan", "verify", "check"):
                    with self.subTest(command=command, url=url):
                        text = self.sluice(command, self.file, url, check_exit=1, **no_network, **env)
                        self.assertIn("md:warehouse: DuckDB's extension motherduck is not installed", text)
        self.assertEqual(self.file.read_bytes(), before)

    def test_a_network_that_does_not_answer_is_given_up_after_ten_seconds(self):
        with proxy(answers=False) as silent:
            text = self.sluice("sync", "md:shop", self.file, check_exit=1, MOTHERDUCK_TOKEN=TOKEN, **silent)
            self.assertIn("md:shop: MotherDuck did not answer within 10 s, while its extension is downloaded", text)
            self.assertGreater(self.took, LIMIT - 1)
            self.assertLess(self.took, LIMIT + 5)
            self.sluice("sync", "md:shop?connection_timeout=1s", self.file, check_exit=1, MOTHERDUCK_TOKEN=TOKEN, **silent)
            self.assertLess(self.took, 6)

    def test_meanwhile_the_token_is_not_in_the_title_and_it_can_be_stopped(self):
        with proxy(answers=False) as silent:
            url = f"md:shop?motherduck_token={TOKEN}"
            with support.start("sync", url, self.file, **{**self.env, **silent}) as run:
                title = pathlib.Path(f"/proc/{run.pid}/cmdline")
                support.wait_for(lambda: b"motherduck_token=***" in title.read_bytes())
                self.assertNotIn(b"MARKED", title.read_bytes())
                time.sleep(1)
                run.send_signal(signal.SIGINT)
                run.send_signal(signal.SIGINT)
                began = time.monotonic()
                text = support.waited_for(run)
                self.assertLess(time.monotonic() - began, LIMIT - 2)
        self.assertIn(run.returncode, (130, 1), text)
        self.assertNotIn("MARKED", text)
        self.assertIn("a token is in a URL of the command line", text)

    def test_a_file_that_is_no_extension_of_this_duckdb(self):
        file, version, platform = self.extension_file()
        file.parent.mkdir(parents=True, exist_ok=True)

        def footer(duckdb):
            fields = ["4", platform, duckdb, "v1", "CPP", "", "", ""]  # as DuckDB's own builds append them, last first
            return b"".join(each.encode().ljust(32, b"\0") for each in reversed(fields)) + bytes(256)

        for content, why in ((b"", "cannot be used"), (bytes(2000), "cannot be used"),
                             (bytes(2000) + footer("v1.4.0"), "is of another version")):
            file.write_bytes(content)
            with self.subTest(len(content)):
                text = self.sluice("check", "md:shop", self.folder / "c.duckdb", check_exit=2, MOTHERDUCK_TOKEN=TOKEN)
                self.assertIn(f"md:shop: DuckDB's extension motherduck {why}", text)
                self.assertIn("remove", text)
                self.assertLess(self.took, LIMIT)


if __name__ == "__main__":
    os.environ.pop("HTTP_PROXY", None)
    unittest.main()
