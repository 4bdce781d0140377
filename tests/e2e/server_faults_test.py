# What a server, a network, a user and a disk can do to a run: it is retried or fails clearly, the copy stays whole, and
# the next run makes it equal.
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

ROWS = 200_000


class Faults(support.Fixture, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.sql(f"""create table t (id bigint primary key, a text, updated_at timestamptz default now() - interval '1 day');
            insert into t select i, repeat(md5(i::text), 6) from generate_series(1, {ROWS}) i;
            create index on t (updated_at); analyze t""")

    def proxy(self, fault, after):
        proxy = support.Proxy(self.pg.port, fault, after)
        self.addCleanup(proxy.close)
        return proxy, self.pg.url(self.db, port=proxy.port)

    def reading(self):
        return self.sql("select count(*) from pg_stat_activity where application_name like 'sluice%' and query ilike 'copy%'") != "0"

    def wait_until_reading(self, run):
        support.wait_for(lambda: self.reading() or run.poll() is not None)
        self.assertIsNone(run.poll(), "the run ended before it was hit")

    def end(self, run, *codes):
        text = support.waited_for(run)
        self.assertIn(run.returncode, codes, text)
        return text

    def assert_heals(self):
        self.sync()
        self.assert_equal("public.t")
        self.assert_nothing_hidden()

    def test_backends_terminated_during_a_load(self):
        run = self.start_sync("--max-rate", "20MB", "--json")
        for _ in range(3):
            support.wait_for(lambda: self.reading() or run.poll() is not None)
            self.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sluice%'")
            time.sleep(0.3)
        self.assertIn("retry", self.end(run, 0))
        self.assert_equal("public.t")
        self.assert_nothing_hidden()

    def test_a_rate_is_no_silence(self):
        """One batch, and one value, take longer at this rate than a source may be silent."""
        self.sql("create table slow as select 1 as id, repeat('x', 3000000) as a")
        self.sync("--tables", "public.slow", "--max-rate", "600KB", "--idle-timeout", "2s")
        self.assert_equal("public.slow")

    def test_one_reader_terminated_during_an_incremental_run(self):
        self.sync()
        self.sync()
        self.sql("update t set a = 'changed', updated_at = now() where id % 4 = 0; delete from t where id % 40 = 1")
        run = self.start_sync("--max-rate", "5MB")
        self.wait_until_reading(run)
        self.sql("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'copy%'")
        self.end(run, 0)
        self.assert_equal("public.t")

    def test_server_crashes_and_comes_back(self):
        run = self.start_sync("--max-rate", "20MB")
        self.wait_until_reading(run)
        self.pg.stop(signal.SIGQUIT)
        time.sleep(1)
        self.pg.start()
        self.end(run, 0)
        self.assert_equal("public.t")
        self.assert_nothing_hidden()

    def test_server_gone_for_good(self):
        """Retries end, the error is clear, and the copy is as it was."""
        self.sync()
        self.sync()
        self.sql("update t set a = 'changed', updated_at = now()")
        old = support.contents(self.pg, "public.t", self.file, "public.t", self.db)[1]
        run = self.start_sync("--max-rate", "10MB")
        self.wait_until_reading(run)
        self.pg.stop(signal.SIGQUIT)
        text = self.end(run, 1)
        self.pg.start()
        self.assertNotIn("internal", text)
        self.assertEqual(support.contents(self.pg, "public.t", self.file, "public.t", self.db)[1], old)
        self.assert_heals()

    def test_silent_reader_and_told_to_stop_at_once(self):
        proxy, url = self.proxy("stall", 3_000_000)
        run = self.start_sync(url=url)
        self.assertTrue(proxy.hit.wait(30))
        time.sleep(0.5)
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        time.sleep(0.3)
        run.send_signal(signal.SIGINT)
        self.end(run, 130)
        self.assertLess(time.monotonic() - began, 5)
        self.assert_heals()

    def test_silent_reader_while_another_operator_fails(self):
        """The run must end though one reader never answers: here another one loses its connection."""
        proxy, url = self.proxy("stall", 3_000_000)
        run = self.start_sync("--max-rate", "30MB", url=url)
        self.assertTrue(proxy.hit.wait(30))
        self.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'sluice%'")
        self.end(run, 0)  # retried; the proxy's fault comes once
        self.assert_equal("public.t")

    def test_interrupted_once_finishes_the_unit_and_resumes(self):
        run = self.start_sync("--max-rate", "20MB")
        self.wait_until_reading(run)
        run.send_signal(signal.SIGINT)
        self.assertIn("the same command again", self.end(run, 130))
        self.assertEqual(support.tables(self.file), ["public._sluice_load_t"])
        self.sql(f"update t set a = 'moved', updated_at = now() where id % 100 = 0; delete from t where id % 100 = 1;"
                 f" insert into t select i, 'late' from generate_series({ROWS + 1}, {ROWS + 500}) i")
        text = self.sync()
        self.assertIn("resume", text)
        self.assert_equal("public.t")
        self.assert_nothing_hidden()

    def test_interrupted_once_never_writes_half_of_a_comparison(self):
        """Ctrl-C during a merge, its look for deleted rows, or a comparison: all of it or nothing, never what was read."""
        self.sync()
        self.sync()
        for step, flags in enumerate([(), ("--full",), ("--strategy", "full")] * 2):
            with self.subTest(flags=flags, step=step):
                self.sql(f"update t set a = 'step {step}', updated_at = now() where id % 9 = {step};"
                         f" delete from t where id % 1000 = {step}")
                run = self.start_sync(*flags, "--max-rate", "40MB", "--allow-deletes", "*")
                self.wait_until_reading(run)
                time.sleep(0.15 * (step // 3 + 1))
                run.send_signal(signal.SIGINT)
                self.end(run, 0, 130)
                lost = support.value(self.file, f"select count(*) from public.t where id % 1000 > 10")
                self.assertEqual(lost, self.sql("select count(*) from t where id % 1000 > 10"))
                self.sync()
                self.assert_equal("public.t")

    def test_garbled_bytes(self):
        """Bytes that are no protocol: a clear error or a retry, never a wrong value. Once the copy is there it stays."""
        proxy, url = self.proxy("garble", 2_000_000)
        run = self.start_sync(url=url)
        text = self.end(run, 0, 1)
        self.assertTrue(proxy.hit.is_set())
        if run.returncode == 0:
            self.assert_equal("public.t", says=text)
        else:
            self.assertRegex(text, "(?i)connection|server|protocol")
        self.assert_heals()
        old = support.contents(self.pg, "public.t", self.file, "public.t", self.db)[1]
        proxy, url = self.proxy("garble", 2_000_000)
        run = self.start_sync("--full", url=url)
        self.end(run, 0, 1)
        self.assertEqual(support.contents(self.pg, "public.t", self.file, "public.t", self.db)[1], old)
        self.assert_heals()

    def test_connection_cut(self):
        proxy, url = self.proxy("cut", 2_000_000)
        self.end(self.start_sync(url=url), 0)
        self.assertTrue(proxy.hit.is_set())
        self.assert_equal("public.t")
        self.assert_nothing_hidden()


class DiskFull(support.Fixture, unittest.TestCase):
    def small_disk(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small tmpfs needs root")
        small = self.folder / "small"
        small.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(small)], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"no tmpfs may be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(lambda: subprocess.run(["umount", "-l", str(small)], check=True))
        return small

    def test_disk_full_while_a_reader_is_silent(self):
        """The writing side fails while one reader waits for a server that never answers: the idle limit ends the wait."""
        file = self.small_disk() / "copy.duckdb"
        self.sql("create table t (id int primary key, a text); insert into t select i, md5(i::text) || md5((-i)::text) ||"
                 " md5((2 * i)::text) from generate_series(1, 300000) i; analyze t")
        proxy = support.Proxy(self.pg.port, "stall", 2_000_000)
        self.addCleanup(proxy.close)
        run = support.start("sync", self.pg.url(self.db, port=proxy.port), f"duckdb:{file}", "--idle-timeout", "3s")
        self.assertTrue(proxy.hit.wait(30))
        text = run.communicate(timeout=60)[0]
        self.assertEqual(run.returncode, 1, text)
        self.assertRegex(text, re.compile("no space left|disk", re.I))

    def test_disk_full_then_enlarged(self):
        small = self.small_disk()
        self.sql("create table t (id int primary key, a text, updated_at timestamptz default now() - interval '1 day');"
                 " insert into t select i, md5(i::text) || md5((i + 1)::text) from generate_series(1, 30000) i")
        file = small / "copy.duckdb"
        self.sync(file=file)
        self.sync(file=file)
        self.assert_equal("public.t", file=file)
        self.sql("create table big (id int primary key, a text); insert into big"
                 " select i, md5(i::text) || md5((-i)::text) from generate_series(1, 300000) i")
        text = self.sync(file=file, check_exit=1)
        self.assertRegex(text, re.compile("no space left|disk", re.I))
        self.assertRegex(text, re.compile("hint.*(space|disk|free)", re.I))
        self.assert_equal("public.t", file=file)
        self.sync(file=file, check_exit=1)  # still full: no worse
        self.assert_equal("public.t", file=file)
        subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
        self.sync(file=file)
        for table in ("public.t", "public.big"):
            self.assert_equal(table, file=file)
        self.assert_nothing_hidden(file)


if __name__ == "__main__":
    unittest.main()
