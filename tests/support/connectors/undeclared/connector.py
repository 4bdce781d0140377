# No schema(): everything is inferred. A column comes to be in the middle, another widens.
from fivetran_connector_sdk import Connector, Operations as op


def update(configuration, state):
    op.upsert("odd NAMES", {"n": 1, "t": "one", "b": True, "f": 0.5, "j": {"a": [1, None]}, "raw": b"\x00\xff", "empty": None})
    op.upsert("odd NAMES", {"n": 2, "t": "42", "b": False, "f": -0.25, "j": [], "raw": b"", "late": "here"})
    op.upsert("odd NAMES", {"n": 9223372036854775807, "t": "ü€😀", "late": None, 'q"uote': 7})
    op.upsert("widens", {"v": 1})
    op.upsert("widens", {"v": "x"})
    op.checkpoint({})


connector = Connector(update=update)
