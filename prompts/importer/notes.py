"""The edits made so far, and what is to be said about them."""

from prompts.importer.outcome import Caution, Change, Left, Target
from prompts.importer.syntax import Node
from prompts.importer.text import Edits, Source


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
