"""Escapes in the literals of Python and JavaScript, as far as both mean the same by them."""

import re

_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|u\{[0-9A-Fa-f]{1,6}\}|\r\n|.)", re.DOTALL)
_SURROGATES = range(0xD800, 0xE000)
_THEMSELVES = "\\'\"`$/"
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\n": "", "\r\n": "", **{one: one for one in _THEMSELVES}}


def unescaped(text: str) -> str | None:
    """What the escapes in a literal mean, where Python and JavaScript agree about them; None for other ones."""
    try:
        return _ESCAPE.sub(_meaning, text)
    except ValueError:
        return None


def _meaning(escape: re.Match[str]) -> str:
    written = escape[1]
    if written[0] in "xu" and len(written) > 1:
        code = int(written[1:].strip("{}"), 16)
        if code in _SURROGATES:
            raise ValueError(written)
        return chr(code)
    if written not in _ESCAPED:
        raise ValueError(written)
    return _ESCAPED[written]
