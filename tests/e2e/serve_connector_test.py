# `sluice serve-connector`, driven as Fivetran drives it. The oracle is content: what the client keeps of the operations
# that checkpoints cover is every row and value of the source.
import json
import math
import pathlib
import struct
import tempfile
import unittest

import connector_client as c
import support
from connector_client import M, Connector, Copy

UNITS = ("--unit-rows", "1", "--parallel", "1")  # a checkpoint for each chunk, of about 4 MiB


class ServeConnector(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.postgres = support.Postgres()

    @classmethod
    def tearDownClass(cls):
        cls.postgres.remove()

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.database = self.postgres.database("c" + self.id().split(".")[-1][:50])
        self.servers = 0

    def sql(self, text):
        return self.postgres.sql(text, self.database)

    def serve(self, *arguments, **configuration):
        self.servers += 1
        folder = self.folder / str(self.servers)
        folder.mkdir()
        configuration.setdefault("source", self.postgres.url(self.database))
        server = Connector(folder, *arguments, configuration=configuration)
        self.addCleanup(self.ended, server)
        return server

    def ended(self, server):
        if server.process.poll() is None:
            self.assertEqual(0, server.stop())
        self.assertNotIn(support.PASSWORD, server.text())

    def started(self, server):
        copy = Copy()
        copy.declare(server.schema())
        return copy

    def assert_same(self, copy, table, columns="id, v", rows=None):
        """`columns` in alphabetic order, integers and texts."""
        found = self.sql(f"select coalesce(json_agg(json_build_array({columns})), '[]') from {table}")
        self.assertEqual(sorted(map(tuple, json.loads(found)), key=repr), copy.rows(table))
        if rows is not None:
            self.assertEqual(rows, len(copy.rows(table)))

    def refused(self, work, code, *words):
        with self.assertRaises(c.grpc.RpcError) as caught:
            work()
        self.assertEqual(code, caught.exception.code().name, caught.exception.details())
        for word in words:
            self.assertIn(word, caught.exception.details())
        self.assertNotIn(support.PASSWORD, caught.exception.details())

    def test_form_tests_and_errors(self):
        self.sql("create table t (id int primary key); create role blind login password 'n0-rights-at-all'")
        server = self.serve()
        form = server.form()
        self.assertEqual(["source", "password", "tables", "exclude", "full_every", "table_options"],
                         [each.name for each in form.fields])
        self.assertEqual([1, 1, 0, 0, 0, 0], [each.text for each in form.fields])  # two are passwords
        self.assertTrue(form.tables and form.schemas)
        for each in form.tests:
            self.assertEqual(True, server.test(each.name))
        self.assertEqual("there is no such test; the form lists those that are", server.test("other"))

        wrong = self.postgres.url(self.database, password="wr0ng-passw0rd")
        self.assertIn("password", server.test("connects", source=wrong))
        copy = Copy()
        server.sync(copy, source=wrong)
        self.assertIn("password", copy.task)
        self.assertNotIn("checkpoint", copy.counts)
        no_rights = self.postgres.url(self.database, user="blind", password="n0-rights-at-all")
        self.assertEqual(True, server.test("connects", source=no_rights))
        self.assertIn("GRANT", server.test("reads", source=no_rights))
        self.refused(lambda: server.schema(source=wrong), "UNAUTHENTICATED")
        self.refused(lambda: server.schema(source=""), "INVALID_ARGUMENT", "`source`")
        self.refused(lambda: server.schema(tables="nothing.*"), "INVALID_ARGUMENT", "no table")
        self.refused(lambda: server.schema(table_options='{"public.t": {"mode": "history"}}'), "INVALID_ARGUMENT", "mode")
        self.refused(lambda: server.schema(table_options='{"public.gone": {"key": "id"}}'), "INVALID_ARGUMENT", "public.gone")
        # What the process knows is not for whoever fills in the form.
        self.refused(lambda: server.schema(table_options='{"public.t": {"strategy": "${HOME}"}}'), "INVALID_ARGUMENT", "${HOME}")
        for state in ("[1]", '{"cursor": 5}', '{"sluice": 2, "tables": []}', "x"):
            self.refused(lambda: list(server.stream(state)), "INVALID_ARGUMENT", "re-sync")
        server.sync(copy)
        other = json.dumps({**json.loads(copy.state), "source": "postgresql elsewhere"})
        self.refused(lambda: list(server.stream(other)), "INVALID_ARGUMENT", "elsewhere", "re-sync")
        later = json.dumps({**json.loads(copy.state), "sluice": 2})
        self.refused(lambda: list(server.stream(later)), "INVALID_ARGUMENT", "re-sync")
        for secret in ("wr0ng-passw0rd", "n0-rights-at-all"):
            self.assertNotIn(secret, server.text())
        self.sql("drop role blind")

    def test_the_forms_of_published_connectors(self):
        server = self.serve("--connector", "yugabytedb")
        form = server.form()
        self.assertEqual([("host", True, 0), ("database", True, 0), ("user", True, 0), ("password", True, 1),
                          ("port", False, 0), ("schema", False, 0), ("sslmode", False, 0)],
                         [(each.name, each.required, each.text) for each in form.fields])
        given = {"source": "", "host": "127.0.0.1", "port": "1", "database": "d", "user": "u", "password": "p4ssw0rd", "schema": ""}
        answer = server.test("connects", **given)
        self.assertIn("127.0.0.1", answer)
        self.assertNotIn("p4ssw0rd", answer + server.text())
        self.assertIn("hots", server.test("connects", **given, hots="x"))
        self.assertIn("mongodb", support.sluice("serve-connector", "--connector", "mongodb", check_exit=2))

    def test_types_at_their_ends(self):
        self.sql("""create table t (id bigint primary key, b boolean, i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision,
          n numeric(38,10), d date, ts timestamp, tz timestamptz, x bytea, j jsonb, s text, u uuid, tm time, a int[]);
          insert into t values
          (-9223372036854775808, true, -32768, -2147483648, -9223372036854775808, 'NaN', '-Infinity',
           -9999999999999999999999999999.9999999999, '0001-01-01', '0001-01-01', '0001-01-01 00:00:00.000001+00', '\\x00ff', '{"a": [1, null]}',
           E'\\u00e9\\U0001F600\\n', '00000000-0000-0000-0000-000000000001', '23:59:59.999999', '{1,NULL,3}'),
          (9223372036854775807, false, 32767, 2147483647, 9223372036854775807, 1.1754944e-38, 0.1,
           0.0000000001, '9999-12-31', '9999-12-31 23:59:59.999999', '1969-12-31 23:59:59.999999+00', '', '"x"', '', null, '00:00', '{}'),
          (0, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null),
          (1, false, 0, 0, 0, 0, '-0', 0, '1970-01-01', '1970-01-01', '1970-01-01+00', 'x', '0', repeat('é', 3000), null, '12:00', '{7}'),
          (2, null, 1, 1, 1, 3.4028235e38, 1.7976931348623157e308, -0.5, '1969-12-31', null, null, null, null, 'z', null, null, null)""")
        server = self.serve()
        (schema,) = server.schema()
        self.assertEqual("public", schema.name)
        (table,) = schema.tables
        self.assertEqual({"id": c.LONG, "b": c.BOOLEAN, "i2": c.SHORT, "i4": c.INT, "i8": c.LONG, "f4": c.FLOAT, "f8": c.DOUBLE,
                          "n": c.DECIMAL, "d": c.DATE, "ts": c.DATETIME, "tz": c.UTC, "x": c.BINARY, "j": c.JSON, "s": c.STRING,
                          "u": c.STRING, "tm": c.STRING, "a": c.JSON}, {each.name: each.type for each in table.columns})
        decimal = {each.name: each.params.decimal for each in table.columns}["n"]
        self.assertEqual((38, 10), (decimal.precision, decimal.scale))
        self.assertEqual(["id"], [each.name for each in table.columns if each.key])
        rows = server.sync(self.started(server)).tables["public", "t"]
        rows = {key[0][1]: row for key, row in rows.items()}
        low, high, none, zero, more = (rows[each] for each in (-2**63, 2**63 - 1, 0, 1, 2))
        self.assertTrue(math.isnan(low.pop("f4")[1]))
        self.assertEqual({
            "id": ("long", -2**63), "b": ("bool", True), "i2": ("short", -2**15), "i4": ("int", -2**31), "i8": ("long", -2**63),
            "f8": ("double", -math.inf), "n": ("decimal", "-9999999999999999999999999999.9999999999"), "d": ("date", (-62135596800, 0)),
            "ts": ("datetime", (-62135596800, 0)), "tz": ("utc", (-62135596800, 1000)), "x": ("binary", b"\0\xff"),
            "j": ("json", '{"a": [1, null]}'), "s": ("string", "é\U0001F600\n"), "u": ("string", "00000000-0000-0000-0000-000000000001"),
            "tm": ("string", "23:59:59.999999"), "a": ("json", "[1,null,3]")}, low)
        self.assertEqual({
            "id": ("long", 2**63 - 1), "b": ("bool", False), "i2": ("short", 2**15 - 1), "i4": ("int", 2**31 - 1),
            "i8": ("long", 2**63 - 1), "f4": ("float", struct.unpack("f", struct.pack("f", 1.1754944e-38))[0]), "f8": ("double", 0.1),
            "n": ("decimal", "0.0000000001"), "d": ("date", (253402214400, 0)), "ts": ("datetime", (253402300799, 999999000)),
            "tz": ("utc", (-1, 999999000)), "x": ("binary", b""), "j": ("json", '"x"'), "s": ("string", ""), "u": None,
            "tm": ("string", "00:00:00"), "a": ("json", "[]")}, high)
        self.assertEqual({"id"}, {name for name, value in none.items() if value is not None})
        self.assertEqual(17, len(none))
        self.assertEqual([("decimal", "0.0000000000"), ("date", (0, 0)), ("string", "é" * 3000), ("double", -0.0)],
                         [zero[each] for each in ("n", "d", "s", "f8")])
        self.assertEqual(-1, math.copysign(1, zero["f8"][1]))
        self.assertEqual([("decimal", "-0.5000000000"), ("date", (-86400, 0)), ("float", struct.unpack("f", b"\xff\xff\x7f\x7f")[0])],
                         [more[each] for each in ("n", "d", "f4")])

        self.sql("update t set ts = 'infinity' where id = 1")
        copy = self.started(server)
        self.refused(lambda: server.sync(copy), "DATA_LOSS", "public.t", "ts", "VARCHAR")
        self.assertEqual("{}", copy.state)
        server.sync(copy, table_options='{"public.t": {"misfit": {"ts": "null"}}}')
        self.assertIsNone({key[0][1]: row for key, row in copy.tables["public", "t"].items()}[1]["ts"])

    def test_one_large_value_passes(self):
        self.sql("create table t (id int primary key, v text); insert into t select i, repeat(chr(64 + i), 20000000) from generate_series(1, 3) i")
        server = self.serve()
        copy = server.sync(self.started(server))
        self.assertEqual([(i, chr(64 + i) * 20_000_000) for i in (1, 2, 3)], copy.rows("t"))

    def test_changes_late_commits_and_deletes(self):
        self.sql("""create table t (id int primary key, v text, updated_at timestamptz);
          create table plain (id int primary key, v text); create table bag (id int, v text);
          insert into t select i, 'first', now() - interval '1 day' - i * interval '1 s' from generate_series(1, 500) i;
          insert into plain select i, 'p' from generate_series(1, 10) i;
          insert into bag select i / 3, 'b' from generate_series(1, 10) i""")
        server = self.serve(table_options='{"public.t": {"overlap": "0s"}}')
        copy = server.sync(self.started(server))

        def same():
            self.assertEqual(sorted(tuple(map(str, row)) for row in json.loads(self.sql(
                "select json_agg(json_build_array(id, floor(extract(epoch from updated_at))::bigint, v)) from t"))),
                sorted((str(i), str(at[0]), v) for i, at, v in copy.rows("t")))
            self.assert_same(copy, "plain")
            self.assert_same(copy, "bag")

        same()
        self.assertEqual(3, copy.counts["truncate"])
        ids = set(copy.tables["public", "bag"])
        late = self.postgres.session(self.database)
        late.sql("begin; insert into t values (1001, 'late', now())")
        self.sql("""insert into t values (1002, 'early', clock_timestamp()); update t set v = 'second', updated_at = clock_timestamp()
          where id <= 3; delete from plain where id = 2; insert into bag values (0, 'b'); delete from bag where id = 3""")
        server.sync(copy)
        same()
        self.assertLess(copy.counts["public", "t"], 10)
        self.assertEqual(2, copy.counts["truncate"])
        # Rows without a key are known by what they hold: those that stayed are the same.
        self.assertEqual((2, 1), (len(ids - set(copy.tables["public", "bag"])), len(set(copy.tables["public", "bag"]) - ids)))
        server.sync(copy)  # what is late is still open
        late.sql("commit")
        self.assertEqual(0, late.close())
        self.sql("insert into t values (1003, 'after', clock_timestamp())")
        server.sync(copy)
        same()
        self.sql("delete from t where id % 2 = 0")
        server.sync(copy)
        self.assertNotEqual(int(self.sql("select count(*) from t")), len(copy.rows("t")))  # deletes are not seen by marks
        server.sync(copy, full_every="always")
        same()

    def test_killed_in_mid_stream_and_resumed(self):
        self.sql("""create table t (id int primary key, v text, updated_at timestamptz) with (fillfactor = 100);
          insert into t select i, repeat(md5(i::text), 20), now() - interval '1 day' - i * interval '1 s' from generate_series(1, 40000) i;
          analyze t""")
        server = self.serve(*UNITS)
        copy = self.started(server)
        with self.assertRaises(c.grpc.RpcError):
            for response in server.stream(copy.state):
                copy.take(response)
                if copy.counts.get("checkpoint", 0) == 2 and copy.counts["records"] % 7 == 0:
                    server.process.kill()
        server.process.wait()
        part = len(copy.tables["public", "t"])
        self.assertTrue(0 < part < 40000, part)
        # Unstamped, and in other places of the table now: behind what was read, and before what was not.
        self.sql("update t set v = 'moved' where id in (1, 39999); update t set v = 'new', updated_at = now() where id % 5000 = 7")
        again = self.serve(*UNITS)
        again.sync(copy)
        self.assertNotIn("truncate", copy.counts)
        self.assertLess(copy.counts["public", "t"], 40000)
        self.assertEqual(self.sql("select md5(string_agg(id || v, ',' order by id)) from t"),
                         self.sql("select md5('" + ",".join(f"{i}{v}" for i, _, v in sorted(copy.rows("t"))) + "')"))
        self.sql("update t set v = 'later', updated_at = now() where id = 9")
        again.sync(copy)
        self.assertNotIn("truncate", copy.counts)
        self.assertEqual("later", copy.tables["public", "t"][(("int", 9),)]["v"][1])

    def test_selection_and_a_changed_table(self):
        self.sql("""create schema s; create table s.a (id int primary key, v text, w text); create table s.b (id int primary key);
          create table t (id int primary key, v text, updated_at timestamptz);
          insert into s.a values (1, 'v', 'w'); insert into s.b values (1); insert into t values (1, 'v', now())""")
        server = self.serve()

        def chosen(**columns):
            return M["Selection"](schemas=M["Schemas"](new=False, schemas=[
                M["SchemaChoice"](included=True, name="s", new=False, tables=[
                    M["TableChoice"](included=True, name="a", columns={"id": False, **columns}, new=False)]),
                M["SchemaChoice"](included=True, name="public", new=True)]))

        copy = server.sync(self.started(server), selection=chosen(v=True, w=False))
        self.assertEqual({("s", "a"), ("public", "t")}, set(copy.tables))
        self.assertEqual({"id": ("int", 1), "v": ("string", "v")}, copy.tables["s", "a"][(("int", 1),)])
        # A column that is selected later has values of old rows, too.
        self.sql("alter table t add column extra int not null default 5")
        server.sync(copy, selection=chosen(v=True, w=True))
        self.assertEqual({"id": ("int", 1), "v": ("string", "v"), "w": ("string", "w")}, copy.tables["s", "a"][(("int", 1),)])
        self.assertEqual(("int", 5), copy.tables["public", "t"][(("int", 1),)]["extra"])
        self.assertEqual(2, copy.counts["schema_change"])
        server.sync(copy, selection=chosen(v=True, w=True))
        self.assertNotIn("schema_change", copy.counts)

    def test_a_table_that_fails_keeps_what_the_client_has(self):
        self.sql("""create table bad (id int primary key, v date); create table good (id int primary key, v text);
          insert into bad select i, '2024-01-01' from generate_series(1, 1000) i; insert into good values (1, 'a')""")
        server = self.serve()
        copy = server.sync(self.started(server))
        before = dict(copy.tables["public", "bad"])
        self.sql("update bad set v = 'infinity' where id = 900; update good set v = 'b'")
        for _ in range(2):  # the second sync begins with the others
            self.refused(lambda: server.sync(copy), "DATA_LOSS", "public.bad")
        self.assertEqual(before, copy.tables["public", "bad"])
        self.assert_same(copy, "good")
        self.sql("update bad set v = null where id = 900")
        server.sync(copy)
        self.assertIsNone(copy.tables["public", "bad"][(("int", 900),)]["v"])

    def test_a_source_that_goes_away_in_mid_stream(self):
        self.sql("create table t (id int primary key, v text); insert into t select i, repeat(md5(i::text), 40) from generate_series(1, 20000) i")
        server = self.serve(*UNITS)
        copy = server.sync(self.started(server))
        self.sql("update t set v = 'new' where id = 20000; delete from t where id = 1")
        proxy = support.Proxy(self.postgres.port, "cut", 8_000_000)
        self.addCleanup(proxy.close)
        for response in server.stream(copy.state, source=self.postgres.url(self.database, port=proxy.port)):
            copy.take(response)
            if response.WhichOneof("operation") == "checkpoint":
                self.assertGreater(len(copy.rows("t")), 19_998)  # nobody sees half of it
        self.assertTrue(proxy.hit.is_set())
        self.assertIn("tried again", server.text())
        self.assert_same(copy, "t", rows=19_999)

    def test_a_client_that_stalls_and_one_that_goes(self):
        self.sql("create table t (id int primary key, v text); insert into t select i, repeat(md5(i::text), 40) from generate_series(1, 150000) i")
        server = self.serve()
        copy = self.started(server)
        stream = server.stream()
        copy.take(next(stream))

        def processor():
            return sum(map(int, pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")")[1].split()[11:13]))

        times = [0, 0]

        def still():
            times.append(processor())
            return len(times) > 5 and times[-1] - times[-5] <= 1

        support.wait_for(still, every=0.1)
        for response in stream:
            copy.take(response)
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        peak = int([line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")][0])
        self.assertLess(peak, 200 << 10)  # of 192 MB
        self.assertEqual(150000, len(copy.tables["public", "t"]))

        stream = server.stream()
        next(stream)
        stream.cancel()
        support.wait_for(lambda: self.sql("select count(*) from pg_stat_activity where application_name like 'sluice%'") == "0", 5)

    def test_a_duckdb_file_and_our_own_host(self):
        file = self.folder / "source.duckdb"
        self.sql("""create table t (id int primary key, v text, updated_at timestamptz);
          insert into t select i, 'x' || i, now() - i * interval '1 s' from generate_series(1, 3000) i;
          create table bag (id int, v text); insert into bag select 1, 'b' from generate_series(1, 3) i""")
        support.sluice("sync", self.postgres.url(self.database), f"duckdb:{file}")
        server = self.serve(source=f"duckdb:{file}", tables="public.*")
        copy = server.sync(self.started(server))
        self.assertEqual(sorted(map(tuple, json.loads(self.sql("select json_agg(json_build_array(id, v)) from t"))), key=repr),
                         sorted(((i, v) for i, _, v in copy.rows("t")), key=repr))
        self.assert_same(copy, "bag", rows=3)

        configuration = self.folder / "configuration.json"
        configuration.write_text(json.dumps({"source": self.postgres.url(self.database)}))
        hosted = self.folder / "hosted.duckdb"
        for change in ("select 1", "update t set v = 'y', updated_at = now() where id < 4; delete from bag where ctid = '(0,1)'"):
            self.sql(change)
            support.sluice("sync", f"connector:grpc://127.0.0.1:{server.port}", f"duckdb:{hosted}", "--configuration", configuration)
            self.assertEqual(self.sql("select md5(string_agg(id || v || extract(epoch from updated_at)::numeric(20,6), ',' order by id)) from t"),
                             support.value(hosted, "select md5(string_agg(id || v || (epoch_us(updated_at) / 1000000)::decimal(20,6), ',' order by id)) "
                                                   "from main_public.t where not coalesce(_fivetran_deleted, false)"))
            self.assertEqual(self.sql("select count(*) from bag"),
                             support.value(hosted, "select count(*) from main_public.bag where not coalesce(_fivetran_deleted, false)"))


if __name__ == "__main__":
    unittest.main()
