# Every command line in README.md and docs/ that a reader may copy: each is run, against a server and a file of the
# test's own in place of the names that the text uses.
import pathlib
import re
import shlex
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

PAGES = [support.ROOT / "README.md", *sorted((support.ROOT / "docs").glob("*.md"))]
CONFIG = """connections:
  shop:
    source: "{url}"
    destination: "duckdb:warehouse.duckdb"
"""


def commands():
    """Lines of console blocks that begin with `$ sluice`, and of sh blocks that begin with `sluice`."""
    for page in PAGES:
        for kind, block in re.findall(r"^```(console|sh)\n(.*?)^```", page.read_text(), re.M | re.S):
            for line in block.splitlines():
                found = re.match(r"\$ (sluice .*)" if kind == "console" else r"(?:\S+ \* \* \* \* cd \S+ && )?(sluice .*)", line)
                if found:
                    yield page.name, found.group(1)


class Documents(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql("create table orders (id int primary key, amount numeric(12,2), note text, tags text[],"
                 " updated_at timestamptz default now());"
                 " insert into orders select i, i * 1.25, 'note ' || i, array['a', null] from generate_series(1, 99) i;"
                 " create table events (at timestamptz, kind text); insert into events values (now(), 'k')")

    def test_every_command_line_runs(self):
        folder = pathlib.Path(self.folder)
        url = self.url
        shop, warehouse = folder / "shop.duckdb", folder / "warehouse.duckdb"
        support.sluice("sync", url, f"duckdb:{shop}")
        support.sluice("sync", url, f"duckdb:{warehouse}", "--name", "shop")
        (folder / "sluice.yaml").write_text(CONFIG.format(url=url))
        count = 0
        for page, line in commands():
            words = shlex.split(line, comments=True)[1:]
            if words[0] == "init":
                continue  # refuses to overwrite; config_test.cpp runs it
            if "SOURCE" in words or "DESTINATION" in words:
                words = [{"SOURCE": url, "DESTINATION": f"duckdb:{warehouse}"}.get(word, word) for word in words]
            words = [url if word.startswith("postgresql://") else word for word in words]
            words = [re.sub(r"^(duckdb:)?(\w+\.duckdb)$", rf"\g<1>{folder}/\2", word) for word in words]
            words = [re.sub(r"^(\w+\.json)$", rf"{folder}/\1", word) for word in words]
            if words[0] in ("sync", "state", "runs", "plan", "check") and not any(":" in word for word in words[1:]):
                words += ["--config", str(folder / "sluice.yaml")]
            if words[:2] == ["sync", f"duckdb:{shop}"]:
                words[2] = f"duckdb:{folder}/other.duckdb"  # another source than the warehouse's
            elif words[0] in ("sync", "plan", "check") and f"duckdb:{warehouse}" in words:
                words += ["--name", "shop"]
            with self.subTest(page=page, line=line):
                support.sluice(*words)
                count += 1
        self.assertGreater(count, 8)

    def test_every_make_target_named_exists(self):
        targets = set(re.findall(r"^([a-z-]+):", (support.ROOT / "Makefile").read_text(), re.M))
        targets |= {name for line in re.findall(r"^((?:[a-z-]+ )+[a-z-]+):", (support.ROOT / "Makefile").read_text(), re.M)
                    for name in line.split()}
        for page in PAGES:
            for name in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.M):
                self.assertIn(name, targets, page.name)

    def test_links_between_pages_lead_somewhere(self):
        for page in [*PAGES, support.ROOT / "ARCHITECTURE.md", support.ROOT / "CONTRIBUTING.md"]:
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page.name}: {target}")


if __name__ == "__main__":
    unittest.main()
