# Tables of four times the memory that a run may take, of a DuckDB file: loaded, compared, repaired and verified within it.
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import duckdb_support  # noqa: E402
import support  # noqa: E402

LIMIT = 192 << 20  # the least that --memory takes
ROWS = 5_400_000  # of 152 bytes
TABLE = f"""create table t as select i as id, md5(i::varchar) || md5((i + 1)::varchar) as a, md5((i * 7)::varchar) || md5((i * 11)::varchar) as b,
    i % 1000 as n, timestamptz '2026-01-01 00:00:00+00' + interval (i) millisecond as updated_at from range({ROWS}) r(i)"""


class WholeResultInMemory(duckdb_support.Files, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="sluice-e2e-duckdb-")
        cls.addClassCleanup(holder.cleanup)
        cls.table = pathlib.Path(holder.name) / "table.duckdb"
        duckdb_support.run_sql(cls.table, TABLE)

    def setUp(self):
        super().setUp()
        shutil.copyfile(self.table, self.source)

    def measured(self, *words):
        """The receipt of the only table, if it is a sync, of a run that never had more than its limit in memory."""
        command = [support.SLUICE, *words[:1], f"duckdb:{self.source}", f"duckdb:{self.file}", "--json", "--memory", str(LIMIT), *words[1:]]
        with open(self.folder / "said", "w+") as out:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=support.environment())
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            text = out.read()
        self.assertEqual(child.returncode, 0, text)
        self.assertLess(usage.ru_maxrss * 1024, LIMIT, f"{words}: peak memory")
        if words[0] == "sync":
            (receipt,) = duckdb_support.Run(text).tables.values()
            return receipt["strategy"], (receipt["inserted"], receipt["updated"], receipt["deleted"])

    def check_table(self, changed, *flags):
        self.assertGreaterEqual(int(support.value(self.source, "select sum(length(a) + length(b) + 24)::bigint from t")), 4 * LIMIT)
        self.assertEqual(self.measured("sync", *flags), ("load", (ROWS, 0, 0)))
        self.sql("update t set b = 'changed', updated_at = '2026-06-01' where id % 5400 = 7; delete from t where id % 54000 = 9")
        self.assertEqual(self.measured("sync", *flags), changed)
        self.assertEqual(self.measured("sync", *flags), (changed[0], (0, 0, 0)))
        self.measured("verify")
        ours = "count(*), sum(hash(id, a, b, n, updated_at))"
        self.assertEqual(self.look(f"select (select ({ours}) from src.t)::varchar = (select ({ours}) from copy.t)::varchar"), "true")

    def test_with_both_keys(self):
        self.sql("alter table t add primary key (id)")
        self.check_table(("incremental", (0, 1000, 100)))
        self.assertEqual(self.measured("sync", "--full"), ("full", (0, 0, 0)))

    def test_with_a_primary_key(self):
        self.sql("alter table t add primary key (id)")
        self.check_table(("full", (0, 1000, 100)), "--replication-key", "")

    def test_without_a_key(self):
        self.check_table(("full", (1000, 0, 1100)))


if __name__ == "__main__":
    unittest.main()
