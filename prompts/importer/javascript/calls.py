"""Calls of SDK clients in JavaScript and TypeScript: the SDKs send members that they do not know as they are."""

from prompts.importer.calls import Calls
from prompts.importer.clients import Clients
from prompts.importer.javascript.draft import JavaScriptDraft
from prompts.importer.reading import Call
from prompts.importer.sdks import Sdk


class JavaScriptCalls(Calls):
    def __init__(self, draft: JavaScriptDraft, sdk: Sdk, clients: Clients) -> None:
        super().__init__(draft, sdk, clients)
        self._typed = draft

    def keys(self, call: Call) -> set[str | None]:
        given = call.arguments.named if call.arguments else []
        found = self._draft.reading.mapping(given[0]) if given else None
        if found is None:
            return {None} if given else set()
        return {entry.key for entry in self._draft.reading.entries(found[0])}

    def label(self, call: Call, route: str) -> None:
        draft = self._draft
        given = call.arguments.named if call.arguments else []
        member = self._typed.member_of_body()
        if member is None:
            return
        if not given or given[0].kind == "spread_element":
            draft.leave(call.node, route, "What it sends is handed over as a whole. Add _aipromptcost to it there.")
            return
        body = draft.reading.strip(given[0])
        found = draft.reading.mapping(given[0])
        if "_aipromptcost" in body.text or (found is not None and "_aipromptcost" in found[0].text):
            draft.leave(call.node, route, "It is labelled already.")
            return
        if draft.reading.is_mapping(body):
            draft.layout.add(body, [member])
        else:
            draft.wrap(given[0], member)
        draft.labelled(call.node, route)
