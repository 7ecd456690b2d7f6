"""The page of the API reference, read out of the OpenAPI schema. Pure: the schema comes from whoever asks."""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from prompts.documentation.entries import Entry, Row, Table
from prompts.documentation.page import Heading, Page, Section, anchor_of
from prompts.documentation.pages import REFERENCE
from prompts.documentation.rendering import code_block, render_text

TITLE = "API reference"
_OBJECTS = "Objects"
_PLACES = (("path", "In the address"), ("query", "Parameters"), ("header", "Headers"))
_PREFIX = re.compile(r"^[A-Z]+ /api/(proxy/v1/|aggregations/)?")
_MANY = 5
_TAGS = re.compile(r"<[^>]+>")
_Schema = Mapping[str, Any]


def read_page(schema: _Schema) -> Page:
    entries = (*_operations(schema), *_objects(schema))
    headings = list[Heading]()
    for entry in entries:
        if entry.group:
            headings.append(Heading(anchor_of(entry.group), entry.group))
        headings.append(Heading(entry.id, entry.title, 3, _PREFIX.sub("", entry.title)))
    sections = [Section("", "", _INTRODUCTION), *(Section(entry.id, entry.title, _words(entry)) for entry in entries)]
    return Page(REFERENCE, TITLE, tuple(headings), "", tuple(sections), entries)


_INTRODUCTION = "Every endpoint with its parameters, headers, fields and an example, made from the OpenAPI schema."


def _operations(schema: _Schema) -> Iterator[Entry]:
    group = ""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            title = f"{method.upper()} {path}"
            tag = operation["tags"][0]
            text = f"**{operation['summary']}.** {operation['description']}"
            identity = anchor_of(title)
            yield Entry(
                identity,
                title,
                method.upper(),
                path,
                operation["summary"],
                render_text(text),
                tuple(_tables(operation)),
                tuple(_examples(operation, identity)),
                tag if tag != group else "",
            )
            group = tag


def _objects(schema: _Schema) -> Iterator[Entry]:
    group = _OBJECTS
    for name, component in schema["components"]["schemas"].items():
        table = _fields_of("Fields", component)
        text = render_text(component["description"])
        yield Entry(_object_id(name), name, "", "", "", text, (table,), group=group)
        group = ""


def _tables(operation: _Schema) -> Iterator[Table]:
    for place, title in _PLACES:
        rows = [_row_of_parameter(one) for one in operation.get("parameters", ()) if one["in"] == place]
        if place == "header" and rows:
            words = "Bearer <code>apc_...</code>, the platform key. <code>x-api-key</code> does as well"
            rows.insert(0, Row("Authorization", "string", words, is_required=True))
        if rows:
            yield Table(title, tuple(sorted(rows, key=lambda row: not row.is_required)), has_required=True)
    if body := operation.get("requestBody"):
        yield _fields_of("Body", _json_of(body)["schema"])
    good = operation["responses"]["200"]
    if content := _json_of(good):
        table = _fields_of("Answer", content["schema"])
        if table.rows or table.also:
            yield table
    if headers := good.get("headers"):
        rows = [Row(name, "string", _inline(one["description"])) for name, one in headers.items()]
        yield Table("Headers of the answer", tuple(rows))
    for title, first in (("Without a body", "3"), ("Errors", "45")):
        answers = [(status, one) for status, one in operation["responses"].items() if status[0] in first]
        if answers:
            yield Table(title, tuple(Row(status, "", _inline(one["description"])) for status, one in answers))


def _json_of(part: _Schema) -> Any:
    return part.get("content", {}).get("application/json", {})


def _examples(operation: _Schema, identity: str) -> Iterator[tuple[str, str]]:
    for title, part in (("Request", operation.get("requestBody", {})), ("Answer", operation["responses"]["200"])):
        for example in _json_of(part).get("examples", {}).values():
            source = json.dumps(_shorten(example["value"]), indent=2)
            yield title, code_block(f"{identity}-{title.lower()}", source, "json", f"{title}: {identity}")
    file = operation["responses"]["200"].get("content", {}).get("text/csv", {})
    for example in file.get("examples", {}).values():
        yield "CSV", code_block(f"{identity}-csv", example["value"].replace("\r", ""), "text", f"CSV: {identity}")


def _shorten(value: Any) -> Any:
    """An example without what is zero, empty or unknown in it, where there is much of that."""
    if isinstance(value, list):
        return [_shorten(one) for one in value]
    if not isinstance(value, dict):
        return value
    whole = {name: _shorten(one) for name, one in value.items()}
    kept = {name: one for name, one in whole.items() if one not in (0, None, "", [], {})}
    return whole if len(kept) > len(whole) - _MANY else {**kept, "...": "the other fields"}


def _row_of_parameter(parameter: _Schema) -> Row:
    is_required = bool(parameter.get("required"))
    text = _inline(parameter.get("description", "")) + _limits(parameter["schema"])
    return Row(parameter["name"], _kind(parameter["schema"]), text, is_required)


def _fields_of(title: str, schema: _Schema) -> Table:
    """The fields of an object; those of the objects that it contains as a whole are named and not repeated."""
    if "$ref" in schema:
        return Table(title, (), (_link_of(schema),))
    rows, also, is_asked = list[Row](), list[tuple[str, str]](), title == "Body"
    for part in schema.get("allOf", [schema]):
        if "$ref" in part:
            also.append(_link_of(part))
        for name, field in part.get("properties", {}).items():
            text = _inline(field.get("description", "")) + _limits(field)
            rows.append(Row(name, _kind(field), text, is_asked and name in part.get("required", ())))
    return Table(title, tuple(rows), tuple(also), is_asked)


def _kind(schema: _Schema) -> str:
    if "$ref" in schema:
        anchor, name = _link_of(schema)
        return f'<a href="#{anchor}">{escape(name)}</a>'
    kind = schema.get("type", "object")
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    kinds = [kind] if isinstance(kind, str) else kind
    return escape(" or ".join(schema.get("format", one) if one == "string" else one for one in kinds))


def _limits(schema: _Schema) -> str:
    """Behind the description: allowed values, bounds, what holds when it is left out."""
    said = []
    values = schema.get("enum") or schema.get("items", {}).get("enum", ())
    if values and not isinstance(values[0], int):
        # Of two orders of one field the descending one goes without saying.
        shown = [value for value in values if not (value.startswith("-") and value[1:] in values)]
        said.append("One of " + ", ".join(f"<code>{escape(value)}</code>" for value in shown))
    if schema.get("type") == "integer" and {"minimum", "maximum"} <= schema.keys():
        said.append(f"From {schema['minimum']} to {schema['maximum']}")
    if "maxLength" in schema:
        said.append(f"At most {schema['maxLength']} characters")
    if "maxItems" in schema:
        said.append(f"At most {schema['maxItems']}")
    if "default" in schema:
        said.append(f"<code>{escape(str(schema['default']))}</code> when left out")
    return "".join(f". {words}" for words in said)


def _link_of(schema: _Schema) -> tuple[str, str]:
    name = schema["$ref"].rsplit("/", 1)[-1]
    return _object_id(name), name


def _object_id(name: str) -> str:
    return f"object-{name.lower()}"


def _inline(text: str) -> str:
    return render_text(text).strip().removeprefix("<p>").removesuffix("</p>")


def _words(entry: Entry) -> str:
    parts = [entry.text]
    for table in entry.tables:
        parts += [f"{row.name} {row.text}" for row in table.rows]
    return " ".join(_TAGS.sub("", " ".join(parts)).split())
