"""New code as text: literals and members in the manner of a language, on one line where they fit, else on several."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a list in brackets: what leads to the value, such as `base_url=`, and the value."""

    lead: str
    value: "str | Braces"


@dataclass(frozen=True, slots=True)
class Braces:
    opening: str
    members: tuple[Member, ...]
    closing: str
    padding: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """Where new code goes: the widest line, the line ending, and one step of indentation."""

    width: int
    newline: str
    unit: str
    last_comma: str = ","

    def fit(self, member: Member, indentation: str, taken: int) -> str:
        """On one line when that many characters are taken in it, else with its own members on lines of their own."""
        short = flat(member)
        value = member.value
        if isinstance(value, str) or taken + len(short) <= self.width:
            return short
        inner = indentation + self.unit
        return f"{member.lead}{value.opening}{self.lines(value.members, inner)}{indentation}{value.closing}"

    def lines(self, members: Sequence[Member], indentation: str) -> str:
        """One member a line, line endings around them."""
        lead = self.newline + indentation
        texts = [self.fit(one, indentation, len(indentation) + 1) for one in members]
        return f"{lead}{f',{lead}'.join(texts)}{self.last_comma}{self.newline}"


def flat(member: Member) -> str:
    value = member.value
    if isinstance(value, str):
        return member.lead + value
    inner = ", ".join(flat(one) for one in value.members)
    return f"{member.lead}{value.opening}{value.padding}{inner}{value.padding}{value.closing}"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a language writes things. `quote` is the one that the code prefers."""

    id: str
    quote: str = '"'
    spread: str = "**"
    padding: str = ""
    has_bare_names: bool = False

    def text(self, value: str) -> str:
        """A literal. JSON's escapes mean the same in all languages here."""
        written = json.dumps(value, ensure_ascii=False)
        if self.quote == '"':
            return written
        return "'" + written[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"

    def with_quote(self, quote: str) -> "Dialect":
        return replace(self, quote=quote)

    def with_other_quote(self) -> "Dialect":
        return replace(self, quote="'" if self.quote == '"' else '"')

    def name(self, key: str) -> str:
        """The key of a member."""
        return key if self.has_bare_names and _IDENTIFIER.fullmatch(key) else self.text(key)

    def pair(self, key: str, value: Any) -> Member:
        """A member with a value of JSON's kinds."""
        return Member(f"{self.name(key)}: ", self.value(value))

    def raw(self, key: str, code: str) -> Member:
        """A member with code as its value."""
        return Member(f"{self.name(key)}: ", code)

    def braces(self, *members: Member) -> Braces:
        return Braces("{", members, "}", self.padding)

    def value(self, value: Any) -> str | Braces:
        if isinstance(value, dict):
            return self.braces(*(self.pair(key, one) for key, one in value.items()))
        if isinstance(value, list | tuple):
            return Braces("[", tuple(Member("", self.value(one)) for one in value), "]")
        return self.text(value) if isinstance(value, str) else json.dumps(value)


PYTHON = Dialect("python")
JAVASCRIPT = Dialect("javascript", spread="...", padding=" ", has_bare_names=True)
JSON = Dialect("json")
