"""The steps of rewriting a shell script: its commands of curl, one after the other."""

import re
from collections import defaultdict
from dataclasses import dataclass

from prompts.importer import providers
from prompts.importer.keys import STILL_WRITTEN, was_written
from prompts.importer.notes import Notes
from prompts.importer.outcome import Target
from prompts.importer.providers import PLATFORM_KEY, PROVIDER_HEADER, Own, Provider
from prompts.importer.shell.curl import Curl, Option, read_curl
from prompts.importer.shell.json_body import add_member
from prompts.importer.shell.words import Part, Word, in_quotes, quoted_for, read_word
from prompts.importer.syntax import Node, Tree
from prompts.importer.text import Source

_BEARER = re.compile(r"authorization:\s*bearer\s+", re.IGNORECASE)
_API_KEY = re.compile(r"x-api-key:\s*", re.IGNORECASE)
_WRITTEN_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_BETWEEN = re.compile(r"(?:\s|\\\r?\n)+")
_LABELS = ("x-aipc-prompt-key", "x-aipc-tags", "x-aipc-version")
_NO_KEY = (
    "No header with a key was found for it, or it is put together in a way that was not understood. Send your platform "
    "key as Authorization, and your own key as X-Provider-Key."
)


@dataclass(frozen=True, slots=True)
class Credential:
    option: Option
    start: int  # of the key within the text of the option's value
    is_bearer: bool


@dataclass(frozen=True, slots=True)
class Address:
    """A URL. `variable` is the one that it begins with; `word` is where the host is written."""

    word: Word
    own: Own | None = None
    proxied: Provider | None = None
    variable: str = ""
    use: Node | None = None
    service: str = ""


class ShellRewriting:
    def __init__(self, source: Source, tree: Tree, notes: Notes) -> None:
        self._source, self._tree, self._notes = source, tree, notes
        self._assigned: dict[str, list[Node]] = defaultdict(list)
        self._read: dict[str, list[Node]] = defaultdict(list)
        self._moved: list[Address] = []
        self._accounted: set[Node] = set()

    def run(self) -> None:
        for node in self._tree.of("variable_assignment"):
            if node.field("value") is not None:
                self._assigned[node.get("name").text].append(node)
        for node in self._tree.of("simple_expansion", "expansion"):
            self._read[Part("", expansion=node).variable].append(node)
        for node in self._tree.of("command"):
            curl = read_curl(node, self._source.text)
            if curl is not None:
                self._curl(curl)
        self._move()
        self._name_the_rest()

    # --- URLs ---

    def _address(self, word: Word) -> Address:
        beginning = word.beginning
        proxied = providers.proxied(beginning)
        if proxied is not None:
            return Address(word, proxied=proxied)
        own = providers.own(beginning)
        if own is not None:
            return Address(word, own=own)
        first = word.parts[0] if word.parts else None
        assigned = self._assigned.get(first.variable, []) if first and not beginning else []
        if first is not None and len(assigned) == 1:
            value = read_word(assigned[0].get("value"), self._source.text)
            text = value.text or ""
            return Address(value, providers.own(text), providers.proxied(text), first.variable, first.expansion)
        return Address(word, service=providers.host_name(beginning))

    def _move(self) -> None:
        """Where a URL is in a variable, change that, unless others read it, too."""
        uses: dict[str, set[Node]] = defaultdict(set)
        for address in self._moved:
            if address.use is not None:
                uses[address.variable].add(address.use)
        done: set[int] = set()
        for address in self._moved:
            assert address.own
            new = self._notes.target.base_url(address.own.provider.id)
            others = set(self._read[address.variable]) - uses[address.variable] if address.variable else set()
            if others and address.use is not None:
                rest = (address.word.text or "")[address.own.length :]
                self._notes.edits.replace(address.use.start, address.use.end, quoted_for('"', new + rest))
                continue
            places = address.word.places
            start, end = places[0][0], places[address.own.length - 1][0] + 1
            if start not in done:
                done.add(start)
                self._notes.edits.replace(start, end, new)

    def _name_the_rest(self) -> None:
        for node in self._tree.of("word", "string", "raw_string", "concatenation"):
            if node in self._accounted:
                continue
            parent = node.parent
            if parent is not None and parent.kind in ("string", "concatenation"):
                continue
            word = read_word(node, self._source.text)
            own = providers.own(word.beginning)
            if own is not None:
                base = self._notes.target.base_url(own.provider.id)
                why = f"It is used in a way that was not understood. The proxy takes the same requests at {base}."
                self._notes.leave(node, f"Address of {own.provider.name}", why)
            if word.text and providers.is_key(word.text.removeprefix("Authorization: ").removeprefix("Bearer ")):
                self._key(node, word.text)

    def _key(self, node: Node, key: str) -> None:
        """A variable gets its value from the environment's; where it is that itself, only people can mend it."""
        provider = providers.provider_of_key(key)
        parent = node.parent
        name = parent.get("name").text if parent is not None and parent.kind == "variable_assignment" else ""
        if name in ("", provider.variable) or not providers.is_key(key):
            self._notes.warn(node, STILL_WRITTEN)
            return
        self._notes.edits.replace(node.start, node.end, in_quotes("", f"${provider.variable}"))
        self._notes.variables[provider.variable] = None
        self._notes.warn(node, was_written(provider))

    # --- Commands ---

    def _curl(self, curl: Curl) -> None:
        addresses = [self._address(word) for word in curl.urls]
        for address in addresses:
            self._accounted.add(address.word.node)
            if address.service:
                self._notes.leave(curl.node, f"Request to {address.service}", "The proxy does not serve that.")
        proxied = [one for one in addresses if one.proxied]
        ours = [one for one in addresses if one.own]
        if proxied:
            self._notes.leave(curl.node, "Request", "It already goes through the proxy.")
            self._label(curl, curl.headers[-1] if curl.headers else None)
        elif len(ours) == 1 and len(addresses) == 1:
            self._request(curl, ours[0])
        elif ours:
            self._notes.leave(curl.node, "curl with several URLs", "Its headers would go to all of them. Split it.")

    def _request(self, curl: Curl, address: Address) -> None:
        assert address.own
        provider = address.own.provider
        credential = self._credential(curl)
        if curl.is_for_windows:
            self._notes.leave(
                curl.node, f"Request to {provider.name}", "It is written for the command line of Windows."
            )
            return
        if credential is None:
            self._notes.leave(curl.node, f"Request to {provider.name}", _NO_KEY)
            return
        self._moved.append(address)
        own = self._replace_key(credential, provider)
        if any(header.value.beginning.lower().startswith("x-provider-key:") for header in curl.headers):
            own = ""
        self._accounted.add(credential.option.value.node)
        self._notes.change(
            curl.node,
            f"The request to {provider.name} goes to the proxy with your platform key. "
            f"Your {provider.name} key goes along in {PROVIDER_HEADER}.",
        )
        self._label(curl, credential.option, own)

    def _credential(self, curl: Curl) -> Credential | None:
        found = []
        for option in curl.headers:
            for pattern in (_BEARER, _API_KEY):
                match = pattern.match(option.value.beginning)
                if match:
                    found.append(Credential(option, match.end(), is_bearer=pattern is _BEARER))
        return found[0] if len(found) == 1 else None

    def _replace_key(self, credential: Credential, provider: Provider) -> str:
        """Put the platform key where the provider's was; gives that one as the value of its header, quoted."""
        self._notes.variables[PLATFORM_KEY] = None
        word, option = credential.option.value, credential.option
        header = f"{PROVIDER_HEADER}: "
        rest = word.beginning[credential.start :]
        expansions = [part for part in word.parts if part.expansion is not None]
        if not rest and len(expansions) == 1 and word.parts[-1] is expansions[0] and expansions[0].expansion:
            node = expansions[0].expansion
            self._notes.edits.replace(node.start, node.end, f"${PLATFORM_KEY}")
            return in_quotes(header, node.text)
        written = _WRITTEN_VARIABLE.fullmatch(rest)
        variable = written[1] if written else provider.variable
        if not written and not providers.is_placeholder(rest):
            self._notes.warn(option.last, was_written(provider))
        self._notes.variables[variable] = None
        name = word.beginning[: credential.start]
        start = word.places[0][0] - len(word.places[0][1])
        self._notes.edits.replace(start, word.node.end, in_quotes(name, f"${PLATFORM_KEY}"))
        return in_quotes(header, f"${variable}")

    # --- Labels ---

    def _label(self, curl: Curl, beside: Option | None, own: str = "") -> None:
        """Put labels into the body, or beside a header; there the provider's key goes as well."""
        target = self._notes.target
        headers = [own] if own else []
        has_labels = any(header.value.beginning.lower().startswith(_LABELS) for header in curl.headers)
        if target.metadata and (curl.bodies or curl.uploads) and not has_labels:
            outcome = self._label_body(curl)
            if outcome == "headers" and beside is not None:
                headers += [in_quotes(f"{name}: {value}") for name, value in target.headers.items()]
            if outcome != "labelled already":
                self._notes.labelled(curl.node, "The request")
        if headers and beside is not None:
            self._add_headers(curl, beside, headers)

    def _label_body(self, curl: Curl) -> str:
        body = curl.bodies[0].value if len(curl.bodies) == 1 and not curl.uploads else None
        if body is None or body.text is None or body.text.startswith("@"):
            return "headers"
        if "_aipromptcost" in body.text:
            return "labelled already"
        return "body" if add_member(body, self._notes) else "headers"

    def _add_headers(self, curl: Curl, beside: Option, values: list[str]) -> None:
        """In the manner of the header beside them: the same option, the same line break before it."""
        before = curl.before(beside.first)
        code = self._source.text
        between = code[before.end : beside.first.start] if before else " "
        if not _BETWEEN.fullmatch(between):
            between = " "
        name = beside.name if beside.first is not beside.last else "-H"
        self._notes.edits.insert(beside.last.end, "".join(f"{between}{name} {value}" for value in values))


def rewrite_shell(source: Source, tree: Tree, target: Target) -> Notes:
    notes = Notes(source, target)
    ShellRewriting(source, tree, notes).run()
    return notes
