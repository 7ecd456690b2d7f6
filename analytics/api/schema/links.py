"""From one answer to the next question: the following page, and the receipt of a listed call."""

from typing import Any

from analytics.api.schema.components import Schema

_LOG, _RECEIPT = "/api/requests", "/api/requests/{call_id}"


def add_links(paths: dict[str, Schema]) -> None:
    """Put them where they begin."""
    for path, methods in paths.items():
        operation = methods["get"]
        asked = {one["name"]: one for one in operation["parameters"] if one["in"] == "query"}
        if "cursor" in asked:
            # What may be left out cannot be named here: an expression without a value is an error.
            same = {name: f"$request.query.{name}" for name, one in asked.items() if one.get("required")}
            _links_of(operation)["nextPage"] = {
                "operationId": operation["operationId"],
                "parameters": {**same, "cursor": "$response.body#/next_cursor"},
                "description": "The following page, unless `next_cursor` is `null`. All else stays as it was.",
            }
        if path == _LOG:
            _links_of(operation)["receipt"] = {
                "operationId": paths[_RECEIPT]["get"]["operationId"],
                "parameters": {"call_id": "$response.body#/requests/0/id"},
                "description": "The receipt of the first of the calls, and so of the others.",
            }


def _links_of(operation: Schema) -> dict[str, Any]:
    found: dict[str, Any] = operation["responses"]["200"].setdefault("links", {})
    return found
