# The same table through other tools: `rivals.py NAME URL FILE`; `rivals.py NAME` only says, by its exit code, whether
# the tool is installed for this Python. From PyPI, best in an environment of their own: duckdb==1.5.5 with
# duckdb-extension-postgres-scanner and duckdb-extension-mysql-scanner at 1.5.5, connectorx with pyarrow, dlt[duckdb] with
# sqlalchemy and psycopg2-binary, ingestr, sling, duckdb-cli.
import glob
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
from urllib.parse import parse_qs, urlparse


def installed(*modules):
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)}")


def program(name):
    """Beside this Python, or on the path."""
    found = shutil.which(name, path=f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")
    # ingestr's and Sling's packages fetch the program itself when they are first called.
    if not found or subprocess.run([found, "--version"], capture_output=True).returncode != 0:
        sys.exit(f"not installed, or does not start: {name}")
    return found


def extension(url, file, *settings):
    installed("duckdb", "duckdb_extension_postgres_scanner")
    import duckdb
    import duckdb_extension_postgres_scanner

    folder = os.path.dirname(duckdb_extension_postgres_scanner.__file__)
    found = glob.glob(f"{folder}/extensions/v{duckdb.__version__}/postgres_scanner.duckdb_extension")
    if not found:
        sys.exit(f"no postgres extension for DuckDB {duckdb.__version__}")
    if not url:
        return
    connection = duckdb.connect()
    for statement in (f"LOAD '{found[0]}'", "SET threads = 2", *settings):
        connection.execute(statement)
    at = urlparse(url)
    host = parse_qs(at.query)["host"][0]
    connection.execute(f"ATTACH '{file}' AS target")
    connection.execute(f"ATTACH 'host={host} port={at.port} user={at.username} dbname={at.path[1:]}' AS pg (TYPE postgres, READ_ONLY)")
    connection.execute("CREATE TABLE target.lineitem AS FROM pg.public.lineitem")


def extension_mysql(url, file):
    installed("duckdb", "duckdb_extension_mysql_scanner")
    import duckdb
    import duckdb_extension_mysql_scanner

    folder = os.path.dirname(duckdb_extension_mysql_scanner.__file__)
    found = glob.glob(f"{folder}/extensions/v{duckdb.__version__}/mysql_scanner.duckdb_extension")
    if not found:
        sys.exit(f"no mysql extension for DuckDB {duckdb.__version__}")
    if not url:
        return
    connection = duckdb.connect()
    for statement in (f"LOAD '{found[0]}'", "SET threads = 2"):
        connection.execute(statement)
    at = urlparse(url)
    socket = parse_qs(at.query)["socket"][0]
    connection.execute(f"ATTACH '{file}' AS target")
    connection.execute(f"ATTACH 'socket={socket} host=localhost user={at.username} database={at.path[1:]}' AS my (TYPE mysql, READ_ONLY)")
    connection.execute("CREATE TABLE target.lineitem AS FROM my.lineitem")


def extension_unordered(url, file):
    extension(url, file, "SET preserve_insertion_order = false")


def duckdb_cli(source, file):
    """A DuckDB file into another, in DuckDB's own command line."""
    cli = program("duckdb")
    if source:
        script = (f"ATTACH '{source}' AS source (READ_ONLY); ATTACH '{file}' AS target (STORAGE_VERSION 'v1.4.0');"
                  "SET threads = 2; CREATE TABLE target.lineitem AS FROM source.public.lineitem;")
        subprocess.run([cli, "-init", os.devnull, "-c", script], check=True)


def connectorx(url, file):
    installed("connectorx", "pyarrow", "duckdb")
    if not url:
        return
    import connectorx
    import duckdb

    rows = connectorx.read_sql(tcp(url), "SELECT * FROM lineitem", return_type="arrow", partition_on="l_suppkey", partition_num=2)
    duckdb.connect(file).execute("CREATE TABLE lineitem AS FROM rows")


def dlt(url, file):
    installed("dlt", "sqlalchemy", "psycopg2", "pyarrow", "duckdb")
    if not url:
        return
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.sql_database import sql_table

    work = f"{file}.dlt"
    table = sql_table(credentials=tcp(url, "postgresql+psycopg2"), table="lineitem", backend="pyarrow", chunk_size=100_000)
    pipeline = dlt.pipeline("bench", pipelines_dir=work, destination=dlt.destinations.duckdb(file), dataset_name="copy")
    pipeline.run(table, write_disposition="replace")
    shutil.rmtree(work)


def ingestr(url, file):
    command = program("ingestr")
    if url:
        run([command, "ingest", "--source-uri", tcp(url), "--source-table", "public.lineitem", "--dest-uri", f"duckdb:///{file}",
             "--dest-table", "public.lineitem", "--yes"])


def sling(url, file):
    command = program("sling")
    if url:
        run([command, "run", "--src-conn", tcp(url) + "?sslmode=disable", "--src-stream", "public.lineitem", "--tgt-conn",
             f"duckdb://{file}", "--tgt-object", "main.lineitem", "--mode", "full-refresh"])


def dolphindb(port, script):
    """DolphinDB's own Python client, block by block, nothing kept."""
    import dolphindb as client

    session = client.Session()
    session.connect("127.0.0.1", int(port), "admin", "123456")
    blocks = session.run(script, fetchSize=65536)
    rows = 0
    while blocks.hasNext():
        rows += len(blocks.read())
    print(rows)


def run(command):
    subprocess.run(command, check=True, env=os.environ | {"DISABLE_TELEMETRY": "true", "SLING_DISABLE_TELEMETRY": "true"})


def tcp(url, scheme="postgresql"):
    """Not every tool takes a socket's folder."""
    at = urlparse(url)
    return f"{scheme}://{at.username}@127.0.0.1:{at.port}{at.path}"


if __name__ == "__main__":
    globals()[sys.argv[1]](*(sys.argv[2:] or ("", "")))
