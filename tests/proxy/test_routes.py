"""The table of routes: everything that the official SDKs can ask for is in it on purpose."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from proxy.providers import PROVIDERS
from proxy.providers.anthropic import routes as anthropic_routes
from proxy.providers.base import Route
from proxy.providers.openai import routes as openai_routes
from proxy.providers.routes import RouteTable, id_in

OPENAI, ANTHROPIC = PROVIDERS["openai"], PROVIDERS["anthropic"]
TABLES = {"openai": openai_routes.TABLE, "anthropic": anthropic_routes.TABLE}
_METHODS = {
    "_get": "GET",
    "_post": "POST",
    "_put": "PUT",
    "_patch": "PATCH",
    "_delete": "DELETE",
    "_get_api_list": "GET",
}


@cache
def sdk_calls(package: str) -> frozenset[tuple[str, str]]:
    return frozenset(_sdk_calls(package))


def _sdk_calls(package: str) -> Iterator[tuple[str, str]]:
    """(method, path) of every call in the source of an SDK's resources; ids are `{id}`."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    for file in sorted((Path(spec.origin).parent / "resources").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
                path = path_of(node.args[0]) if node.args else ""
                if path:
                    said = [word.value for word in node.keywords if word.arg == "method"]
                    method = ast.literal_eval(said[0]).upper() if said else _METHODS[node.func.attr]
                    yield method, path


def path_of(argument: ast.expr) -> str:
    if isinstance(argument, ast.Call) and argument.args:
        argument = argument.args[0]  # path_template("/x/{x_id}", x_id=x_id)
    if isinstance(argument, ast.JoinedStr):
        text = "".join(part.value if isinstance(part, ast.Constant) else "{id}" for part in argument.values)  # type: ignore[misc]
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        text = argument.value
    else:
        return ""  # an address that an answer named: `results_url`
    path = re.sub(r"\{\w+\}", "{id}", text.partition("?")[0]).strip("/")
    return path.removeprefix("v1/")


@pytest.mark.parametrize(("package", "least"), [("openai", 300), ("anthropic", 200)])
def test_all_that_an_sdk_can_ask_for_is_in_the_table(package: str, least: int) -> None:
    calls = sdk_calls(package)
    assert len(calls) >= least
    table = TABLES[package]
    unknown = []
    for method, path in calls:
        name = table.find(method, path.replace("{id}", "x1")).name
        is_family = name.endswith("/*") and path.startswith(name[:-1])
        is_meant = name in table.posts if method == "POST" else name in table.patterns
        if not (is_meant and (name == path or is_family)):
            unknown.append((method, path, name))
    assert unknown == []


def test_what_no_sdk_can_ask_for_is_in_the_table_by_name_only() -> None:
    """So that the table does not outlive what it was made for."""
    for package in ("openai", "anthropic"):
        called = {path for _, path in sdk_calls(package)}
        left = {name for name in TABLES[package].patterns if name not in called and not name.endswith("/*")}
        assert left <= OLD_OR_CLOSED, left - OLD_OR_CLOSED


# Older than the SDKs, or not in them.
OLD_OR_CLOSED = {
    "complete",
    "messages/batches/{id}/results",
    "experimental/generate_prompt",
    "experimental/improve_prompt",
    "experimental/templatize_prompt",
}


@pytest.mark.parametrize("package", TABLES)
def test_what_is_metered_is_read(package: str) -> None:
    for name, route in TABLES[package].posts.items():
        assert route.name == name
        assert route.reads == "answer" or route.metering != "metered"


@pytest.mark.parametrize(
    ("method", "path", "name", "metering", "reads"),
    [
        ("POST", "chat/completions", "chat/completions", "metered", "answer"),
        ("GET", "chat/completions", "chat/completions", "free", "nothing"),
        ("POST", "chat/completions/chatcmpl_1", "chat/completions/{id}", "free", "nothing"),
        ("DELETE", "chat/completions/chatcmpl_1", "chat/completions/{id}", "free", "nothing"),
        ("POST", "responses", "responses", "metered", "answer"),
        ("GET", "responses/resp_1", "responses/{id}", "free", "answer"),
        ("HEAD", "responses/resp_1", "responses/{id}", "free", "nothing"),
        ("DELETE", "responses/resp_1", "responses/{id}", "free", "nothing"),
        ("POST", "responses/resp_1/cancel", "responses/{id}/cancel", "free", "answer"),
        ("POST", "responses/input_tokens", "responses/input_tokens", "free", "nothing"),
        ("POST", "responses/compact", "responses/compact", "metered", "answer"),
        ("GET", "files/file-1/content", "files/{id}/content", "free", "results"),
        ("DELETE", "files/file-1", "files/{id}", "free", "nothing"),
        ("POST", "batches", "batches", "metered", "answer"),
        ("GET", "batches", "batches", "free", "answer"),
        ("GET", "batches/batch_1", "batches/{id}", "free", "answer"),
        ("POST", "batches/batch_1/cancel", "batches/{id}/cancel", "free", "answer"),
        ("POST", "moderations", "moderations", "free", "nothing"),
        ("POST", "videos", "videos", "unmetered", "nothing"),
        ("POST", "organization/projects/p/users/u", "organization/*", "free", "nothing"),
        ("GET", "organization/costs", "organization/*", "free", "nothing"),
        ("PUT", "responses/resp_1", "responses/{id}", "unmetered", "nothing"),
        ("PATCH", "anything", "other", "unmetered", "nothing"),
        ("POST", "anything/else", "other", "unmetered", "nothing"),
        ("POST", "responses/a/b/c", "other", "unmetered", "nothing"),
        ("GET", "anything/else", "other", "free", "nothing"),
        ("HEAD", "anything", "other", "free", "nothing"),
        ("DELETE", "", "other", "free", "nothing"),
        ("POST", "organization", "other", "unmetered", "nothing"),
        # What stands in a pattern is no way into it.
        ("POST", "organization/*", "organization/*", "free", "nothing"),
        ("GET", "models/*", "models/{id}", "free", "nothing"),
    ],
)
def test_a_route_means_by_method_and_path(method: str, path: str, name: str, metering: str, reads: str) -> None:
    found = OPENAI.find_route(method, path)
    assert (found.name, found.metering, found.reads) == (name, metering, reads)


@pytest.mark.parametrize(
    ("method", "path", "name", "metering", "reads"),
    [
        ("POST", "messages", "messages", "metered", "answer"),
        ("POST", "messages/count_tokens", "messages/count_tokens", "free", "nothing"),
        ("POST", "messages/batches", "messages/batches", "metered", "answer"),
        ("GET", "messages/batches", "messages/batches", "free", "nothing"),
        ("GET", "messages/batches/b1/results", "messages/batches/{id}/results", "free", "results"),
        ("POST", "messages/batches/b1/cancel", "messages/batches/{id}/cancel", "free", "nothing"),
        ("DELETE", "messages/batches/b1", "messages/batches/{id}", "free", "nothing"),
        ("POST", "complete", "complete", "metered", "answer"),
        ("GET", "files/f1/content", "files/{id}/content", "free", "nothing"),
        ("POST", "sessions/s1/events", "sessions/{id}/events", "unmetered", "nothing"),
        ("POST", "organizations/invites", "organizations/*", "free", "nothing"),
    ],
)
def test_so_do_anthropics(method: str, path: str, name: str, metering: str, reads: str) -> None:
    found = ANTHROPIC.find_route(method, path)
    assert (found.name, found.metering, found.reads) == (name, metering, reads)


def test_a_deeper_pattern_wins_over_a_family() -> None:
    table = RouteTable(posts=(Route("a/b/{id}", "metered"),), gets=(), free="a/*", unmetered="a/b/c", read="")
    assert [table.find("POST", path).name for path in ("a/x", "a/b/x", "a/b/c", "a/b/c/d", "a/b/x/y", "a")] == [
        "a/*",
        "a/b/{id}",
        "a/b/c",
        "a/*",
        "a/*",
        "other",
    ]


@pytest.mark.parametrize(
    ("pattern", "path", "found"),
    [
        ("responses/{id}", "responses/resp_1", "resp_1"),
        ("files/{id}/content", "files/file-1/content", "file-1"),
        ("messages/batches/{id}/results", "messages/batches/msgbatch_1/results", "msgbatch_1"),
        ("a/{id}/b/{id}", "a/first/b/second", "first"),
        ("responses", "responses", ""),
        ("other", "x/y", ""),
    ],
)
def test_the_first_id_of_a_path_is_what_it_is_about(pattern: str, path: str, found: str) -> None:
    assert id_in(pattern, path) == found
