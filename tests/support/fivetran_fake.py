# A SourceConnector that says what no SDK would say: `fivetran_fake.py FOLDER`, with grpcio alone, from the numbers of the
# protocol's fields. Prints its port. The configuration's `case` chooses; each UpdateRequest is kept as FOLDER/CASE.
import concurrent.futures
import pathlib
import struct
import sys
import time

import grpc


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def number(field, value):
    return varint(field << 3) + varint(value)


def text(field, value):
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def message(field, *parts):
    return text(field, b"".join(parts))


def fields(data):
    at = 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = read()
        if tag & 7 == 0:
            yield tag >> 3, read()
        else:
            size = read()
            yield tag >> 3, data[at : at + size]
            at += size


def configuration(request):
    entries = [dict(fields(value)) for field, value in fields(request) if field == 1]
    return {entry[1].decode(): entry.get(2, b"").decode() for entry in entries}


def column(name, kind, key=False, *params):
    return message(2, text(1, name), number(2, kind), number(3, key), *params)


def record(table, kind, cells, encoding=4):
    return b"".join([text(2, table), number(3, kind)] + [message(encoding, text(1, name), text(2, value)) for name, value in cells.items()])


def stamp(seconds, nanos=0):
    return number(1, seconds) + number(2, nanos)


def slow_form():
    time.sleep(0.3)  # longer than any attempt to connect
    return b""


def checkpoint(state="{}"):
    return message(3, text(1, state))


def one(kind, cells, table="t", **options):
    return message(1, record(table, kind, cells, **options))


ID = lambda n: number(5, n)  # noqa: E731
KINDS = {
    "id": ID(1), "s": number(3, -2), "i": number(4, -3), "f": varint(6 << 3 | 5) + struct.pack("<f", 0.1),
    "d": varint(7 << 3 | 1) + struct.pack("<d", 0.1), "day": message(8, stamp(-86400)), "local": message(9, stamp(-1, 999999000)),
    "at": message(10, stamp(1, 2000)), "dec": text(11, "-12.50"), "raw": text(12, b"\x00\xff"), "str": text(13, "é"), "j": text(14, "[1]"),
    "x": text(15, "<a/>"), "time": message(16, stamp(3661, 500000000)), "b": number(2, 1), "nothing": number(1, 0), "unset": b"",
}
PREFIXED = {
    "id": b"\x012", "s": b"\x01-7", "i": b"\x018", "f": b"\x040.5", "d": b"\x051e300", "day": b"\x012024-02-29",
    "local": b"\x012024-01-01T00:00:00.000001", "at": b"\x012024-01-01T00:00:00.123Z", "dec": b"\x013.14", "raw": b"\x03\x01\x00",
    "str": b"\x0142", "j": b"\x02{}", "x": b"\x01<b/>", "b": b"\x01false", "nothing": b"\x00", "late": b"\x0142",
}
TYPES = {"id": 4, "s": 2, "i": 3, "f": 6, "d": 7, "day": 8, "local": 9, "at": 10, "raw": 11, "x": 12, "str": 13, "j": 14, "time": 15, "b": 1}
TABLE = message(1, text(1, "t"), *[column(name, kind, name == "id") for name, kind in TYPES.items()],
                column("dec", 5, False, message(4, message(1, number(1, 10), number(2, 2)))), column("open", 0))
SCHEMA = message(3, TABLE)
CENTS = column("cents", 5, False, message(4, message(1, number(1, 10), number(2, 2))))

UPDATES = {
    "kinds": [
        message(2, message(2, TABLE)), message(4, text(1, "plain warning")), one(0, KINDS),
        message(6, message(1, record("t", 0, PREFIXED, 5)), message(1, record("t", 0, {"id": ID(3), "str": text(13, "gone")}))),
        one(2, {"id": b"\x013"}, encoding=5), one(1, {"id": ID(2), "i": number(1, 1)}),
        one(0, {"id": ID(1)}, "u"), message(8, text(2, "u")), one(0, {"id": ID(2)}, "u"), checkpoint('{"a": 1}'),
    ],
    "unknown type": [one(9, {"id": ID(1)})],
    "unknown value": [one(0, {"id": ID(1), "str": number(99, 1)})],
    "unknown kind": [one(0, {"id": b"\x092"}, encoding=5)],
    "unknown field": [message(1, record("t", 0, {"id": ID(1)}), number(12, 1))],
    "unknown operation": [message(12, b"")],
    "empty": [b""],
    "no table": [one(0, {"id": ID(1)}, "")],
    "no column": [one(0, {"": ID(1)})],
    "deferred late": [one(0, {"id": ID(1)}), message(8, text(2, "t"), number(3, 1))],
    "filled": [one(0, {"id": ID(n)}) for n in (1, 2, 3)] + [checkpoint()],
    "deferred": [message(8, text(2, "t"), number(3, 1)), one(0, {"id": ID(2)}), checkpoint(), one(0, {"id": ID(4)}), checkpoint()],
    "deferred in vain": [message(8, text(2, "t"), number(3, 1)), one(0, {"id": ID(2)}), checkpoint(), grpc.StatusCode.UNAVAILABLE],
    "garbage": [b"\x0a\xff\xff\xff\xff\x0f"],
    "change": [
        one(0, {"id": ID(1), "i": number(4, 7), "day": b""}),
        message(2, message(2, message(1, text(1, "new"), column("id", 4, True), column("v", 3)))),
        one(0, {"id": ID(1), "v": number(4, 5)}, "new"), one(0, {"id": ID(1), "v": number(4, 6)}, "new"),
        message(2, message(2, message(1, text(1, "t"), column("id", 4, True), column("i", 4), column("open", 1), CENTS))),
        one(0, {"id": ID(2), "i": ID(5000000000), "cents": text(11, "1.25")}),
        one(0, {"id": b"\x013", "i": b"\x016000000000", "cents": b"\x012.5", "open": b"\x01true"}, encoding=5), checkpoint(),
    ],
    "change of key": [message(2, message(2, message(1, text(1, "t"), column("s", 2, True))))],
    "nanos": [one(0, {"id": ID(1), "at": message(10, stamp(1, 1))})],
    "two": [checkpoint() + checkpoint()],
    "bad state": [checkpoint("[]")],
    "unavailable": [one(0, {"id": ID(1)}), grpc.StatusCode.UNAVAILABLE],
    "denied": [grpc.StatusCode.PERMISSION_DENIED],
    "wide": [one(0, {"id": ID(1)}), grpc.StatusCode.INTERNAL],
}
SCHEMAS = {"declared type": message(3, message(1, text(1, "t"), column("id", 77))), "no schema": b"", "wide": message(
    2, message(1, text(1, "north"), message(2, text(1, "t"), column("id", 4, True))))}


def update(request, context):
    case = configuration(request)["case"]
    (pathlib.Path(sys.argv[1]) / case).write_bytes(request)
    for each in UPDATES.get(case, []):
        if isinstance(each, grpc.StatusCode):
            context.abort(each, "no more of " + configuration(request).get("password", "it"))
        yield each


def unary(answer):
    return grpc.unary_unary_rpc_method_handler(lambda request, context: answer(configuration(request)))


server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("fivetran_sdk.v2.SourceConnector", {
    "ConfigurationForm": unary(lambda given: slow_form()),
    "Schema": unary(lambda given: SCHEMAS.get(given["case"], SCHEMA)),
    "Update": grpc.unary_stream_rpc_method_handler(update),
})])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
server.wait_for_termination()
