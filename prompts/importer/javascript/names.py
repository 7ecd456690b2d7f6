"""Which names a JavaScript or TypeScript file binds, and where ("Scope Analysis", ECMAScript)."""

import re

from prompts.importer.scopes import Binding, BindingKind, Names, Scope
from prompts.importer.syntax import Node

_DECLARED = frozenset({"function_declaration", "generator_function_declaration"})
_FUNCTIONS = _DECLARED | {"function_expression", "arrow_function", "generator_function"}
_BLOCKS = frozenset({"statement_block", "for_statement", "for_in_statement", "switch_body", "catch_clause"})
_FIELDS = frozenset({"public_field_definition", "field_definition"})
_PARAMETERS = frozenset({"required_parameter", "optional_parameter"})
_READ = frozenset({"identifier", "shorthand_property_identifier", "type_identifier"})
_LONGEST_PATH = 8
_ELSEWHERE = re.compile(r"npm:/?|jsr:/?|https://esm\.sh/(?:v\d+/)?|https://cdn\.skypack\.dev/|https://deno\.land/x/")
_VERSION = re.compile(r"(?<=.)@.*$")


def read_names(root: Node) -> Names:
    names = Names()
    binder = _Binder(names)
    waiting = [(root, Scope(owner=root, is_function=True))]
    while waiting:
        node, scope = waiting.pop()
        names.scopes[node] = scope
        inner = binder.enter(node, scope)
        waiting.extend((child, inner) for child in reversed(node.children))
    binder.assign()
    return names


class _Binder:
    def __init__(self, names: Names) -> None:
        self._names = names
        self._assigned: list[tuple[Node, Scope, Node]] = []

    def enter(self, node: Node, scope: Scope) -> Scope:
        """Bind what this node binds; gives the scope of its children."""
        if node.kind in _READ:
            self._names.read(node.text, node)
        elif node.kind in _FUNCTIONS:
            return self._function(node, scope)
        elif node.kind == "method_definition":
            self._field(node, scope, node)
            return scope.inside(node, is_function=True)
        elif node.kind in ("class_declaration", "abstract_class_declaration", "class"):
            name = node.field("name")
            if name is not None:
                self._bind(scope, "class", name, node)
        elif node.kind == "class_body":
            return scope.inside(node, is_class=True)
        elif node.kind in _BLOCKS:
            return self._block(node, scope)
        else:
            self._other(node, scope)
        return scope

    def _other(self, node: Node, scope: Scope) -> None:
        if node.kind == "variable_declarator":
            is_var = node.parent is not None and node.parent.kind == "variable_declaration"
            target = scope.function if is_var else scope
            self._pattern(node.get("name"), target, node.field("value"), node.field("type"))
        elif node.kind == "member_expression":
            path = dotted(node)
            if path:
                self._names.read(path, node)
        elif node.kind == "formal_parameters":
            for parameter in node.named:
                self._parameter(parameter, scope)
        elif node.kind in _FIELDS:
            self._field(node, scope, node.field("value"), node.field("type"))
        elif node.kind == "assignment_expression" or node.kind == "augmented_assignment_expression":
            self._assigned.append((node.get("left"), scope, node.get("right")))
        elif node.kind == "import_statement":
            self._import(node, scope)

    def assign(self) -> None:
        """What is assigned to goes to where it is declared, which may be further down."""
        for left, scope, right in self._assigned:
            if left.kind == "member_expression":
                path = dotted(left)
                if path:
                    binding = Binding(path, "value", left, right)
                    self._names.bind_attribute(scope.enclosing_class, path, binding)
            elif left.kind == "identifier":
                declared = scope.find(left.text)
                self._bind(self._scope_of(declared, scope), "value", left, right)

    def _scope_of(self, declared: list[Binding], scope: Scope) -> Scope:
        return self._names.scopes[declared[0].node] if declared else scope.module

    def _bind(
        self,
        scope: Scope,
        kind: BindingKind,
        name: Node,
        value: Node | None,
        annotation: Node | None = None,
        part: str = "",
    ) -> None:
        scope.bind(Binding(name.text, kind, name, value, annotation, part=part))

    def _function(self, node: Node, scope: Scope) -> Scope:
        name = node.field("name")
        if name is not None and node.kind in _DECLARED:
            self._bind(scope, "function", name, node)
        inner = scope.inside(node, is_function=True)
        single = node.field("parameter")
        if single is not None:
            self._bind(inner, "parameter", single, None)
        return inner

    def _block(self, node: Node, scope: Scope) -> Scope:
        inner = scope.inside(node)
        left = node.field("left") if node.kind == "for_in_statement" else node.field("parameter")
        if left is not None:
            self._pattern(left, inner, None, None)
        return inner

    def _parameter(self, node: Node, scope: Scope) -> None:
        if node.kind in _PARAMETERS:
            pattern, annotation = node.field("pattern") or node.field("name"), node.field("type")
            if pattern is None:
                return
            self._pattern(pattern, scope, node.field("value"), annotation, kind="parameter")
            is_property = any(child.kind in ("accessibility_modifier", "readonly") for child in node.children)
            if is_property and pattern.kind == "identifier":
                path = f"this.{pattern.text}"
                binding = Binding(path, "parameter", pattern, node.field("value"), annotation)
                self._names.bind_attribute(scope.enclosing_class, path, binding)
        elif node.kind == "assignment_pattern":
            self._pattern(node.get("left"), scope, node.field("right"), None, kind="parameter")
        else:
            self._pattern(node, scope, None, None, kind="parameter")

    def _pattern(
        self,
        pattern: Node,
        scope: Scope,
        value: Node | None,
        annotation: Node | None,
        kind: BindingKind = "value",
    ) -> None:
        """`{ a, b: c }` binds members of the value; what is deeper binds something unknown."""
        if pattern.kind == "identifier":
            self._bind(scope, kind, pattern, value, annotation)
            return
        for item in pattern.named if pattern.kind == "object_pattern" else []:
            if item.kind == "shorthand_property_identifier_pattern":
                self._bind(scope, "value", item, value, part=item.text)
            elif item.kind == "pair_pattern" and item.get("value").kind == "identifier":
                self._bind(scope, "value", item.get("value"), value, part=item.get("key").text)
            elif item.kind == "object_assignment_pattern":
                self._bind(scope, "other", item.get("left"), None)
            else:
                self._unknown(item, scope)
        if pattern.kind != "object_pattern":
            self._unknown(pattern, scope)

    def _unknown(self, pattern: Node, scope: Scope) -> None:
        for node in pattern.walk():
            if node.kind in ("identifier", "shorthand_property_identifier_pattern"):
                self._bind(scope, "other", node, None)

    def _field(self, node: Node, scope: Scope, value: Node | None, annotation: Node | None = None) -> None:
        name = node.field("name") or node.field("property")
        if name is not None and scope.is_class:
            path = f"this.{name.text}"
            kind: BindingKind = "function" if value is node else "value"
            if value is not None or annotation is not None:
                self._names.bind_attribute(scope.owner, path, Binding(path, kind, name, value, annotation))

    def _import(self, node: Node, scope: Scope) -> None:
        source = node.field("source")
        clause = next((child for child in node.named if child.kind.startswith("import_")), None)
        if clause is not None and clause.kind == "import_require_clause":
            source = clause.field("source")
        if source is None or clause is None:
            return
        module = package(source.text[1:-1])
        for part in clause.named:
            if part.kind == "identifier":
                scope.bind(Binding(part.text, "import", part, origin=(module, "")))
            elif part.kind == "namespace_import":
                scope.bind(Binding(part.named[0].text, "import", part.named[0], origin=(module, "")))
            for specifier in part.named if part.kind == "named_imports" else []:
                name = specifier.get("name")
                bound = specifier.field("alias") or name
                member = "" if name.text == "default" else name.text
                scope.bind(Binding(bound.text, "import", bound, origin=(module, member)))


def package(specifier: str) -> str:
    """`openai` for `npm:openai@4.1` and the like, too ("Modules and dependencies", Deno)."""
    found = _ELSEWHERE.match(specifier)
    name = _VERSION.sub("", specifier[found.end() :]) if found else specifier
    return "openai" if name == "@openai/openai" else name


def dotted(node: Node) -> str:
    """`this.client` as it stands; empty for anything but names joined by dots, and for long chains."""
    parts: list[str] = []
    current = node
    while current.kind == "member_expression" and len(parts) < _LONGEST_PATH:
        parts.append(current.children[-1].text)
        current = current.children[0]
    return ".".join([current.text, *reversed(parts)]) if current.kind in ("identifier", "this") else ""
