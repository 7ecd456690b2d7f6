"""Calls of SDK clients in Python: labels go into `extra_body`."""

from prompts.importer.calls import Calls
from prompts.importer.reading import Call, Entry
from prompts.importer.syntax import Node
from prompts.importer.writing import Member, flat

_MOST_PARENTS = 100


class PythonCalls(Calls):
    def keys(self, call: Call) -> set[str | None]:
        if call.arguments is None or call.arguments.kind != "argument_list":
            return set()
        return {entry.key for entry in self._draft.reading.entries(call.arguments)}

    def label(self, call: Call, route: str) -> None:
        draft, arguments = self._draft, call.arguments
        metadata = draft.metadata
        if arguments is None or arguments.kind != "argument_list" or metadata is None:
            return
        entries = draft.reading.entries(arguments)
        if "_aipromptcost" in arguments.text or any(self._has_labels(entry.value) for entry in entries):
            draft.leave(call.node, route, "It is labelled already.")
            return
        if _is_in_text(call.node):
            draft.leave(
                call.node, route, "It stands inside a text (an f-string). Take it out and import the code again."
            )
            return
        body = next((entry for entry in entries if entry.key == "extra_body"), None)
        spread = [entry for entry in entries if entry.key is None]
        if body is not None:
            self._merge(body, metadata)
        elif spread and not self._spread(call, route, arguments, spread, metadata):
            return
        elif not spread:
            draft.layout.add(arguments, [Member("extra_body=", draft.dialect.braces(metadata))])
        draft.labelled(call.node, route)

    def _has_labels(self, node: Node) -> bool:
        found = self._draft.reading.mapping(node)
        return found is not None and "_aipromptcost" in found[0].text

    def _merge(self, body: Entry, metadata: Member) -> None:
        draft = self._draft
        value = draft.reading.strip(body.value)
        if draft.reading.is_mapping(value):
            draft.layout.add(value, [metadata])
        elif value.kind == "none":
            draft.layout.replace(value, Member("", draft.dialect.braces(metadata)))
        else:
            draft.wrap(body.value, metadata)

    def _spread(self, call: Call, route: str, arguments: Node, spread: list[Entry], metadata: Member) -> bool:
        """`create(**params)`: does `params` hold an `extra_body`?"""
        draft = self._draft
        (entry, *others) = spread
        name = draft.reading.path(entry.value)
        if others or entry.node.kind != "dictionary_splat" or not name:
            draft.leave(
                call.node,
                route,
                "Its arguments are handed over as a whole, so that this code does not tell whether extra_body is among "
                f"them. Add {flat(metadata)} to extra_body.",
            )
            return False
        found = draft.reading.mapping(entry.value)
        is_told = found is not None and all(one.key for one in draft.reading.entries(found[0]))
        if is_told and "extra_body" not in draft.source.text:
            draft.layout.add(arguments, [Member("extra_body=", draft.dialect.braces(metadata))])
            return True
        key = draft.dialect.text("extra_body")
        inner = draft.dialect.braces(Member("", f"**({name}.get({key}) or {{}})"), metadata)
        merged = draft.dialect.braces(Member("", f"**{name}"), Member(f"{key}: ", inner))
        draft.layout.replace(entry.value, Member("", merged))
        return True


def _is_in_text(node: Node) -> bool:
    current = node.parent
    for _ in range(_MOST_PARENTS):
        if current is None or current.kind.endswith("_statement"):
            return False
        if current.kind == "interpolation":
            return True
        current = current.parent
    return False
