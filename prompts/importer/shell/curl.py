"""One command of curl: its URL, headers and body, by its options (curl's manual page)."""

import re
from dataclasses import dataclass, field

from prompts.importer.shell.words import Word, read_word
from prompts.importer.syntax import Node

_BEFORE = frozenset({"sudo", "time", "env", "exec", "nohup", "command"})
_PROMPT = re.compile(r"\$\s+(\w+)")
_HEADER = ("-H", "--header")
_BODY = ("-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--json")
_UPLOAD = ("-F", "--form", "--form-string", "-T", "--upload-file", "--data-urlencode", "-K", "--config")
# Options that take a value, besides those above. Without the others, their values would be taken for URLs.
_SHORT = frozenset("AbcCDeEhmoPQrtuUwxXyYz")
_LONG = frozenset(
    {
        *("--request", "--user", "--output", "--max-time", "--connect-timeout", "--retry", "--retry-delay", "--cookie"),
        *("--user-agent", "--referer", "--cookie-jar", "--proxy", "--write-out", "--cacert", "--cert", "--key"),
        *("--resolve", "--limit-rate", "--dump-header", "--oauth2-bearer", "--retry-max-time", "--proxy-user"),
    }
)


@dataclass(frozen=True, slots=True)
class Option:
    """An option with its value. `first` and `last` are the words that it begins and ends with: one or two."""

    name: str
    first: Node
    last: Node
    value: Word


@dataclass(slots=True)
class Curl:
    node: Node
    urls: list[Word] = field(default_factory=list)
    headers: list[Option] = field(default_factory=list)
    bodies: list[Option] = field(default_factory=list)
    uploads: list[Option] = field(default_factory=list)
    words: list[Node] = field(default_factory=list)

    @property
    def is_for_windows(self) -> bool:
        return any(word.text == "^" for word in self.words)

    def before(self, node: Node) -> Node | None:
        """The word that stands before this one."""
        at = self.words.index(node)
        return self.words[at - 1] if at else None


def read_curl(node: Node, code: str) -> Curl | None:
    """None for other commands."""
    words = _arguments(node)
    if words is None:
        return None
    curl = Curl(node, words=words)
    at = 1
    while at < len(words):
        at += _read_option(curl, words[at], words[at + 1] if at + 1 < len(words) else None, code)
    return curl


def _arguments(node: Node) -> list[Node] | None:
    """The words of the command from `curl` on."""
    name, *arguments = [child for child in node.children if child.kind not in ("variable_assignment", "file_redirect")]
    prompt = _PROMPT.fullmatch(name.text)
    program = prompt[1] if prompt else name.text.rpartition("/")[2]
    if program == "curl":
        return [name, *arguments]
    if program in _BEFORE:
        at = next((at for at, word in enumerate(arguments) if word.text == "curl"), None)
        return arguments[at:] if at is not None else None
    return None


def _read_option(curl: Curl, node: Node, following: Node | None, code: str) -> int:
    """Read one word, and its value where it takes one; gives how many words that were."""
    text = read_word(node, code).beginning
    if not text.startswith("-") or text == "-":
        curl.urls.append(read_word(node, code))
        return 1
    if text.startswith("--"):
        takes_value = text in (*_HEADER, *_BODY, *_UPLOAD, *_LONG, "--url")
        return _take(curl, text, node, following, code) if takes_value else 1
    for at, letter in enumerate(text[1:], start=1):
        name = f"-{letter}"
        if name in (*_HEADER, *_BODY, *_UPLOAD) or letter in _SHORT:
            if at == len(text) - 1 and text == (read_word(node, code).text or ""):
                return _take(curl, name, node, following, code)
            _note(curl, Option(name, node, node, _without(read_word(node, code), at + 1)))
            return 1
    return 1


def _take(curl: Curl, name: str, node: Node, following: Node | None, code: str) -> int:
    if following is None:
        return 1
    _note(curl, Option(name, node, following, read_word(following, code)))
    return 2


def _note(curl: Curl, option: Option) -> None:
    if option.name in _HEADER:
        curl.headers.append(option)
    elif option.name in _BODY:
        curl.bodies.append(option)
    elif option.name in _UPLOAD:
        curl.uploads.append(option)
    elif option.name == "--url":
        curl.urls.append(option.value)


def _without(word: Word, length: int) -> Word:
    """The value in `-H"A: b"`: the word without its first characters, which are the option."""
    parts = []
    for part in word.parts:
        cut = min(length, len(part.text))
        length -= cut
        if part.expansion is not None or cut < len(part.text):
            parts.append(type(part)(part.quote, part.text[cut:], part.places[cut:], part.expansion))
    return Word(word.node, tuple(parts))
