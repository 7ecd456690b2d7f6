"""Names and what they may stand for, for any language with lexical scopes. Where in the text a name gets its value does
not matter: all values that it gets count.
"""

from dataclasses import dataclass, field
from typing import Literal

from prompts.importer.syntax import Node

BindingKind = Literal["value", "import", "parameter", "function", "class", "other"]
# Scopes deeper than this are taken for one: looking a name up must not take longer and longer.
_DEEPEST = 60


@dataclass(slots=True, eq=False)
class Binding:
    """One place that gives a name a value. `value` is None where it cannot be told.

    For an import, `origin` is (module, member); the member of a whole module is empty. With a `part`, the name stands
    for that member of the value.
    """

    name: str
    kind: BindingKind
    node: Node
    value: Node | None = None
    annotation: Node | None = None
    origin: tuple[str, str] = ("", "")
    part: str = ""


@dataclass(slots=True, eq=False)
class Scope:
    """`is_class` scopes cannot be seen from the functions in them; `holds_functions` ends the climb of a `var`."""

    parent: "Scope | None" = None
    owner: Node | None = None
    is_class: bool = False
    is_function: bool = False
    depth: int = 0
    names: dict[str, list[Binding]] = field(default_factory=dict)
    redirected: dict[str, "Scope"] = field(default_factory=dict)

    def inside(self, owner: Node, *, is_class: bool = False, is_function: bool = False) -> "Scope":
        if self.depth >= _DEEPEST:
            return self
        return Scope(self, owner, is_class, is_function, self.depth + 1)

    def bind(self, binding: Binding) -> None:
        scope = self.redirected.get(binding.name, self)
        scope.names.setdefault(binding.name, []).append(binding)

    @property
    def function(self) -> "Scope":
        """The nearest scope of a function, or the module's."""
        scope = self
        while scope.parent is not None and not scope.is_function:
            scope = scope.parent
        return scope

    @property
    def module(self) -> "Scope":
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    @property
    def enclosing_class(self) -> Node | None:
        scope: Scope | None = self
        while scope is not None:
            if scope.is_class:
                return scope.owner
            scope = scope.parent
        return None

    def find(self, name: str) -> list[Binding]:
        """All that the name may stand for when it is read in this scope."""
        scope: Scope | None = self
        is_first = True
        while scope is not None:
            if name in scope.redirected:
                scope = scope.redirected[name]
            if name in scope.names and (is_first or not scope.is_class):
                return scope.names[name]
            scope, is_first = scope.parent, False
        return []


class Names:
    """The names of one file: the scope of each node, who reads a name, and attributes such as `self.client`."""

    def __init__(self) -> None:
        self.scopes: dict[Node, Scope] = {}
        self.attributes: dict[tuple[Node | None, str], list[Binding]] = {}
        self._readers: dict[str, list[Node]] = {}
        self._references: dict[str, dict[Binding, list[Node]]] = {}

    def read(self, name: str, node: Node) -> None:
        """Note that this node reads a name, or a dotted path."""
        self._readers.setdefault(name, []).append(node)

    def scope(self, node: Node) -> Scope:
        return self.scopes[node]

    def find(self, node: Node) -> list[Binding]:
        """What a name, or an attribute path that begins with self or this, may stand for."""
        return self.scopes[node].find(node.text)

    def find_attribute(self, node: Node, path: str) -> list[Binding]:
        owner = self.scopes[node].enclosing_class
        own = self.attributes.get((owner, path), [])
        if own or not path.startswith(("self.", "this.", "cls.")):
            return own or self.attributes.get((None, path), [])
        # Set by a base class, perhaps.
        return [one for (_, other), bindings in self.attributes.items() if other == path for one in bindings]

    def bind_attribute(self, owner: Node | None, path: str, binding: Binding) -> None:
        key = (owner if path.startswith(("self.", "this.", "cls.")) else None, path)
        self.attributes.setdefault(key, []).append(binding)

    def references(self, binding: Binding) -> list[Node]:
        """All places that read this binding, where it is the only one of its name."""
        if binding.name not in self._references:
            self._references[binding.name] = self._resolve_all(binding.name)
        return self._references[binding.name].get(binding, [])

    def _resolve_all(self, name: str) -> dict[Binding, list[Node]]:
        found: dict[Binding, list[Node]] = {}
        for node in self._readers.get(name, []):
            bindings = self.find_attribute(node, name) if "." in name else self.find(node)
            if len(bindings) == 1 and node is not bindings[0].node:
                found.setdefault(bindings[0], []).append(node)
        return found
