"""The expressions of JavaScript and TypeScript, as the shared reading needs them."""

import re
from collections.abc import Iterator
from types import MappingProxyType

from prompts.importer.escapes import unescaped
from prompts.importer.javascript.names import package
from prompts.importer.reading import Call, Entry, Imported, Piece, Reading, Use, Value
from prompts.importer.syntax import Node

_AROUND = frozenset(
    {"parenthesized_expression", "await_expression", "non_null_expression", "as_expression", "satisfies_expression"}
)
_NAMES = frozenset({"identifier", "shorthand_property_identifier", "type_identifier"})
_FUNCTIONS = frozenset(
    {"function_expression", "arrow_function", "generator_function", "function_declaration", "method_definition"}
)
_ENVIRONMENT = re.compile(r"(?:process\.env|import\.meta\.env|Bun\.env)\.(\w+)!?")
_ENVIRONMENT_CALL = re.compile(r"""Deno\.env\.get\(["'](\w+)["']\)""")
_EITHER = frozenset({"||", "??"})
_DEEPEST_SUM = 40


class JavaScriptReading(Reading):
    call_kinds = ("call_expression", "new_expression")
    well_known = MappingProxyType(
        {
            "OpenAI": Imported("openai"),
            "AzureOpenAI": Imported("openai", "AzureOpenAI"),
            "Anthropic": Imported("@anthropic-ai/sdk"),
        }
    )
    transparent = frozenset({"withResponse", "asResponse"})

    def strip(self, node: Node) -> Node:
        while True:
            if node.kind in _AROUND and node.named:
                node = node.named[0]
            elif node.kind == "type_assertion" and node.named:
                node = node.named[-1]
            else:
                return node

    def member(self, node: Node) -> tuple[Node, str] | None:
        if node.kind != "member_expression":
            return None
        return node.children[0], node.children[-1].text

    def call(self, node: Node) -> Call | None:
        if node.kind == "call_expression":
            arguments = node.field("arguments")
            return Call(node, node.get("function"), arguments if _is_arguments(arguments) else None)
        if node.kind == "new_expression":
            return Call(node, node.get("constructor"), node.field("arguments"), is_new=True)
        return None

    def alternatives(self, node: Node) -> list[Node]:
        if node.kind == "binary_expression" and node.get("operator").kind in _EITHER:
            return [node.get("left"), node.get("right")]
        if node.kind == "ternary_expression":
            return [node.get("consequence"), node.get("alternative")]
        return []

    def is_name(self, node: Node) -> bool:
        return node.kind in _NAMES

    def is_mapping(self, node: Node) -> bool:
        return node.kind == "object"

    def is_function(self, node: Node) -> bool:
        return node.kind in _FUNCTIONS

    def entries(self, mapping: Node) -> list[Entry]:
        found = []
        for item in mapping.named:
            if item.kind == "pair":
                found.append(Entry(item, _key(item.get("key")), item.get("value")))
            elif item.kind == "shorthand_property_identifier":
                found.append(Entry(item, item.text, item))
            elif item.kind == "method_definition":
                found.append(Entry(item, _key(item.get("name")), item))
            else:
                found.append(Entry(item, None, item.named[0] if item.named else item))
        return found

    def returned(self, function: Node) -> list[Node]:
        body = function.field("body")
        if body is None:
            return []
        if body.kind != "statement_block":
            return [body]
        found = []
        waiting = [body]
        while waiting:
            node = waiting.pop()
            if node.kind in _FUNCTIONS or node.kind == "class_body":
                continue
            if node.kind == "return_statement" and node.named:
                found.append(node.named[0])
            waiting.extend(node.children)
        return found

    def environment_default(self, node: Node) -> tuple[str, Node] | None:
        """`process.env.A || default`, `process.env.A ?? default`."""
        if node.kind != "binary_expression" or node.get("operator").kind not in _EITHER:
            return None
        left = self.strip(node.get("left")).text
        found = _ENVIRONMENT.fullmatch(left) or _ENVIRONMENT_CALL.fullmatch(left)
        return (found[1], node.get("right")) if found else None

    def out_of(self, imported: Imported, name: str) -> Imported:
        """The default export stands for the module: packages for both module systems export it in either way."""
        return imported if name == "default" else super().out_of(imported, name)

    def _find_values(self, node: Node, depth: int) -> Iterator[Value]:
        if node.kind == "call_expression" and node.children[0].text in ("require", "import"):
            given = node.get("arguments").named
            module = self.text(given[0]) if given else None
            if module:
                yield Imported(package(module))
                return
        yield from super()._find_values(node, depth)

    def mapping(self, node: Node, uses: tuple[Use, ...] = (), depth: int = 0) -> tuple[Node, tuple[Use, ...]] | None:
        """`new Headers({...})` stands for what is in it."""
        call = self.call(self.strip(node))
        if call is not None and call.is_new and call.function.text == "Headers" and call.arguments is not None:
            given = call.arguments.named
            return super().mapping(given[0], uses, depth) if len(given) == 1 else None
        return super().mapping(node, uses, depth)

    # --- Texts ---

    def literal(self, node: Node, depth: int = 0) -> list[Piece] | None:
        if node.kind == "string":
            text = unescaped(node.text[1:-1])
            return None if text is None else [Piece(text, start=node.start + 1)]
        if node.kind == "template_string":
            return _template(node)
        if node.kind == "binary_expression" and node.get("operator").kind == "+" and depth < _DEEPEST_SUM:
            left, right = self.strip(node.get("left")), self.strip(node.get("right"))
            first, second = self.literal(left, depth + 1), self.literal(right, depth + 1)
            if first is not None or second is not None:
                return [*(first or [Piece(node=left)]), *(second or [Piece(node=right)])]
        return None


def _is_arguments(node: Node | None) -> bool:
    return node is not None and node.kind == "arguments"


def _key(node: Node) -> str | None:
    if node.kind == "string":
        return unescaped(node.text[1:-1])
    return None if node.kind == "computed_property_name" else node.text


def _template(node: Node) -> list[Piece] | None:
    """The texts between substitutions, escapes read, and the substitutions."""
    found: list[Piece] = []
    whole, start = node.text, node.children[0].end
    substitutions = [child for child in node.children if child.kind == "template_substitution"]
    for substitution in [*substitutions, None]:
        end = substitution.start if substitution else node.children[-1].start
        text = unescaped(whole[start - node.start : end - node.start])
        if text is None:
            return None
        if text:
            found.append(Piece(text, start=start))
        if substitution is not None:
            found.append(Piece(node=substitution.named[0] if substitution.named else substitution))
            start = substitution.end
    return found or [Piece(start=start)]
