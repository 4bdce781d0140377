# What the tests of the program share: a PostgreSQL server of their own, the program, and the oracle, which compares
# every row and every value of a table with its copy. Standard library only; `psql` and `sluice sql` do the talking.
import collections
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import typing

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("SLUICE_BUILD", ROOT / "build" / "release"))
SLUICE = os.environ.get("SLUICE", str(BUILD / "bin" / "sluice"))
HOLD_FILE = str(BUILD / "bin" / "hold_file")
PASSWORD = "h4rd-to-guess"
LIMIT = 120  # seconds that one run of the program may take


def server_programs():
    given = os.environ.get("SLUICE_TEST_PG_BIN")
    if given:
        return pathlib.Path(given)
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        sys.exit("no PostgreSQL server: tools/install-deps, or set SLUICE_TEST_PG_BIN")
    return found[-1]


def as_server_user():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = [each.pw_name for each in pwd.getpwall()]
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG: a killed test takes its server with it


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def waited_for(run):
    """What a run that was started still prints, once it has ended."""
    with run:
        try:
            return run.communicate(timeout=LIMIT)[0]
        except subprocess.TimeoutExpired:
            run.kill()
            raise


def wait_for(what, seconds=30, every=0.02):
    """The first truth that `what` returns."""
    until = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s in vain")
        time.sleep(every)


class Postgres:
    """A private cluster in a temporary folder; psql comes in by its socket, sluice by TCP with a password."""

    def __init__(self, *settings, primary=None):
        """`primary`: a standby that streams from it."""
        self.bin = server_programs()
        self.account = as_server_user()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-pg-"))
        self.folder.chmod(0o755)
        if self.account:
            os.chown(self.folder, self.account["user"], self.account["group"])
        self.data = self.folder / "data"
        if primary:
            self._run("pg_basebackup", "-D", str(self.data), "-h", str(primary.folder), "-p", str(primary.port), "-U", "postgres",
                      "-R", "-X", "stream", "-c", "fast")
        else:
            self._initialise()
        self.settings = settings
        self.server = None
        self.port = free_port()
        self.start()

    def _initialise(self):
        (self.folder / "password").write_text(PASSWORD)
        (self.folder / "password").chmod(0o644)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C",
                  "--auth-local=trust", "--auth-host=md5", f"--pwfile={self.folder / 'password'}")

    def _run(self, program, *arguments):
        subprocess.run([str(self.bin / program), *arguments], check=True, stdin=subprocess.DEVNULL, cwd=self.folder,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self.account)

    def start(self):
        options = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", f"port={self.port}",
                   "listen_addresses=127.0.0.1", f"unix_socket_directories={self.folder}", "shared_buffers=128MB",
                   "max_prepared_transactions=10", "max_wal_size=2GB", "autovacuum=off", *self.settings]
        with open(self.folder / "log", "a") as log:
            self.server = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data), *[word for each in options for word in ("-c", each)]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, preexec_fn=die_with_parent,
                **self.account)
        wait_for(lambda: subprocess.run(self._psql("postgres") + ["-c", "select 1"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL).returncode == 0, 60, 0.1)

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast; SIGQUIT: immediate, as a crash."""
        if self.server.poll() is None:
            self.server.send_signal(how)
            self.server.wait(60)

    def follow(self, primary):
        """Waits until this standby has what is committed there."""
        end = primary.sql("select pg_current_wal_lsn()")
        wait_for(lambda: self.sql(f"select pg_last_wal_replay_lsn() >= '{end}'") == "t")

    def promote(self):
        self._run("pg_ctl", "promote", "-D", str(self.data))
        wait_for(lambda: self.sql("select pg_is_in_recovery()") == "f")

    def remove(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _psql(self, database):
        return ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-p", str(self.port), "-U", "postgres",
                "-d", database]

    def sql(self, text, database="postgres"):
        """The rows as psql prints them, unaligned."""
        done = subprocess.run(self._psql(database) + ["-At"], input=text, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise AssertionError(f"psql: {done.stderr}\n{text[:2000]}")
        return done.stdout.rstrip("\n")

    def session(self, database="postgres"):
        """A psql that takes statements by its standard input, for transactions that stay open."""
        return Session(self._psql(database) + ["-At"])

    def database(self, name):
        self.sql(f"drop database if exists {quoted(name)} with (force)")
        self.sql(f"create database {quoted(name)}")
        return name

    def url(self, database="postgres", user="postgres", password=PASSWORD, port=None):
        return f"postgresql://{user}:{password}@127.0.0.1:{port or self.port}/{database}"


class Session:
    def __init__(self, command):
        self.psql = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, bufsize=1)

    def tell(self, text):
        self.psql.stdin.write(text + ";\n")

    def sql(self, text):
        """Waits until it is done."""
        self.tell(text)
        self.psql.stdin.write("\\echo ::end::\n")
        lines = []
        for line in self.psql.stdout:
            if line == "::end::\n":
                return "".join(lines)
            lines.append(line)
        raise AssertionError("psql ended: " + "".join(lines))

    def close(self):
        self.psql.stdin.close()
        self.psql.stdout.read()
        self.psql.stdout.close()
        return self.psql.wait()


class Writer:
    """Changes a table without pause until it is stopped: one statement (a function of a random.Random) after another."""

    def __init__(self, session, statement, random, pause=0.01):
        self.session, self.statement, self.random, self.pause = session, statement, random, pause
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._write)
        self.thread.start()

    def _write(self):
        while not self.stopping.wait(self.pause):
            self.session.sql(self.statement(self.random))

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.session.close()


class Proxy:
    """Stands between sluice and the server. Once `after` bytes have come from the server on any one connection, that
    connection is hit by the `fault`: stalled (nothing more passes), garbled, or cut."""

    def __init__(self, port, fault, after):
        self.target, self.fault, self.after = port, fault, after
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.hit = threading.Event()
        self.closing = threading.Event()
        self.first = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _pass(self, client, server):
        try:
            while data := client.recv(65536):
                server.sendall(data)
        except OSError:
            pass
        self._close(client, server)

    def _answer(self, server, client):
        seen = 0
        try:
            while data := server.recv(65536):
                seen += len(data)
                if seen > self.after and self.first.acquire(blocking=False):
                    self.hit.set()
                    if self.fault == "stall":
                        self.closing.wait()
                    elif self.fault == "cut":
                        break
                    else:
                        data = bytes(len(data))  # zeros: no message has such a type, no text such a byte
                client.sendall(data)
        except OSError:
            pass
        self._close(server, client)

    @staticmethod
    def _close(*sockets):
        for each in sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()

    def close(self):
        self.closing.set()
        self.listener.close()


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLUICE", "PG"))}
    return {**kept, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", **more}


def start(*arguments, **env):
    """The program, running; both outputs in one pipe."""
    return subprocess.Popen([SLUICE, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, env=environment(**env))


def sluice(*arguments, check_exit=0, **env):
    """Runs to the end; both outputs. `check_exit`: the code it must end with (a tuple: one of), None: any."""
    with start(*arguments, **env) as child:
        try:
            text, _ = child.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            child.kill()
            raise AssertionError(f"no end after {LIMIT} s: sluice {arguments}\n{child.communicate()[0]}") from None
    allowed = check_exit if isinstance(check_exit, tuple) else (check_exit,)
    if check_exit is not None and child.returncode not in allowed:
        raise AssertionError(f"exit {child.returncode}, not {check_exit}: sluice {arguments} {env}\n{text}")
    return text


def query(file, sql):
    """Rows of a DuckDB file as lists of strings; values must hold no comma, quote or line end (see hex())."""
    done = subprocess.run([SLUICE, "sql", str(file), "-", "--csv"], input=sql, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env=environment())
    if done.returncode != 0:
        raise AssertionError(f"sluice sql {file}: {done.stderr}\n{sql}")
    return [line.split(",") for line in done.stdout.splitlines()[1:]]


def value(file, sql):
    return query(file, sql)[0][0]


def tables(file):
    """Every table of a file but our own, as schema.table; hidden ones too."""
    rows = query(file, "select schema_name || '.' || table_name from duckdb_tables() where schema_name <> '_sluice'")
    return sorted(row[0] for row in rows)


def records(log):
    """Where the records of a log end, its header being the first. Each is {size, checksum, size bytes}."""
    data = log.read_bytes()
    for header in range(1, 200):
        ends, at = [header], header
        while at + 16 <= len(data):
            at += 16 + struct.unpack_from("<Q", data, at)[0]
            ends.append(at)
        if at == len(data) and len(ends) > 1:
            return ends
    raise AssertionError(f"{log}: {len(data)} bytes whose records cannot be told apart")


# ---- the oracle

def _texts(columns):
    """One text for each column, the same on both sides; NULL and '' stay apart."""
    source, copy = [], []
    for name, kind in columns:
        plain = quoted(name)
        if kind in ("timestamp with time zone", "timestamp without time zone"):
            one, other = f"(extract(epoch from {plain}) * 1000000)::bigint::text", f"epoch_us({plain})::varchar"
        elif kind == "numeric":  # without precision: the scale it lands with is ours
            one, other = (f"regexp_replace({plain}::{text}, '([.][0-9]*[1-9])0*$|[.]0*$', '\\1')" for text in ("text", "varchar"))
        else:
            one, other = f"{plain}::text", f"{plain}::varchar"
        source.append(f"coalesce('=' || {one}, 'null')")
        copy.append(f"coalesce('=' || {other}, 'null')")
    return [" || chr(31) || ".join(each) for each in (source, copy)]


def columns_of(postgres, table, database):
    rows = postgres.sql(
        "select encode(convert_to(attname, 'UTF8'), 'hex'), format_type(atttypid, atttypmod) from pg_attribute where"
        f" attrelid = $oracle${table}$oracle$::regclass and attnum > 0 and not attisdropped order by attnum", database)
    split = [line.split("|") for line in rows.splitlines()]
    return [(bytes.fromhex(name).decode(), kind) for name, kind in split]


def contents(postgres, table, file, target, database, columns=None, where="true"):
    """Both sides as multisets of rows; big rows as their md5."""
    columns = columns or columns_of(postgres, table, database)
    source, copy = _texts(columns)
    big = int(postgres.sql(f"select count(*) from {table}", database)) > 20000
    shown = ("md5({})", "md5({})") if big else ("encode(convert_to({}, 'UTF8'), 'hex')", "lower(hex(encode({})))")
    left = postgres.sql(f"copy (select {shown[0].format(source)} from {table} where {where}) to stdout", database).split()
    right = [row[0] for row in query(file, f"select {shown[1].format(copy)} from {target}")]
    decode = (lambda text: text) if big else (lambda text: bytes.fromhex(text).decode().split("\x1f"))
    return collections.Counter(left), collections.Counter(right), decode


class Expected(typing.NamedTuple):
    """What a table of the source held when it was asked: enough to tell whether a copy is equal, not how it differs."""
    columns: list
    digest: str  # of the digests of all rows, sorted: a row more, less or doubled makes another one


def expected(postgres, table, database="postgres", columns=None, where="true"):
    columns = columns or columns_of(postgres, table, database)
    rows = f"select md5(convert_to({_texts(columns)[0]}, 'UTF8')) as row from {table} where {where}"
    return Expected(columns, postgres.sql(f"""select md5(string_agg(row, '' order by row collate "C")) from ({rows}) r""", database))


def assert_equal(postgres, table, file, target=None, database="postgres", columns=None, where="true", says="", source=None):
    """Every row of the source is in the copy, with its values and as often, and nothing else is. `source`: as it was asked
    before, where it has not changed since."""
    source, target = source or expected(postgres, table, database, columns, where), target or table
    if source.digest == value(file, "select md5(string_agg(row, '' order by row)) from"
                                    f" (select md5({_texts(source.columns)[1]}) as row from {target})"):
        return
    left, right, decode = contents(postgres, table, file, target, database, source.columns, where)
    lost, extra = left - right, right - left
    show = lambda some: "".join(f"\n    {count} x {decode(row)}" for row, count in list(some.items())[:5])
    raise AssertionError(f"{table} {says}: {sum(left.values())} rows at the source, {sum(right.values())} in the copy\n"
                         f"  missing: {sum(lost.values())}{show(lost)}\n  too many: {sum(extra.values())}{show(extra)}")


class Fixture:
    """Mixed into a TestCase: one server for all tests of a class, a folder and a database for each test."""
    settings = ()

    @classmethod
    def setUpClass(cls):
        cls.pg = Postgres(*cls.settings)
        cls.addClassCleanup(cls.pg.remove)

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="sluice-e2e-")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.file = self.folder / "copy.duckdb"
        self.db = self.pg.database("d" + self.id().rsplit(".", 1)[-1][:50].lower())
        self.url = self.pg.url(self.db)

    def sql(self, text):
        return self.pg.sql(text, self.db)

    def sync(self, *arguments, check_exit=0, file=None, **env):
        return sluice("sync", self.url, f"duckdb:{file or self.file}", *arguments, check_exit=check_exit, **env)

    def start_sync(self, *arguments, file=None, url=None, **env):
        return start("sync", url or self.url, f"duckdb:{file or self.file}", *arguments, **env)

    def assert_equal(self, table, target=None, file=None, **more):
        assert_equal(self.pg, table, file or self.file, target, self.db, **more)

    def assert_nothing_hidden(self, file=None):
        self.assertEqual([each for each in tables(file or self.file) if "sluice" in each], [])
