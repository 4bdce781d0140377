# The table through DuckDB's own postgres extension: `extension.py URL FILE`, or `extension.py probe`.
import glob
import os
import sys
from urllib.parse import parse_qs, urlparse

import duckdb
import duckdb_extension_postgres_scanner

folder = os.path.dirname(duckdb_extension_postgres_scanner.__file__)
extension = glob.glob(f"{folder}/extensions/v*/postgres_scanner.duckdb_extension")[0]
connection = duckdb.connect(config={"threads": 2} if sys.argv[1] == "probe" else {})
connection.execute(f"LOAD '{extension}'")
if sys.argv[1] != "probe":
    url = urlparse(sys.argv[1])
    host = parse_qs(url.query)["host"][0]
    connection.execute(f"ATTACH '{sys.argv[2]}' AS target")
    connection.execute("SET threads = 2; SET preserve_insertion_order = false")
    connection.execute(f"ATTACH 'host={host} port={url.port} user=postgres dbname={url.path[1:]}' AS pg (TYPE postgres, READ_ONLY)")
    connection.execute("CREATE TABLE target.lineitem AS FROM pg.public.lineitem")
