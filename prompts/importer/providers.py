"""The providers whose calls are converted, and the names of those whose calls are left alone."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

PLATFORM_KEY = "AIPROMPTCOST_API_KEY"
PROVIDER_HEADER = "X-Provider-Key"


@dataclass(frozen=True, slots=True)
class Provider:
    id: str
    name: str
    host: str
    variable: str  # the environment variable of its key


OPENAI = Provider("openai", "OpenAI", "api.openai.com", "OPENAI_API_KEY")
ANTHROPIC = Provider("anthropic", "Anthropic", "api.anthropic.com", "ANTHROPIC_API_KEY")
PROVIDERS = (OPENAI, ANTHROPIC)

_OWN = re.compile(r"https?://(?:api\.openai\.com|api\.anthropic\.com)(?::443)?(?:/v1)?(?=[/?#]|$)", re.IGNORECASE)
_PROXIED = re.compile(r"/api/proxy/v1/(openai|anthropic)(?=[/?#]|$)")
# Keys as the providers give them out. OpenRouter's begin in the same way.
_HARD_CODED = re.compile(r"sk-(?!or-)[A-Za-z0-9_-]{16,}")
_SHORTEST_KEY = 12
_PLACEHOLDER = re.compile(r"your|\.\.\.|…|x{4}|\*{3}|<|key.?here|api.?key|placeholder|example|\$", re.IGNORECASE)

_HOSTS = (
    (re.compile(r"\.(openai|cognitiveservices|services\.ai)\.azure\.com$"), "Azure OpenAI"),
    (re.compile(r"(^|\.)openrouter\.ai$"), "OpenRouter"),
    (re.compile(r"^api\.groq\.com$"), "Groq"),
    (re.compile(r"(^|\.)together\.(xyz|ai)$"), "Together AI"),
    (re.compile(r"^api\.mistral\.ai$"), "Mistral"),
    (re.compile(r"^api\.deepseek\.com$"), "DeepSeek"),
    (re.compile(r"(generativelanguage|aiplatform)\.googleapis\.com$"), "Google"),
    (re.compile(r"^api\.x\.ai$"), "xAI"),
    (re.compile(r"(^|\.)perplexity\.ai$"), "Perplexity"),
    (re.compile(r"(^|\.)fireworks\.ai$"), "Fireworks AI"),
    (re.compile(r"\.amazonaws\.com$"), "Amazon Bedrock"),
    (re.compile(r"^gateway\.ai\.cloudflare\.com$"), "Cloudflare AI Gateway"),
    (re.compile(r"\.api\.openai\.com$"), "another host of OpenAI"),
    (
        re.compile(r"^(localhost|127\.0\.0\.1|0\.0\.0\.0|\[?::1\]?|host\.docker\.internal)$"),
        "a server on this computer",
    ),
)
_OLLAMA_PORT = 11434


@dataclass(frozen=True, slots=True)
class Own:
    """A URL at a provider: what of it goes (`length` characters), what follows the version of the API."""

    provider: Provider
    length: int
    route: str


def own(url: str) -> Own | None:
    """The provider whose API this URL is in, if it is one of ours."""
    found = _OWN.match(url)
    if found is None:
        return None
    provider = next(one for one in PROVIDERS if one.host in found[0].lower())
    return Own(provider, found.end(), url[found.end() :])


def proxied(url: str) -> Provider | None:
    """The provider that this URL of a proxy, here or elsewhere, leads to."""
    found = _PROXIED.search(url)
    return next(one for one in PROVIDERS if one.id == found[1]) if found else None


def host_name(url: str) -> str:
    """Whose host this is, in words, if it is one that serves models."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return ""
    if port == _OLLAMA_PORT:
        return "Ollama"
    return next((name for pattern, name in _HOSTS if pattern.search(host)), "")


def any_host(url: str) -> str:
    """The same; other hosts by their names."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return host_name(url) or (f"another host ({host})" if host else "another host")


def is_key(text: str) -> bool:
    return _HARD_CODED.fullmatch(text) is not None


def is_placeholder(text: str) -> bool:
    """Whether what stands where a key belongs is plainly no key: `YOUR_API_KEY`, `sk-...`."""
    return len(text) < _SHORTEST_KEY or _PLACEHOLDER.search(text) is not None


def provider_of_key(key: str) -> Provider:
    return ANTHROPIC if key.startswith("sk-ant-") else OPENAI
