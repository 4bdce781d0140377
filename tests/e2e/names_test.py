# Columns that are called what DuckDB or sluice itself calls something: ordinary names, and the values look like row numbers.
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

NAMES = ("rowid", "sluice_rid", "sluice_hash", "sluice_bucket", "bucket", "n", "rid", "s", "t", "digest", "b", "d", "h1", "most", "same")
WAYS = {
    "full": (("--strategy", "full"), "true"),
    "incremental": (("--strategy", "incremental"), "true"),
    "xmin": (("--strategy", "xmin"), "true"),
    "digest": (("--strategy", "digest"), "true"),
    "soft": (("--deletes", "soft"), "not _sluice_deleted"),
    "history": (("--mode", "history"), "_sluice_is_current"),
}
COLUMNS = ", ".join(f"{name} int" for name in NAMES)
VALUES = ", ".join("g % 10" for _ in NAMES)


class Names(support.Fixture, unittest.TestCase):
    def equal(self, table, where="true", says=""):
        support.assert_equal(self.pg, f"public.{table}", self.file, database=self.db, says=says,
                             target=f'(select * rename (rowid_ as "rowid") from public.{table} where {where})')

    def test_rows_are_told_apart_whatever_their_columns_are_called(self):
        for way, (flags, living) in WAYS.items():
            with self.subTest(way):
                self.file.unlink(missing_ok=True)
                self.sql(f"drop table if exists k; create table k (id int primary key, {COLUMNS}, updated_at timestamptz default now());"
                         f" insert into k select g, {VALUES}, now() - interval '1 day' from generate_series(1, 100) g")
                self.sync("--tables", "public.k", *flags)
                self.sql("update k set t = 77, updated_at = now() where id in (5, 50, 95); delete from k where id = 7; insert into k (id, n) values (101, 3)")
                text = self.sync("--tables", "public.k", "--verify", *flags)
                self.equal("k", living, f"{way}: {text}")
                support.sluice("verify", self.url, self.file, "--tables", "public.k", *flags)

    def test_rows_without_a_key(self):
        self.sql(f"create table bag ({COLUMNS}); insert into bag select {VALUES} from generate_series(1, 200) g")
        self.sync()
        self.sql("delete from bag where ctid = (select min(ctid) from bag where n = 3); update bag set s = 99 where n = 4; insert into bag (rowid) values (7)")
        text = self.sync("--verify")
        self.equal("bag", says=text)
        support.sluice("verify", self.url, self.file)

    def test_deletes_are_found_by_digests_of_keys_called_so(self):
        for name in ("bucket", "n", "rowid", "s"):
            with self.subTest(name):
                self.file.unlink(missing_ok=True)
                self.sql(f"drop table if exists big; create table big ({name} int, other text, updated_at timestamptz default now(), primary key ({name}));"
                         " insert into big select g, 'x', now() - interval '1 day' from generate_series(1, 60000) g; vacuum analyze big")
                self.sync()
                self.sql(f"delete from big where {name} in (5, 6, 40000) or {name} between 100 and 110")
                text = self.sync("--verify")
                target = '(select * rename (rowid_ as "rowid") from public.big)' if name == "rowid" else "public.big"
                support.assert_equal(self.pg, "public.big", self.file, target=target, database=self.db, says=text)


if __name__ == "__main__":
    unittest.main()
