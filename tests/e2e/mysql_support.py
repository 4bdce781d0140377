# What the tests against MariaDB share: a private server, and the oracle, which compares every row and every value of a
# table with its copy, and the columns' types with those of docs/types.md. The rest is in support.py.
import atexit
import collections
import functools
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import unittest

import support

DUCKDB_TYPES = {"tinyint": "TINYINT", "smallint": "SMALLINT", "mediumint": "INTEGER", "int": "INTEGER", "bigint": "BIGINT",
                "year": "SMALLINT", "float": "FLOAT", "double": "DOUBLE", "bit": "BIT", "date": "DATE", "datetime": "TIMESTAMP",
                "timestamp": "TIMESTAMP WITH TIME ZONE", "time": "INTERVAL", "uuid": "UUID", "binary": "BLOB", "varbinary": "BLOB",
                "tinyblob": "BLOB", "blob": "BLOB", "json": "JSON", "mediumblob": "BLOB", "longblob": "BLOB", "point": "BLOB"}
SOCKET, ROOT_PASSWORD = "socket", support.PASSWORD


def server_program():
    """None: there is no MariaDB here."""
    given = os.environ.get("SLUICE_TEST_MYSQL_BIN")
    for folder in filter(None, (given, "/usr/sbin")):
        if (pathlib.Path(folder) / "mariadbd").exists() and shutil.which("mariadb") and shutil.which("mariadb-install-db"):
            return pathlib.Path(folder) / "mariadbd"
    return None


def as_server_user():
    """It refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = [each.pw_name for each in pwd.getpwall()]
    entry = pwd.getpwnam("mysql" if "mysql" in names else "nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def name(text):
    return "`" + text.replace("`", "``") + "`"


@functools.cache
def empty():
    """Data of a server that was never started: making them takes longer than copying them."""
    folder, account = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-mysql-")), as_server_user()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    if account:
        os.chown(folder, account["user"], account["group"])
    subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db", "--skip-name-resolve",
                    "--auth-root-authentication-method=normal", "--innodb-log-file-size=32M"], check=True, stdin=subprocess.DEVNULL,
                   cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **account)
    return folder / "data"


class Mariadb:
    """A private server in a temporary folder; the tests come in by its socket, sluice by TCP with a password."""

    def __init__(self, *settings, like=None):
        """`like`: begins with what that server, which is stopped, holds."""
        self.account = as_server_user()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-mysql-"))
        self.folder.chmod(0o755)
        if self.account:
            os.chown(self.folder, self.account["user"], self.account["group"])
        self.data = self.folder / "data"
        subprocess.run(["cp", "-a", str(like.data if like else empty()), str(self.data)], check=True)
        self.settings, self.server, self.port = settings, None, support.free_port()
        self.start()
        if not like:
            self.sql("delete from mysql.global_priv where user in ('', 'root') and host <> 'localhost' or user = ''; flush privileges;"
                     f" create user root@'%' identified by '{ROOT_PASSWORD}'; grant all on *.* to root@'%' with grant option")

    @staticmethod
    @functools.cache
    def shared():
        """The one that a script's tests use unless they do something to the server itself."""
        server = Mariadb()
        atexit.register(server.remove)
        return server

    def start(self, *more):
        options = ["bind-address=127.0.0.1", f"port={self.port}", f"socket={self.folder / SOCKET}", f"datadir={self.data}",
                   f"tmpdir={self.folder}", f"pid-file={self.folder / 'pid'}", "skip-name-resolve", "performance-schema=0",
                   "innodb-buffer-pool-size=128M", "innodb-flush-log-at-trx-commit=2", "innodb-doublewrite=0", "innodb-log-file-size=32M",
                   "innodb-use-native-aio=0",  # many servers at once use up what a machine has of it
                   "character-set-server=utf8mb4", "server-id=1", "log-bin=binlog", "binlog-format=ROW", "sync-binlog=0",
                   *self.settings, *more]
        with open(self.folder / "log", "a") as log:
            self.server = subprocess.Popen([str(server_program()), "--no-defaults", *(f"--{each}" for each in options)],
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                           preexec_fn=support.die_with_parent, **self.account)
        support.wait_for(self._answers, 60, 0.05)

    def _answers(self):
        if self.server.poll() is not None:
            raise AssertionError((self.folder / "log").read_text()[-3000:])
        return subprocess.run(self._client(None) + ["-e", "select 1"], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def stop(self, how=signal.SIGTERM):
        """SIGKILL: as a crash."""
        if self.server.poll() is None:
            self.server.send_signal(how)
            self.server.wait(60)

    def remove(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _client(self, database):
        return ["mariadb", "--no-defaults", "-N", "-B", "--unbuffered", "--default-character-set=utf8mb4", "-u", "root", "-S",
                str(self.folder / SOCKET), *([database] if database else [])]

    def sql(self, text, database=None):
        """The rows as the server's own program prints them: tabs between values."""
        done = subprocess.run(self._client(database), input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AssertionError(f"mariadb: {done.stderr}\n{text[:2000]}")
        return done.stdout.rstrip("\n")

    def session(self, database):
        """Takes statements by its standard input, for transactions that stay open."""
        return Session(self._client(database))

    def database(self, called):
        self.sql(f"drop database if exists {name(called)}; create database {name(called)} character set utf8mb4")
        return called

    def url(self, database, user="root", password=ROOT_PASSWORD, host="127.0.0.1", port=None):
        return f"mysql://{user}:{password}@{host}:{port or self.port}/{database}"

    def sessions(self, where="true"):
        """Of sluice, by their numbers."""
        rows = self.sql("select id from information_schema.processlist where user = 'root' and host <> 'localhost' and " + where)
        return rows.split()


class Session(support.Session):
    def sql(self, text):
        """Waits until it is done."""
        self.tell(text)
        self.psql.stdin.write("select '::end::';\n")
        lines = []
        for line in self.psql.stdout:
            if line == "::end::\n":
                return "".join(lines)
            lines.append(line)
        raise AssertionError("mariadb ended: " + "".join(lines))


# ---- the oracle

class Column:
    def __init__(self, called, kind, full):
        self.name, self.kind, self.full = called, kind, full

    def duckdb_type(self):
        if self.kind == "decimal":
            precision, scale = self.full[self.full.index("(") + 1:self.full.index(")")].split(",")
            return f"DECIMAL({precision},{scale})" if int(precision) <= 38 else "VARCHAR"
        unsigned = "U" if "unsigned" in self.full and self.kind.endswith("int") else ""
        return unsigned + DUCKDB_TYPES.get(self.kind, "VARCHAR")

    def texts(self):
        """One text on both sides; NULL and '' stay apart."""
        one, other = name(self.name), support.quoted("rowid_" if self.name.lower() == "rowid" else self.name)
        kind = self.kind
        if kind == "timestamp":
            server, copy = f"date_format({one}, '%Y-%m-%d %H:%i:%s.%f')", f"strftime(make_timestamp(epoch_us({other})), '%Y-%m-%d %H:%M:%S.%f')"
        elif kind == "datetime":
            server, copy = f"date_format({one}, '%Y-%m-%d %H:%i:%s.%f')", f"strftime({other}, '%Y-%m-%d %H:%M:%S.%f')"
        elif kind == "time":
            server, copy = f"timestampdiff(microsecond, '2000-01-01', addtime(timestamp'2000-01-01 00:00:00', {one}))", f"epoch_us({other})::varchar"
        elif kind in ("float", "double"):  # as DECIMAL: the values of tests have few digits
            server, copy = f"cast({one} as decimal(38, 9))", f"{other}::double::decimal(38, 9)::varchar"
        elif kind == "bit":
            bits = int(self.full[4:-1])
            server, copy = f"lpad(bin({one} + 0), {bits}, '0')", f"{other}::varchar"
        elif DUCKDB_TYPES.get(kind) == "BLOB":
            server, copy = f"hex({one})", f"hex({other})"
        else:
            server, copy = f"convert({one} using utf8mb4)", f"{other}::varchar"
        return f"ifnull(concat('=', {server}), 'null')", f"coalesce('=' || {copy}, 'null')"


def columns_of(server, table, database):
    """MariaDB's JSON is a longtext with a condition on it."""
    rows = server.sql("select hex(column_name), data_type, hex(column_type), exists (select 1 from information_schema.check_constraints k"
                      " where k.constraint_schema = c.table_schema and k.table_name = c.table_name and check_clause ="
                      " concat('json_valid(`', column_name, '`)')) from information_schema.columns c where table_schema ="
                      f" x'{database.encode().hex()}' and table_name = x'{table.encode().hex()}' order by ordinal_position")
    found = []
    for row in rows.splitlines():
        called, kind, full, json = row.split("\t")
        found.append(Column(bytes.fromhex(called).decode(), kind, bytes.fromhex(full).decode()))
        if json == "1":
            found[-1].kind = "json"
    assert found, f"the server has no table {database}.{table}"
    return found


def contents(server, table, database, columns=None, where="true"):
    """Of the source, as a multiset of digests of rows."""
    columns = columns or columns_of(server, table, database)
    row = ", char(31), ".join(each.texts()[0] for each in columns)
    return collections.Counter(server.sql(
        f"set time_zone = '+00:00'; select md5(concat({row})) from {name(table)} where {where}", database).split())


def copied(file, target, columns):
    row = " || chr(31) || ".join(each.texts()[1] for each in columns)
    return collections.Counter(each[0] for each in support.query(file, f"select md5({row}) from {target}"))


def types_of(file, target):
    rows = support.query(file, f"select hex(encode(column_name)), hex(encode(column_type)) from (describe select * from {target})")
    return {bytes.fromhex(one).decode(): bytes.fromhex(other).decode() for one, other in rows}


def assert_equal(server, table, file, database, target=None, columns=None, where="true", says="", source=None, types=True):
    """Every row of the source is in the copy, with its values and as often, and nothing else is; every column has the type
    that it should. `source`: contents() of before, where nothing has changed since."""
    columns = columns or columns_of(server, table, database)
    target = target or f"{support.quoted(database)}.{support.quoted(table)}"
    left, right = source or contents(server, table, database, columns, where), copied(file, target, columns)
    if left != right:
        lost, extra = left - right, right - left
        row = ", char(31), ".join(each.texts()[0] for each in columns)
        show = server.sql(f"set time_zone = '+00:00'; select concat({row}) from {name(table)} where md5(concat({row})) in ("
                          + ", ".join(f"'{each}'" for each in [*list(lost)[:5], "none"]) + ")", database)
        row = " || chr(31) || ".join(each.texts()[1] for each in columns)
        much = support.query(file, f"select replace({row}, ',', ';') from {target} where md5({row}) in ("
                             + ", ".join(f"'{each}'" for each in [*list(extra)[:5], "none"]) + ")")
        raise AssertionError(f"{table} {says}: {left.total()} rows at the source, {right.total()} in the copy\n"
                             f"  missing: {lost.total()}\n{show}\n  too many: {extra.total()}\n{much}")
    if types:
        found, wanted = types_of(file, target), {each.name: each.duckdb_type() for each in columns}
        if {each: found.get(each) for each in wanted} != wanted:
            raise AssertionError(f"{table} {says}: the copy's types are {found}, not {wanted}")


class Fixture:
    """Mixed into a TestCase: a server, a folder and a database for each test."""

    @classmethod
    def setUpClass(cls):
        if server_program() is None:
            raise unittest.SkipTest("no MariaDB server: tools/install-deps test")
        cls.server = Mariadb.shared()

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="sluice-e2e-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.file = self.folder / "copy.duckdb"
        self.db = self.server.database("d" + self.id().rsplit(".", 1)[-1][:50].lower())
        self.url = self.server.url(self.db)

    def sql(self, text):
        return self.server.sql(text, self.db)

    def sync(self, *arguments, check_exit=0, file=None, **env):
        return support.sluice("sync", self.url, f"duckdb:{file or self.file}", *arguments, check_exit=check_exit, **env)

    def start_sync(self, *arguments, file=None, **env):
        return support.start("sync", self.url, f"duckdb:{file or self.file}", *arguments, **env)

    def die(self, place, *arguments, file=None):
        """A run that ends itself at a failpoint."""
        with self.start_sync(*arguments, file=file, SLUICE_FAILPOINT=place) as run:
            text = run.communicate()[0]
        self.assertEqual(run.returncode, -signal.SIGKILL, text)

    def assert_equal(self, table="t", file=None, **more):
        assert_equal(self.server, table, file or self.file, self.db, **more)

    def sync_equal(self, *flags, tables=("t",), file=None, **more):
        text = self.sync(*flags, file=file)
        for table in tables:
            self.assert_equal(table, file=file, says=text, **more)
        return text

    def assert_nothing_hidden(self, file=None):
        self.assertEqual([each for each in support.tables(file or self.file) if "_sluice" in each], [])
