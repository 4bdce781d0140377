# Fails in the way that its configuration asks for, behind a row that was checkpointed and one that was not.
import io
import os
import signal
import subprocess
import sys
import time

from fivetran_connector_sdk import Connector, FileUpload, Operations as op

if os.environ.get("MISBEHAVE") == "import":
    import nothing_of_this_name  # noqa: F401
if os.environ.get("MISBEHAVE") == "silent":
    print("silent", flush=True)
    signal.pause()


def schema(configuration):
    if configuration.get("how") == "schema":
        raise ValueError("no schema with " + configuration["password"])
    if configuration.get("how") == "wait in schema":
        print("waiting in schema", flush=True)
        time.sleep(600)
    if configuration.get("how") == "die in schema":
        os._exit(4)
    return [{"table": "t", "primary_key": ["id"], "columns": {"id": "INT", "v": "STRING"}}]


def update(configuration, state):
    how = configuration["how"]
    if how == "state":
        op.upsert("t", {"id": 1, "v": repr(sorted(state.items()))})
        return
    op.upsert("t", {"id": 1, "v": "kept"})
    op.checkpoint({"at": 1})
    op.upsert("t", {"id": 2, "v": "not yet"})
    if how == "raise":
        raise RuntimeError("broken by " + configuration["password"])
    if how == "long":
        raise RuntimeError("x" * 20000 + " the end")
    if how == "exit":
        sys.exit(1)
    if how == "die":
        print("last words of " + configuration["password"], file=sys.stderr, flush=True)
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "task":
        op.error("do something", "line 7")
        op.upsert("t", {"id": 3, "v": "after the task"})
        op.checkpoint({"at": 3})
    if how == "type":
        op.upsert("t", {"id": "no number"})
    if how == "key":
        op.upsert("t", {"v": "no key"})
    if how == "file":
        op.upsert("t", {"id": 4}, file=FileUpload("a.txt", io.BytesIO(b"content")))
    if how == "pid":
        with open(configuration["into"] + ".new", "w") as file:
            file.write(f"{os.getpid()} {subprocess.Popen(['sleep', '600']).pid}\n")
        os.rename(file.name, configuration["into"])
        signal.pause()
    if how == "child":
        child = subprocess.Popen(["sleep", "600"])
        op.upsert("t", {"id": child.pid, "v": "child"})
        op.checkpoint({"at": 4})
        signal.pause()
    if how == "daemon":
        daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
        op.upsert("t", {"id": daemon.pid, "v": "daemon"})
        op.checkpoint({"at": 4})
    if how == "huge":
        op.upsert("t", {"id": 5, "v": "h" * (130 << 20)})
    if how == "large":
        op.upsert("t", {"id": 5, "v": "h" * (20 << 20)})
        op.checkpoint({"at": 5})


connector = Connector(update=update, schema=schema)
