"""The fake provider's deterministic answers and token counts, derived from the request alone.

The rule: a prompt costs 3 tokens, 4 more for each message, and 1 for every 4 characters of text in it (rounded up);
other parts (images, files) cost 85 each. An answer is 16 tokens plus the prompt's remainder by 16, one token a word,
unless `max_tokens` stops it before.
"""

from collections.abc import Iterator
from typing import Any

_TEXT = (
    "The answer depends on what you measure : a “typical” day costs little , while a naïve retry\n\n"
    "loop does not . Keep the prompt short \\ cache its start 🙂 and compare versions before you ship them"
)
_WORDS = _TEXT.split(" ")


def texts_in(content: Any) -> Iterator[str]:
    """Every text of a message's content, whichever of the providers' forms it has."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, dict):
                text = part.get("text", part.get("content"))
                yield from texts_in(text) if text is not None else ("x" * 340,)


def count_text(text: str) -> int:
    return -(-len(text) // 4)


def count_prompt(body: dict[str, Any]) -> int:
    messages = [message for message in body.get("messages") or [] if isinstance(message, dict)]
    parts = [*(message.get("content") for message in messages), body.get("system")]
    return 3 + 4 * len(messages) + sum(count_text(text) for part in parts for text in texts_in(part))


def count_input(body: dict[str, Any]) -> int:
    """The same for a request of the Responses API: its items are the messages, its instructions the system text."""
    given = body.get("input")
    items = given if isinstance(given, list) else [{"content": given}]
    return count_prompt({"messages": items, "system": body.get("instructions")})


def natural_length(prompt_tokens: int) -> int:
    return 16 + prompt_tokens % 16


def words(count: int) -> list[str]:
    """`count` pieces of text, each worth a token, that join to the answer's text."""
    return [(" " if index else "") + _WORDS[index % len(_WORDS)] for index in range(count)]


def pieces(text: str, size: int = 12) -> list[str]:
    """A given text in the pieces that a stream delivers."""
    return [text[start : start + size] for start in range(0, len(text), size)]
