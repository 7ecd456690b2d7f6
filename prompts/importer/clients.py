"""SDK clients: which ones the code makes, and their options."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prompts.importer.addresses import Address, Addresses
from prompts.importer.draft import Draft
from prompts.importer.keys import Keys
from prompts.importer.providers import PLATFORM_KEY, PROVIDER_HEADER, Provider
from prompts.importer.reading import Call, Entry, Imported, Made
from prompts.importer.sdks import DECIDING, Sdk
from prompts.importer.syntax import Node
from prompts.importer.writing import Member, flat

_NOTHING = frozenset({"None", "undefined", "null", '""', "''"})


@dataclass(frozen=True, slots=True)
class Client:
    provider: Provider
    is_proxied: bool


@dataclass(frozen=True, slots=True)
class Given:
    """The options that a client is made with. `problem` says in a sentence why they cannot be changed."""

    entries: Sequence[Entry] = ()
    problem: str = ""

    def find(self, *keys: str) -> Entry | None:
        return next((entry for entry in self.entries if entry.key in keys), None)


class Clients(ABC):
    noun = "client"

    def __init__(self, draft: Draft, sdk: Sdk, addresses: Addresses, keys: Keys) -> None:
        self._draft, self._sdk, self._addresses, self._keys = draft, sdk, addresses, keys
        # By the node of the call that makes the client.
        self.made: dict[Node, Client] = {}
        self._outcomes: dict[Provider, set[bool]] = {}
        # Modules that are clients themselves and go through the proxy.
        self.modules: dict[str, Provider] = {}

    @abstractmethod
    def given(self, call: Call) -> Given: ...

    @abstractmethod
    def add(self, call: Call, members: Sequence[Member]) -> None:
        """Add options to the call."""

    @abstractmethod
    def option(self, name: str, code: str) -> Member:
        """An option with a value."""

    @abstractmethod
    def look_over(self, call: Call, given: Given) -> None:
        """Warn of what a language's clients may be asked for."""

    def goes_through(self, provider: Provider) -> set[bool]:
        """Of the clients for a provider that this code makes: whether they go through the proxy."""
        if provider not in self._outcomes:
            made = [client for client in self.made.values() if client.provider is provider]
            self._outcomes[provider] = {client.is_proxied for client in made}
        return self._outcomes[provider]

    def convert(self) -> None:
        for call in self._draft.reading.calls:
            for what in self._imported(call):
                self._convert(call, what)
        for call in self._draft.reading.calls:
            self._look_at_copy(call)

    def _imported(self, call: Call) -> Iterator[Imported]:
        values = [one for one in self._draft.reading.values(call.function) if isinstance(one, Imported)]
        yield from values[:1]

    def _look_at_copy(self, call: Call) -> None:
        """`client.with_options(api_key=...)`."""
        member = self._draft.reading.member(call.function)
        if member is None or member[1] not in self._draft.reading.copies:
            return
        owners = [one for one in self._draft.reading.values(member[0]) if isinstance(one, Made)]
        options = self._sdk.options
        changed = next((key for key in (options.url, options.key, options.headers) if self.given(call).find(key)), "")
        if changed and any(one.call in self.made and self.made[one.call].is_proxied for one in owners):
            self._draft.leave(
                call.node,
                f"A copy of the client with another {changed}",
                f"Give it the proxy's address and your platform key, and the other key as {PROVIDER_HEADER}.",
            )

    def _convert(self, call: Call, what: Imported) -> None:
        left = self._sdk.left(what)
        provider = self._sdk.provider(what)
        if left is not None:
            self._leave(call, left[0], left[1], f"This client is for {left[1]}, which the proxy does not serve.")
        elif provider is not None:
            self._client(call, provider)
        elif self._sdk.is_foreign(what):
            self._draft.leave(
                call.node,
                f"{what.member} of {what.module}",
                "It is not the provider's own SDK. Set its address and headers as its documentation says.",
            )

    def _leave(self, call: Call, provider: Provider, what: str, why: str, address: Address | None = None) -> None:
        if address is not None:
            self._addresses.account(address)
        self.made[call.node] = Client(provider, is_proxied=False)
        self._draft.left_alone.add(call.node)
        self._draft.leave(call.node, what, why)

    def _client(self, call: Call, provider: Provider) -> None:
        given, options, what = self.given(call), self._sdk.options, f"{provider.name} {self.noun}"
        url = given.find(options.url)
        address = self._addresses.read(url.value) if url and not self._is_nothing(url.value) else None
        if address is not None and address.proxied is not None:
            self.made[call.node] = Client(provider, is_proxied=True)
            self._draft.leave(call.node, what, "It already goes through the proxy.")
            return
        problem = self._problem(given, provider, address)
        if problem:
            self._leave(call, provider, what, problem, address)
            return
        self.made[call.node] = Client(provider, is_proxied=True)
        self.look_over(call, given)
        self._change(call, given, provider, address)
        self.converted(call, provider)

    def converted(self, call: Call, provider: Provider) -> None:
        """Say what was done."""
        self._draft.change(
            call.node,
            f"The {provider.name} {self.noun} sends its requests to the proxy with your platform key. "
            f"Your {provider.name} key goes along in {PROVIDER_HEADER}.",
        )

    def _is_nothing(self, node: Node) -> bool:
        return node.text in _NOTHING

    def _problem(self, given: Given, provider: Provider, address: Address | None) -> str:
        options = self._sdk.options
        if given.problem:
            return given.problem
        deciding = next((entry.key for entry in given.entries if entry.key in DECIDING), None)
        if deciding:
            return f"{deciding} decides where it goes, or with which key; that cannot be said of the proxy."
        if address is not None and address.own is None:
            if address.other:
                return f"It sends its requests to {address.other}, which the proxy does not serve."
            return (
                f"Its {options.url} is worked out elsewhere, so that this code does not tell where it leads. "
                f"If that is {provider.name} itself, set it to {self._draft.target.base_url(provider.id)}."
            )
        if address is not None and address.own is not None and address.own.provider is not provider:
            return f"It sends its requests to {address.own.provider.name} with the SDK of {provider.name}."
        if self._sends_own_credential(given):
            return "It sends an Authorization header of its own. Take that out, and import the code again."
        return self._problem_of_key(given)

    def _problem_of_key(self, given: Given) -> str:
        keys = [entry for entry in given.entries if entry.key in (self._sdk.options.key, "auth_token", "authToken")]
        if len([entry for entry in keys if not self._is_nothing(entry.value)]) > 1:
            return "It is given two keys. Keep one, and import the code again."
        for entry in keys:
            bindings = self._draft.reading.find(self._draft.reading.strip(entry.value))
            kinds = ("lambda", "arrow_function", "function_expression")
            if entry.value.kind in kinds or any(one.kind == "function" for one in bindings):
                return "Its key comes from a function that is called for each request; a header cannot do that."
        return ""

    def _sends_own_credential(self, given: Given) -> bool:
        headers = given.find(self._sdk.options.headers)
        found = self._draft.reading.mapping(headers.value) if headers else None
        if found is None:
            return False
        keys = {(entry.key or "").lower() for entry in self._draft.reading.entries(found[0])}
        return bool(keys & {"authorization", "x-api-key"})

    # --- The edits ---

    def _change(self, call: Call, given: Given, provider: Provider, address: Address | None) -> None:
        draft, options = self._draft, self._sdk.options
        added: list[Member] = []
        url = given.find(options.url)
        base = draft.dialect.text(draft.target.base_url(provider.id))
        if url is None:
            added.append(self.option(options.url, base))
        elif address is None:
            self._set(url, base)
        else:
            self._addresses.move(address)
        key = given.find(options.key) or given.find("auth_token", "authToken")
        if key is not None and self._is_nothing(key.value):
            self._set(key, draft.environment(PLATFORM_KEY))
            key = None
        elif key is not None:
            self._set_key(key)
        else:
            added.append(self.option(options.key, draft.environment(PLATFORM_KEY)))
        code = self._keys.moved(key.value, provider) if key else draft.environment(provider.variable)
        added += self._headers(call, given, self.provider_headers(code, key.value if key else None))
        self.add(call, added)

    def provider_headers(self, code: str, node: Node | None) -> list[Member]:
        """The headers to add, given the code for the provider's key."""
        return [self._draft.dialect.raw(PROVIDER_HEADER, code)]

    def _set_key(self, entry: Entry) -> None:
        """The platform key in the place of the provider's, under the name that takes one."""
        code = self._draft.environment(PLATFORM_KEY, like=entry.value)
        if entry.key == self._sdk.options.key:
            self._set(entry, code)
        else:
            member = self.option(self._sdk.options.key, code)
            self._draft.edits.replace(entry.node.start, entry.node.end, f"{member.lead}{member.value}")

    def _set(self, entry: Entry, code: str) -> None:
        self._draft.settled.add(entry.value)
        if entry.node is entry.value:  # JavaScript's shorthand: `{ apiKey }`
            self._draft.edits.insert(entry.node.end, f": {code}")
        else:
            self._draft.edits.replace(entry.value.start, entry.value.end, code)

    def _headers(self, call: Call, given: Given, own: list[Member]) -> list[Member]:
        """Put the provider's key into the headers; gives the option to add where there are none."""
        draft = self._draft
        name = self._sdk.options.headers
        entry = given.find(name)
        if entry is None:
            option = self.option(name, "")
            return [Member(option.lead, draft.dialect.braces(*own))]
        mapping = draft.reading.strip(entry.value)
        if not draft.reading.is_mapping(mapping):
            if self._is_nothing(entry.value):
                self._set(entry, flat(Member("", draft.dialect.braces(*own))))
            else:
                draft.wrap(entry.value, *own, is_deeper=draft.layout.is_one_line(call.node))
            return []
        present = {(one.key or "").lower() for one in draft.reading.entries(mapping)}
        missing = [one for one in own if one.lead.strip(" :'\"").lower() not in present]
        draft.layout.add(mapping, missing, stays_on_line=draft.layout.is_one_line(call.node))
        return []
