"""Provider keys in the code: moved to the header for them, and out of the code where they are written into it."""

from prompts.importer import providers
from prompts.importer.draft import Draft
from prompts.importer.providers import Provider
from prompts.importer.reading import constant
from prompts.importer.syntax import Node


class Keys:
    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._taken_out: set[Node] = set()

    def moved(self, node: Node, provider: Provider) -> str:
        """The code for the provider's key, given what has been the key so far; a key written out becomes a variable."""
        draft, reading = self._draft, self._draft.reading
        stripped = reading.strip(node)
        draft.settled.add(node)
        text = constant(reading.pieces(node, follow=False))
        if text is not None:
            self._warn(node, provider, text)
            return draft.environment(provider.variable)
        kept = self._without_default(stripped, provider)
        if kept is not None:
            return kept
        use = reading.use(stripped)
        if use is not None and use.binding.value is not None:
            self._take_out(use.binding.value, provider)
        return node.text

    def _without_default(self, node: Node, provider: Provider) -> str | None:
        """`os.getenv("KEY", "sk-...")` without the key that is written there."""
        reading = self._draft.reading
        default = reading.environment_default(node)
        if default is None:
            return None
        text = constant(reading.pieces(default[1], follow=False))
        if not text:
            return None
        self._warn(default[1], provider, text)
        return self._draft.environment(default[0])

    def _take_out(self, value: Node, provider: Provider) -> None:
        """The value of a name that is used as a key: if it is written out, an environment variable replaces it."""
        reading = self._draft.reading
        stripped = reading.strip(value)
        if stripped in self._taken_out:
            return
        kept = self._without_default(stripped, provider)
        text = constant(reading.pieces(stripped, follow=False))
        if kept is None and (text is None or not reading.literal(stripped)):
            return
        self._taken_out.add(stripped)
        self._draft.settled.add(stripped)
        if kept is None:
            self._warn(value, provider, text or "")
            kept = self._draft.environment(provider.variable)
        self._draft.edits.replace(stripped.start, stripped.end, kept)

    def _warn(self, node: Node, provider: Provider, text: str) -> None:
        if not providers.is_placeholder(text.removeprefix("Bearer ")):
            self._draft.warn(node, was_written(provider))

    def finish(self) -> None:
        """What looks like a key, anywhere else in the code, is taken out, too, where that leaves the code working."""
        reading, draft = self._draft.reading, self._draft
        for node, is_left_alone in self._unsettled():
            text = constant(reading.pieces(node, follow=False)) if reading.literal(node) else None
            if text is None or not providers.is_key(text.removeprefix("Bearer ")):
                continue
            provider = providers.provider_of_key(text)
            if draft.is_plain_value(node) and providers.is_key(text) and not is_left_alone:
                self._take_out(node, provider)
            else:
                draft.warn(
                    node,
                    "There is a key in the code here. Take it out, make a new one at the provider and revoke this one.",
                )

    def _unsettled(self) -> list[tuple[Node, bool]]:
        """All texts but those that have been dealt with, and whether each is in something that is left alone."""
        found = []
        waiting = [(self._draft.reading.root, False)]
        while waiting:
            node, is_left_alone = waiting.pop()
            if node in self._draft.settled:
                continue
            if node.kind in ("string", "template_string"):
                found.append((node, is_left_alone))
            else:
                is_left_alone = is_left_alone or node in self._draft.left_alone
                waiting.extend((child, is_left_alone) for child in reversed(node.children))
        return found


def was_written(provider: Provider) -> str:
    return (
        f"A key of {provider.name} was written into the code. It is read from the environment now. Make a new one at "
        "the provider and revoke this one, since it has been seen."
    )
