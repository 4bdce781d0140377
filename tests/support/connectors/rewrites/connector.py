# Rewrites its whole state at each checkpoint, yields, and goes on from where its state says.
import json
import os

from fivetran_connector_sdk import Connector, Logging as log, Operations as op


def schema(configuration):
    return [
        {
            "table": "pages",
            "primary_key": ["id"],
            "columns": {
                "id": "LONG", "small": "SHORT", "amount": {"type": "DECIMAL", "precision": 20, "scale": 4}, "half": "FLOAT",
                "rate": "DOUBLE", "day": "NAIVE_DATE", "local": "NAIVE_DATETIME", "at": "UTC_DATETIME", "raw": "BINARY",
                "doc": "JSON", "x": "XML", "yes": "BOOLEAN", "n": "INT", "text": "STRING",
            },
        }
    ]


def update(configuration, state):
    seen = state.get("seen", [])
    begin = len(seen)
    log.info(f"going on at {begin} as {configuration['password']} of {configuration['host']}")
    print("plain text, too", flush=True)
    for page in range(begin, begin + 3):
        if os.environ.get("BREAK_AT") == str(page):
            os._exit(7)
        for each in range(2):
            n = page * 2 + each
            yield op.upsert("pages", {
                "id": n, "small": -n, "amount": f"{n}.1234", "half": n / 2, "rate": 0.1 + n, "day": f"2024-02-{n + 1:02d}",
                "local": f"2024-01-01T00:00:{n:02d}.000001", "at": f"2024-01-01T02:00:{n:02d}+02:00", "raw": bytes([n]),
                "doc": {"page": page}, "x": f"<n>{n}</n>", "yes": n % 2 == 0, "n": -(2**31) + n, "text": f"page {page}",
            })
        seen = seen + [{"page": page, "name": f"p{page}"}]
        yield op.checkpoint({"seen": seen, "text": json.dumps(seen)})


connector = Connector(update=update, schema=schema)
