"""Every kind of snippet: its language, its library, what it needs, and who writes it. Each is a whole program."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from prompts.snippets import in_go, in_javascript, in_python, in_shell
from prompts.snippets.sample import Sample

_BOTH = ("openai", "anthropic")
# As Pygments calls them, with what people call them and the ending of their files; modules, where there is a choice.
LANGUAGES = MappingProxyType(
    {
        "bash": ("cURL", "sh"),
        "python": ("Python", "py"),
        "javascript": ("JavaScript", "mjs"),
        "typescript": ("TypeScript", "mts"),
        "go": ("Go", "go"),
    }
)


@dataclass(frozen=True, slots=True)
class Kind:
    """`language` is one of `LANGUAGES`; `install` is what has to be there, empty for nothing.

    `label` says it on its own, `library` beside the language's name.
    """

    id: str
    label: str
    language: str
    library: str
    providers: tuple[str, ...] = _BOTH
    install: str = ""
    is_async: bool = False

    @property
    def ending(self) -> str:
        return LANGUAGES[self.language][1]


def _of_sdk(provider: str, name: str, package: str) -> tuple[tuple[Kind, Callable[[Sample], str]], ...]:
    only, sdk, pip, npm = (provider,), f"{name} SDK", f"pip install {provider}", f"npm install {package}"
    python = f"{provider}-python"
    return (
        (Kind(python, f"{sdk}, Python", "python", sdk, only, pip), in_python.sdk),
        (Kind(f"{python}-async", f"{sdk}, async Python", "python", sdk, only, pip, is_async=True), in_python.sdk_async),
        (Kind(f"{provider}-node", f"{sdk}, Node", "javascript", sdk, only, npm), in_javascript.sdk),
        (Kind(f"{provider}-ts", f"{sdk}, TypeScript", "typescript", sdk, only, npm), in_javascript.sdk),
    )


_VERCEL = "Vercel AI SDK"
_VERCEL_INSTALL = "npm install ai @ai-sdk/openai @ai-sdk/anthropic"
_HTTPX = "pip install httpx"
_MADE: Mapping[str, tuple[Kind, Callable[[Sample], str]]] = MappingProxyType(
    {
        kind.id: (kind, write)
        for kind, write in (
            (Kind("curl", "cURL", "bash", "curl"), in_shell.curl),
            (
                Kind("requests", "Python requests", "python", "requests", install="pip install requests"),
                in_python.requests,
            ),
            (Kind("httpx", "Python httpx", "python", "httpx", install=_HTTPX), in_python.httpx),
            (
                Kind("httpx-async", "Python httpx, async", "python", "httpx", install=_HTTPX, is_async=True),
                in_python.httpx_async,
            ),
            *_of_sdk("openai", "OpenAI", "openai"),
            *_of_sdk("anthropic", "Anthropic", "@anthropic-ai/sdk"),
            (Kind("fetch", "fetch", "javascript", "fetch"), in_javascript.fetch),
            (Kind("fetch-ts", "fetch, TypeScript", "typescript", "fetch"), in_javascript.fetch_typed),
            (Kind("vercel", _VERCEL, "javascript", _VERCEL, install=_VERCEL_INSTALL), in_javascript.vercel),
            (
                Kind("vercel-ts", f"{_VERCEL}, TypeScript", "typescript", _VERCEL, install=_VERCEL_INSTALL),
                in_javascript.vercel,
            ),
            (Kind("go", "Go net/http", "go", "net/http"), in_go.net_http),
        )
    }
)
ALL_KINDS = tuple(kind for kind, _ in _MADE.values())
# Those that people are shown first.
KINDS = tuple(
    _MADE[name][0]
    for name in ("curl", "requests", "openai-python", "openai-node", "anthropic-python", "anthropic-node", "fetch")
)


def kinds_for(provider: str) -> tuple[Kind, ...]:
    return tuple(kind for kind in KINDS if provider in kind.providers)


def kinds_in(language: str, provider: str) -> tuple[Kind, ...]:
    return tuple(kind for kind in ALL_KINDS if kind.language == language and provider in kind.providers)


def find_kind(kind_id: str) -> Kind | None:
    return _MADE[kind_id][0] if kind_id in _MADE else None


def choose_kind(language: str, provider: str, previous: Kind | None) -> Kind:
    """The kind of this language and provider that comes closest to the one before. Raises ValueError for neither."""
    offered = kinds_in(language, provider)
    if not offered:
        raise ValueError(f"there is no code in {language} for {provider}")
    if previous is None:
        return offered[0]

    def closeness(kind: Kind) -> tuple[bool, bool, bool]:
        are_sdks = kind.library in _SDK_NAMES and previous.library in _SDK_NAMES
        return kind.id == previous.id, kind.library == previous.library or are_sdks, kind.is_async == previous.is_async

    return max(offered, key=closeness)


_SDK_NAMES = ("OpenAI SDK", "Anthropic SDK")


def render(kind_id: str, sample: Sample) -> str:
    """The program's text. Raises KeyError for an unknown kind, ValueError for a provider that it does not speak to."""
    kind, write = _MADE[kind_id]
    if sample.provider not in kind.providers:
        raise ValueError(f"{kind.label} does not speak to {sample.provider}")
    return write(sample)
