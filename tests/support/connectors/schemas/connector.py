# Tables of several schemas, a configuration form, and tests of it.
from fivetran_connector_sdk import ConfigurationForm, Connector, Operations as op, Test, form_field


def works(configuration):
    return Test.success()


def fails(configuration):
    return Test.failure(f"no way in for {configuration['pin']}")


def form():
    made = ConfigurationForm()
    made.add_field(form_field.TextField("host", "Host"))
    made.add_field(form_field.TextField("pin", "PIN", form_field.TextField.password))
    made.add_test(label="It works", func=works)
    made.add_test(label="It fails", func=fails)
    return made


def schema(configuration):
    return [
        {"table": "t", "schema": "north", "primary_key": ["id"], "columns": {"id": "INT"}},
        {"table": "t", "schema": "south", "primary_key": ["id"], "columns": {"id": "INT"}},
        {"table": "plain", "primary_key": ["id"], "columns": {"id": "INT"}},
    ]


def update(configuration, state):
    op.upsert("t", {"id": 1, "where": "north"}, schema="north")
    op.upsert("t", {"id": 1, "where": "south"}, schema="south")
    op.upsert("plain", {"id": 3})
    op.checkpoint({})


connector = Connector(update=update, schema=schema, configuration_form=form)
