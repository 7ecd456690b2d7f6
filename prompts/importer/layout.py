"""Adding members to something in brackets - arguments, a mapping, an object - in the way it is laid out."""

from collections.abc import Sequence
from dataclasses import dataclass

from prompts.importer.syntax import Node
from prompts.importer.text import Edits, Source
from prompts.importer.writing import Braces, Member, Room, flat

_BRACKETS = frozenset("([{")


@dataclass(frozen=True, slots=True)
class Listing:
    """What stands between two brackets, given by the node that holds both."""

    node: Node

    @property
    def items(self) -> list[Node]:
        return self.node.named

    @property
    def inner(self) -> list[Node]:
        """All but the brackets themselves: items, commas, comments."""
        return self.node.children[1:-1]

    @property
    def opened(self) -> int:
        return self.node.children[0].end

    @property
    def closed(self) -> int:
        return self.node.children[-1].start


class Layout:
    def __init__(self, source: Source, edits: Edits, last_comma: str = ",", padding: str = "") -> None:
        self._source = source
        self._edits = edits
        self.padding = padding
        self.room = Room(source.width, source.newline, source.unit, last_comma)

    def add(
        self,
        node: Node,
        members: Sequence[Member],
        *,
        after: Node | None = None,
        stays_on_line: bool = False,
        grows: int = 0,
    ) -> None:
        """Put members behind one item, or behind the last one.

        What is on one line stays on it if asked: what is around it is going to be laid out anew. By `grows` characters
        the line gets longer through other edits.
        """
        listing = Listing(node)
        if not members:
            return
        if not listing.items:
            self._fill(listing, members, stays_on_line=stays_on_line)
            return
        item = after or listing.items[-1]
        if self._source.opens_line(item.start) or self._source.opens_line(listing.items[0].start):
            self._add_lines(listing, item, members)
        elif stays_on_line or self._fits(item, members, grows):
            self._add_in_line(listing, item, [Member(flat(member), "") for member in members])
        elif self._is_one_line(listing):
            self._explode(listing, item, members)
        else:
            self._add_in_line(listing, item, members)

    def is_one_line(self, node: Node) -> bool:
        return self._source.line(node.start) == self._source.line(node.end)

    def wrap(self, node: Node, before: str, behind: str, braces: Braces, lead: str = "", *, is_deeper: bool) -> None:
        """Put an expression into new braces as their first member; `before` and `behind` stand around it there.

        With `is_deeper` the line of the expression is going to be indented by another step.
        """
        source, edits = self._source, self._edits
        added = "".join(f", {flat(member)}" for member in braces.members)
        line = source.line_end(node.end) - source.line_start(node.end)
        if is_deeper:
            line = len(source.indentation(node.start)) + len(self.room.unit) + 24 + node.end - node.start
        if line + len(lead) + len(before) + len(behind) + len(added) + 2 <= self.room.width:
            edits.insert(node.start, f"{lead}{braces.opening}{braces.padding}{before}")
            edits.insert(node.end, f"{behind}{added}{braces.padding}{braces.closing}")
            return
        base = source.indentation(node.start) + (self.room.unit if is_deeper else "")
        inner = base + self.room.unit
        edits.insert(node.start, f"{lead}{braces.opening}{source.newline}{inner}{before}")
        edits.insert(node.end, f"{behind},{self.room.lines(braces.members, inner)}{base}{braces.closing}")

    def replace(self, node: Node, member: Member) -> None:
        """New code in the place of a node, on several lines where one is too short."""
        source = self._source
        text = self.room.fit(member, source.indentation(node.start), node.start - source.line_start(node.start))
        self._edits.replace(node.start, node.end, text)

    def _comma_after(self, listing: Listing, item: Node) -> Node | None:
        later = [node for node in listing.inner if node.start >= item.end and node.kind != "comment"]
        return later[0] if later and later[0].kind == "," else None

    def _fill(self, listing: Listing, members: Sequence[Member], *, stays_on_line: bool) -> None:
        """Nothing but white space or comments is in the brackets."""
        source, edits = self._source, self._edits
        base = source.indentation(listing.node.children[0].start)
        inner = base + source.unit
        short = self.padding + ", ".join(flat(member) for member in members) + self.padding
        before = listing.opened - source.line_start(listing.opened)
        behind = source.line_end(listing.closed) - listing.closed
        is_short = len(members) == 1 and before + len(short) + behind <= self.room.width
        if not listing.inner and (is_short or stays_on_line):
            edits.replace(listing.opened, listing.closed, short)
            return
        start = listing.inner[-1].end if listing.inner else listing.opened
        edits.replace(start, listing.closed, self.room.lines(members, inner) + base)

    def _add_lines(self, listing: Listing, item: Node, members: Sequence[Member]) -> None:
        """The item begins a line, so do its new neighbours."""
        source, edits = self._source, self._edits
        indentation = source.indentation(item.start)
        texts = [self.room.fit(one, indentation, len(indentation) + 1) for one in members]
        comma = self._comma_after(listing, item)
        at = self._end_of_line(listing, comma or item)
        is_last = item is listing.items[-1]
        lead = source.newline + indentation
        if comma is None:
            edits.insert(item.end, ",")
        if is_last and comma is None:
            edits.insert(at, lead + ("," + lead).join(texts))
        else:
            edits.insert(at, "".join(f"{lead}{text}," for text in texts))

    def _end_of_line(self, listing: Listing, node: Node) -> int:
        """Behind the comments that follow in the same line; behind the last item, behind all comments."""
        at = node.end
        is_last = all(one.kind == "comment" for one in listing.inner if one.start >= node.end)
        for comment in listing.inner:
            if comment.start < at or comment.kind != "comment":
                continue
            if is_last or self._source.line(comment.start) == self._source.line(at):
                at = comment.end
            else:
                break
        return at

    def _add_in_line(self, listing: Listing, item: Node, members: Sequence[Member]) -> None:
        source, edits = self._source, self._edits
        comma = self._comma_after(listing, item)
        at = comma.end if comma else item.end
        base = source.indentation(listing.closed)
        taken = at - source.line_start(at) + 2
        texts = []
        for member in members:
            text = self.room.fit(member, base, taken + 1)
            taken = taken + len(text) + 2 if source.newline not in text else len(base) + 3
            texts.append(text)
        if comma:
            edits.insert(at, "".join(f" {text}," for text in texts))
        else:
            edits.insert(at, "".join(f", {text}" for text in texts))

    def _fits(self, item: Node, members: Sequence[Member], grows: int) -> bool:
        added = grows + sum(len(flat(member)) + 2 for member in members)
        line = self._source.line_end(item.end) - self._source.line_start(item.end)
        return line + added <= self.room.width

    def _is_one_line(self, listing: Listing) -> bool:
        has_comment = any(node.kind == "comment" for node in listing.inner)
        return not has_comment and self._source.line(listing.opened) == self._source.line(listing.closed)

    def _explode(self, listing: Listing, item: Node, members: Sequence[Member]) -> None:
        """Each item of a list on one line gets a line of its own; the items themselves stay as they are."""
        source, edits = self._source, self._edits
        base = source.indentation(listing.opened)
        indentation = base + source.unit
        lead = source.newline + indentation
        texts = "".join(f",{lead}{self.room.fit(one, indentation, len(indentation) + 1)}" for one in members)
        items = listing.items
        edits.replace(listing.opened, items[0].start, lead)
        for one, following in zip(items, [*items[1:], None], strict=True):
            added = texts if one is item else ""
            if following is None:
                edits.replace(one.end, listing.closed, f"{added}{self.room.last_comma}{source.newline}{base}")
            else:
                edits.replace(one.end, following.start, f"{added},{lead}")
