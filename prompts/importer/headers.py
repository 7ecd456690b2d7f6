"""Headers of plain HTTP requests: the platform key takes the place of the provider's, which goes along beside it."""

from dataclasses import dataclass, field

from prompts.importer.draft import Draft
from prompts.importer.keys import Keys
from prompts.importer.providers import PLATFORM_KEY, PROVIDER_HEADER, Provider
from prompts.importer.reading import Entry, Piece, Use
from prompts.importer.scopes import Binding
from prompts.importer.syntax import Node
from prompts.importer.writing import Member

_CREDENTIALS = ("authorization", "x-api-key")


@dataclass(frozen=True, slots=True)
class Credential:
    """A header with the provider's key: its member of the mapping, and in it the expression of the key.

    `is_bearer` says that "Bearer " stands before the key; `is_whole`, that the member's value is to be written anew.
    """

    entry: Entry
    key: Node
    is_bearer: bool
    is_whole: bool


@dataclass(slots=True)
class Headers:
    """One mapping of headers, and the places where it is used, each by the names that lead to it."""

    mapping: Node
    provider: Provider
    credential: Credential
    uses: list[tuple[Use, ...]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


class HeaderBook:
    """All mappings of headers that are to be converted."""

    def __init__(self, draft: Draft, keys: Keys) -> None:
        self._draft, self._keys = draft, keys
        self._found: dict[Node, Headers] = {}
        self._covered: set[Node] = set()
        self._ours: dict[Binding, bool] = {}

    def find(self, node: Node, provider: Provider) -> Headers | None:
        """The headers that an expression stands for, if they carry a key and are written out in this file."""
        found = self._draft.reading.mapping(node)
        if found is None:
            return None
        mapping = found[0]
        headers = self._found.get(mapping)
        if headers is None:
            credential = self._credential(mapping)
            if credential is None:
                return None
            headers = Headers(mapping, provider, credential)
        return headers if headers.provider is provider else None

    def convert(self, node: Node, headers: Headers, labels: dict[str, str] | None = None) -> None:
        """Note that these headers go to the proxy, with labels as headers where the body takes none."""
        found = self._draft.reading.mapping(node)
        assert found
        self._found[headers.mapping] = headers
        headers.uses.append(found[1])
        headers.labels |= labels or {}
        self._covered |= {use.node for use in found[1]}

    def has_provider_key(self, node: Node) -> bool:
        found = self._draft.reading.mapping(node)
        return found is not None and self._has(found[0], PROVIDER_HEADER)

    def has_labels(self, node: Node) -> bool:
        found = self._draft.reading.mapping(node)
        return found is not None and any(self._has(found[0], name) for name in self._draft.target.headers)

    def _has(self, mapping: Node, name: str) -> bool:
        return any((entry.key or "").lower() == name.lower() for entry in self._draft.reading.entries(mapping))

    def _credential(self, mapping: Node) -> Credential | None:
        entries = [one for one in self._draft.reading.entries(mapping) if (one.key or "").lower() in _CREDENTIALS]
        if len(entries) != 1:
            return None
        (entry,) = entries
        return self._key_of(entry)

    def _key_of(self, entry: Entry) -> Credential | None:
        reading = self._draft.reading
        is_bearer = (entry.key or "").lower() == "authorization"
        pieces = [piece for piece in reading.pieces(entry.value, follow=False) if piece.node or piece.text]
        if not is_bearer:
            return Credential(entry, entry.value, is_bearer=False, is_whole=True)
        found = self._behind_bearer(entry, pieces, is_whole=False)
        if found is None and len(pieces) == 1 and pieces[0].node is not None:
            # The name of a text that was put together before.
            use = reading.use(reading.strip(entry.value))
            if use is not None and use.binding.value is not None:
                found = self._behind_bearer(entry, reading.pieces(use.binding.value, follow=False), is_whole=True)
        return found

    def _behind_bearer(self, entry: Entry, pieces: list[Piece], *, is_whole: bool) -> Credential | None:
        if not pieces or not pieces[0].text.lower().startswith("bearer "):
            return None
        if len(pieces) == 1 and pieces[0].text[len("bearer ") :].strip():
            return Credential(entry, entry.value, is_bearer=True, is_whole=True)
        if len(pieces) == 2 and not pieces[0].text[len("bearer ") :].strip() and pieces[1].node is not None:
            return Credential(entry, pieces[1].node, is_bearer=True, is_whole=is_whole)
        return None

    # --- The edits ---

    def finish(self) -> None:
        for headers in self._found.values():
            if all(self._is_ours(use) for uses in headers.uses for use in uses):
                self._change(headers)
            else:
                self._override(headers)

    def _is_ours(self, use: Use) -> bool:
        """Whether all that read the name send what they read to the proxy, or only look into it."""
        if use.binding not in self._ours:
            readers = self._draft.reading.names.references(use.binding)
            self._ours[use.binding] = all(one in self._covered or _looks_into(one) for one in readers)
        return self._ours[use.binding]

    def _change(self, headers: Headers) -> None:
        """Where the mapping is written."""
        draft, credential = self._draft, headers.credential
        value, own = self._both(headers)
        place = credential.entry.value if credential.is_whole else credential.key
        draft.settled.add(credential.entry.value)
        if credential.entry.node is credential.entry.value:  # JavaScript's shorthand: `{ Authorization }`
            draft.edits.insert(place.end, f": {value}")
        else:
            draft.edits.replace(place.start, place.end, value)
        grows = len(value) - (place.end - place.start)
        labels = [draft.dialect.pair(name, text) for name, text in headers.labels.items()]
        added = labels if self._has(headers.mapping, PROVIDER_HEADER) else [own, *labels]
        draft.layout.add(headers.mapping, added, after=credential.entry.node, grows=grows)

    def _both(self, headers: Headers) -> tuple[str, Member]:
        """The new value of the credential, or of the key in it, and the provider's key as a member."""
        draft, credential = self._draft, headers.credential
        key = self._keys.moved(credential.key, headers.provider)
        if credential.is_bearer and credential.key is credential.entry.value:
            key = draft.environment(headers.provider.variable)
        own = draft.dialect.raw(PROVIDER_HEADER, draft.header_value(key, credential.key))
        if credential.is_whole and credential.is_bearer:
            return draft.bearer(PLATFORM_KEY), own
        if credential.is_whole:
            return draft.header_value(draft.environment(PLATFORM_KEY, like=credential.key), credential.key), own
        return draft.environment(PLATFORM_KEY, like=credential.key, quote=draft.quote_inside(credential.key)), own

    def _override(self, headers: Headers) -> None:
        """Where the mapping is used, since others use it, too."""
        draft, credential = self._draft, headers.credential
        key = self._keys.moved(credential.key, headers.provider)
        name = credential.entry.key or ""
        platform = draft.bearer(PLATFORM_KEY) if credential.is_bearer else draft.environment(PLATFORM_KEY)
        members = [
            draft.dialect.raw(name, platform),
            draft.dialect.raw(PROVIDER_HEADER, draft.header_value(key, credential.key)),
            *(draft.dialect.pair(label, text) for label, text in headers.labels.items()),
        ]
        for uses in headers.uses:
            if not uses:
                continue
            start, end = uses[0].start, uses[0].end
            mapping = draft.dialect.braces(Member("", draft.dialect.spread + draft.source.text[start:end]), *members)
            indentation = draft.source.indentation(start)
            taken = start - draft.source.line_start(start)
            draft.edits.replace(start, end, draft.layout.room.fit(Member("", mapping), indentation, taken))


def _looks_into(reader: Node) -> bool:
    """`headers["a"]`, `headers.update`: what is read is not handed on."""
    parent = reader.parent
    if parent is None or parent.kind not in ("subscript", "subscript_expression", "attribute", "member_expression"):
        return False
    return parent.children[0] is reader
