"""The syntax tree of the pasted code, by tree-sitter through ast-grep, and the place of the first syntax error."""

import ast
import re
import warnings
from collections.abc import Iterator

from ast_grep_py import SgNode, SgRoot

_OPENING = {"(": ")", "[": "]", "{": "}", "${": "}", "$(": ")"}
_CLOSING = frozenset(_OPENING.values())
# The grammar of the shell takes a time that grows with the square of these.
_MOST_HEREDOCS = 50
_SYNTAX_ERROR = "The code has a syntax error here."
_NEVER_CLOSED = "A bracket that is opened here is never closed."
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_HEREDOC = re.compile(r"<<")


class SyntaxFault(Exception):
    """The code cannot be read; `at` is a position in it."""

    def __init__(self, at: int, text: str) -> None:
        super().__init__(text)
        self.at = at
        self.text = text


class Node:
    """A node of the tree. `start` and `end` are indexes into the code."""

    __slots__ = ("_code", "children", "end", "is_named", "kind", "parent", "source", "start")

    def __init__(self, source: SgNode, code: str, parent: "Node | None") -> None:
        self.source = source
        self._code = code
        self.parent = parent
        self.kind = source.kind()
        self.is_named = source.is_named()
        # Asked for its range, a node counts from the start of its line: in one long line that takes minutes.
        place = source.replace("")
        self.start, self.end = place.start_pos, place.end_pos
        if self.kind == "comment" and code[self.start : self.end].endswith("\r"):
            self.end -= 1  # The grammars take the first half of a Windows line end for a part of the comment.
        self.children: list[Node] = []

    @property
    def text(self) -> str:
        return self._code[self.start : self.end]

    @property
    def named(self) -> "list[Node]":
        """The children that mean something: neither punctuation nor comments."""
        return [child for child in self.children if child.is_named and child.kind != "comment"]

    def field(self, name: str) -> "Node | None":
        found = self.source.field(name)
        if found is None:
            return None
        place, kind = found.replace(""), found.kind()
        span = (place.start_pos, place.end_pos)
        return next((one for one in self.children if (one.start, one.end) == span and one.kind == kind), None)

    def get(self, name: str) -> "Node":
        """A field that the grammar always has. Raises LookupError."""
        found = self.field(name)
        if found is None:
            raise LookupError(f"{self.kind} has no {name}")
        return found

    def walk(self) -> "Iterator[Node]":
        """This node and all below it, in the order of the text, however deep."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))


class Tree:
    """All nodes that mean something, by kind and in the order of the text."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self._by_kind: dict[str, list[Node]] = {}

    def add(self, node: Node) -> None:
        if node.is_named:
            self._by_kind.setdefault(node.kind, []).append(node)

    def of(self, *kinds: str) -> list[Node]:
        found = [node for kind in kinds for node in self._by_kind.get(kind, ())]
        return sorted(found, key=lambda node: (node.start, -node.end)) if len(kinds) > 1 else found


def parse(code: str, grammar: str) -> Tree:
    """Raises SyntaxFault."""
    if "\0" in code:
        raise SyntaxFault(code.index("\0"), "There is a NUL character in the code.")
    if grammar == "bash" and len(_HEREDOC.findall(code)) > _MOST_HEREDOCS:
        raise SyntaxFault(0, f"There are more than {_MOST_HEREDOCS} here-documents in the code.")
    try:
        root = Node(SgRoot(code, grammar).root(), code, None)
    except UnicodeEncodeError as fault:
        raise SyntaxFault(fault.start, "There is half of a surrogate pair in the code.") from None
    tree = Tree(root)
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.kind == "ERROR" or _is_missing(node):
            raise _fault(root, node, code, grammar)
        tree.add(node)
        node.children = [Node(child, code, node) for child in node.source.children()]
        waiting.extend(reversed(node.children))
    return tree


def has_error(code: str, grammar: str) -> bool:
    """Whether the parser had to leave something out."""
    return SgRoot(code, grammar).root().find(kind="ERROR") is not None


def _is_missing(node: Node) -> bool:
    """Whether the parser put the node in to make sense of the code."""
    return node.start == node.end and (not node.is_named or node.kind == "identifier")


def _fault(root: Node, first: Node, code: str, grammar: str) -> SyntaxFault:
    """Where the fault is for people, who look for it elsewhere than a parser that goes on in spite of it."""
    place = _python_fault(code) if grammar == "python" else None
    bracket = _lonely_bracket(root)
    if bracket is not None and (place is None or place == bracket[0]):
        return SyntaxFault(*bracket)
    at = first.start if place is None else place
    return SyntaxFault(at, _hint(code, at) if grammar == "python" else _SYNTAX_ERROR)


def _hint(code: str, at: int) -> str:
    """For what is Python but for the place that it was copied from."""
    line = code[code.rfind("\n", 0, at) + 1 : at + 8].lstrip()
    if line.startswith(("%", "!")):
        return "Lines that begin with % or ! are for notebooks alone. Take them out."
    return "Take the prompts out: >>> and ..." if line.startswith(">>>") else _SYNTAX_ERROR


def _python_fault(code: str) -> int | None:
    """Where Python itself sees the fault; None where it sees none, as in code for another version of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as fault:
        lines = _LINE.findall(code)
        before = lines[: (fault.lineno or 1) - 1]
        return min(sum(map(len, before)) + max((fault.offset or 1) - 1, 0), len(code))
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def _lonely_bracket(root: Node) -> tuple[int, str] | None:
    """A bracket without a partner, and what is wrong with it, if brackets are what is wrong."""
    opened: list[SgNode] = []
    waiting = [root.source]
    while waiting:
        node = waiting.pop()
        children = node.children()
        waiting.extend(reversed(children))
        kind = node.kind()
        if children or not node.text():
            continue
        if kind in _OPENING:
            opened.append(node)
        elif kind in _CLOSING:
            if not opened:
                return node.replace("").start_pos, "A bracket that is closed here was never opened."
            last = opened.pop()
            if _OPENING[last.kind()] != kind:
                return last.replace("").start_pos, _NEVER_CLOSED
    return (opened[-1].replace("").start_pos, _NEVER_CLOSED) if opened else None
