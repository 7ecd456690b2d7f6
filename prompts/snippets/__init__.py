"""Code that sends a request through the proxy, ready to run, for every language. Pure: no Django, network or clock.

`sample` says what is to be asked, `literals` writes values in a language, `in_shell` to `in_go` hold the snippets
themselves, `kinds` names them.
"""

from prompts.snippets.kinds import (
    ALL_KINDS,
    KINDS,
    LANGUAGES,
    Kind,
    choose_kind,
    find_kind,
    kinds_for,
    kinds_in,
    render,
)
from prompts.snippets.sample import (
    ANTHROPIC_MAX_TOKENS,
    KEY_PLACEHOLDER,
    KEY_VARIABLE,
    PROVIDER_KEY_VARIABLES,
    Sample,
)

__all__ = [
    "ALL_KINDS",
    "ANTHROPIC_MAX_TOKENS",
    "KEY_PLACEHOLDER",
    "KEY_VARIABLE",
    "KINDS",
    "LANGUAGES",
    "PROVIDER_KEY_VARIABLES",
    "Kind",
    "Sample",
    "choose_kind",
    "find_kind",
    "kinds_for",
    "kinds_in",
    "render",
]
