# Connectors made with the SDK, as their users run them: shared objects, programs of their own, what is said where they
# cannot be run. The oracle is what the test's own server or files hold: every row and every value, with its type.
import http.server
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402

CONNECTORS = support.BUILD / "connectors"
PAGE = 3


def run(program, *words, code=0, **environment):
    done = subprocess.run([str(program), *map(str, words)], stdin=subprocess.DEVNULL, text=True, timeout=support.LIMIT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, **environment})
    if done.returncode != code:
        raise AssertionError(f"exit {done.returncode}, not {code}: {words}\n{done.stdout}\n{done.stderr}")
    return done


class Fixture(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-e2e-connector-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.copy = self.folder / "copy.duckdb"
        (self.folder / "in").mkdir()

    def sync(self, *words, **settings):
        return run(support.SLUICE, "sync", *words, f"duckdb:{self.copy}", **settings)

    def rows(self, query):
        lines = run(support.SLUICE, "sql", self.copy, query, "--json").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def types(self, table):
        return {row["column_name"]: row["column_type"] for row in self.rows(f"describe main.{table}")}

    def configure(self, **values):
        file = self.folder / "configuration.json"
        file.write_text(json.dumps(values))
        return "--configuration", file


class Files(Fixture):
    source = f"connector:{CONNECTORS}/file_source.so"

    def sync_files(self, **settings):
        return self.sync(self.source, *self.configure(folder=str(self.folder / "in"), table="notes"), **settings)

    def living(self):
        rows = self.rows("select * exclude (_fivetran_synced) from main.notes order by _file, _row")
        return [{name: value for name, value in row.items() if value is not None and name != "_fivetran_deleted"}
                for row in rows if not row.get("_fivetran_deleted")]

    def write(self, name, text):
        (self.folder / "in" / name).write_text(text)

    def test_new_changed_and_removed_files(self):
        self.write("a.csv", 'id,"na,me",empty\r\n1,"say ""hi""\nthere",\r\n2,,""\r\n')
        self.write("b.jsonl", '{"id": 7, "ratio": 0.5, "on": true, "more": {"x": [1, "ä"]}}\n\n{"big": 9007199254740993}\n')
        self.write("ignored.txt", "nothing")
        self.sync_files()
        a = [{"_file": "a.csv", "_row": 1, "id": "1", "na,me": 'say "hi"\nthere'},
             {"_file": "a.csv", "_row": 2, "id": "2", "empty": ""}]
        b = [{"_file": "b.jsonl", "_row": 1, "id": "7", "ratio": 0.5, "on": True, "more": {"x": [1, "ä"]}},
             {"_file": "b.jsonl", "_row": 2, "big": 9007199254740993}]
        self.assertEqual(self.living(), a + b)
        types = self.types("notes")
        self.assertEqual({name: types[name] for name in types if name != "_fivetran_deleted"},
                         {"_file": "VARCHAR", "_row": "BIGINT", "id": "VARCHAR", "na,me": "VARCHAR", "empty": "VARCHAR",
                          "ratio": "DOUBLE", "on": "BOOLEAN", "more": "JSON", "big": "BIGINT",
                          "_fivetran_synced": "TIMESTAMP WITH TIME ZONE"})
        before = self.rows("select max(_fivetran_synced) as at from main.notes")
        self.sync_files()  # nothing is new: nothing is written
        self.assertEqual(self.rows("select max(_fivetran_synced) as at from main.notes"), before)
        self.write("a.csv", "id\n3\n")  # one row fewer
        (self.folder / "in" / "b.jsonl").unlink()
        self.write("c.jsonl", '{"id": 8}\n')
        self.sync_files()
        self.assertEqual(self.living(), [{"_file": "a.csv", "_row": 1, "id": "3"}, {"_file": "c.jsonl", "_row": 1, "id": "8"}])

    def test_a_crash_between_two_files(self):
        self.write("a.csv", "id\n1\n2\n")
        self.write("b.csv", "id\n3\n")
        self.write("c.csv", 'id\n"4\n')  # ends the sync behind what a and b committed
        done = self.sync_files(code=1)
        self.assertIn("c.csv, line 2: a quote is not closed", done.stderr)
        self.assertEqual([row["id"] for row in self.living()], ["1", "2", "3"])
        self.write("c.csv", "id\n4\n")
        self.sync_files(code=-9, SLUICE_FAILPOINT="feed-applied")
        self.assertEqual([row["id"] for row in self.living()], ["1", "2", "3"])
        self.sync_files()
        self.assertEqual([row["id"] for row in self.living()], ["1", "2", "3", "4"])


class Orders(http.server.BaseHTTPRequestHandler):
    """GET /orders?updated_since=TIME&after=ID, oldest change first, three on a page."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.server.asked.append(self.path)
        if self.headers.get("Authorization") != "Bearer t0ken-of-the-test":
            return self.answer(401, {})
        if self.server.held and "after" in query:
            self.server.reached.set()
            self.server.held.wait(support.LIMIT)
        if self.server.failures:
            return self.answer(self.server.failures.pop(0), {})
        since = (query.get("updated_since", ""), int(query.get("after", -1)))
        found = sorted((o for o in self.server.orders.values() if (o["updated_at"], o["id"]) > since),
                       key=lambda o: (o["updated_at"], o["id"]))
        page, rest = found[:PAGE], found[PAGE:]
        following = None
        if rest:
            following = "/orders?" + urllib.parse.urlencode({"updated_since": page[-1]["updated_at"], "after": page[-1]["id"]})
        self.answer(200, {"orders": page, "next": following})

    def answer(self, status, body):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        if status == 429:
            self.send_header("Retry-After", str(getattr(self.server, "retry_after", 0)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *words):
        pass


def order(number, minute, **other):
    return {"id": number, "customer": f"Zoë {number}", "total": f"{number}.10", "gift": number % 2 == 0,
            "placed_at": "2026-11-01T08:00:00+02:00", "note": None if number == 3 else f"note {number}", "tags": ["a", {"b": None}],
            "updated_at": f"2026-11-02T10:{minute:02}:00Z", **other}


class RestApi(Fixture):
    source = f"connector:{CONNECTORS}/rest_api.so"

    def setUp(self):
        super().setUp()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Orders)
        self.server.orders = {number: order(number, number // 2) for number in range(1, 8)}
        self.server.asked, self.server.failures = [], []
        self.server.held, self.server.reached = None, threading.Event()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.words = (self.source, *self.configure(base_url=self.address, token="t0ken-of-the-test"))

    def check_copy(self):
        rows = self.rows("select * exclude (_fivetran_synced) replace (placed_at::varchar as placed_at, updated_at::varchar as"
                         " updated_at, total::varchar as total, tags::varchar as tags) from main.orders order by id")
        rows = [row for row in rows if not row.pop("_fivetran_deleted", None)]
        expected = [{**each, "placed_at": "2026-11-01 06:00:00+00",
                     "updated_at": each["updated_at"].replace("T", " ").replace("Z", "+00"), "tags": json.dumps(each["tags"])}
                    for number, each in sorted(self.server.orders.items()) if not each.get("deleted")]
        for row in rows:
            row["tags"] = json.dumps(json.loads(row["tags"]))
        self.assertEqual(rows, expected)

    def test_pages_retries_changes_and_deletes(self):
        self.server.failures = [503, 429]
        self.sync(*self.words)
        self.check_copy()
        self.assertEqual(len(self.server.asked), 2 + 3)
        types = self.types("orders")
        self.assertEqual([types[each] for each in ("id", "customer", "total", "gift", "placed_at", "note", "tags", "updated_at")],
                         ["BIGINT", "VARCHAR", "DECIMAL(12,2)", "BOOLEAN", "TIMESTAMP WITH TIME ZONE", "VARCHAR", "JSON",
                          "TIMESTAMP WITH TIME ZONE"])
        self.server.orders[2] = order(2, 9, total="-0.01", note=None)
        self.server.orders[5] = {"id": 5, "deleted": True, "updated_at": "2026-11-02T10:09:00Z"}
        self.server.asked.clear()
        self.sync(*self.words)
        self.check_copy()
        # The last instant again, and what came after it: four orders on two pages.
        self.assertEqual(len(self.server.asked), 2)
        self.assertEqual(self.server.asked[0], "/orders?updated_since=2026-11-02T10%3A03%3A00Z")

    def test_a_sync_that_is_killed_goes_on_from_the_last_page(self):
        self.sync(*self.words, code=-9, SLUICE_FAILPOINT="feed-applied")
        self.server.failures = [200, 404]  # an empty page that is not as it should be
        self.assertIn("the page is not as it should be", self.sync(*self.words, code=1).stderr)
        self.server.failures = []
        self.sync(*self.words)
        self.check_copy()

    def test_ctrl_c_ends_at_the_next_operation(self):
        self.server.held = threading.Event()
        started = subprocess.Popen([support.SLUICE, "sync", *map(str, self.words), f"duckdb:{self.copy}"], text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertTrue(self.server.reached.wait(support.LIMIT))  # the first page is committed
        started.send_signal(signal.SIGINT)
        said = ""
        while "finishing" not in said:
            said += started.stdout.readline()
        self.server.held.set()
        said += support.waited_for(started)
        self.assertEqual(started.returncode, 130, said)
        self.assertIn("goes on from there", said)
        self.assertEqual([row["id"] for row in self.rows("select id from main.orders order by id")], [1, 2, 3])
        self.sync(*self.words)
        self.check_copy()

    def test_ctrl_c_ends_a_wait_of_the_connector(self):
        self.server.failures = [429, 429]
        self.server.retry_after = 60
        started = subprocess.Popen([support.SLUICE, "sync", *map(str, self.words), f"duckdb:{self.copy}"], text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = ""
        while "asking again" not in said:
            said += started.stdout.readline()
        started.send_signal(signal.SIGINT)
        said += support.waited_for(started)
        self.assertEqual(started.returncode, 130, said)
        self.assertEqual(len(self.server.asked), 1, "it waited")

    def test_secrets_are_not_shown_and_tests_run(self):
        words = (self.source, *self.configure(base_url=self.address, token="wr0ng-token"))
        done = run(support.SLUICE, "check", *words, f"duckdb:{self.copy}", code=3)
        self.assertIn("fail  test: The API answers", done.stdout)
        self.assertFalse(self.copy.exists())
        done = self.sync(*words, code=1)
        self.assertIn("HTTP status 401", done.stderr)
        self.assertNotIn("wr0ng-token", done.stdout + done.stderr + (self.folder / "copy.duckdb.sluice.log").read_text())
        words = (self.source, *self.configure(base_url=self.address, token="t0ken-of-the-test"))
        self.assertIn("ok    test: The API answers", run(support.SLUICE, "check", *words, f"duckdb:{self.copy}").stdout)

    def test_another_source_is_refused_and_other_secrets_are_not(self):
        self.sync(*self.words)
        other = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Orders)  # another tenant's orders
        other.orders, other.asked, other.failures, other.held = {1: order(1, 59, customer="Somebody else")}, [], [], None
        threading.Thread(target=other.serve_forever, daemon=True).start()
        self.addCleanup(other.server_close)
        self.addCleanup(other.shutdown)
        there = {"base_url": f"http://127.0.0.1:{other.server_port}", "token": "t0ken-of-the-test"}
        words = (self.source, *self.configure(**there))
        done = self.sync(*words, code=2)
        self.assertIn('another value of "base_url"', done.stderr)
        self.assertEqual(other.asked, [])
        self.check_copy()
        self.assertIn("HTTP status 401", self.sync(self.source, *self.configure(base_url=self.address, token="new"), code=1).stderr)
        # The same orders at a new address.
        self.configure(**there)
        other.orders = self.server.orders = {**self.server.orders, 8: order(8, 30)}
        self.assertIn("goes on from", self.sync(*words, "--accept-source").stderr)
        self.check_copy()
        self.sync(*words)
        run(support.SLUICE, "state", "reset", "--yes", "--destination", f"duckdb:{self.copy}")
        self.configure(base_url=self.address, token="t0ken-of-the-test")
        self.sync(*self.words)
        self.check_copy()

    def test_events_history_and_configuration_in_yaml(self):
        config = self.folder / "sluice.yaml"
        shutil.copy(CONNECTORS / "rest_api.so", self.folder / "in" / "rest_api.so")
        config.write_text(f'connections:\n  shop:\n    source: "connector:in/rest_api.so"\n    destination: "duckdb:{self.copy}"\n'
                          f'    configuration:\n      base_url: {self.address}\n      token: "${{TOKEN}}"\n')
        done = run(support.SLUICE, "sync", "--config", config, "--json", TOKEN="t0ken-of-the-test")
        events = [json.loads(line) for line in done.stdout.splitlines()]
        finished = [each for each in events if each["event"] == "table_finished"]
        self.assertEqual([(each["table"], each["outcome"], each["read"]) for each in finished], [("orders", "done", 7)])
        self.assertEqual((events[-1]["event"], events[-1]["exit_code"]), ("summary", 0))
        self.assertIn("shop", run(support.SLUICE, "runs", f"duckdb:{self.copy}").stdout)
        self.check_copy()


class Refusals(Fixture):
    def test_what_is_no_connector(self):
        text, empty, old = (self.folder / name for name in ("text.so", "empty.so", "old.so"))
        text.write_text("no library")
        for file, source in ((empty, "int nothing;"),
                             (old, 'struct M { unsigned abi; } m{99}; extern "C" M* sluice_connector() { return &m; }')):
            subprocess.run(["c++", "-shared", "-fPIC", "-x", "c++", "-", "-o", file], input=source, text=True, check=True)
        for file, what in ((self.folder / "none.so", "there is no such file"), (text, "it cannot be loaded"),
                           (empty, "SLUICE_CONNECTOR"), (old, "version 99")):
            with self.subTest(what=what):
                done = self.sync(f"connector:{file}", code=2)
                self.assertIn(what, done.stderr)
                self.assertIn(str(file), done.stderr)
                self.assertIn("hint:", done.stderr)
        self.assertFalse(self.copy.exists())

    def test_what_a_connector_has_no_use_for(self):
        source = Files.source
        words = (source, *self.configure(folder=str(self.folder / "in")), f"duckdb:{self.copy}")
        for command in ("plan", "verify", "repair"):
            self.assertIn("is a connector", run(support.SLUICE, command, *words, code=2).stderr)
        self.assertIn("decides by itself", run(support.SLUICE, "sync", *words, "--full", code=2).stderr)
        self.assertIn("decides by itself", run(support.SLUICE, "sync", *words, "--mode", "history", code=2).stderr)
        for values, what in (({"foldr": "x"}, 'no field "foldr"'), ({}, '"folder" is missing')):
            self.assertIn(what, run(support.SLUICE, "sync", source, *self.configure(**values), f"duckdb:{self.copy}", code=2).stderr)

    def test_discover_lists_what_is_declared(self):
        done = run(support.SLUICE, "discover", Files.source, *self.configure(folder=str(self.folder), table="notes"), "--json")
        self.assertEqual(json.loads(done.stdout)["key"], ["_file", "_row"])


class OutOfTree(Fixture):
    def test_a_new_connector_is_built_and_tested_beside_what_is_installed(self):
        prefix, project = self.folder / "prefix", self.folder / "shop_orders"
        run("cmake", "--install", support.BUILD, "--prefix", prefix)
        run(prefix / "bin" / "sluice", "new", "connector", "shop_orders", project)
        built = (support.BUILD / "CMakeCache.txt").read_text()
        checks = "address,undefined" if "SLUICE_ASAN:BOOL=ON" in built else "thread" if "SLUICE_TSAN:BOOL=ON" in built else ""
        run("cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_CXX_FLAGS={'-fsanitize=' + checks if checks else ''}")
        run("cmake", "--build", project / "build")
        run("ctest", "--test-dir", project / "build", "--output-on-failure")
        # Its program needs no more than it is installed with, and says what it cannot do as sluice does.
        program, copies = project / "build" / "shop_orders", {}
        configured = ("--configuration", project / "configuration.json")
        run(program, f"duckdb:{self.copy}", *configured)
        run(prefix / "bin" / "sluice", "sync", f"connector:{project}/build/shop_orders.so", f"duckdb:{self.folder}/so.duckdb", *configured)
        for copy in (self.copy, self.folder / "so.duckdb"):
            done = run(support.SLUICE, "sql", copy, "select * exclude (_fivetran_synced) from main.greetings order by id", "--json")
            copies[copy] = done.stdout
        self.assertEqual(copies[self.copy], copies[self.folder / "so.duckdb"])
        self.assertEqual([json.loads(line)["text"] for line in copies[self.copy].splitlines()], ["hello 1", "hello 2", "hello 3"])
        self.assertEqual([field["name"] for field in json.loads(run(program, "--form").stdout)["fields"]], ["greeting"])
        self.assertIn("destination is missing", run(program, code=2).stderr)
        # What it is linked with shows nothing but the one function.
        symbols = run("nm", "-D", "--defined-only", "-C", prefix / "lib" / "libsluice.so").stdout
        shown = [line.split(" ", 2)[2] for line in symbols.splitlines() if " A " not in line]
        self.assertEqual(shown, ["sluice::sdk::run(int, char**, sluice::sdk::Connector&)"])
        self.assertIn("is there already", run(support.SLUICE, "new", "connector", "shop_orders", project, code=2).stderr)
        for name in ("Shop", "1st", "a-b", "../x", ""):
            self.assertIn("cannot be a connector's name", run(support.SLUICE, "new", "connector", name, code=2).stderr)


class Interface(unittest.TestCase):
    # What a shared object is built with: these headers, without comments and blanks. Whoever changes them so that what was
    # built before does not run any more raises kAbi in module.h, unless nothing was released with it; then this line.
    GOLDEN = ("1", "cd1e7c388762fcb5")

    def test_the_headers_are_those_of_their_number(self):
        text = ""
        for name in ("connector.h", "error.h", "form.h", "module.h", "value.h"):
            text += (support.ROOT / "include" / "sluice" / name).read_text()
        number = re.search(r"kAbi = (\d+);", text).group(1)
        declared = re.sub(r"\s+", "", re.sub(r"//[^\n]*", "", text))
        self.assertEqual((number, hashlib.sha256(declared.encode()).hexdigest()[:16]), self.GOLDEN,
                         "the interface between connectors and sluice has changed: see the comment at GOLDEN")


class SharedObject(Fixture):
    def sql(self, file, text):
        (self.folder / "script.sql").write_text(text)
        run(support.BUILD / "bin" / "run_sql", file, self.folder / "script.sql")

    def test_key_based_replication(self):
        shop = self.folder / "shop.duckdb"
        self.sql(shop, "create table customers (customer_id integer, first_name varchar, last_name varchar,"
                 " email varchar, updated_at timestamptz); insert into customers select i, 'First ' || i, null, i || '@example.com',"
                 " if(i % 100 = 7, null, make_timestamptz(i // 3 * 1000000::bigint)) from range(2500) r(i)")
        source = f"connector:{CONNECTORS}/key_based_replication.so"
        words = self.configure(database=str(shop))
        program = self.folder / "program.duckdb"
        for change in ("", "update customers set last_name = 'changed', updated_at = now() where customer_id % 500 = 3;"
                           " insert into customers values (9999, 'late', null, null, make_timestamptz(833000000))"):
            if change:
                self.sql(shop, change)
            self.sync(source, *words)
            run(Program.program, f"duckdb:{program}", *words)
            found = "select customer_id, first_name, last_name, email, epoch_us(updated_at) as at from {}customers order by 1"
            expected = run(support.SLUICE, "sql", shop, found.format(""), "--json").stdout
            self.assertGreater(len(expected.splitlines()), 2499)
            for copy in (self.copy, program):
                self.assertEqual(run(support.SLUICE, "sql", copy, found.format("main."), "--json").stdout, expected)


class Program(Fixture):
    program = support.BUILD / "bin" / "key_based_replication"

    def test_a_program_of_its_own(self):
        run(self.program, f"duckdb:{self.copy}")
        expected = [(1, "Mathew"), (2, "Joe"), (3, "Jake"), (4, "John"), (5, "Ricky")]
        found = "select customer_id, first_name from main.customers order by 1"
        self.assertEqual([tuple(row.values()) for row in self.rows(found)], expected)
        run(self.program, f"duckdb:{self.copy}")
        self.assertEqual([tuple(row.values()) for row in self.rows(found)], expected)
        form = json.loads(run(self.program, "--form").stdout)
        self.assertEqual([field["name"] for field in form["fields"]], ["database"])
        self.assertIn("ok    test: The file can be read", run(self.program, f"duckdb:{self.copy}", "--test").stdout)
        self.assertIn("destination is missing", run(self.program, code=2).stderr)


if __name__ == "__main__":
    unittest.main()
