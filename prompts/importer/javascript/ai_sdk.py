"""The Vercel AI SDK: its providers take an address and headers, but nothing for the body. So labels are headers."""

import re

from prompts.importer.addresses import Addresses
from prompts.importer.draft import Draft
from prompts.importer.javascript.clients import JavaScriptClients
from prompts.importer.javascript.draft import JavaScriptDraft
from prompts.importer.keys import Keys
from prompts.importer.providers import ANTHROPIC, OPENAI, PLATFORM_KEY, PROVIDER_HEADER, Provider
from prompts.importer.reading import Call, Imported
from prompts.importer.sdks import Options, Sdk
from prompts.importer.syntax import Node
from prompts.importer.writing import Member

SDK = Sdk(
    clients={
        ("@ai-sdk/openai", "createOpenAI"): OPENAI,
        ("@ai-sdk/anthropic", "createAnthropic"): ANTHROPIC,
    },
    modules={"@ai-sdk/openai": OPENAI, "@ai-sdk/anthropic": ANTHROPIC},
    options=Options("baseURL", "apiKey", "headers"),
)
_GATEWAY = re.compile(r"(openai|anthropic)/")
# What makes a provider, and the one that the package has made already.
_MAKERS = {"openai": "createOpenAI", "anthropic": "createAnthropic"}


class AiSdkProviders(JavaScriptClients):
    noun = "provider"

    def __init__(self, draft: JavaScriptDraft, addresses: Addresses, keys: Keys) -> None:
        super().__init__(draft, SDK, addresses, keys)

    def provider_headers(self, code: str, node: Node | None) -> list[Member]:
        draft = self._draft
        labels = [draft.dialect.pair(name, text) for name, text in draft.target.headers.items()]
        return [draft.dialect.raw(PROVIDER_HEADER, draft.header_value(code, node)), *labels]

    def converted(self, call: Call, provider: Provider) -> None:
        super().converted(call, provider)
        if self._draft.target.headers:
            self._draft.labelled(call.node, "Each call by this provider")

    def convert(self) -> None:
        super().convert()
        for scope_node in [self._draft.reading.root]:
            for bindings in list(self._draft.reading.names.scopes[scope_node].names.values()):
                for binding in bindings:
                    module, member = binding.origin
                    if module in SDK.modules and member in _MAKERS:
                        self._ready_made(binding.node, Imported(module, member))

        self._name_gateway()

    def _name_gateway(self) -> None:
        """`model: "openai/gpt-4o"`."""
        reading = self._draft.reading
        module = reading.names.scopes[reading.root].names.values()
        if not any(binding.origin[0] == "ai" for bindings in module for binding in bindings):
            return
        for pair in reading.tree.of("pair"):
            if pair.children[0].text == "model" and _GATEWAY.match(reading.text(pair.get("value")) or ""):
                self._draft.leave(
                    pair,
                    "Vercel's AI Gateway",
                    "A model with the provider in its name goes through that. Take the provider from @ai-sdk/openai or "
                    "@ai-sdk/anthropic, and import the code again.",
                )

    def _ready_made(self, name: Node, what: Imported) -> None:
        """`import { openai } from "@ai-sdk/openai"`: import what makes such a provider, and make one."""
        draft, provider = self._draft, SDK.modules[what.module]
        maker, specifier = _MAKERS[what.member], name.parent
        bound = draft.reading.names.scopes[draft.reading.root].find(maker)
        if specifier is None or specifier.kind != "import_specifier" or bound:
            draft.leave(
                name,
                f"{what.member} of {what.module}",
                f"It is a provider with the package's own address. Make one with {maker}, and import the code again.",
            )
            return
        draft.edits.replace(specifier.start, specifier.end, maker)
        self._make(name, maker, provider)
        draft.change(
            name,
            f"The {provider.name} provider is made here now, so that its requests go to the proxy with your platform "
            f"key. Your {provider.name} key goes along in {PROVIDER_HEADER}.",
        )
        if draft.target.headers:
            draft.labelled(name, "Each call by this provider")

    def _make(self, name: Node, maker: str, provider: Provider) -> None:
        draft = self._draft
        source, room = draft.source, draft.layout.room
        own = self.provider_headers(draft.environment(provider.variable), None)
        members = [
            self.option("baseURL", draft.dialect.text(draft.target.base_url(provider.id))),
            self.option("apiKey", draft.environment(PLATFORM_KEY)),
            Member("headers: ", draft.dialect.braces(*own)),
        ]
        imports = [node for node in draft.reading.root.children if node.kind == "import_statement"]
        code = f"const {name.text} = {maker}({{{room.lines(members, room.unit)}}}){_semicolon(draft)}"
        draft.edits.insert(source.line_end(imports[-1].end), source.newline * 2 + code)


def _semicolon(draft: Draft) -> str:
    return draft.semicolon if isinstance(draft, JavaScriptDraft) else ""
