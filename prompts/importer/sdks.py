"""The providers' SDKs: their clients, what decides where these go, and which of their calls take labels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from prompts.importer.providers import ANTHROPIC, OPENAI, Provider
from prompts.importer.reading import Imported

_LEFT = (
    (re.compile(r"Azure"), "Azure OpenAI"),
    (re.compile(r"Bedrock"), "Amazon Bedrock"),
    (re.compile(r"Vertex"), "Google Vertex AI"),
    (re.compile(r"Foundry"), "Microsoft Foundry"),
)
_CLIENT_NAMES = frozenset({"OpenAI", "AsyncOpenAI", "Anthropic", "AsyncAnthropic"})
_PACKAGES = frozenset({"openai", "anthropic", "@anthropic-ai/sdk"})
# Names of options that decide in another way where a client goes, or as whom.
DECIDING = frozenset(
    {
        *("provider", "credentials", "config", "profile", "azure_endpoint", "azure_deployment", "azure_ad_token"),
        *("azure_ad_token_provider", "data_residency", "dataResidency", "workload_identity", "workloadIdentity"),
        *("admin_api_key", "adminAPIKey"),
    }
)


@dataclass(frozen=True, slots=True)
class Options:
    """What a client's options are called."""

    url: str
    key: str
    headers: str


@dataclass(frozen=True, slots=True)
class Sdk:
    """The clients of one language, by module and member."""

    clients: Mapping[tuple[str, str], Provider]
    modules: Mapping[str, Provider]
    options: Options

    def provider(self, what: Imported) -> Provider | None:
        """Whose client this class makes, if it is one that can go through the proxy."""
        return self.clients.get((what.module, what.member))

    def left(self, what: Imported) -> tuple[Provider, str] | None:
        """(whose SDK it is, which service the class is for) of a client that is left alone."""
        if what.module not in self.modules:
            return None
        named = next((name for pattern, name in _LEFT if pattern.search(what.member)), "")
        return (self.modules[what.module], named) if named else None

    def is_foreign(self, what: Imported) -> bool:
        """Whether something of another package only has the name of a client."""
        return what.module not in _PACKAGES and what.member.rpartition(".")[2] in _CLIENT_NAMES


_BODIES: Mapping[Provider, tuple[str, ...]] = {
    OPENAI: (
        "chat.completions.create",
        "chat.completions.parse",
        "chat.completions.stream",
        "chat.completions.runTools",
        "beta.chat.completions.create",
        "beta.chat.completions.parse",
        "beta.chat.completions.stream",
        "beta.chat.completions.runTools",
        "completions.create",
        "responses.create",
        "responses.parse",
        "responses.stream",
        "embeddings.create",
        "images.generate",
        "moderations.create",
        "audio.speech.create",
    ),
    ANTHROPIC: (
        "messages.create",
        "messages.parse",
        "messages.stream",
        "beta.messages.create",
        "beta.messages.parse",
        "beta.messages.stream",
        "completions.create",
    ),
}
_UPLOADS = ("audio.transcriptions.create", "audio.translations.create", "images.edit")
_BY_ROUTE = {route: provider for provider in (ANTHROPIC, OPENAI) for route in _BODIES[provider]}
LONGEST_ROUTE = 4


def takes_labels(provider: Provider, route: str) -> bool:
    return route in _BODIES[provider]


def is_upload(provider: Provider, route: str) -> bool:
    return provider is OPENAI and route in _UPLOADS


def route_at_end(path: list[str]) -> tuple[Provider, str] | None:
    """The longest known route that a path of names ends with, and whose it is most likely."""
    for length in range(min(LONGEST_ROUTE, len(path)), 1, -1):
        route = ".".join(path[-length:])
        if route in _BY_ROUTE:
            return _BY_ROUTE[route], route
    return None
