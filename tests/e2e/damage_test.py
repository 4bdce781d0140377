# What somebody else did to a copy: verify sees it, repair mends it, and no run goes on as if nothing had happened.
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

KEYED = "(id int primary key, a text, m numeric(8,2), updated_at timestamptz default now())"
FILL = "insert into t select i, 'row ' || i, i / 3.0, '2026-01-01'::timestamptz from generate_series(1, 1000) i"


class Damage(support.Fixture, unittest.TestCase):
    def synced(self, *flags):
        self.sql(f"create table t {KEYED}; {FILL}")
        self.sync(*flags)
        self.sync(*flags)

    def copy(self, sql):
        subprocess.run([support.HOLD_FILE, str(self.file), "write", sql], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    def verify(self, *flags, check_exit=0):
        return support.sluice("verify", self.url, self.file, *flags, check_exit=check_exit)

    def repaired(self, *flags, where="true"):
        support.sluice("repair", self.url, self.file, *flags)
        self.verify(*flags)
        self.assert_equal("public.t", f"(select * from public.t where {where})")

    def test_a_living_row_that_is_marked_deleted(self):
        """By hand, and as an old stamp brings it about."""
        living = "_sluice_deleted is not true"
        self.synced("--deletes", "soft")
        self.copy("update public.t set _sluice_deleted = true where id = 5")
        self.assertIn("id 5: differs in its mark _sluice_deleted", self.verify("--deletes", "soft", check_exit=4))
        self.repaired("--deletes", "soft", where=living)
        self.copy("update public.t set _sluice_deleted = null where id = 6")
        self.verify("--deletes", "soft")
        self.sql("delete from t where id = 6")
        self.sync("--deletes", "soft")
        self.assert_equal("public.t", f"(select * from public.t where {living})")
        self.copy("insert into public.t select * replace (true as _sluice_deleted) from public.t where id = 7")
        self.assertIn("id 7: more than once in the copy", self.verify("--deletes", "soft", check_exit=4))
        self.repaired("--deletes", "soft", where=living)
        self.sync("--deletes", "soft", "--full")
        self.assert_equal("public.t", f"(select * from public.t where {living})")

    def test_a_column_of_another_type(self):
        self.synced()
        self.copy("alter table public.t alter m type double")
        self.assertIn("column m is DOUBLE, it was DECIMAL(8,2)", self.verify(check_exit=3))
        text = self.sync()
        self.assertIn("somebody changed the copy", text)
        self.verify()
        self.assert_equal("public.t")
        self.copy("create table public.kept as from public.t; drop table public.t; create view public.t as from public.kept")
        self.assertIn("is a view now", self.sync(check_exit=2))
        self.assertIn("is a view now", self.verify(check_exit=3))

    def test_versions_that_contradict_themselves(self):
        as_of_now = "_sluice_valid_from <= now() and now() < _sluice_valid_to"
        for change in ("_sluice_is_current = false", "_sluice_valid_to = now()::timestamptz"):
            with self.subTest(change):
                self.sql("drop table if exists t")
                self.file.unlink(missing_ok=True)
                self.synced("--mode", "history")
                self.copy(f"update public.t set {change} where id = 5")
                self.assertIn("contradict each other", self.verify("--mode", "history", check_exit=4))
                self.repaired("--mode", "history", where="_sluice_is_current")
                self.assert_equal("public.t", f"(select * from public.t where {as_of_now})")

    def test_a_declared_key_that_is_none_is_no_proof(self):
        self.sql("create table k (a int, b text); insert into k select i, 'v' || i from generate_series(1, 1000) i")
        self.sync("--key", "public.k=a")
        for double in ("(5, 'v5')", "(5, 'dup')", "(null, 'none')"):
            with self.subTest(double):
                self.sql(f"insert into k values {double}")
                self.assertIn("is not a key", self.verify("--key", "public.k=a", check_exit=3))
                self.assertIn("is not a key", support.sluice("repair", self.url, self.file, "--key", "public.k=a", check_exit=3))
                self.sql("delete from k where a = 5 and b <> 'v5' or a is null or ctid <> (select min(ctid) from k x where x.a = k.a)")
        self.verify("--key", "public.k=a")


if __name__ == "__main__":
    unittest.main()
