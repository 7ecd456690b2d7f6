"""Which names a Python file binds, and where ("Naming and binding", Python Language Reference)."""

from collections.abc import Iterator

from prompts.importer.scopes import Binding, BindingKind, Names, Scope
from prompts.importer.syntax import Node

_COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"}
)
_PARAMETERS = frozenset({"parameters", "lambda_parameters"})
_SPLATS = frozenset({"list_splat_pattern", "dictionary_splat_pattern"})
_PATTERNS = frozenset({"pattern_list", "tuple_pattern", "list_pattern", "expression_list", "tuple", "list"})
_LONGEST_PATH = 8


def read_names(root: Node) -> Names:
    names = Names()
    binder = _Binder(names)
    waiting = [(root, Scope(owner=root, is_function=True))]
    while waiting:
        node, scope = waiting.pop()
        names.scopes[node] = scope
        inner = binder.enter(node, scope)
        waiting.extend((child, inner) for child in reversed(node.children))
    return names


class _Binder:
    def __init__(self, names: Names) -> None:
        self._names = names

    def enter(self, node: Node, scope: Scope) -> Scope:
        """Bind what this node binds; gives the scope of its children."""
        if node.kind == "function_definition":
            return self._function(node, scope)
        if node.kind == "lambda":
            return scope.inside(node, is_function=True)
        if node.kind == "class_definition":
            name = node.get("name")
            self._bind(scope, "class", name, node)
            return scope.inside(node, is_class=True)
        if node.kind in _COMPREHENSIONS:
            return scope.inside(node)
        handler = getattr(self, f"_{node.kind}", None)
        if handler is not None:
            handler(node, scope)
        elif node.kind in _PARAMETERS:
            for parameter in node.named:
                self._parameter(parameter, scope)
        return scope

    def _bind(
        self, scope: Scope, kind: BindingKind, name: Node, value: Node | None, annotation: Node | None = None
    ) -> None:
        scope.bind(Binding(name.text, kind, name, value, annotation))

    def _function(self, node: Node, scope: Scope) -> Scope:
        name = node.get("name")
        self._bind(scope, "function", name, node)
        if scope.is_class:
            for first in ("self", "cls"):
                binding = Binding(f"{first}.{name.text}", "function", name, node)
                self._names.bind_attribute(scope.owner, binding.name, binding)
        return scope.inside(node, is_function=True)

    def _parameter(self, node: Node, scope: Scope) -> None:
        name = node if node.kind == "identifier" else node.field("name")
        if name is None:
            name = next((child for child in node.walk() if child.kind == "identifier"), None)
        if name is not None and node.kind not in _SPLATS:
            self._bind(scope, "parameter", name, node.field("value"), node.field("type"))
        elif name is not None:
            self._bind(scope, "other", name, None)

    # --- Statements and expressions; each method is called for nodes of the kind in its name ---

    def _identifier(self, node: Node, scope: Scope) -> None:
        parent = node.parent
        if parent is not None and parent.kind == "attribute" and node is parent.children[-1]:
            return
        if parent is not None and parent.kind == "keyword_argument" and node is parent.children[0]:
            return
        self._names.read(node.text, node)

    def _attribute(self, node: Node, scope: Scope) -> None:
        path = dotted(node)
        if path:
            self._names.read(path, node)

    def _assignment(self, node: Node, scope: Scope) -> None:
        value = node.field("right")
        while value is not None and value.kind == "assignment":
            value = value.field("right")
        self._target(node.get("left"), scope, value, node.field("type"))

    def _target(self, target: Node, scope: Scope, value: Node | None, annotation: Node | None) -> None:
        if target.kind == "identifier":
            self._bind(scope, "value", target, value, annotation)
            if scope.is_class:
                for first in ("self", "cls"):
                    self._attribute_of(scope, f"{first}.{target.text}", target, value, annotation)
        elif target.kind == "attribute":
            path = dotted(target)
            if path:
                self._attribute_of(scope, path, target, value, annotation)
        elif target.kind in _PATTERNS:
            sides = value.named if value is not None and value.kind in _PATTERNS else []
            targets = target.named
            for at, one in enumerate(targets):
                self._target(one, scope, sides[at] if len(sides) == len(targets) else None, None)

    def _attribute_of(self, scope: Scope, path: str, target: Node, value: Node | None, annotation: Node | None) -> None:
        binding = Binding(path, "value", target, value, annotation)
        self._names.bind_attribute(scope.enclosing_class, path, binding)

    def _augmented_assignment(self, node: Node, scope: Scope) -> None:
        self._target(node.get("left"), scope, None, None)

    def _named_expression(self, node: Node, scope: Scope) -> None:
        self._bind(scope.function, "value", node.get("name"), node.get("value"))

    def _for_statement(self, node: Node, scope: Scope) -> None:
        self._target(node.get("left"), scope, None, None)

    def _for_in_clause(self, node: Node, scope: Scope) -> None:
        self._target(node.get("left"), scope, None, None)

    def _as_pattern(self, node: Node, scope: Scope) -> None:
        alias = node.field("alias")
        if alias is not None and alias.named:
            self._target(alias.named[0], scope, node.named[0], None)

    def _global_statement(self, node: Node, scope: Scope) -> None:
        for name in node.named:
            scope.redirected[name.text] = scope.module

    def _nonlocal_statement(self, node: Node, scope: Scope) -> None:
        if scope.parent is not None:
            for name in node.named:
                scope.redirected[name.text] = scope.parent.function

    def _import_statement(self, node: Node, scope: Scope) -> None:
        for name in _imported(node):
            module, alias = name.field("name") or name, name.field("alias")
            whole = module.text
            origin = (whole if alias is not None else whole.split(".")[0], "")
            bound = alias or module.named[0]
            scope.bind(Binding(bound.text, "import", bound, origin=origin))

    def _import_from_statement(self, node: Node, scope: Scope) -> None:
        module = node.get("module_name").text
        for name in _imported(node):
            member, alias = name.field("name") or name, name.field("alias")
            bound = alias or member
            scope.bind(Binding(bound.text, "import", bound, origin=(module, member.text)))


def _imported(node: Node) -> Iterator[Node]:
    """The names that an import statement lists, with their aliases."""
    module = node.field("module_name")
    for child in node.named:
        if child is not module and child.kind in ("dotted_name", "aliased_import"):
            yield child


def dotted(node: Node) -> str:
    """`self.client` as it stands; empty for anything but names joined by dots, and for long chains."""
    parts: list[str] = []
    current = node
    while current.kind == "attribute" and len(parts) < _LONGEST_PATH:
        parts.append(current.children[-1].text)
        current = current.children[0]
    return ".".join([current.text, *reversed(parts)]) if current.kind == "identifier" else ""
