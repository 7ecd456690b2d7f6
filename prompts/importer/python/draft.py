"""How Python writes what the code import writes, and where `import os` goes."""

import sys
from collections import Counter

from prompts.importer.draft import Draft
from prompts.importer.outcome import Target
from prompts.importer.python.reading import PythonReading
from prompts.importer.syntax import Node, Tree
from prompts.importer.text import Source
from prompts.importer.writing import PYTHON

_IMPORTS = ("import_statement", "import_from_statement")
# What `**` may stand before only in parentheses ("Dictionary displays", Python Language Reference).
_LOOSE = frozenset({"boolean_operator", "conditional_expression", "lambda", "named_expression", "comparison_operator"})
_DEFINITIONS = frozenset({"function_definition", "class_definition", "decorated_definition"})
_NEAR = 8
_VALUES = frozenset({"keyword_argument", "default_parameter", "typed_default_parameter", "pair"})


class PythonDraft(Draft):
    def __init__(self, source: Source, reading: PythonReading, target: Target) -> None:
        super().__init__(source, reading, PYTHON.with_quote(_preferred_quote(reading.tree)), target)
        self._environ, self._needed = self._find_environ()

    def _find_environ(self) -> tuple[str, str]:
        """(how to say `os.environ`, the import that this takes)."""
        names = self.reading.names
        module = names.scopes[self.reading.root].names
        for name, bindings in module.items():
            if len(bindings) == 1 and bindings[0].origin == ("os", ""):
                return f"{name}.environ", ""
            if len(bindings) == 1 and bindings[0].origin == ("os", "environ"):
                return name, ""
        bound = [one for scope in set(names.scopes.values()) for one in scope.names.get("os", [])]
        if any(one.origin != ("os", "") for one in bound):
            return "_os.environ", "import os as _os"
        return "os.environ", "" if module.get("os") else "import os"

    def environment(self, variable: str, *, like: Node | None = None, quote: str = "") -> str:
        self.variables[variable] = None
        self._is_environ_read = True
        quote = quote or self.dialect.quote
        return f"{self._environ}[{quote}{variable}{quote}]"

    _is_environ_read = False

    def bearer(self, variable: str) -> str:
        quote = self.dialect.quote
        inner = self.environment(variable, quote=self.dialect.with_other_quote().quote)
        return f"f{quote}Bearer {{{inner}}}{quote}"

    def header_value(self, code: str, node: Node | None) -> str:
        return code

    def quote_inside(self, node: Node) -> str:
        """Before Python 3.12 the quotes of a text cannot be used in what is put into it."""
        parent = node.parent
        if parent is None or parent.kind != "interpolation" or parent.parent is None:
            return ""
        return "'" if parent.parent.text.lstrip("rRfFbBuU").startswith('"') else '"'

    def spread(self, node: Node) -> tuple[str, str]:
        if node.kind == "conditional_expression":
            return "**((", ") or {})"
        return ("**(", ")") if node.kind in _LOOSE else ("**", "")

    def is_plain_value(self, node: Node) -> bool:
        parent = node.parent
        if parent is None:
            return False
        if parent.kind == "assignment":
            left = parent.get("left")
            return left is not node and not (left.kind == "subscript" and left.text.startswith("os.environ"))
        return parent.kind in _VALUES and parent.children[-1] is node

    # --- import os ---

    def finish(self) -> None:
        """Add the import, if anything needs it that was written."""
        if not self._needed or not self._is_environ_read:
            return
        statements = [node for node in self.reading.root.children if node.kind != "comment"]
        first = next((node for node in statements if node.kind in _IMPORTS), None)
        if first is None:
            self._insert_on_top(statements)
        elif not _is_standard(first):
            self.edits.insert(first.start, self._needed + self.source.newline * 2)
        else:
            self._insert_among(self._neighbours(first, statements))

    def _insert_on_top(self, statements: list[Node]) -> None:
        """Nothing is imported here so far: behind what has to stay first, else before everything."""
        newline = self.source.newline
        top = [node for node in statements if _belongs_on_top(node)]
        if top:
            self.edits.insert(self.source.line_end(top[-1].end), newline * 2 + self._needed)
        else:
            blank = newline * (3 if statements[0].kind in _DEFINITIONS else 2)
            self.edits.insert(statements[0].start, self._needed + blank)

    def _neighbours(self, first: Node, statements: list[Node]) -> list[Node]:
        """The imports of the standard library that stand together at the top."""
        found = [first]
        for node in statements[statements.index(first) + 1 :]:
            follows = self.source.line(node.start) == self.source.line(found[-1].end) + 1
            if node.kind not in _IMPORTS or not follows or not _is_standard(node):
                break
            found.append(node)
        return found

    def _insert_among(self, imports: list[Node]) -> None:
        for node in imports:
            if node.kind == "import_from_statement" or _module(node) > "os":
                self.edits.insert(node.start, self._needed + self.source.newline)
                return
        self.edits.insert(self.source.line_end(imports[-1].end), self.source.newline + self._needed)


def _preferred_quote(tree: Tree) -> str:
    starts = [node for node in tree.of("string_start") if node.end - node.start < 3 and not _is_in_text(node)]
    counts = Counter(node.text[-1:] for node in starts)
    return "'" if counts["'"] > counts['"'] else '"'


def _is_in_text(node: Node) -> bool:
    """Whether a text stands inside another one, where it must have other quotes."""
    current = node.parent
    for _ in range(_NEAR):
        if current is None:
            return False
        if current.kind == "interpolation":
            return True
        current = current.parent
    return False


def _belongs_on_top(node: Node) -> bool:
    """A docstring, or an import from the future: these have to stay first."""
    if node.kind == "expression_statement":
        return (
            [child.kind for child in node.named] == ["string"]
            and node.parent is not None
            and node.start == min(child.start for child in node.parent.named)
        )
    return node.kind == "future_import_statement"


def _module(node: Node) -> str:
    """The first module that an import names."""
    module = node.field("module_name") or node.field("name") or node
    return (module.field("name") or module).text


def _is_standard(node: Node) -> bool:
    return _module(node).split(".")[0] in sys.stdlib_module_names
