# A client of Fivetran's sources that knows the protocol by its numbers alone: descriptors are made here of names, numbers
# and types, grpcio carries the messages. Shares no generated code with the server. What it is sent it applies as the
# protocol says, and keeps only what a checkpoint covers.
import json
import pathlib
import re
import subprocess

from serve_support import grpc  # of the virtual environment, as protobuf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: E402
from support import SLUICE, environment

BOOLEAN, SHORT, INT, LONG, DECIMAL, FLOAT, DOUBLE, DATE, DATETIME, UTC, BINARY, XML, STRING, JSON = range(1, 15)
UPSERT, UPDATE, DELETE, TRUNCATE = range(4)

# message: (number, name, type[, repeated or a oneof]); a type is a scalar's name, or a message's; "a>b" is a map.
MESSAGES = {
    "Empty": [],
    "Form": [(1, "schemas", "bool"), (2, "tables", "bool"), (3, "fields", "Field", "*"), (4, "tests", "Named", "*")],
    "Field": [(1, "name", "string"), (2, "label", "string"), (3, "required", "bool"), (4, "description", "string"),
              (5, "text", "int32", "type"), (9, "placeholder", "string")],
    "Named": [(1, "name", "string"), (2, "label", "string")],
    "TestRequest": [(1, "name", "string"), (2, "configuration", "string>string")],
    "TestResponse": [(1, "success", "bool", "response"), (2, "failure", "string", "response")],
    "SchemaRequest": [(1, "configuration", "string>string")],
    "SchemaResponse": [(1, "none", "bool", "response"), (2, "schemas", "SchemaList", "response")],
    "SchemaList": [(1, "schemas", "Schema", "*")],
    "Schema": [(1, "name", "string"), (2, "tables", "Table", "*")],
    "Table": [(1, "name", "string"), (2, "columns", "Column", "*")],
    "Column": [(1, "name", "string"), (2, "type", "int32"), (3, "key", "bool"), (4, "params", "Params")],
    "Params": [(1, "decimal", "Decimal", "params")],
    "Decimal": [(1, "precision", "uint32"), (2, "scale", "uint32")],
    "UpdateRequest": [(1, "configuration", "string>string"), (2, "selection", "Selection"), (3, "state", "string")],
    "Selection": [(2, "schemas", "Schemas", "selection")],
    "Schemas": [(1, "schemas", "SchemaChoice", "*"), (2, "new", "bool")],
    "SchemaChoice": [(1, "included", "bool"), (2, "name", "string"), (3, "tables", "TableChoice", "*"), (4, "new", "bool")],
    "TableChoice": [(1, "included", "bool"), (2, "name", "string"), (3, "columns", "string>bool"), (4, "new", "bool")],
    "UpdateResponse": [(1, "record", "Record", "operation"), (2, "schema_change", "SchemaChange", "operation"),
                       (3, "checkpoint", "Text", "operation"), (4, "warning", "Text", "operation"),
                       (5, "task", "Text", "operation"), (6, "records", "Records", "operation")],
    "SchemaChange": [(1, "schemas", "SchemaList", "change")],
    "Text": [(1, "text", "string")],
    "Records": [(1, "records", "Record", "*")],
    "Record": [(1, "schema", "string"), (2, "table", "string"), (3, "type", "int32"), (4, "data", "string>Value")],
    "Value": [(1, "null", "bool", "inner"), (2, "bool", "bool", "inner"), (3, "short", "int32", "inner"),
              (4, "int", "int32", "inner"), (5, "long", "int64", "inner"), (6, "float", "float", "inner"),
              (7, "double", "double", "inner"), (8, "date", "Instant", "inner"), (9, "datetime", "Instant", "inner"),
              (10, "utc", "Instant", "inner"), (11, "decimal", "string", "inner"), (12, "binary", "bytes", "inner"),
              (13, "string", "string", "inner"), (14, "json", "string", "inner")],
    "Instant": [(1, "seconds", "int64"), (2, "nanos", "int32")],
}


def made():
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="by_numbers.proto", package="by_numbers", syntax="proto3")

    def of(field, kind):
        if kind in MESSAGES:
            field.type, field.type_name = kinds.TYPE_MESSAGE, ".by_numbers." + kind
        else:
            field.type = getattr(kinds, "TYPE_" + kind.upper())

    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, label, kind, *more in fields:
            field = message.field.add(name=label, number=number, label=kinds.LABEL_OPTIONAL)
            if ">" in kind:
                entry = message.nested_type.add(name="".join(word.title() for word in label.split("_")) + "Entry")
                entry.options.map_entry = True
                for i, (part, each) in enumerate(zip(("key", "value"), kind.split(">"))):
                    of(entry.field.add(name=part, number=i + 1, label=kinds.LABEL_OPTIONAL), each)
                field.label, field.type = kinds.LABEL_REPEATED, kinds.TYPE_MESSAGE
                field.type_name = f".by_numbers.{name}.{entry.name}"
                continue
            of(field, kind)
            if more == ["*"]:
                field.label = kinds.LABEL_REPEATED
            elif more:
                if more[0] not in [each.name for each in message.oneof_decl]:
                    message.oneof_decl.add(name=more[0])
                field.oneof_index = [each.name for each in message.oneof_decl].index(more[0])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName("by_numbers." + name)) for name in MESSAGES}


M = made()


def plain(value):
    """(kind, value); an instant is (seconds, nanos)."""
    kind = value.WhichOneof("inner")
    inner = getattr(value, kind)
    if kind == "null":
        return None
    return kind, (inner.seconds, inner.nanos) if kind in ("date", "datetime", "utc") else inner


class Copy:
    """What a host would have: committed rows by table and key, and the state that came with them."""

    def __init__(self):
        self.state, self.tables, self.keys = "{}", {}, {}
        self.counts = {}  # of the last sync: operations by name, and records by table
        self.warnings, self.task, self.waiting = [], None, []

    def declare(self, schemas):
        for schema in schemas:
            for table in schema.tables:
                self.keys[schema.name, table.name] = [each.name for each in table.columns if each.key]

    def take(self, response):
        kind = response.WhichOneof("operation")
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind == "records":
            assert len(response.records.records) <= 100
            self.waiting.extend(response.records.records)
        elif kind == "schema_change":
            self.waiting.append(response.schema_change.schemas.schemas)
        elif kind == "checkpoint":
            for each in self.waiting:
                self.apply(each)
            self.waiting, self.state = [], response.checkpoint.text
        elif kind == "warning":
            self.warnings.append(response.warning.text)
        elif kind == "task":
            self.task = response.task.text

    def apply(self, record):
        if not hasattr(record, "table"):
            return self.declare(record)
        name = record.schema, record.table
        rows = self.tables.setdefault(name, {})
        self.counts[name] = self.counts.get(name, 0) + 1
        if record.type == TRUNCATE:
            self.counts["truncate"] = self.counts.get("truncate", 0) + 1
            rows.clear()
            return
        assert record.type == UPSERT, record.type
        row = {column: plain(value) for column, value in record.data.items()}
        rows[tuple(row[column] for column in self.keys[name])] = row

    def rows(self, table, schema="public"):
        """Values alone, sorted."""
        rows = self.tables[schema, table].values()
        return sorted((tuple(each[column] and each[column][1] for column in sorted(each) if not column.startswith("_sluice"))
                       for each in rows), key=repr)


class Connector:
    """`sluice serve-connector`, and calls to it."""

    def __init__(self, folder, *arguments, configuration=None):
        self.path = pathlib.Path(folder) / "connector.log"
        self.log = open(self.path, "w+")
        self.process = subprocess.Popen([SLUICE, "serve-connector", "--port", "0", *arguments], stdout=self.log,
                                        stderr=subprocess.STDOUT, env=environment())
        while not (found := re.search(r"on port (\d+)", self.text())):
            assert self.process.poll() is None, self.text()
        self.port = int(found.group(1))
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.port}", options=[("grpc.max_receive_message_length", 128 << 20),
                                                                                ("grpc.max_metadata_size", 10240)])
        self.configuration = configuration or {}

    def text(self):
        return self.path.read_text()

    def one(self, call, request, answer):
        method = self.channel.unary_unary("/fivetran_sdk.v2.SourceConnector/" + call,
                                          request_serializer=lambda message: message.SerializeToString(),
                                          response_deserializer=M[answer].FromString)
        return method(request, timeout=60)

    def form(self):
        return self.one("ConfigurationForm", M["Empty"](), "Form")

    def test(self, name, **more):
        answer = self.one("Test", M["TestRequest"](name=name, configuration={**self.configuration, **more}), "TestResponse")
        return answer.failure or answer.success

    def schema(self, **more):
        answer = self.one("Schema", M["SchemaRequest"](configuration={**self.configuration, **more}), "SchemaResponse")
        return answer.schemas.schemas

    def stream(self, state="{}", selection=None, **more):
        method = self.channel.unary_stream("/fivetran_sdk.v2.SourceConnector/Update",
                                           request_serializer=lambda message: message.SerializeToString(),
                                           response_deserializer=M["UpdateResponse"].FromString)
        request = M["UpdateRequest"](configuration={**self.configuration, **more}, state=state, selection=selection)
        return method(request, timeout=90)

    def sync(self, copy, **more):
        copy.counts, copy.warnings, copy.task, copy.waiting = {}, [], None, []
        for response in self.stream(copy.state, **more):
            copy.take(response)
        assert not copy.waiting, "records that no checkpoint covers"
        return copy

    def stop(self, signal=15):
        self.channel.close()
        self.process.send_signal(signal)
        code = self.process.wait(20)
        self.log.close()
        for line in self.text().splitlines():
            assert json.loads(line)["message-origin"] == "sdk_connector", line
        return code
