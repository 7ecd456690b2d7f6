"""The client that the module `openai` is itself: `openai.api_key = ...`, `openai.chat.completions.create(...)`."""

from prompts.importer.addresses import Address, Addresses
from prompts.importer.draft import Draft
from prompts.importer.keys import Keys
from prompts.importer.providers import OPENAI, PLATFORM_KEY, PROVIDER_HEADER
from prompts.importer.python.clients import PythonClients
from prompts.importer.reading import Imported
from prompts.importer.sdks import takes_labels
from prompts.importer.syntax import Node
from prompts.importer.writing import Member, flat

_MODULE = Imported("openai")
_AZURE = frozenset({"api_type", "azure_endpoint", "api_version", "azure_ad_token", "azure_ad_token_provider"})
_BEFORE_VERSION_1 = frozenset({"ChatCompletion", "Completion", "Embedding", "Image", "Moderation", "Edit", "Audio"})
_WHAT = "The openai module as a client"


class ModuleClient:
    def __init__(self, draft: Draft, addresses: Addresses, keys: Keys, clients: PythonClients) -> None:
        self._draft, self._addresses, self._keys, self._clients = draft, addresses, keys, clients

    def convert(self) -> None:
        draft = self._draft
        assigned = self._assignments()
        calls = self._calls()
        if self._is_old() or not (calls or ("api_key" in assigned and not self._clients.made)):
            return
        place = next(iter(assigned.get("api_key", calls)))
        if _AZURE & set(assigned):
            draft.leave(place, _WHAT, "It is set up for Azure OpenAI, which the proxy does not serve.")
            return
        urls = assigned.get("base_url", [])
        addresses = [self._addresses.read(node.get("right")) for node in urls]
        if any(address.proxied for address in addresses):
            draft.leave(place, _WHAT, "It already goes through the proxy.")
        elif not all(address.own and address.own.provider is OPENAI for address in addresses):
            named = next((address.other for address in addresses if address.other), "an address worked out elsewhere")
            draft.leave(place, _WHAT, f"It sends its requests to {named}, which the proxy does not serve.")
            return
        else:
            self._change(assigned, addresses, place)
        self._clients.modules["openai"] = OPENAI

    def _assignments(self) -> dict[str, list[Node]]:
        """The assignments to the module's attributes, by attribute."""
        found: dict[str, list[Node]] = {}
        for node in self._draft.reading.tree.of("assignment"):
            if node.field("right") is None:
                continue
            member = self._draft.reading.member(node.get("left"))
            if member and _MODULE in self._draft.reading.values(member[0]):
                found.setdefault(member[1], []).append(node)
        return found

    def _imported_calls(self) -> list[tuple[Node, str]]:
        reading = self._draft.reading
        return [
            (call.node, value.member)
            for call in reading.calls
            for value in reading.values(call.function)
            if isinstance(value, Imported) and value.module == "openai"
        ]

    def _calls(self) -> list[Node]:
        return [node for node, member in self._imported_calls() if takes_labels(OPENAI, member)]

    def _is_old(self) -> bool:
        old = [node for node, member in self._imported_calls() if member.split(".")[0] in _BEFORE_VERSION_1]
        for node in old:
            self._draft.leave(
                node,
                "The openai package before version 1",
                "Its calls have another form. Run “openai migrate”, then import the code again.",
            )
        return bool(old)

    # --- The edits ---

    def _change(self, assigned: dict[str, list[Node]], addresses: list[Address], place: Node) -> None:
        draft = self._draft
        for address in addresses:
            self._addresses.move(address)
        keys = [node for node in assigned.get("api_key", []) if node.get("right").kind != "none"]
        headers = assigned.get("default_headers", [])
        for node in keys:
            value = node.get("right")
            code = self._keys.moved(value, OPENAI)
            draft.edits.replace(value.start, value.end, draft.environment(PLATFORM_KEY))
            self._behind(node, self._settings(node.get("left").children[0].text, code, addresses, headers))
        if not keys:
            self._behind_import(addresses, headers)
        for node in headers:
            own = draft.dialect.raw(PROVIDER_HEADER, draft.environment(OPENAI.variable))
            value = draft.reading.strip(node.get("right"))
            if draft.reading.is_mapping(value):
                draft.layout.add(value, [own])
            else:
                draft.wrap(value, own)
        draft.change(
            place,
            "The openai module sends its requests to the proxy with your platform key. "
            f"Your OpenAI key goes along in {PROVIDER_HEADER}.",
        )

    def _settings(self, module: str, key: str, addresses: list[Address], headers: list[Node]) -> list[str]:
        draft, lines = self._draft, []
        if not addresses:
            # Without the slash at the end, the module joins its paths wrongly.
            lines.append(f"{module}.base_url = {draft.dialect.text(draft.target.base_url(OPENAI.id) + '/')}")
        if not headers:
            own = draft.dialect.braces(draft.dialect.raw(PROVIDER_HEADER, key))
            lines.append(f"{module}.default_headers = {flat(Member('', own))}")
        return lines

    def _behind(self, node: Node, lines: list[str]) -> None:
        """New statements after this one, each on a line of its own where it has one."""
        source = self._draft.source
        statement = node.parent if node.parent is not None and node.parent.kind == "expression_statement" else node
        rest = source.text[statement.end : source.line_end(statement.end)].strip()
        if source.opens_line(statement.start) and (not rest or rest.startswith("#")):
            lead = source.newline + source.indentation(statement.start)
            self._draft.edits.insert(source.line_end(statement.end), "".join(lead + line for line in lines))
        else:
            self._draft.edits.insert(statement.end, "".join(f"; {line}" for line in lines))

    def _behind_import(self, addresses: list[Address], headers: list[Node]) -> None:
        """There is no line with the key, which comes from the environment: write one after the imports."""
        draft = self._draft
        imports = [node for node in draft.reading.root.named if node.kind.startswith("import_")]
        module = next(
            name
            for name, bindings in draft.reading.names.scopes[draft.reading.root].names.items()
            if any(one.origin == ("openai", "") for one in bindings)
        )
        own = draft.environment(OPENAI.variable)
        lines = [
            f"{module}.api_key = {draft.environment(PLATFORM_KEY)}",
            *self._settings(module, own, addresses, headers),
        ]
        at = draft.source.line_end(imports[-1].end)
        draft.edits.insert(at, draft.source.newline * 2 + draft.source.newline.join(lines))
