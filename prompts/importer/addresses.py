"""URLs that are to lead to the proxy: replaced where they are written, or where they are used."""

from dataclasses import dataclass

from prompts.importer import providers
from prompts.importer.draft import Draft
from prompts.importer.providers import PROVIDERS, Own, Provider
from prompts.importer.reading import Piece, Use, constant
from prompts.importer.scopes import Binding
from prompts.importer.syntax import Node


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL turned out to be. At most one of `own` and `proxied` is set; `other` says whose it is else, and
    `service` the same for hosts that serve models. All are empty where that cannot be told.
    """

    node: Node
    pieces: list[Piece]
    own: Own | None = None
    proxied: Provider | None = None
    other: str = ""
    service: str = ""


class Addresses:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._moved: list[Address] = []
        # Where the addresses begin that have been dealt with.
        self._accounted: set[int] = set()
        # Names of which all that read them want the proxy.
        self._ours: set[Binding] = set()

    def read(self, node: Node) -> Address:
        pieces = self._draft.reading.pieces(node)
        beginning = "".join(piece.text for piece in _constant_beginning(pieces))
        proxied = next((one for piece in pieces if (one := providers.proxied(piece.text))), None)
        if proxied is not None or (proxied := providers.proxied(beginning)):
            return Address(node, pieces, proxied=proxied)
        own = providers.own(beginning)
        if own is not None and self._is_written_out(pieces[0]):
            return Address(node, pieces, own=own)
        if "://" in beginning:
            return Address(node, pieces, other=providers.any_host(beginning), service=providers.host_name(beginning))
        return Address(node, pieces)

    def _is_written_out(self, piece: Piece) -> bool:
        """Whether the host stands in the code letter for letter, in one literal."""
        found = providers.own(piece.text)
        text = self._draft.source.text
        return found is not None and text[piece.start : piece.start + found.length] == piece.text[: found.length]

    def account(self, address: Address) -> None:
        """Note that nothing more is to be said about this URL."""
        self._accounted.add(address.pieces[0].start)

    def move(self, address: Address) -> None:
        """Note that this URL shall lead to the proxy."""
        self._moved.append(address)
        self.account(address)

    def finish(self) -> None:
        """Make the edits: to the value of a name where all that read it want it changed, else in their place."""
        self._settle_names()
        done: set[int] = set()
        for address in self._moved:
            piece = address.pieces[0]
            outer = next((use for use in piece.uses if use.binding not in self._ours), None)
            spot = outer.start if outer else piece.start
            if spot in done:
                continue
            done.add(spot)
            if outer is None:
                self._replace_where_written(piece)
            else:
                self._replace_where_used(address, outer)
            self._warn_of_variable(address)
        self._name_the_rest()

    def _name_the_rest(self) -> None:
        """Addresses of providers in a place that was not understood."""
        reading = self._draft.reading
        for node in reading.tree.of("string", "template_string"):
            written = reading.literal(node)
            if not written or written[0].start in self._accounted:
                continue
            text = written[0].text
            own = providers.own(text)
            provider = own.provider if own else next((one for one in PROVIDERS if text.lower() == one.host), None)
            if provider is not None:
                base = self._draft.target.base_url(provider.id)
                why = f"It is used in a way that was not understood. The proxy takes the same requests at {base}."
                self._draft.leave(node, f"Address of {provider.name}", why)

    def _replace_where_written(self, piece: Piece) -> None:
        own = providers.own(piece.text)
        assert own
        self._draft.edits.replace(piece.start, piece.start + own.length, self._draft.target.base_url(own.provider.id))

    def _replace_where_used(self, address: Address, use: Use) -> None:
        """The name keeps its value, for others."""
        draft = self._draft
        brought = [piece for piece in address.pieces if use in piece.uses]
        text = constant(brought)
        assert address.own
        if text is None or len(text) < address.own.length:
            self._replace_where_written(address.pieces[0])
            draft.warn(
                address.node,
                f"{use.binding.name} leads to the proxy now for all that read it, also for what was not rewritten.",
            )
            return
        new = draft.target.base_url(address.own.provider.id) + text[address.own.length :]
        draft.edits.replace(use.start, use.end, new if use.is_inside_text else draft.dialect.text(new))

    def _settle_names(self) -> None:
        """Find the names that can be changed. What reads a name on behalf of one that cannot does not count."""
        references = self._draft.reading.names.references
        paths = [piece.uses for address in self._moved for piece in address.pieces if piece.uses]
        self._ours = {use.binding for uses in paths for use in uses}
        is_settled = False
        while not is_settled:
            covered: set[Node] = set()
            for uses in paths:
                for use in uses:
                    covered.add(use.node)
                    if use.binding not in self._ours:
                        break
            remaining = {one for one in self._ours if all(reader in covered for reader in references(one))}
            is_settled = len(remaining) == len(self._ours)
            self._ours = remaining

    def _warn_of_variable(self, address: Address) -> None:
        variable = address.pieces[0].variable
        if variable and address.own:
            base = self._draft.target.base_url(address.own.provider.id)
            self._draft.warn(
                address.node, f"Where {variable} is set, it goes before the address here: set it to {base}."
            )


def _constant_beginning(pieces: list[Piece]) -> list[Piece]:
    first_hole = next((at for at, piece in enumerate(pieces) if piece.node is not None), len(pieces))
    return pieces[:first_hole]
