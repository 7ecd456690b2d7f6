"""The matrix: which clients run which scenarios, and which calls each scenario comes to.

What the scenarios do stands in `programs/`; those of one name are the same in every language.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.hermetic import ROOT
from tests.clients.environments import NODE, NODE_OLD, python_with

PROGRAMS = ROOT / "tests" / "clients" / "programs"

# The calls in order: method and route, as the record names them.
CALLS: dict[str, dict[str, tuple[str, ...]]] = {
    "openai": {
        "chat": ("POST chat/completions",),
        "chat-stream": ("POST chat/completions",),
        "chat-stream-usage": ("POST chat/completions",),
        "chat-stream-helper": ("POST chat/completions",),
        "chat-parse": ("POST chat/completions",),
        "completions": ("POST completions",) * 2,
        "embeddings": ("POST embeddings",) * 2,
        "models": ("GET models", "GET models/{id}"),
        "moderations": ("POST moderations",),
        "responses": (
            "POST responses", "GET responses/{id}", "GET responses/{id}/input_items", "DELETE responses/{id}",
        ),
        "responses-stream": ("POST responses",),
        "responses-parse": ("POST responses",),
        "background": ("POST responses", "GET responses/{id}", "GET responses/{id}"),
        "background-stream": ("POST responses", "GET responses/{id}"),
        "background-cancelled": ("POST responses", "POST responses/{id}/cancel"),
        "files": ("POST files", "GET files", "GET files/{id}", "GET files/{id}/content", "DELETE files/{id}"),
        "upload": (
            "POST uploads", "POST uploads/{id}/parts", "POST uploads/{id}/parts", "POST uploads/{id}/complete",
        ),
        "batch": (
            "POST files", "POST batches", "GET batches/{id}", "GET batches/{id}", "GET files/{id}/content",
            "GET batches",
        ),
        "speech": ("POST audio/speech",) * 2,
        "transcriptions": (*("POST audio/transcriptions",) * 4, "POST audio/translations"),
        "images": ("POST images/generations", "POST images/edits"),
        "images-stream": ("POST images/generations",),
        "async": ("POST chat/completions", "POST chat/completions", "POST responses"),
        "async-files": ("POST files", "GET files/{id}/content"),
        "retried": ("POST chat/completions",) * 3,
        "not-retried": ("POST chat/completions",),
        "refused-provider-key": ("POST chat/completions",),
        "refused-platform-key": (),
        "environment": ("POST chat/completions",),
    },
    "anthropic": {
        "messages": ("POST messages",),
        "messages-stream": ("POST messages",),
        "messages-stream-helper": ("POST messages",),
        "messages-parse": ("POST messages",),
        "beta": ("POST messages",),
        "count-tokens": ("POST messages/count_tokens",),
        "models": ("GET models", "GET models/{id}"),
        "batch": (
            "POST messages/batches", "GET messages/batches/{id}", "GET messages/batches/{id}",
            "GET messages/batches/{id}", "GET messages/batches/{id}/results", "GET messages/batches",
            "DELETE messages/batches/{id}",
        ),
        "batch-cancelled": (
            "POST messages/batches", "POST messages/batches/{id}/cancel", "GET messages/batches/{id}",
            "GET messages/batches/{id}", "GET messages/batches/{id}", "GET messages/batches/{id}/results",
        ),
        "files": ("POST files", "GET files", "GET files/{id}/content", "DELETE files/{id}"),
        "complete": ("POST complete",) * 2,
        "async": ("POST messages",) * 3,
        "retried": ("POST messages",) * 3,
        "not-retried": ("POST messages",),
        "refused-provider-key": ("POST messages",),
        "refused-platform-key": (),
        "environment": ("POST messages",),
    },
    "frameworks": {
        "openai-chat": ("POST chat/completions",),
        "openai-chat-stream": ("POST chat/completions",),
        "openai-responses": ("POST responses",) * 2,
        "openai-object": ("POST chat/completions",),
        "openai-embeddings": ("POST embeddings",),
        "openai-media": ("POST images/generations", "POST audio/speech", "POST audio/transcriptions"),
        "anthropic": ("POST messages",),
        "anthropic-stream": ("POST messages",),
    },
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    area: str  # of CALLS
    command: Callable[[], list[str | Path]]  # raises NotInstalled
    scenarios: tuple[str, ...]
    folder: Path = ROOT

    def __str__(self) -> str:
        return self.name


def _all(area: str, *without: str) -> tuple[str, ...]:
    return tuple(name for name in CALLS[area] if name not in without)


def _python(program: str, environment: str = "") -> Callable[[], list[str | Path]]:
    """The program in that environment, or in this one."""

    def command() -> list[str | Path]:
        python = python_with(environment) if environment else Path(sys.executable)
        return [python, "-X", "utf8", PROGRAMS / f"{program}.py"]

    return command


def _node(program: str) -> Callable[[], list[str | Path]]:
    """Node finds packages from the folder that it is in only for a text that it is given on the command line."""

    def command() -> list[str | Path]:
        text = (PROGRAMS / "driver.mjs").read_text() + (PROGRAMS / f"{program}.mjs").read_text()
        return ["node", "--input-type=module", "--eval", text, "--"]

    return command


CLIENTS = (
    Client("openai-python", "openai", _python("openai_sdk"), _all("openai")),
    Client("openai-python-old", "openai", _python("openai_sdk", "old"), _all("openai", "environment")),
    Client("anthropic-python", "anthropic", _python("anthropic_sdk"), _all("anthropic")),
    Client(
        "anthropic-python-old", "anthropic", _python("anthropic_sdk", "old"), _all("anthropic", "environment")
    ),
    Client("openai-node", "openai", _node("openai_sdk"), _all("openai", "async-files"), NODE),
    Client(
        "openai-node-old", "openai", _node("openai_sdk"),
        _all("openai", "async-files", "images-stream", "environment"), NODE_OLD
    ),
    Client("anthropic-node", "anthropic", _node("anthropic_sdk"), _all("anthropic", "messages-parse"), NODE),
    Client(
        "anthropic-node-old", "anthropic", _node("anthropic_sdk"),
        _all("anthropic", "messages-parse", "environment"), NODE_OLD,
    ),
    Client("langchain", "frameworks", _python("langchain_clients", "langchain"), _all("frameworks", "openai-media")),
    Client("vercel-ai", "frameworks", _node("vercel"), _all("frameworks"), NODE),
)  # fmt: skip
