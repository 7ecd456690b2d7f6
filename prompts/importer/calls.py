"""Calls of SDK clients: which ones go through the proxy, and their labels."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from prompts.importer import sdks
from prompts.importer.clients import Clients
from prompts.importer.draft import Draft
from prompts.importer.others import is_known
from prompts.importer.providers import Provider
from prompts.importer.reading import Call, Declared, Imported, Made, Part
from prompts.importer.sdks import Sdk
from prompts.importer.syntax import Node

_SOCKETS = frozenset({"realtime.connect", "beta.realtime.connect", "responses.connect"})
_SIGNS = frozenset({"model", "messages", "input", "prompt", "max_tokens"})


class Calls(ABC):
    def __init__(self, draft: Draft, sdk: Sdk, clients: Clients) -> None:
        self._draft, self._sdk, self._clients = draft, sdk, clients

    @abstractmethod
    def label(self, call: Call, route: str) -> None:
        """Put the labels into the call, or say why not."""

    @abstractmethod
    def keys(self, call: Call) -> set[str | None]:
        """The names of what the call is given; None among them for anything spread."""

    def convert(self) -> None:
        """In the order of the text."""
        for call in self._draft.reading.calls:
            if call.is_new or self._draft.reading.member(call.function) is None:
                continue
            values = self._draft.reading.values(call.function)
            parts = [one for one in values if isinstance(one, Part)]
            imported = [one for one in values if isinstance(one, Imported)]
            if parts:
                self._known(call, parts)
            elif not values:
                self._by_its_shape(call)
            for one in imported:
                if one.module in self._clients.modules:
                    self._label(call, self._clients.modules[one.module], one.member)
                elif one.module not in self._sdk.modules:
                    self._foreign(call, one.module)

    def _known(self, call: Call, parts: list[Part]) -> None:
        """A call of something that this code makes, or declares."""
        for part in parts:
            if isinstance(part.owner, Made) and not list(self._owners(part.owner)):
                self._foreign(call, part.owner.what.module)
        routes = {".".join(one for one in part.path if one not in self._draft.reading.transparent) for part in parts}
        owners = [owner for part in parts for owner in self._owners(part.owner)]
        if len(routes) != 1 or not owners:
            return
        (route,) = routes
        made = [self._clients.made[one.call] for one in owners if isinstance(one, Made)]
        declared = [one for one in owners if isinstance(one, Declared)]
        providers = {one.provider for one in made} | {
            one for owner in declared if (one := self._sdk.provider(owner.what))
        }
        if len(providers) != 1 or not all(one.is_proxied for one in made):
            return
        (provider,) = providers
        if declared and provider:
            self._guess(call, provider, route)
        elif provider:
            self._label(call, provider, route)

    def _owners(self, owner: Made | Declared) -> Iterator[Made | Declared]:
        """The client itself, or one that was handed to what it is wrapped in: `wrap(OpenAI())`."""
        if isinstance(owner, Declared):
            if self._sdk.provider(owner.what) is not None:
                yield owner
        elif owner.call in self._clients.made:
            yield owner
        else:
            call = self._draft.reading.call(owner.call)
            for argument in call.arguments.named if call and call.arguments else []:
                for value in self._draft.reading.values(argument):
                    if isinstance(value, Made) and value.call in self._clients.made:
                        yield value

    def _by_its_shape(self, call: Call) -> None:
        """A call of something unknown, by names that only the SDKs have."""
        found = self._route(call)
        if found is not None:
            self._guess(call, *found)

    def _foreign(self, call: Call, module: str) -> None:
        """The call has the shape of an SDK's, and its client comes from another module."""
        if module in self._sdk.modules or is_known(module):
            return
        route = self._route(call)
        if route is not None and self._draft.target.metadata:
            self._draft.leave(
                call.node,
                route[1],
                f"Its client comes from {module}. Import the code that makes it, and label this call there or by hand.",
            )

    def _route(self, call: Call) -> tuple[Provider, str] | None:
        """The provider and the route that the names of the call tell."""
        names = [one for one in self._names(call.function) if one not in self._draft.reading.transparent]
        return sdks.route_at_end(names[::-1]) if self.keys(call) & {*_SIGNS, None} else None

    def _names(self, node: Node) -> Iterator[str]:
        """The names of a chain from its end."""
        current: Node | None = node
        for _ in range(sdks.LONGEST_ROUTE + 2):
            member = self._draft.reading.member(current) if current else None
            if member is None:
                return
            current = self._draft.reading.strip(member[0])
            yield member[1]

    def _guess(self, call: Call, provider: Provider, route: str) -> None:
        """The client comes from elsewhere: where all that this code makes go through the proxy, so does this one."""
        outcomes = self._clients.goes_through(provider)
        if outcomes == {True}:
            self._label(call, provider, route)
        elif outcomes == {True, False}:
            self._draft.leave(
                call.node,
                route,
                "This code makes clients that go through the proxy and others that do not, and it does not tell which "
                "of them makes this call.",
            )
        elif not outcomes and self._draft.target.metadata:
            self._draft.leave(
                call.node,
                route,
                "The client of this call is not made in this code. Import the code that makes it together with this.",
            )

    def _label(self, call: Call, provider: Provider, route: str) -> None:
        draft = self._draft
        if route in _SOCKETS:
            why = "The proxy takes no WebSockets. Make a client for it that goes to the provider itself."
            draft.leave(call.node, route, why)
        if not draft.target.metadata:
            return
        if sdks.takes_labels(provider, route):
            self.label(call, route)
        elif sdks.is_upload(provider, route):
            draft.leave(
                call.node,
                route,
                "It goes through the proxy, but an upload has no place for labels in its body. Send them as the "
                "headers x-aipc-prompt-key, x-aipc-tags and x-aipc-version.",
            )
