"""The builder's programs for tests: each kind, for each provider, as an answer and as a stream, with tricky texts."""

import io
import os
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest import mock

from prompts import snippets
from prompts.snippets import Kind, Sample

MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
PROVIDER_KEYS = {"openai": "sk-test", "anthropic": "sk-ant-test"}
TRICKY = "It's \"quoted\",\n\t$HOME ${x} `id` \\ \\n 😀 naïve \u2028 {{x}} {% x %} </script><!-- 100 % \"\" ''' */ %s"
TAG = "größe"


@dataclass(frozen=True)
class Program:
    kind: Kind
    provider: str
    is_stream: bool

    @property
    def name(self) -> str:
        return f"{self.kind.id}-{self.provider}{'-stream' if self.is_stream else ''}"

    @property
    def prompt_key(self) -> str:
        """Its own, to be found by in the ledger; with a character that no header takes as it is."""
        return f"{self.name} é"

    def sample(self, public_url: str, **changes: Any) -> Sample:
        fields: dict[str, Any] = {
            "public_url": public_url,
            "provider": self.provider,
            "model": MODELS[self.provider],
            "prompt": TRICKY,
            "system": f"Be brief. {TRICKY}",
            "prompt_key": self.prompt_key,
            "feature_tags": ("builder", TAG),
            "version": 3,
            "temperature": 0.25,
            "max_tokens": 300,
            "stream": self.is_stream,
            "keys": "environment",
        }
        return Sample(**(fields | changes))

    def source(self, public_url: str) -> str:
        return snippets.render(self.kind.id, self.sample(public_url))


PROGRAMS = [
    Program(kind, provider, is_stream)
    for kind in snippets.ALL_KINDS
    for provider in kind.providers
    for is_stream in (False, True)
]


def programs_in(*languages: str) -> list[Program]:
    return [program for program in PROGRAMS if program.kind.language in languages]


def keys_of(program: Program, platform_key: str) -> dict[str, str]:
    """The environment in which the program finds its keys."""
    provider = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}[program.provider]
    return {"AIPROMPTCOST_API_KEY": platform_key, provider: PROVIDER_KEYS[program.provider]}


class _Writes(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []

    def write(self, text: str) -> int:
        self.pieces.append(text)
        return super().write(text)


def run_python(program: Program, source: str, platform_key: str) -> list[str]:
    """Run it here, as a program of its own would run; what it wrote, in the pieces in which it did."""
    writes = _Writes()
    with mock.patch.dict(os.environ, keys_of(program, platform_key)), redirect_stdout(writes):
        exec(compile(source, program.name, "exec"), {"__name__": "__main__"})
    return writes.pieces
