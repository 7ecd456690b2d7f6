"""SDK clients in JavaScript and TypeScript."""

from collections.abc import Sequence

from prompts.importer.clients import Clients, Given
from prompts.importer.providers import ANTHROPIC, OPENAI
from prompts.importer.reading import Call, Imported
from prompts.importer.sdks import Options, Sdk
from prompts.importer.syntax import Node
from prompts.importer.writing import Member

SDK = Sdk(
    clients={
        ("openai", ""): OPENAI,
        ("openai", "OpenAI"): OPENAI,
        ("@anthropic-ai/sdk", ""): ANTHROPIC,
        ("@anthropic-ai/sdk", "Anthropic"): ANTHROPIC,
    },
    modules={
        "openai": OPENAI,
        "@anthropic-ai/sdk": ANTHROPIC,
        "@anthropic-ai/bedrock-sdk": ANTHROPIC,
        "@anthropic-ai/vertex-sdk": ANTHROPIC,
        "@anthropic-ai/foundry-sdk": ANTHROPIC,
    },
    options=Options("baseURL", "apiKey", "defaultHeaders"),
)


class JavaScriptClients(Clients):
    def convert(self) -> None:
        super().convert()
        for call in self._draft.reading.calls:
            if Imported("openai", "OpenAIApi") in self._draft.reading.values(call.function):
                self._draft.leave(
                    call.node,
                    "The openai package before version 4",
                    "Its calls have another form. Move to a current version, then import the code again.",
                )

    def given(self, call: Call) -> Given:
        mapping = self.mapping(call)
        arguments = call.arguments.named if call.arguments else []
        if not arguments:
            return Given()
        if mapping is None:
            return Given(problem=self._as_a_whole())
        entries = self._draft.reading.entries(mapping)
        if any(entry.key is None for entry in entries):
            return Given(problem=self._as_a_whole())
        return Given(entries)

    def _as_a_whole(self) -> str:
        options = self._sdk.options
        return (
            "Its options are handed over as a whole, so that this code does not tell what is among them. "
            f"Set {options.url}, {options.key} and {options.headers} there."
        )

    def mapping(self, call: Call) -> Node | None:
        """The object with the options, also where it has a name that nothing else reads."""
        arguments = call.arguments.named if call.arguments else []
        found = self._draft.reading.mapping(arguments[0]) if len(arguments) == 1 else None
        if found is None:
            return None
        mapping, uses = found
        references = self._draft.reading.names.references
        return mapping if all(len(references(use.binding)) == 1 for use in uses) else None

    def add(self, call: Call, members: Sequence[Member]) -> None:
        draft = self._draft
        mapping = self.mapping(call)
        if mapping is not None:
            draft.layout.add(mapping, members)
            return
        indentation = draft.source.indentation(call.node.start)
        lines = draft.layout.room.lines(members, indentation + draft.layout.room.unit)
        text = f"{{{lines}{indentation}}}"
        if call.arguments is not None:
            draft.edits.insert(call.arguments.children[0].end, text)
        else:
            draft.edits.insert(call.node.end, f"({text})")

    def option(self, name: str, code: str) -> Member:
        return Member(f"{name}: ", code)

    def look_over(self, call: Call, given: Given) -> None:
        browser = given.find("dangerouslyAllowBrowser")
        if browser is not None and browser.value.text != "false":
            self._draft.warn(
                browser.node,
                "dangerouslyAllowBrowser hands both keys to everybody who opens the page. "
                "Make the call on a server and let the page ask that.",
            )
