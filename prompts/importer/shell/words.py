"""Words of the shell: what they say once quotes are taken away, and where in the code each character comes from
(POSIX, "Quoting" and "Word Expansions").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from prompts.importer.syntax import Node

_EXPANSIONS = frozenset(
    {"simple_expansion", "expansion", "command_substitution", "arithmetic_expansion", "process_substitution"}
)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
# What a backslash takes the meaning of between double quotes.
_ESCAPABLE = frozenset('$`"\\\n')
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a word in one kind of quotes: a text, with the place of each character, or an expansion.

    `quote` is ', ", $' or empty.
    """

    quote: str
    text: str = ""
    places: tuple[int, ...] = ()
    expansion: Node | None = None

    @property
    def variable(self) -> str:
        """The name in `$NAME` and `${NAME}`; empty for other expansions."""
        found = _VARIABLE.fullmatch(self.expansion.text) if self.expansion else None
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Word:
    node: Node
    parts: tuple[Part, ...]

    @property
    def text(self) -> str | None:
        """None where it holds an expansion."""
        return None if any(part.expansion for part in self.parts) else self.beginning

    @property
    def beginning(self) -> str:
        """The text up to the first expansion."""
        found = []
        for part in self.parts:
            if part.expansion is not None:
                break
            found.append(part.text)
        return "".join(found)

    @property
    def places(self) -> list[tuple[int, str]]:
        """Where each character of `beginning` stands, and in which quotes."""
        found: list[tuple[int, str]] = []
        for part in self.parts:
            if part.expansion is not None:
                break
            found += [(place, part.quote) for place in part.places]
        return found


def read_word(node: Node, code: str) -> Word:
    return Word(node, tuple(_parts(node, code)))


def _parts(node: Node, code: str) -> Iterator[Part]:
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if part.kind == "concatenation":
            waiting.extend(reversed(part.children))
        elif part.kind in _EXPANSIONS:
            yield Part("", expansion=part)
        elif part.kind == "raw_string":
            yield _verbatim("'", part.start + 1, part.end - 1, code)
        elif part.kind == "string":
            yield from _double(part, code)
        elif part.kind == "ansi_c_string":
            yield _unescaped("$'", part.start + 2, part.end - 1, code, _ANSI)
        else:
            yield _unescaped("", part.start, part.end, code, None)


def _verbatim(quote: str, start: int, end: int, code: str) -> Part:
    return Part(quote, code[start:end], tuple(range(start, end)))


def _double(node: Node, code: str) -> Iterator[Part]:
    """Texts and expansions between double quotes."""
    start = node.start + 1
    for child in node.children:
        if child.kind in _EXPANSIONS:
            if child.start > start:
                yield _unescaped('"', start, child.start, code, dict.fromkeys(_ESCAPABLE, ""))
            yield Part('"', expansion=child)
            start = child.end
    if node.end - 1 > start or start == node.start + 1:
        yield _unescaped('"', start, node.end - 1, code, dict.fromkeys(_ESCAPABLE, ""))


def _unescaped(quote: str, start: int, end: int, code: str, meanings: dict[str, str] | None) -> Part:
    """Backslashes read. Behind one each character stands for itself, where its meaning is empty or there are none."""
    text: list[str] = []
    places: list[int] = []
    at = start
    while at < end:
        character, place = code[at], at
        following = code[at + 1] if at + 1 < end else ""
        if character == "\\" and following and (meanings is None or following in meanings):
            character = "" if following == "\n" and quote != "$'" else (meanings or {}).get(following) or following
            at += 1
        if character:
            text.append(character)
            places.append(place)
        at += 1
    return Part(quote, "".join(text), tuple(places))


def quoted_for(quote: str, text: str) -> str:
    """New text for a place between these quotes."""
    if quote == "'":
        return text.replace("'", "'\\''")
    if quote == '"':
        return re.sub(r'([$`"\\])', r"\\\1", text)
    if quote == "$'":
        return text.replace("\\", "\\\\").replace("'", "\\'")
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "'\\''") + "'"


def in_quotes(text: str, expansion: str = "") -> str:
    """A whole word in double quotes; the expansion at its end is left to the shell."""
    return f'"{quoted_for(chr(34), text)}{expansion}"'
