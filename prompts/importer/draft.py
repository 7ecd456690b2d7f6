"""The rewriting under way: the code, the edits so far, and what is to be said about them."""

from abc import ABC, abstractmethod

from prompts.importer.layout import Layout
from prompts.importer.outcome import Caution, Change, Left, Target
from prompts.importer.reading import Reading
from prompts.importer.syntax import Node
from prompts.importer.text import Edits, Source
from prompts.importer.writing import Dialect, Member


class Notes:
    """The edits, and what is said about them."""

    def __init__(self, source: Source, target: Target) -> None:
        self.source, self.target = source, target
        self.edits = Edits()
        # What is said, and which variables are read; keys alone, so that nothing is said twice.
        self.changes: dict[Change, None] = {}
        self.left: dict[Left, None] = {}
        self.warnings: dict[Caution, None] = {}
        self.variables: dict[str, None] = {}
        self.labelled_lines: list[int] = []

    def line(self, node: Node) -> int:
        return self.source.line(node.start)

    def change(self, node: Node, text: str) -> None:
        self.changes[Change(self.line(node), text)] = None

    def leave(self, node: Node, what: str, why: str) -> None:
        self.left[Left(self.line(node), what, why)] = None

    def warn(self, node: Node, text: str) -> None:
        self.warnings[Caution(self.line(node), text)] = None

    def labelled(self, node: Node, what: str) -> None:
        """Say that a call has been labelled."""
        self.labelled_lines.append(self.line(node))
        self.change(node, f"{what} is labelled with {in_words(self.target)}.")


class Draft(Notes, ABC):
    """What the steps of a rewriting share. The languages say how they write things."""

    def __init__(self, source: Source, reading: Reading, dialect: Dialect, target: Target) -> None:
        super().__init__(source, target)
        self.reading, self.dialect = reading, dialect
        self.layout = Layout(source, self.edits)
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

    def wrap(self, node: Node, *members: Member) -> None:
        """Make a mapping of an expression that gives one, and add members: `{**headers, "a": 1}`."""
        before, behind = self.spread(node)
        lead = f"{node.text}: " if node.kind == "shorthand_property_identifier" else ""
        self.layout.wrap(node, before, behind, self.dialect.braces(*members), lead)

    @property
    def metadata(self) -> Member | None:
        """The member that labels a call; None where the target has no labels."""
        return self.dialect.pair("_aipromptcost", self.target.metadata) if self.target.metadata else None


def in_words(target: Target) -> str:
    """The labels, for a sentence."""
    parts = []
    if target.prompt_key:
        parts.append(f"the prompt key “{target.prompt_key}”")
    if target.feature_tags:
        tags = "tags" if len(target.feature_tags) > 1 else "tag"
        parts.append(f"the feature {tags} “{', '.join(target.feature_tags)}”")
    if target.version is not None:
        parts.append(f"version {target.version}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
