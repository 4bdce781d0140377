# A connector with the habits of those that are published for PostgreSQL's kin, for bench/hosted to measure: every table of
# a schema, a dictionary and an upsert for each row, times as ISO text, a checkpoint every 1,000 rows, no types declared.
import datetime

import psycopg2
import psycopg2.extras
from fivetran_connector_sdk import Connector, Operations as op

FETCH, CHECKPOINT = 100, 1000
TABLES = """SELECT c.relname AS name, (SELECT array_agg(a.attname ORDER BY a.attnum) FROM pg_index i JOIN pg_attribute a
  ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary) AS key,
  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'updated_at') AS stamped
  FROM pg_class c WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r' ORDER BY 1"""


def connect(configuration):
    names = ("host", "port", "database", "user", "password", "sslmode")
    return psycopg2.connect(**{name: configuration[name] for name in names if name in configuration})


def tables(connection, configuration):
    with connection.cursor() as cursor:
        cursor.execute(TABLES, (configuration.get("schema", "public"),))
        return cursor.fetchall()


def schema(configuration):
    connection = connect(configuration)
    try:
        return [{"table": name, "primary_key": key or []} for name, key, _ in tables(connection, configuration)]
    finally:
        connection.close()


def plain(row):
    return {name: value.isoformat() if isinstance(value, datetime.datetime) else value for name, value in row.items()}


def copy(connection, table, stamped, state):
    mark = f"{table}_last"
    last, rows = state.get(mark, "1900-01-01T00:00:00Z"), 0
    with connection.cursor(f"of_{table}", cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
        cursor.itersize = FETCH
        where = " WHERE updated_at > %s ORDER BY updated_at" if stamped else ""
        cursor.execute(f'SELECT * FROM "{table}"{where}', (last,) if stamped else None)
        for row in cursor:
            row = plain(row)
            last = max(last, row["updated_at"]) if stamped and row["updated_at"] else last
            op.upsert(table, row)
            rows += 1
            if rows % CHECKPOINT == 0:
                state[mark] = last
                op.checkpoint(state)
    state[mark] = last
    op.checkpoint(state)


def update(configuration, state):
    connection = connect(configuration)
    try:
        for table, _, stamped in tables(connection, configuration):
            copy(connection, table, stamped, state)
    finally:
        connection.close()


connector = Connector(update=update, schema=schema)
