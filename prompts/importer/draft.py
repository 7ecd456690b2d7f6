"""The rewriting of a program under way: what the languages with expressions share."""

from abc import ABC, abstractmethod

from prompts.importer.layout import Layout
from prompts.importer.notes import Notes
from prompts.importer.outcome import Target
from prompts.importer.reading import Reading
from prompts.importer.syntax import Node
from prompts.importer.text import Source
from prompts.importer.writing import Dialect, Member


class Draft(Notes, ABC):
    """What the steps of a rewriting share. The languages say how they write things."""

    def __init__(self, source: Source, reading: Reading, dialect: Dialect, target: Target) -> None:
        super().__init__(source, target)
        self.reading, self.dialect = reading, dialect
        self.layout = Layout(source, self.edits, padding=dialect.padding)
        # Nodes that have been dealt with, one way or another; nothing more is said about what is in them.
        self.settled: set[Node] = set()
        # Nodes that are left alone on purpose.
        self.left_alone: set[Node] = set()

    # --- How the language writes things ---

    @abstractmethod
    def environment(self, variable: str, *, like: Node | None = None, quote: str = "") -> str:
        """An expression that reads an environment variable, in the way that another expression does where it can."""

    @abstractmethod
    def bearer(self, variable: str) -> str:
        """A literal with "Bearer ", then an environment variable."""

    @abstractmethod
    def header_value(self, code: str, node: Node | None) -> str:
        """An expression as the value of a plain header."""

    @abstractmethod
    def quote_inside(self, node: Node) -> str:
        """The quote for texts in an expression, if only one will do: it may stand inside a text itself."""

    @abstractmethod
    def spread(self, node: Node) -> tuple[str, str]:
        """What to put before and behind an expression to spread it into a mapping: `**(` and `)`."""

    @abstractmethod
    def is_plain_value(self, node: Node) -> bool:
        """Whether any expression could stand in its place, as the value of a name or a member."""

    def wrap(self, node: Node, *members: Member, is_deeper: bool = False) -> None:
        """Make a mapping of an expression that gives one, and add members: `{**headers, "a": 1}`."""
        before, behind = self.spread(node)
        lead = f"{node.text}: " if node.kind == "shorthand_property_identifier" else ""
        self.layout.wrap(node, before, behind, self.dialect.braces(*members), lead, is_deeper=is_deeper)

    @property
    def metadata(self) -> Member | None:
        """The member that labels a call; None where the target has no labels."""
        return self.dialect.pair("_aipromptcost", self.target.metadata) if self.target.metadata else None
