"""Python's expressions, as the shared reading needs them."""

from dataclasses import replace
from types import MappingProxyType

from prompts.importer.escapes import unescaped
from prompts.importer.reading import Call, Entry, Imported, Piece, Reading
from prompts.importer.syntax import Node

_GETTERS = ("os.getenv", "os.environ.get", "environ.get", "getenv")
_DEEPEST_SUM = 40


class PythonReading(Reading):
    call_kinds = ("call",)
    well_known = MappingProxyType(
        {
            **{name: Imported("openai", name) for name in ("OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI")},
            **{name: Imported("anthropic", name) for name in ("Anthropic", "AsyncAnthropic", "AnthropicBedrock")},
        }
    )

    def strip(self, node: Node) -> Node:
        while node.kind in ("parenthesized_expression", "await") and node.named:
            node = node.named[0]
        if node.kind == "named_expression":
            return self.strip(node.get("value"))
        return node

    def member(self, node: Node) -> tuple[Node, str] | None:
        if node.kind != "attribute":
            return None
        return node.children[0], node.children[-1].text

    def call(self, node: Node) -> Call | None:
        if node.kind != "call":
            return None
        return Call(node, node.get("function"), node.field("arguments"))

    def alternatives(self, node: Node) -> list[Node]:
        if node.kind == "boolean_operator":
            return [node.get("left"), node.get("right")]
        if node.kind == "conditional_expression" and len(node.named) == 3:
            return [node.named[0], node.named[2]]
        return []

    def is_name(self, node: Node) -> bool:
        return node.kind == "identifier"

    def is_mapping(self, node: Node) -> bool:
        return node.kind == "dictionary"

    def entries(self, mapping: Node) -> list[Entry]:
        """The members of a dictionary, or the arguments of a call; positional ones have no key."""
        found = []
        for item in mapping.named:
            if item.kind == "pair":
                value = item.get("value")
                found.append(Entry(item, self.text(item.get("key")), value))
            elif item.kind == "keyword_argument":
                found.append(Entry(item, item.get("name").text, item.get("value")))
            else:
                found.append(Entry(item, None, item.named[0] if item.named else item))
        return found

    def is_function(self, node: Node) -> bool:
        return node.kind == "function_definition"

    def returned(self, function: Node) -> list[Node]:
        found = []
        waiting = [function.get("body")]
        while waiting:
            node = waiting.pop()
            if node.kind in ("function_definition", "class_definition", "lambda"):
                continue
            if node.kind in ("return_statement", "yield") and node.named:
                found.append(node.named[0])
            waiting.extend(node.children)
        return found

    def environment_default(self, node: Node) -> tuple[str, Node] | None:
        """`os.getenv("A", default)` and `os.getenv("A") or default`."""
        if node.kind == "boolean_operator":
            left, right = node.get("left"), node.get("right")
            variable = self._variable(self.strip(left), 1)
            return (variable, right) if variable else None
        variable = self._variable(node, 2)
        return (variable, node.get("arguments").named[1]) if variable else None

    def _variable(self, node: Node, arguments: int) -> str:
        call = self.call(node)
        if call is None or call.arguments is None or call.function.text not in _GETTERS:
            return ""
        given = call.arguments.named
        if len(given) != arguments or any(one.kind == "keyword_argument" for one in given):
            return ""
        return self.text(given[0]) or ""

    # --- Texts ---

    def literal(self, node: Node, depth: int = 0) -> list[Piece] | None:
        if node.kind == "string":
            return _string(node)
        if node.kind == "concatenated_string":
            parts = [_string(one) for one in node.named if one.kind == "string"]
            return [piece for part in parts for piece in part or []] if None not in parts else None
        if node.kind == "binary_operator" and depth < _DEEPEST_SUM:
            return self._sum(node, depth)
        if node.kind == "call":
            return self._formatted(node)
        return None

    def _sum(self, node: Node, depth: int) -> list[Piece] | None:
        """`"Bearer " + key`, and `"Bearer %s" % key`."""
        left, right = self.strip(node.get("left")), self.strip(node.get("right"))
        operator = node.get("operator").kind
        if operator == "%":
            written = self.literal(left, depth + 1)
            if written and len(written) == 1 and written[0].text.count("%") == 1 and written[0].text.endswith("%s"):
                value = right.named[0] if right.kind == "tuple" and len(right.named) == 1 else right
                return [replace(written[0], text=written[0].text[:-2]), Piece(node=value)]
        if operator != "+":
            return None
        first, second = self.literal(left, depth + 1), self.literal(right, depth + 1)
        if first is None and second is None:
            return None
        return [*(first or [Piece(node=left)]), *(second or [Piece(node=right)])]

    def _formatted(self, node: Node) -> list[Piece] | None:
        """`"Bearer {}".format(key)`."""
        function, arguments = node.get("function"), node.field("arguments")
        given = arguments.named if arguments is not None else []
        if len(given) != 1 or given[0].kind in ("keyword_argument", "list_splat"):
            return None
        if function.kind != "attribute" or function.children[-1].text != "format":
            return None
        written = _string(function.children[0]) if function.children[0].kind == "string" else None
        if not written or len(written) != 1 or not written[0].text.endswith("{}") or written[0].text.count("{") != 1:
            return None
        return [replace(written[0], text=written[0].text[:-2]), Piece(node=given[0])]


def prefix(node: Node) -> str:
    """The letters before a literal's quotes, in lower case."""
    return node.children[0].text.rstrip("\"'").lower()


def _string(node: Node) -> list[Piece] | None:
    """None for bytes, and for what is not understood."""
    letters = prefix(node)
    if "b" in letters or "t" in letters:
        return None
    found: list[Piece] = []
    for part in node.children[1:-1]:
        if part.kind == "interpolation":
            expression = part.field("expression")
            is_plain = expression is not None and len(part.named) == 1
            found.append(Piece(node=expression if is_plain else part))
        else:
            text = _content(part, letters)
            if text is None:
                return None
            found.append(Piece(text=text, start=part.start))
    return found or [Piece(text="", start=node.children[0].end)]


def _content(part: Node, letters: str) -> str | None:
    """What the characters between the quotes mean."""
    text = part.text
    if "f" in letters:
        text = text.replace("{{", "{").replace("}}", "}")
    return text if "r" in letters or "\\" not in text else unescaped(text)
