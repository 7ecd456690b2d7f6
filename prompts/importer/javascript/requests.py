"""Plain HTTP requests in JavaScript and TypeScript: fetch, axios, and what is called like them."""

from collections import defaultdict

from prompts.importer.addresses import Address, Addresses
from prompts.importer.draft import Draft
from prompts.importer.reading import Call, Imported, Made
from prompts.importer.requests import Converter, Request, Session, shares
from prompts.importer.syntax import Node

_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "request"})
_WITH_BODY = frozenset({"post", "put", "patch"})
_MAKERS = frozenset({"create", "extend"})


class JavaScriptRequests:
    def __init__(self, draft: Draft, addresses: Addresses, converter: Converter) -> None:
        self._draft, self._addresses, self._converter = draft, addresses, converter
        self._shared: dict[str, bool] = {}
        self._calls: dict[str, list[Address]] = defaultdict(list)

    def convert(self) -> None:
        reading = self._draft.reading
        found: list[tuple[Call, Address, dict[str, Node]]] = []
        for call in reading.calls:
            if call.arguments is None or not self._is_request(call):
                continue
            given = self._given(call)
            url = given.get("url")
            if url is not None:
                found.append((call, self._addresses.read(url), given))
        for call, address, _ in found:
            self._calls[self._receiver(call)].append(address)
        for call, address, given in found:
            self._request(call, address, given)

    # --- Making requests out ---

    def _is_request(self, call: Call) -> bool:
        """By its name, or by what it was imported as."""
        member = self._draft.reading.member(call.function)
        if member is not None:
            return member[1] in _METHODS or member[1] == "fetch"
        name = call.function.text
        return name in ("fetch", "axios", "Request", "got", "ky", "request") or name.lower().endswith("fetch")

    def _name(self, call: Call) -> str:
        member = self._draft.reading.member(call.function)
        return member[1] if member else ""

    def _given(self, call: Call) -> dict[str, Node]:
        """url, headers, body: the expressions of these, wherever they stand in the arguments."""
        assert call.arguments
        arguments = call.arguments.named
        if not arguments or arguments[0].kind == "spread_element":
            return {}
        first = self._options(arguments[0])
        if "url" in first:
            return self._named(first)
        second = self._options(arguments[1]) if len(arguments) > 1 else {}
        if self._name(call) in _WITH_BODY and not ({"headers", "json", "body", "method"} & set(second)):
            return self._like_axios(arguments)
        return {**self._named(second), "url": arguments[0]}

    def _like_axios(self, arguments: list[Node]) -> dict[str, Node]:
        """`axios.post(url, data, config)`."""
        third = self._options(arguments[2]) if len(arguments) > 2 else {}
        body = {"json": arguments[1]} if len(arguments) > 1 else {}
        return {**self._named(third), **body, "url": arguments[0]}

    def _options(self, node: Node) -> dict[str, Node]:
        """The members of an object, also where it has a name that nothing else reads."""
        reading = self._draft.reading
        found = reading.mapping(node)
        if found is None or any(len(reading.names.references(use.binding)) > 1 for use in found[1]):
            return {}
        return {entry.key: entry.value for entry in reading.entries(found[0]) if entry.key}

    def _named(self, options: dict[str, Node]) -> dict[str, Node]:
        """axios and got send `data` and `json` as JSON by themselves."""
        given: dict[str, Node] = {name: options[name] for name in ("url", "headers", "body") if name in options}
        json = options.get("json") or options.get("data")
        return {**given, **({"json": json} if json else {})}

    def _receiver(self, call: Call) -> str:
        """The path of the session that the call is made on; empty for what is imported or built in."""
        reading = self._draft.reading
        member = reading.member(call.function)
        owner = member[0] if member else call.function
        if not self._made(owner):
            return ""
        return reading.path(reading.strip(owner))

    def _made(self, owner: Node) -> list[Call]:
        """The calls of `axios.create` that the expression may stand for."""
        reading = self._draft.reading
        found = []
        for value in reading.values(owner):
            call = reading.call(value.call) if isinstance(value, Made) else None
            member = reading.member(call.function) if call else None
            if call and member and member[1] in _MAKERS:
                imported = reading.values(member[0])
                if any(isinstance(one, Imported) and one.module in ("axios", "got", "ky") for one in imported):
                    found.append(call)
        return found

    def _session(self, call: Call) -> Session | None:
        reading = self._draft.reading
        member = reading.member(call.function)
        made = self._made(member[0] if member else call.function)
        if len(made) != 1 or made[0].arguments is None or len(made[0].arguments.named) != 1:
            return None
        options = self._options(made[0].arguments.named[0])
        url = options.get("baseURL") or options.get("prefixUrl")
        address = self._addresses.read(url) if url else None
        is_ours = address is not None and (address.own or address.proxied)
        return Session(made[0].node, address if is_ours else None, options.get("headers"))

    # --- Converting them ---

    def _request(self, call: Call, address: Address, given: dict[str, Node]) -> None:
        is_ours = address.own is not None or address.proxied is not None
        session = self._session(call)
        if address.service:
            self._converter.leave_service(call, address)
        if not is_ours and (session is None or session.address is None or address.other):
            return
        body = given.get("json") or given.get("body")
        mapping = given.get("json") or (self._put_into_text(given["body"]) if "body" in given else None)
        request = Request(call, address if is_ours else None, given.get("headers"), mapping, body is not None)
        self._converter.request(request, session, shares=self._shares(call, session))

    def _put_into_text(self, body: Node) -> Node | None:
        """What `JSON.stringify` makes a text of, here or where the body's name gets its value."""
        reading = self._draft.reading
        node = reading.strip(body)
        use = reading.use(node)
        if use is not None and use.binding.value is not None and len(reading.names.references(use.binding)) == 1:
            node = reading.strip(use.binding.value)
        call = reading.call(node)
        if call is None or call.arguments is None or call.function.text != "JSON.stringify":
            return None
        given = call.arguments.named[:1]
        return given[0] if given and given[0].kind != "spread_element" else None

    def _shares(self, call: Call, session: Session | None) -> bool:
        """Whether requests on the same session go to other hosts than this one."""
        receiver = self._receiver(call)
        if session is None or not receiver:
            return False
        if receiver not in self._shared:
            self._shared[receiver] = shares(session, self._calls[receiver])
        return self._shared[receiver]
