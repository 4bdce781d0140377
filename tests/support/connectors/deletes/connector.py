# Every kind of operation over the same keys, a truncate in each sync, a table of its own per sync.
from fivetran_connector_sdk import Connector, Operations as op


def schema(configuration):
    return [
        {"table": "t", "primary_key": ["a", "b"], "columns": {"a": "INT", "b": "STRING", "v": "STRING", "w": "INT"}},
        {"table": "never", "primary_key": ["id"], "columns": {"id": "INT"}},
        {"table": "all", "primary_key": ["id"]},
    ]


def update(configuration, state):
    run = state.get("run", 0)
    if run == 0:
        for a in range(250):
            op.upsert("t", {"a": a, "b": "x", "v": f"first {a}", "w": a})
    else:
        op.update("t", {"a": 1, "b": "x", "v": "updated"})
        op.update("t", {"a": 2, "b": "x", "w": None})
        op.delete("t", {"a": 3, "b": "x"})
        op.upsert("t", {"a": 4, "b": "x", "w": 44})
        op.update("t", {"a": 9999, "b": "x", "v": "nobody"})
        op.delete("t", {"a": 9999, "b": "x"})
        op.delete("t", {"a": 5, "b": "x"})
        op.upsert("t", {"a": 5, "b": "x", "v": "back", "w": 5})
    op.upsert("all", {"id": run * 10, "when": "before"})
    op.truncate("all")
    op.upsert("all", {"id": run * 10 + 1, "when": "after"})
    op.upsert(f"of {run}", {"run": run})
    op.checkpoint({"run": run + 1})


connector = Connector(update=update, schema=schema)
