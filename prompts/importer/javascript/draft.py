"""How JavaScript and TypeScript write what the code import writes."""

import re
from collections import Counter
from dataclasses import replace

from prompts.importer.draft import Draft
from prompts.importer.javascript.reading import JavaScriptReading
from prompts.importer.outcome import Target
from prompts.importer.syntax import Node, Tree
from prompts.importer.text import Source
from prompts.importer.writing import JAVASCRIPT, Dialect, Member

_TEXTS = frozenset({"string", "template_string", "number"})
_VALUES = frozenset({"variable_declarator", "pair", "public_field_definition", "field_definition"})
# How a program that does not run on Node reads a variable: by a piece of code that shows it.
_MANNERS = (
    (re.compile(r"\bDeno\.env\b"), "Deno.env.get({quote}{variable}{quote})"),
    (re.compile(r"\bBun\.env\b"), "Bun.env.{variable}"),
    # Vite shows the code only variables with this prefix.
    (re.compile(r"\bimport\.meta\.env\b"), "import.meta.env.VITE_{variable}"),
)
_NON_NULL = re.compile(r"(!| as string)$")


class JavaScriptDraft(Draft):
    def __init__(self, source: Source, reading: JavaScriptReading, target: Target, *, is_typed: bool) -> None:
        super().__init__(source, reading, _dialect(reading.tree), target)
        self.is_typed = is_typed
        found = [manner for pattern, manner in _MANNERS if pattern.search(source.text)]
        self._manner = found[0] if found and "process.env" not in source.text else "process.env.{variable}"

    def environment(self, variable: str, *, like: Node | None = None, quote: str = "") -> str:
        code = self._manner.format(variable=variable, quote=quote or self.dialect.quote)
        self.variables[f"VITE_{variable}" if ".VITE_" in code else variable] = None
        assertion = _NON_NULL.search(like.text) if like is not None else None
        return code + (assertion[0] if assertion else "")

    def bearer(self, variable: str) -> str:
        return f"`Bearer ${{{self.environment(variable)}}}`"

    def header_value(self, code: str, node: Node | None) -> str:
        """A header's type is a text; a variable of the environment may be undefined for the compiler."""
        is_text = code.startswith(("'", '"', "`")) or _NON_NULL.search(code)
        return f"`${{{code}}}`" if self.is_typed and not is_text else code

    def quote_inside(self, node: Node) -> str:
        return ""

    def spread(self, node: Node) -> tuple[str, str]:
        return "...", ""

    def is_plain_value(self, node: Node) -> bool:
        parent = node.parent
        if parent is None:
            return False
        if parent.kind == "assignment_expression":
            left = parent.get("left")
            return left is not node and ".env" not in left.text
        return parent.kind in _VALUES and parent.children[-1] is node

    def member_of_body(self) -> Member | None:
        """The labels for an SDK's call: TypeScript takes a member that the SDK's types lack only when it is spread."""
        metadata = self.metadata
        if metadata is None or not self.is_typed:
            return metadata
        return Member("...", self.dialect.braces(metadata))

    @property
    def semicolon(self) -> str:
        """Whether statements end with one here."""
        ends = Counter(
            node.children[-1].kind == ";"
            for node in self.reading.root.children
            if node.kind in ("import_statement", "lexical_declaration", "expression_statement") and node.children
        )
        return ";" if ends[True] >= ends[False] else ""


def _dialect(tree: Tree) -> Dialect:
    """The quotes and the braces that the code has most."""
    quotes: Counter[str] = Counter()
    padded: Counter[bool] = Counter()
    for node in tree.of("string"):
        quotes[node.children[0].kind] += 1
    for node in tree.of("object", "named_imports"):
        if node.named:
            padded[node.children[0].end < node.children[1].start] += 1
    quote = "'" if quotes["'"] > quotes['"'] else '"'
    return replace(JAVASCRIPT, quote=quote, padding="" if padded[False] > padded[True] else " ")
