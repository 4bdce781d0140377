# What the tests of DuckDB files as sources share: a file of their own, written by `run_sql`, and the oracle, which compares
# every row, value and type of a table with its copy in SQL.
import json
import pathlib
import subprocess
import tempfile

import support

RUN_SQL = str(support.BUILD / "bin" / "run_sql")


def run_sql(file, text):
    """Statements in a file, as its owner would run them."""
    done = subprocess.run([RUN_SQL, str(file), "-"], input=text, text=True, capture_output=True, env=support.environment())
    if done.returncode != 0:
        raise AssertionError(f"{done.stderr}\n{text}")


def literal(text):
    return "'" + str(text).replace("'", "''") + "'"


class Run:
    """What a run with --json told: the receipts by table, and all of it as text."""

    def __init__(self, text):
        self.text = text
        events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        self.tables = {f"{each['schema']}.{each['table']}": each for each in events if each["event"] == "table_finished"}

    def __getitem__(self, table):
        return self.tables[table]

    def written(self, table):
        """Rows inserted, updated, deleted."""
        return tuple(self.tables[table][word] for word in ("inserted", "updated", "deleted"))


class Files:
    """Mixed into a TestCase: a folder for each test, `source` to be written and `file` to be copied into."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="sluice-e2e-duckdb-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.source = self.folder / "source.duckdb"
        self.file = self.folder / "copy.duckdb"

    def sql(self, text):
        run_sql(self.source, text)

    def sync(self, *arguments, check_exit=0, file=None, **env):
        text = support.sluice("sync", f"duckdb:{self.source}", f"duckdb:{file or self.file}", "--json", *arguments,
                              check_exit=check_exit, **env)
        return Run(text)

    def look(self, query, file=None):
        """The only value of a query that sees both: the source as `src`, the copy under its own name."""
        attach = f"attach {literal(self.source)} as src (read_only); set timezone = 'UTC'; "
        return support.value(file or self.file, attach + query)

    def assert_equal(self, *tables, target=None, where="true", columns="*", file=None, says=""):
        """Every row of the source is in the copy, with its values, types and columns and as often, and nothing else is.
        Values are compared as DuckDB prints them: some types have values that are equal and not the same."""
        for table in tables:
            copy = (file or self.file).stem + "." + (target or table)
            shape = "(select list(column_name || ' ' || column_type) from (describe select {} from {}))"
            differ = f"coalesce({shape.format(columns, 'src.' + table)} = {shape.format(columns, copy)}, false)"
            source = f"select columns(*)::varchar from (select {columns} from src.{table} where {where})"
            other = f"select columns(*)::varchar from (select {columns} from {copy})"
            found = self.look(f"select {differ} || ' ' || (select count(*) from ({source} except all {other})) || ' ' ||"
                              f" (select count(*) from ({other} except all {source}))", file)
            self.assertEqual(found, "true 0 0", f"{table}: same types, rows missing, rows too many: {found} {says}")

    def sync_equal(self, *arguments, tables=("main.t",), **env):
        run = self.sync(*arguments, **env)
        self.assert_equal(*tables, says=run.text)
        return run
