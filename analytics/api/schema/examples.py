"""Examples of answers: what is worth showing is given, and the other fields are filled in to fit the schema."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from analytics import exports
from analytics.api.schema.components import COMPONENTS, Schema

_NOTHING = {"integer": 0, "number": 0, "boolean": False, "array": (), "object": {}}
_TEXTS = {"date": "2026-02-10", "date-time": "2026-02-10T12:00:00.000000Z"}


def example_of(schema: Schema, given: Any) -> Any:
    """A value of the schema with these members, and those that it must have beside them."""
    if "$ref" in schema:
        return example_of(COMPONENTS[schema["$ref"].rsplit("/", 1)[-1]], given)
    if isinstance(given, Mapping):
        fields = fields_of(schema)
        missing = {name: _default_of(field) for name, field in fields.items() if name not in given}
        return {name: example_of(fields[name], value) for name, value in {**given, **missing}.items()}
    if isinstance(given, list | tuple):
        return [example_of(schema["items"], one) for one in given]
    return given


def line_of(example: Mapping[str, Any], columns: Sequence[str]) -> str:
    """A line of a CSV file, as `exports` writes it."""
    values = (Decimal(str(value)) if isinstance(value, float) else value for value in map(example.get, columns))
    return exports.lines([list(values)]).decode()


def fields_of(schema: Schema) -> dict[str, Schema]:
    """Of an object, those of the components that it contains as a whole among them."""
    if "$ref" in schema:
        return fields_of(COMPONENTS[schema["$ref"].rsplit("/", 1)[-1]])
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found |= fields_of(part)
    return found


def _default_of(schema: Schema) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        return None
    return _TEXTS.get(schema.get("format", ""), "") if kind == "string" else schema.get("minimum", _NOTHING[kind])
