# SPDX-License-Identifier: Apache-2.0
"""DolphinDB's own Python client judges what stands in for a DolphinDB: `dolphindb_judge.py PORT TLS_PORT`.

Prints "ok" last, or ends with what was wrong. The tables are those of dolphindb_double_test.cpp."""
import base64
import datetime
import decimal
import hashlib
import hmac
import os
import subprocess
import sys
import tempfile
import time
import warnings

import dolphindb
import dolphindb.io
import dolphindb.settings as settings
import numpy as np
import pandas as pd

plain, tls = int(sys.argv[1]), int(sys.argv[2])
D, dt = decimal.Decimal, np.datetime64
U1, H1 = "5d212a78-cc48-e3b1-4235-b4d91473ee87", "e1671797c52e15f763380b45e841ec32"
# The client's own way to say a column's type is one that pandas warns of.
warnings.simplefilter("ignore")
pd.set_option("display.max_columns", None, "display.width", 10000, "display.max_rows", None)
np.set_printoptions(threshold=sys.maxsize)


def session(port=plain, user="admin", password="123456", **options):
    made = dolphindb.session(**options)
    assert made.connect("127.0.0.1", port, user, password), "no connection"
    return made


def seen(value):
    """A value as text, its types included."""
    if isinstance(value, pd.DataFrame):
        return "\n".join(f"{n} {value[n].dtype} {seen(list(value[n]))}" for n in value.columns)
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {[seen(each) for each in value]}"
    if isinstance(value, (list, tuple)):
        return str([seen(each) for each in value])
    if isinstance(value, dict):
        return str(sorted((seen(k), seen(v)) for k, v in value.items()))
    if isinstance(value, set):
        return str(sorted(seen(each) for each in value))
    return f"{type(value).__name__} {value!r}"


def same(what, is_, expected):
    assert seen(is_) == seen(expected), f"{what}: {seen(is_)} instead of {seen(expected)}"


def refused(action, text):
    try:
        result = action()
    except Exception as error:
        assert text in str(error), f"{error} instead of {text}"
        return
    assert False, f"{result!r} instead of an error with {text}"


def column(values, type_, scale=None):
    frame = pd.DataFrame({"c": pd.Series(values, dtype=object)})
    number = getattr(settings, "DT_" + type_)
    frame.__DolphinDB_Type__ = {"c": number if scale is None else [number, scale]}
    return frame


def times(type_):
    frame = pd.DataFrame({"c": pd.Series(pd.to_datetime(["2024-01-02T03:04:05.123456789", None]))})
    frame["c"] = frame["c"].astype("datetime64[ns]")
    frame.__DolphinDB_Type__ = {"c": getattr(settings, "DT_" + type_)}
    return frame


def arrays(rows, type_, scale=None):
    return column([np.array(row, dtype=object) for row in rows], type_ + "_ARRAY", scale)


def time_arrays(type_):
    day = [np.array(["2024-01-02T03:04:05.123456789", "NaT"], dtype="datetime64[ns]"),
           np.array(["2024-01-03"], dtype="datetime64[ns]")]
    return column(day, type_ + "_ARRAY")


WHEN = ["DATE", "MONTH", "TIME", "MINUTE", "SECOND", "DATETIME", "TIMESTAMP", "NANOTIME", "NANOTIMESTAMP", "DATEHOUR"]


def objects():
    yield from [None, True, False, np.int8(-5), np.int16(-300), np.int32(-7), 42, -2**63, np.float32(1.5), 1.5,
                float("nan"), "hé中", "", b"ab", b"\xff\xfe", pd.NaT, D("-1.25"), D("1.123456789012345678901"),
                datetime.time(1, 2, 3, 4), datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3, 4, 5, 123456)]
    for text, unit in [("2024-01", "M"), ("2024-01-02", "D"), ("1969-12-31", "D"), ("2024-01-02T03", "h"),
                       ("2024-01-02T03:04:05", "s"), ("2024-01-02T03:04:05.123", "ms"),
                       ("2024-01-02T03:04:05.123456789", "ns")]:
        yield dt(text, unit)
        yield np.array([text, "NaT"], dtype=f"datetime64[{unit}]")
    for type_ in ["int8", "int16", "int32", "int64"]:
        yield np.array([1, -2, np.iinfo(type_).min], dtype=type_)
    yield from [np.array([True, False]), np.array([1.5, np.nan], dtype="float32"), np.array([189.5, np.nan, -0.0]),
                [1, 2, None], ["a", None, "b"], [1, "a", None, 2.5], [[1, 2], [3]], [], np.arange(100000),
                np.array([[1, 2, 3], [4, 5, 6]], dtype="int32"), np.array([[1.5, np.nan]]), {1, 2}, {"a"}, {"a": 1},
                {"a": "x"}, {1: "x"}, {"a": 1, "b": "x", "c": [1, 2]}, {"a": {"b": 1}},
                {"t": pd.DataFrame({"a": np.array([1], dtype="int32")})},
                [{"a": 1}, np.array([1], dtype="int32"), "x"]]
    yield from [column([True, False, None], "BOOL"), column(["a", "hé中", None, ""], "STRING"),
                column(["a", None, "b", "a"], "SYMBOL"), column([b"a", b"\xff", None], "BLOB"),
                column([U1, None], "UUID"), column([H1, None], "INT128"),
                column(["192.168.1.1", "2001:db8::1", None], "IPADDR")]
    for type_ in ["CHAR", "SHORT", "INT", "LONG"]:
        yield column([1, -5, None], type_)
        yield arrays([[1, None, 3], [4], []], type_)
    for type_ in ["FLOAT", "DOUBLE"]:
        yield column([1.5, None], type_)
        yield arrays([[1.5, None], [4.0], []], type_)
    for type_ in ["DECIMAL32", "DECIMAL64", "DECIMAL128"]:
        yield column([D("1.25"), None, D("-3.1")], type_, 4)
        yield arrays([[D("1.25"), None], [D("-3.1")]], type_, 3)
    for type_ in WHEN:
        yield times(type_)
        yield time_arrays(type_)
    yield from [arrays([[True, None, False], [True], []], "BOOL"), arrays([[U1, None], [U1]], "UUID"),
                arrays([[H1, None], [H1]], "INT128"), arrays([["192.168.1.1", None], ["2001:db8::1"]], "IPADDR"),
                column([np.arange(300, dtype="int32"), np.array([1], dtype="int32")], "INT_ARRAY"),
                column([np.array([i % 128], dtype="int8") for i in range(65600)], "CHAR_ARRAY")]


def what_is_uploaded_comes_back():
    for options in [{}, {"compress": True}]:
        with_options = session(**options)
        for index, value in enumerate(objects()):
            with_options.upload({"v": value})
            # What the client makes of its own bytes, without a server.
            expected = dolphindb.io.loads(dolphindb.io.dumps(value))
            same(f"object {index} {options}", with_options.run("v"), expected)
        with_options.upload({"a": 1, "b": "two"})
        same("two variables", (with_options.run("a"), with_options.run("b")), (1, "two"))
        assert with_options.run("n = 7") is None
        same("an assignment", with_options.run("n"), 7)
        with_options.close()


def every_type_is_read():
    ns = pd.Timestamp("2024-01-02T03:04:05.123456789")
    expected = {
        "b": True, "c": -5, "h": -300, "i": -7, "l": 2**53 + 1, "f": 1.5, "d": 189.5, "s": "hé中", "y": "AAPL",
        "u": U1, "g": H1, "p": "192.168.1.1", "o": b"a\xff", "da": ns.floor("D"), "mo": pd.Timestamp("2024-01-01"),
        "ti": pd.Timestamp("1970-01-01T03:04:05.123"), "mi": pd.Timestamp("1970-01-01T03:04:00"),
        "se": pd.Timestamp("1970-01-01T03:04:05"), "dd": ns.floor("s"), "ts": ns.floor("ms"),
        "nt": pd.Timestamp("1970-01-01T03:04:05.123456789"), "ns": ns, "dh": ns.floor("h"), "m3": D("-1.2500"),
        "m6": D("123456789012345.6789"), "m12": D("-12345678901234567890.5")}
    for options in [{}, {"compress": True}]:
        reader = session(**options)
        for row, values in enumerate([expected, None]):
            rows = reader.run(f'select * from loadTable("dfs://all", "every") where row == {row}')
            assert len(rows) == 1, rows
            for name, value in expected.items():
                read = rows[name][0]
                if values is None:
                    # What this client shows for NULL texts and numbers of 16 bytes.
                    nothing = ["", None, b"", "00000000-0000-0000-0000-000000000000", "0" * 32, "0.0.0.0"]
                    assert read in nothing if isinstance(read, (str, bytes)) else pd.isna(read), f"{name}: {read!r}"
                else:
                    assert read == value, f"{name}: {read!r} instead of {value!r}"
            lists = rows["av"][0]
            assert len(lists) == (3 if row == 0 else 1) and pd.isna(lists[1 if row == 0 else 0]), lists
        reader.close()


def blocks_are_the_rows():
    reader, packed = session(), session(compress=True)
    asked = 'select id, sym, ts, price from loadTable("dfs://trades", "trade")'
    whole = reader.run(asked)
    assert len(whole) == 20000 and list(whole["id"]) == list(range(20000))
    for each in [reader, packed]:
        read = []
        blocks = each.run(asked, fetchSize=8192)
        while blocks.hasNext():
            read.append(blocks.read())
        assert [len(block) for block in read] == [8192, 8192, 3616]
        pd.testing.assert_frame_equal(pd.concat(read, ignore_index=True), whole, check_dtype=False)
        assert not each.run(asked + " where id < 0", fetchSize=8192).hasNext()
        skipped = each.run(asked, fetchSize=8192)
        skipped.read()
        skipped.skipAll()
        same("after blocks", each.run("1 + 1"), np.int32(2).item())
    pd.testing.assert_frame_equal(packed.run(asked), whole)
    # A variable is bound, never pasted; a name may be odd.
    reader.upload({"keys": np.array([3, 7]), "sluice_from": dt("2024-01-01T00:00:02", "ns")})
    same("keys", list(reader.run(asked + " where id in keys")["id"]), [3, 7])
    same("odd", reader.run('exec _"odd \\"name" from loadTable("dfs://trades", "trade") where id == 4')[0], np.int64(40))


def logins():
    wrong = dolphindb.session()
    assert not wrong.connect("127.0.0.1", plain, "admin", "wrong")
    guest = dolphindb.session()
    assert guest.connect("127.0.0.1", plain)
    same("guest", guest.run("1 + 1"), 2)
    refused(lambda: guest.run('select * from loadTable("dfs://trades", "trade")'), "<NoPrivilege>Not granted")
    same("what a guest sees", len(guest.run("getClusterDFSTables()")), 0)
    refused(lambda: guest.login("admin", "wrong", False), "The user name or password is incorrect")
    guest.login("admin", "123456", False)
    same("after login", guest.run('exec count(*) from loadTable("dfs://trades", "trade")'), 20000)

    # RSA, encrypted by openssl; base64 in lines of 64, and unbroken.
    rsa = dolphindb.session()
    rsa.connect("127.0.0.1", plain)
    with tempfile.TemporaryDirectory() as folder:
        key = os.path.join(folder, "key.pem")
        with open(key, "w") as file:
            file.write(rsa.run("getDynamicPublicKey()"))

        def encrypted(text):
            done = subprocess.run(["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", key],
                                  input=text.encode(), stdout=subprocess.PIPE, check=True)
            return done.stdout
        in_lines = [base64.encodebytes(encrypted(text)).decode() for text in ["admin", "123456"]]
        unbroken = [base64.b64encode(encrypted(text)).decode() for text in ["admin", "wrong"]]
        refused(lambda: rsa.run("login", *unbroken, True), "The user name or password is incorrect")
        same("login by RSA", rsa.run("login", *in_lines, True), True)
    same("rows after RSA", rsa.run('exec max(id) from loadTable("dfs://trades", "trade")'), 19999)

    def scram(password):
        client = dolphindb.session()
        client.connect("127.0.0.1", plain)
        nonce = base64.b64encode(os.urandom(16)).decode()
        salt, rounds, both = client.run("scramClientFirst", "sam", nonce)
        assert both.startswith(nonce) and len(both) > len(nonce)
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), rounds)
        mac = lambda key, text: hmac.new(key, text.encode(), "sha256").digest()
        message = f"n=sam,r={nonce},r={both},s={salt},i={rounds},c=biws,r={both}"
        key = mac(salted, "Client Key")
        proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), message)))
        signature = client.run("scramClientFinal", "sam", both, base64.b64encode(proof).decode())
        assert base64.b64decode(signature) == mac(mac(salted, "Server Key"), message)
        return client
    same("SCRAM", scram("pencil").run('exec count(*) from loadTable("dfs://trades", "trade")'), 20000)
    refused(lambda: scram("pen"), "The user name or password is incorrect")
    refused(lambda: rsa.run("scramClientFirst", "admin", "x"), "doesn't support scram")


def over_tls():
    client = dolphindb.session(enableSSL=True)
    assert client.connect("127.0.0.1", tls, "admin", "123456")
    client.upload({"v": np.arange(100000)})
    same("over TLS", client.run("v"), np.arange(100000))
    same("its version", client.run("version()").split(" ")[0], "3.00.2.1")


def errors_leave_the_session():
    client = session()
    for script, text in [("nothing()", "Can't recognize function name nothing"),
                         ("nothing", "Cannot recognize the token nothing"),
                         ('loadTable("dfs://trades", "no")', "getFileBlocksMeta on path '/trades/no.tbl' failed, "
                                                             "reason: path does not exist"),
                         ("select no from loadTable(\"dfs://trades\", \"trade\")", "no"),
                         ("select * from", "Syntax Error")]:
        refused(lambda: client.run(script), text)
        same("after an error", client.run("2 * 3"), 6)
    refused(lambda: client.run("unknownFunction", 1), "Can't recognize function name unknownFunction")
    same("after a refused call", client.run("version()"), "3.00.2.1 2024.10.15 LINUX x86_64")
    two = session()
    client.upload({"mine": 1})
    refused(lambda: two.run("mine"), "Cannot recognize the token mine")
    client.run("1", clearMemory=True)
    refused(lambda: client.run("mine"), "Cannot recognize the token mine")


for check in [what_is_uploaded_comes_back, every_type_is_read, blocks_are_the_rows, logins, over_tls,
              errors_leave_the_session]:
    began = time.monotonic()
    check()
    print(check.__name__, f"{time.monotonic() - began:.2f} s", flush=True)
print("ok")
