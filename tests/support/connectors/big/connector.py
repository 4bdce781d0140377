# Many rows, all declared, a checkpoint every 40,000.
from fivetran_connector_sdk import Connector, Operations as op


def schema(configuration):
    return [
        {
            "table": "orders",
            "primary_key": ["id"],
            "columns": {
                "id": "LONG", "customer": "INT", "amount": {"type": "DECIMAL", "precision": 15, "scale": 2}, "rate": "DOUBLE",
                "ordered": "NAIVE_DATE", "updated_at": "UTC_DATETIME", "paid": "BOOLEAN", "status": "STRING",
                "email": "STRING", "comment": "STRING",
            },
        }
    ]


def update(configuration, state):
    rows = int(configuration.get("rows", "100000"))
    for i in range(rows):
        op.upsert("orders", {
            "id": i, "customer": i % 1000, "amount": f"{i % 10000}.25", "rate": i * 0.25, "ordered": f"2024-01-{i % 28 + 1:02d}",
            "updated_at": f"2024-01-01T00:{i // 60 % 60:02d}:{i % 60:02d}+00:00", "paid": i % 3 == 0,
            "status": "open" if i % 2 == 0 else "shipped", "email": f"customer{i % 1000}@example.com",
            "comment": f"order {i} was packed with care",
        })
        if i % 40000 == 39999:
            op.checkpoint({"next": i + 1})
    op.checkpoint({"next": rows})


connector = Connector(update=update, schema=schema)
