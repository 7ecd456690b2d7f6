"""Plain HTTP requests in Python: requests, httpx, aiohttp, urllib."""

from collections import defaultdict

from prompts.importer.addresses import Address, Addresses
from prompts.importer.draft import Draft
from prompts.importer.reading import Call, Entry, Imported, Made
from prompts.importer.requests import Converter, Request, Session, shares
from prompts.importer.syntax import Node

_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
# These take the method first.
_GENERAL = frozenset({"request", "stream", "build_request"})
_OBJECTS = frozenset({"Request"})
_SESSIONS = frozenset(
    {
        ("requests", "Session"),
        ("requests", "session"),
        ("httpx", "Client"),
        ("httpx", "AsyncClient"),
        ("aiohttp", "ClientSession"),
    }
)
_BODIES = ("json", "data", "content")


class PythonRequests:
    def __init__(self, draft: Draft, addresses: Addresses, converter: Converter) -> None:
        self._draft, self._addresses, self._converter = draft, addresses, converter
        # By the path of the session: `session`, `self.http`.
        self._headers: dict[str, Node] = {}
        self._shared: dict[str, bool] = {}
        self._calls: dict[str, list[tuple[Call, Address]]] = defaultdict(list)

    def convert(self) -> None:
        reading = self._draft.reading
        found: list[tuple[Call, Address]] = []
        for node in reading.tree.of("assignment"):
            self._note_headers(node)
        for call in reading.calls:
            if call.arguments is not None and call.arguments.kind == "argument_list":
                self._note_update(call)
                url = self._url(call)
                if url is not None:
                    found.append((call, self._addresses.read(url)))
        for call, address in found:
            self._calls[self._receiver(call)].append((call, address))
        for call, address in found:
            self._request(call, address)

    # --- Making requests out ---

    def _name(self, call: Call) -> str:
        member = self._draft.reading.member(call.function)
        return member[1] if member else call.function.text

    def _url(self, call: Call) -> Node | None:
        """The URL that the call is given, if it looks like a request."""
        name = self._name(call)
        if name not in _METHODS | _GENERAL | _OBJECTS or call.arguments is None:
            return None
        entries = self._draft.reading.entries(call.arguments)
        named = next((entry.value for entry in entries if entry.key == "url"), None)
        if named is not None:
            return named
        at = 1 if name in _GENERAL else 0
        positional = [entry for entry in entries if entry.key is None]
        return positional[at].node if len(positional) > at and not self._is_splat(positional[at]) else None

    def _is_splat(self, entry: Entry) -> bool:
        return entry.node.kind.endswith("_splat")

    def _receiver(self, call: Call) -> str:
        """The path of the session that the call is made on; empty for `requests.post` and the like."""
        member = self._draft.reading.member(call.function)
        if member is None or any(isinstance(one, Imported) for one in self._draft.reading.values(member[0])):
            return ""
        return self._draft.reading.path(self._draft.reading.strip(member[0]))

    def _session(self, call: Call) -> Session | None:
        member = self._draft.reading.member(call.function)
        if member is None:
            return None
        made = [one for one in self._draft.reading.values(member[0]) if isinstance(one, Made)]
        made = [one for one in made if (one.what.module, one.what.member) in _SESSIONS]
        headers = self._headers.get(self._receiver(call))
        if len(made) != 1:
            return Session(call.node, None, headers) if headers else None
        arguments = self._draft.reading.call(made[0].call)
        entries = self._draft.reading.entries(arguments.arguments) if arguments and arguments.arguments else []
        given = {entry.key: entry.value for entry in entries if entry.key}
        first = entries[0].node if entries and entries[0].key is None and made[0].what.module == "aiohttp" else None
        url = given.get("base_url", first)
        address = self._addresses.read(url) if url else None
        is_ours = address is not None and (address.own or address.proxied)
        return Session(made[0].call, address if is_ours else None, given.get("headers", headers))

    def _note_headers(self, node: Node) -> None:
        """`session.headers = {...}`."""
        member = self._draft.reading.member(node.get("left"))
        value = node.field("right")
        if member is not None and member[1] == "headers" and value is not None:
            self._headers[self._draft.reading.path(self._draft.reading.strip(member[0]))] = value

    def _note_update(self, call: Call) -> None:
        """`session.headers.update({...})`."""
        member = self._draft.reading.member(call.function)
        owner = self._draft.reading.member(member[0]) if member and member[1] == "update" else None
        given = call.arguments.named if call.arguments else []
        if owner is not None and owner[1] == "headers" and len(given) == 1:
            self._headers[self._draft.reading.path(self._draft.reading.strip(owner[0]))] = given[0]

    # --- Converting them ---

    def _request(self, call: Call, address: Address) -> None:
        is_ours = address.own is not None or address.proxied is not None
        session = self._session(call)
        if address.service:
            self._converter.leave_service(call, address)
        if not is_ours and (session is None or session.address is None or address.other):
            return
        assert call.arguments
        entries = self._draft.reading.entries(call.arguments)
        given = {entry.key: entry.value for entry in entries if entry.key}
        body = next((given[name] for name in _BODIES if name in given), None)
        if body is None:
            body = self._positional_body(call, entries)
        request = Request(
            call, address if is_ours else None, given.get("headers"), self._mapping_of(body), body is not None
        )
        self._converter.request(request, session, shares=self._shares(call, session))

    def _positional_body(self, call: Call, entries: list[Entry]) -> Node | None:
        """`requests.post(url, data)`."""
        positional = [entry for entry in entries if entry.key is None]
        if self._name(call) in ("post", "put", "patch", "Request") and len(positional) > 1:
            return None if self._is_splat(positional[1]) else positional[1].node
        return None

    def _mapping_of(self, body: Node | None) -> Node | None:
        """The expression of the mapping that is sent: the body itself, or what `json.dumps` makes a text of."""
        if body is None:
            return None
        parent = body.parent
        if parent is not None and parent.kind == "keyword_argument" and parent.children[0].text == "json":
            return body
        reading = self._draft.reading
        current: Node | None = body
        for _ in range(4):  # json.dumps(...).encode("utf-8")
            call = reading.call(reading.strip(current)) if current else None
            if call is None:
                return None
            if call.function.text.rpartition(".")[2] in ("dumps", "dumpb") and call.arguments:
                first = call.arguments.named[:1]
                return first[0] if first and first[0].kind not in ("keyword_argument", "list_splat") else None
            member = reading.member(call.function)
            current = member[0] if member else None
        return None

    def _shares(self, call: Call, session: Session | None) -> bool:
        """Whether requests on the same session go to other hosts than this one."""
        receiver = self._receiver(call)
        if session is None or not receiver:
            return False
        if receiver not in self._shared:
            self._shared[receiver] = shares(session, [address for _, address in self._calls[receiver]])
        return self._shared[receiver]
