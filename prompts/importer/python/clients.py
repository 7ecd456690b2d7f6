"""SDK clients in Python."""

from collections.abc import Sequence

from prompts.importer.clients import Clients, Given
from prompts.importer.providers import ANTHROPIC, OPENAI
from prompts.importer.reading import Call, Imported
from prompts.importer.sdks import Options, Sdk
from prompts.importer.syntax import Node
from prompts.importer.writing import Member

SDK = Sdk(
    clients={
        **{("openai", name): OPENAI for name in ("OpenAI", "AsyncOpenAI", "Client", "AsyncClient")},
        **{("anthropic", name): ANTHROPIC for name in ("Anthropic", "AsyncAnthropic", "Client", "AsyncClient")},
    },
    modules={"openai": OPENAI, "anthropic": ANTHROPIC},
    options=Options("base_url", "api_key", "default_headers"),
)

_LOOKING = frozenset({"isinstance", "issubclass", "cast", "typing.cast", "Mock", "MagicMock", "create_autospec"})


class PythonClients(Clients):
    def convert(self) -> None:
        super().convert()
        self._name_derived()
        self._name_handed_on()

    def _name_handed_on(self) -> None:
        """`field(default_factory=OpenAI)`: the class is called where its options cannot be given."""
        reading = self._draft.reading
        for scope in dict.fromkeys(reading.names.scopes.values()):
            for binding in (one for bindings in scope.names.values() for one in bindings if one.kind == "import"):
                if self._sdk.provider(Imported(*binding.origin)) is None:
                    continue
                for reader in reading.names.references(binding):
                    if _is_handed_on(reader):
                        self._draft.leave(
                            reader,
                            f"{binding.origin[1]}, handed on",
                            "It is called elsewhere, without options. Hand on a function that makes the client, and "
                            "import the code again.",
                        )

    def _name_derived(self) -> None:
        for node in self._draft.reading.tree.of("class_definition"):
            bases = node.field("superclasses")
            for base in bases.named if bases else []:
                for value in self._draft.reading.values(base):
                    if isinstance(value, Imported) and self._sdk.provider(value):
                        self._draft.leave(
                            node,
                            f"A class derived from {value.member}",
                            "Its address and its headers are set where objects of it are made. Set them there.",
                        )

    def given(self, call: Call) -> Given:
        if call.arguments is None or call.arguments.kind != "argument_list":
            return Given(problem="It is not made in a way that was understood.")
        entries = self._draft.reading.entries(call.arguments)
        if any(entry.key is None for entry in entries):
            return Given(
                problem="Its options are handed over as a whole, so that this code does not tell what is among them. "
                "Set base_url, api_key and default_headers there."
            )
        return Given(entries)

    def add(self, call: Call, members: Sequence[Member]) -> None:
        assert call.arguments
        self._draft.layout.add(call.arguments, members)

    def option(self, name: str, code: str) -> Member:
        return Member(f"{name}=", code)

    def look_over(self, call: Call, given: Given) -> None:
        """Nothing that a client in Python can be asked for is in the way."""


def _is_handed_on(reader: Node) -> bool:
    """Whether it is an argument, but for those that are only looked at."""
    parent = reader.parent
    if parent is not None and parent.kind == "keyword_argument":
        return parent.children[-1] is reader
    if parent is None or parent.kind != "argument_list" or parent.parent is None:
        return False
    return parent.parent.kind == "call" and parent.parent.children[0].text not in _LOOKING
