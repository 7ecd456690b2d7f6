"""Plain HTTP requests to a provider, in any language: what the steps share once a request has been made out."""

from collections.abc import Iterable
from dataclasses import dataclass

from prompts.importer.addresses import Address, Addresses
from prompts.importer.draft import Draft
from prompts.importer.headers import HeaderBook
from prompts.importer.providers import PROVIDER_HEADER, Provider
from prompts.importer.reading import Call
from prompts.importer.syntax import Node

_NO_KEY = (
    "No header with a key was found for it in this code, or it is put together in a way that was not understood. "
    "Send your platform key as Authorization, and your own key as X-Provider-Key."
)
_SENDS_ELSEWHERE = "The headers that carry its key belong to a session that sends requests to other hosts, too."


@dataclass(frozen=True, slots=True)
class Request:
    """A request that the code makes. `address` is None where it is relative to that of the session.

    `body` is the expression of a mapping that is sent as JSON; `has_body` says whether anything is sent at all.
    """

    call: Call
    address: Address | None
    headers: Node | None
    body: Node | None = None
    has_body: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """Something that requests are made with: its own address and headers, where it has any."""

    node: Node
    address: Address | None
    headers: Node | None

    @property
    def provider(self) -> Provider | None:
        address = self.address
        return (address.proxied or (address.own.provider if address.own else None)) if address else None


def shares(session: Session, addresses: Iterable[Address]) -> bool:
    """Whether requests to these addresses, made on the session, go to several hosts."""
    base = session.provider
    providers = {
        one.proxied or (one.own.provider if one.own else None) or (base if not one.other else None) for one in addresses
    }
    return len(providers) != 1 or None in providers


class Converter:
    """Converts requests one by one, and says so."""

    def __init__(self, draft: Draft, addresses: Addresses, headers: HeaderBook) -> None:
        self._draft, self._addresses, self._headers = draft, addresses, headers
        self._sessions: set[Node] = set()

    def request(self, request: Request, session: Session | None, *, shares: bool) -> None:
        """`shares` says that the session is used for other hosts as well."""
        address = request.address or (session.address if session else None)
        if address is None:
            return
        if address.proxied is not None:
            if request.address:
                self._draft.leave(request.call.node, "Request", "It already goes through the proxy.")
            self._label(request, session)
            return
        assert address.own
        provider = address.own.provider
        what = f"Request to {provider.name}"
        own = self._headers.find(request.headers, provider) if request.headers else None
        common = self._headers.find(session.headers, provider) if session and session.headers else None
        if own is None and common is None:
            self._addresses.account(address)
            self._draft.leave(request.call.node, what, _NO_KEY)
            return
        if own is None and shares:
            self._addresses.account(address)
            self._draft.leave(request.call.node, what, _SENDS_ELSEWHERE)
            return
        self._addresses.move(address)
        if own is not None and request.headers is not None:
            self._headers.convert(request.headers, own)
        if common is not None and session is not None and session.headers is not None and not shares:
            self._headers.convert(session.headers, common)
        self._draft.change(
            request.call.node,
            f"The request to {provider.name} goes to the proxy with your platform key. "
            f"Your {provider.name} key goes along in {PROVIDER_HEADER}.",
        )
        self._label(request, session)

    def leave_service(self, call: Call, address: Address) -> None:
        service = address.service
        self._draft.left_alone.add(call.node)
        self._draft.leave(call.node, f"Request to {service}", "The proxy does not serve that.")

    def _label(self, request: Request, session: Session | None) -> None:
        draft = self._draft
        metadata = draft.metadata
        if metadata is None or not request.has_body:
            return
        headers = request.headers
        if headers is not None and self._headers.has_labels(headers):
            return
        if request.body is None:
            self._label_by_headers(request, session)
            return
        found = draft.reading.mapping(request.body)
        if "_aipromptcost" in request.body.text or (found is not None and "_aipromptcost" in found[0].text):
            return
        body = draft.reading.strip(request.body)
        if draft.reading.is_mapping(body):
            draft.layout.add(body, [metadata])
        else:
            draft.wrap(request.body, metadata)
        draft.labelled(request.call.node, "The request")

    def _label_by_headers(self, request: Request, session: Session | None) -> None:
        """The body is a text or comes from a file: labels go along as headers, where they are this request's own."""
        draft, headers = self._draft, request.headers
        address = request.address or (session.address if session else None)
        provider = address.own.provider if address and address.own else None
        found = self._headers.find(headers, provider) if headers and provider else None
        if found is not None and headers is not None:
            self._headers.convert(headers, found, draft.target.headers)
            draft.labelled(request.call.node, "The request")
        elif headers is not None and draft.reading.is_mapping(draft.reading.strip(headers)):
            members = [draft.dialect.pair(name, text) for name, text in draft.target.headers.items()]
            draft.layout.add(draft.reading.strip(headers), members)
            draft.labelled(request.call.node, "The request")
        else:
            draft.leave(
                request.call.node,
                "Labels of the request",
                "Its body is not put together here. Send the labels as the headers x-aipc-prompt-key, x-aipc-tags and "
                "x-aipc-version.",
            )
