"""What an expression stands for, as far as the file tells: SDK clients, texts, mappings. Shared by the languages; each
says in a subclass how its grammar calls things. Nothing is followed deeper than a fixed number of steps.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from types import MappingProxyType

from prompts.importer.scopes import Binding, Names
from prompts.importer.syntax import Node, Tree

_DEEPEST = 24
_LONGEST_PATH = 8
_MOST_VALUES = 8
_MOST_BINDINGS = 40
# In the options of a client's copy.
_LEADS_ELSEWHERE = re.compile(r"\b(base_url|baseURL|api_key|apiKey)\b")


@dataclass(frozen=True, slots=True)
class Imported:
    """A module, or with a member something out of it: `("openai", "OpenAI")`."""

    module: str
    member: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """What a call of something imported gives. `call` is the call's node."""

    what: Imported
    call: Node


@dataclass(frozen=True, slots=True)
class Declared:
    """Something made elsewhere, of which an annotation says the class."""

    what: Imported


@dataclass(frozen=True, slots=True)
class Part:
    """What hangs at something made or declared: `("chat", "completions")`."""

    owner: "Made | Declared"
    path: tuple[str, ...]


Value = Imported | Made | Declared | Part


@dataclass(frozen=True, slots=True)
class Call:
    node: Node
    function: Node
    arguments: Node | None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A member of a mapping, or a keyword argument. The key is None for anything spread or computed."""

    node: Node
    key: str | None
    value: Node


@dataclass(frozen=True, slots=True)
class Use:
    """A place where a name brings its value into an expression. `start` and `end` are what to replace to do without
    it: by the bare text where `is_inside_text`, else by a literal.
    """

    node: Node
    binding: Binding
    start: int
    end: int
    is_inside_text: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: constant, standing in the code from `start`, or the value of an expression (`node`).

    `variable` is the environment variable that replaces it when set.
    """

    text: str = ""
    node: Node | None = None
    start: int = -1
    uses: tuple[Use, ...] = ()
    variable: str = ""


class Reading(ABC):
    # Members of a client that give a client again, and where a client's own parts do not count as a path.
    copies: frozenset[str] = frozenset({"with_options", "copy", "withOptions"})
    call_kinds: tuple[str, ...] = ()
    # Names that stand for something even where the code does not say so: people paste parts of files.
    well_known: Mapping[str, Imported] = MappingProxyType({})
    transparent: frozenset[str] = frozenset({"with_raw_response", "with_streaming_response"})

    def __init__(self, tree: Tree, names: Names) -> None:
        self.tree, self.root = tree, tree.root
        self.names = names
        self._known: dict[Node, tuple[Value, ...]] = {}

    # --- What the grammar calls things ---

    @abstractmethod
    def strip(self, node: Node) -> Node:
        """The expression without parentheses, `await`, casts."""

    @abstractmethod
    def member(self, node: Node) -> tuple[Node, str] | None:
        """(object, name) of `object.name`."""

    @abstractmethod
    def call(self, node: Node) -> Call | None: ...

    @abstractmethod
    def alternatives(self, node: Node) -> list[Node]:
        """Both sides of `a or b` and the like; empty for other expressions."""

    @abstractmethod
    def is_name(self, node: Node) -> bool: ...

    @abstractmethod
    def literal(self, node: Node) -> list[Piece] | None:
        """The parts of a text written out, joined texts included; None for other expressions."""

    @abstractmethod
    def environment_default(self, node: Node) -> tuple[str, Node] | None:
        """(variable, what is taken when it is not set)."""

    @abstractmethod
    def is_mapping(self, node: Node) -> bool: ...

    @abstractmethod
    def entries(self, mapping: Node) -> list[Entry]: ...

    @abstractmethod
    def is_function(self, node: Node) -> bool: ...

    @abstractmethod
    def returned(self, function: Node) -> list[Node]:
        """The expressions that a function returns."""

    @cached_property
    def calls(self) -> list[Call]:
        """All calls, in the order of the text."""
        return [call for node in self.tree.of(*self.call_kinds) if (call := self.call(node))]

    # --- Values ---

    def path(self, node: Node) -> str:
        """`self.client` for that expression; empty where it is not a plain path of names."""
        parts: list[str] = []
        current = node
        while len(parts) < _LONGEST_PATH:
            member = self.member(current)
            if member is None:
                plain = self.is_name(current) or current.kind == "this"
                return ".".join([current.text, *reversed(parts)]) if plain else ""
            current, name = self.strip(member[0]), member[1]
            parts.append(name)
        return ""

    def values(self, node: Node, depth: int = 0) -> tuple[Value, ...]:
        """All that the expression may stand for; empty when that is not known."""
        node = self.strip(node)
        if node in self._known:
            return self._known[node]
        if depth > _DEEPEST:
            return ()
        self._known[node] = ()  # against circles
        found = tuple(dict.fromkeys(islice(self._find_values(node, depth + 1), _MOST_VALUES + 1)))
        self._known[node] = found if len(found) <= _MOST_VALUES else ()
        return self._known[node]

    def _find_values(self, node: Node, depth: int) -> Iterator[Value]:
        for one in self.alternatives(node):
            yield from self.values(one, depth)
        if self.is_name(node):
            bindings = self.names.find(node)
            if not bindings and node.text in self.well_known:
                yield self.well_known[node.text]
            for binding in bindings if len(bindings) <= _MOST_BINDINGS else []:
                yield from self.bound(binding, depth)
            return
        call = self.call(node)
        if call is not None:
            yield from self._called(call, depth)
            return
        member = self.member(node)
        if member is not None:
            yield from self._attribute(node, *member, depth)

    def bound(self, binding: Binding, depth: int = 0) -> Iterator[Value]:
        """What one binding gives its name."""
        if binding.kind == "import":
            yield Imported(*binding.origin)
        elif binding.kind not in ("function", "class"):
            known = self.values(binding.value, depth) if binding.value is not None else ()
            yield from (self._part(value, binding.part) for value in known) if binding.part else known
            if not known and binding.annotation is not None:
                for one in binding.annotation.walk():
                    yield from (Declared(what) for what in self.values(one, depth) if isinstance(what, Imported))

    def _called(self, call: Call, depth: int) -> Iterator[Value]:
        for value in self.values(call.function, depth):
            if isinstance(value, Imported):
                yield Made(value, call.node)
            elif isinstance(value, Part) and value.path[-1] in self.copies and self._leads_elsewhere(call):
                yield Declared(Imported("", "copy"))
            elif isinstance(value, Part) and value.path[-1] in self.copies:
                yield value.owner if len(value.path) == 1 else Part(value.owner, value.path[:-1])
        for binding in self._functions(call.function):
            assert binding.value is not None
            for expression in self.returned(binding.value):
                yield from self.values(expression, depth)

    def _leads_elsewhere(self, call: Call) -> bool:
        return call.arguments is not None and _LEADS_ELSEWHERE.search(call.arguments.text) is not None

    def _functions(self, node: Node) -> list[Binding]:
        """The functions of this file that the expression names."""
        return [one for one in self.find(node) if one.value is not None and self.is_function(one.value)]

    def _attribute(self, node: Node, owner: Node, name: str, depth: int) -> Iterator[Value]:
        for binding in self.find(node):
            yield from self.bound(binding, depth)
        for value in self.values(owner, depth):
            yield self._part(value, name)

    def _part(self, value: Value, name: str) -> Value:
        """What `value.name` is."""
        if isinstance(value, Part):
            return replace(value, path=(*value.path, name))
        return self.out_of(value, name) if isinstance(value, Imported) else Part(value, (name,))

    def out_of(self, imported: Imported, name: str) -> Imported:
        """The member of a module, or of something imported out of one."""
        return Imported(imported.module, f"{imported.member}.{name}" if imported.member else name)

    def find(self, node: Node) -> list[Binding]:
        """The bindings of a name or of an attribute path; none where there are too many to tell anything."""
        if self.is_name(node):
            found = self.names.find(node)
        else:
            path = self.path(node) if self.member(node) else ""
            found = self.names.find_attribute(node, path) if path else []
        return found if len(found) <= _MOST_BINDINGS else []

    # --- Texts ---

    def pieces(self, node: Node, *, follow: bool = True, uses: tuple[Use, ...] = (), depth: int = 0) -> list[Piece]:
        """The text of an expression, names followed to their values unless told not to."""
        node = self.strip(node)
        written = self.literal(node)
        if written is not None:
            return self._inserted(written, follow=follow, uses=uses, depth=depth)
        default = self.environment_default(node)
        if default is not None and follow:
            found = self.pieces(default[1], uses=uses, depth=depth + 1)
            return [replace(piece, variable=default[0]) for piece in found]
        use = self.use(node) if follow and depth < _DEEPEST else None
        if use is None or use.binding.value is None:
            return [Piece(node=node, uses=uses)]
        return self.pieces(use.binding.value, uses=(*uses, use), depth=depth + 1)

    def _inserted(self, written: list[Piece], *, follow: bool, uses: tuple[Use, ...], depth: int) -> list[Piece]:
        """The parts of a literal, with the values of names in it where these are constant."""
        found: list[Piece] = []
        for piece in written:
            use = None
            if piece.node is not None and follow and depth < _DEEPEST:
                use = self.use(self.strip(piece.node))
            if piece.node is None or use is None or use.binding.value is None:
                found.append(replace(piece, uses=uses))
                continue
            value, place = use.binding.value, piece.node.parent
            if place is not None and place.kind in ("interpolation", "template_substitution"):
                use = replace(use, start=place.start, end=place.end, is_inside_text=True)
            found += self.pieces(value, uses=(*uses, use), depth=depth + 1)
        return found

    def use(self, node: Node) -> Use | None:
        """The name's one value in this file, if there is exactly one."""
        bindings = self.find(node)
        if len(bindings) != 1 or bindings[0].value is None or bindings[0].part:
            return None
        if bindings[0].kind in ("function", "class", "import"):
            return None
        return Use(node, bindings[0], node.start, node.end)

    def text(self, node: Node) -> str | None:
        """The text of an expression that is constant."""
        return constant(self.pieces(node))

    # --- Mappings ---

    def mapping(self, node: Node, uses: tuple[Use, ...] = (), depth: int = 0) -> tuple[Node, tuple[Use, ...]] | None:
        """The one mapping, written out in this file, that the expression stands for, and the names on the way."""
        node = self.strip(node)
        if self.is_mapping(node):
            return node, uses
        if depth > _DEEPEST:
            return None
        use = self.use(node)
        if use is not None:
            assert use.binding.value
            return self.mapping(use.binding.value, (*uses, use), depth + 1)
        call = self.call(node)
        functions = self._functions(call.function) if call and not call.is_new else []
        if len(functions) != 1 or call is None:
            return None
        assert functions[0].value
        returned = self.returned(functions[0].value)
        if len(returned) != 1:
            return None
        return self.mapping(returned[0], (*uses, Use(call.function, functions[0], node.start, node.end)), depth + 1)


def constant(pieces: Sequence[Piece]) -> str | None:
    return "".join(piece.text for piece in pieces) if all(piece.node is None for piece in pieces) else None
