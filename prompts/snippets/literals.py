"""Values as a language writes them: JSON data laid out like a person would, and quoting for the shell."""

import json
import re
from dataclasses import dataclass
from typing import Any

_MOST_ON_ONE_LINE = 76
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Style:
    indent: str
    padding: str = ""  # inside the braces of an object on one line
    last_comma: str = ""
    has_bare_names: bool = False
    words: tuple[str, str, str] = ("true", "false", "null")


_PYTHON = _Style("    ", last_comma=",", words=("True", "False", "None"))
_JAVASCRIPT = _Style("  ", padding=" ", last_comma=",", has_bare_names=True)
_JSON = _Style("  ")


def python(value: Any, depth: int = 0) -> str:
    """`depth` is that of the line it begins on. At depth 0 objects and lists always take a line for each member."""
    return _write(value, depth, _PYTHON)


def javascript(value: Any, depth: int = 0) -> str:
    return _write(value, depth, _JAVASCRIPT)


def json_text(value: Any, depth: int = 0) -> str:
    return _write(value, depth, _JSON)


def shell(text: str) -> str:
    """In single quotes, where nothing but the quote itself means anything (POSIX, "Quoting")."""
    return "'" + text.replace("'", "'\\''") + "'"


def _write(value: Any, depth: int, style: _Style, lead: str = "") -> str:
    """On one line where it fits behind its `lead`, else one member a line."""
    if isinstance(value, dict):
        leads = {key: f"{_name(key, style)}: " for key in value}
        parts = [leads[key] + _write(member, depth + 1, style, leads[key]) for key, member in value.items()]
        return _join(parts, "{}", depth, style, lead)
    if isinstance(value, list | tuple):
        return _join([_write(member, depth + 1, style) for member in value], "[]", depth, style, lead)
    if value is True or value is False or value is None:
        return style.words[(True, False, None).index(value)]
    return _text(value) if isinstance(value, str) else repr(value)


def _join(parts: list[str], brackets: str, depth: int, style: _Style, lead: str) -> str:
    opening, closing = brackets[0], brackets[1]
    if not parts:
        return opening + closing
    padding = style.padding if opening == "{" else ""
    flat = opening + padding + ", ".join(parts) + padding + closing
    if depth and "\n" not in flat and len(lead + flat) + depth * len(style.indent) <= _MOST_ON_ONE_LINE:
        return flat
    inner = ",\n".join(style.indent * (depth + 1) + part for part in parts)
    return f"{opening}\n{inner}{style.last_comma}\n{style.indent * depth}{closing}"


def _name(name: str, style: _Style) -> str:
    return name if style.has_bare_names and _IDENTIFIER.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    """JSON's escapes mean the same in all these languages. What cannot be seen is escaped, and so is what turns the
    direction of the text around it. Pairs of surrogates are not: Python reads those as two characters.
    """
    written = json.dumps(value, ensure_ascii=False)
    if written.isprintable():
        return written
    return "".join(_visible(character) for character in written)


def _visible(character: str) -> str:
    return character if character.isprintable() or character > "\uffff" else f"\\u{ord(character):04x}"
