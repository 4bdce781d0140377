# A client of Fivetran's destinations that knows the protocol by its numbers alone: messages are written and read here,
# field by field, grpcio carries them. Shares no generated code with the server.
import json
import os
import pathlib
import re
import struct
import subprocess
import sys

from support import ROOT, SLUICE

sys.path.insert(0, subprocess.run([ROOT / "tools" / "fetch-python", "fivetran"], check=True, capture_output=True,
                                  text=True).stdout.strip())
import grpc  # noqa: E402

NULL = "null-m8yilkvPsNulehxl2G6pmSQ3G3WWdLP"
SAME = "unmod-NcK9NIjPUutCsz4mjOQQztbnwnE1sY3"
BOOLEAN, SHORT, INT, LONG, DECIMAL, FLOAT, DOUBLE, DATE, DATETIME, UTC, BINARY, XML, STRING, JSON, TIME = range(1, 16)


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def field(number, value):
    if isinstance(value, (bool, int)):
        return varint(number << 3) + varint(int(value))
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields):
    """Of pairs (number, value): int, bool, str, bytes; a list is a repeated field, a dict a map."""
    out = b""
    for number, value in fields:
        if isinstance(value, dict):
            value = [message((1, key), (2, each)) for key, each in value.items()]
        for each in value if isinstance(value, list) else [value]:
            out += field(number, each)
    return out


def parsed(data):
    """[(number, int or bytes)], in order."""
    at, out = 0, []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            out.append((tag >> 3, number()))
        else:
            assert tag & 7 == 2, tag
            size = number()
            out.append((tag >> 3, data[at:at + size]))
            at += size
    return out


def column(name, kind, key=False, decimal=None):
    params = [(4, message((1, message((1, decimal[0]), (2, decimal[1])))))] if decimal else []
    return message((1, name), (2, kind), (3, key), *params)


def table(name, *columns):
    return message((1, name), (2, list(columns)))


def described(data):
    """Of a Table: {column: (type, key, decimal)}."""
    columns = {}
    for number, value in parsed(data):
        if number == 2:
            one = dict(parsed(value))
            decimal = None
            if 4 in one:
                pair = dict(parsed(dict(parsed(one[4]))[1]))
                decimal = (pair.get(1, 0), pair.get(2, 0))
            columns[one[1].decode()] = (one.get(2, 0), bool(one.get(3, 0)), decimal)
    return columns


class Server:
    def __init__(self, folder, *arguments, failpoint=None, **popen):
        self.folder = pathlib.Path(folder)
        self.log = open(self.folder / "serve.log", "w+")
        environment = {**os.environ, "SLUICE_FAILPOINT": failpoint} if failpoint else None
        self.process = subprocess.Popen([SLUICE, "serve-destination", "--port", "0", *arguments], stdout=self.log,
                                        stderr=subprocess.STDOUT, env=environment, **popen)
        while not (found := re.search(r"on port (\d+)", self.text())):
            assert self.process.poll() is None, self.text()
        self.address = "127.0.0.1:" + found.group(1)
        self.channel = grpc.insecure_channel(self.address,
                                             options=[("grpc.max_metadata_size", 10240)])
        self.configuration = {"destination": "duckdb:" + str(self.folder / "warehouse.duckdb")}

    def text(self):
        return (self.folder / "serve.log").read_text()

    def raw(self, call, request):
        method = self.channel.unary_unary("/fivetran_sdk.v2.DestinationConnector/" + call)
        return parsed(method(request, timeout=60))

    def call(self, call, *fields):
        """With the configuration in field 1."""
        return self.raw(call, message((1, self.configuration), *fields))

    def migrate(self, name, *operation):
        return self.call("Migrate", (2, message((1, "s"), (2, name), *operation)))

    def stop(self, signal=15):
        self.channel.close()
        self.process.send_signal(signal)
        code = self.process.wait(20)
        self.log.close()
        for line in self.text().splitlines():
            assert json.loads(line)["message-origin"] == "sdk_destination", line
        return code


def cell(value):
    if value in (NULL, None):
        return NULL
    value = str(value)
    return '"' + value.replace('"', '""') + '"' if value == "" or re.search('[ ,"\n]', value) or len(value) > 24 else value


def csv(header, *rows):
    return "".join(",".join(map(cell, row)) + "\n" for row in [header, *rows]).encode()


def write_file(path, content, compression="zstd", key=None):
    if compression:
        tool = {"zstd": ["zstd", "-qc"], "gzip": ["gzip", "-c"]}[compression]
        content = subprocess.run(tool, input=content, stdout=subprocess.PIPE, check=True).stdout
    if key:
        vector = bytes(range(16))
        content = vector + subprocess.run(["openssl", "enc", "-aes-256-cbc", "-K", key.hex(), "-iv", vector.hex()],
                                          input=content, stdout=subprocess.PIPE, check=True).stdout
    path.write_bytes(content)
    return str(path)


def parameters(compression="zstd", encrypted=False):
    return message((1, {None: 0, "zstd": 1, "gzip": 2}[compression]), (2, int(encrypted)), (3, NULL), (4, SAME))
