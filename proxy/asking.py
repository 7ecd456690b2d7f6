"""What follows from the head of a request alone. Each is read where its step comes, so that refusals keep their order,
and once: the next request with the same head (`proxy.known_heads`) has it already. What can change between two calls
(whether the key is valid, limits, settings) is asked elsewhere, each time; and so is the body's length.
"""

from collections.abc import MutableMapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from analytics.usage import FactsWithoutCall, Metering
from orgs import keys
from proxy import body as bodies
from proxy import headers as heads
from proxy import sandbox
from proxy.call import Target, find_target
from proxy.errors import Refusal
from proxy.http1.requests import Reusable
from proxy.providers.base import label

if TYPE_CHECKING:
    from orgs.key_cache import KeyFacts

_METADATA_HEADERS = (b"x-aipc-prompt-key", b"x-aipc-tags", b"x-aipc-version")


class Content(msgspec.Struct, frozen=True):
    """What the head says of the body."""

    is_json: bool  # and read whole
    encoding: bytes
    metadata: bodies.Metadata


class Asking:
    """`headers` are not to be asked for the body's length: it is that of the first of these requests."""

    __slots__ = (
        "_content",
        "_facts",
        "_key",
        "_origin",
        "_provider_key",
        "_retries",
        "_sent",
        "_target",
        "_told",
        "_url",
        "headers",
    )

    def __init__(self, headers: heads.Headers) -> None:
        self.headers = heads.Received(headers)
        self._target: Target | None = None
        self._key: tuple[str, bytes] | None = None
        self._provider_key: bytes | None = None
        self._content: Content | None = None
        self._retries = -1
        self._told: tuple[KeyFacts, bodies.Metadata, str, bool] | None = None  # by the latest call, and its facts
        self._facts: FactsWithoutCall
        self._origin = self._url = ""
        self._sent: dict[tuple[bool, bool], Reusable] = {}

    def target(self, scope: MutableMapping[str, Any]) -> Target:
        """What is called. Raises `Refusal`."""
        if self._target is None:
            heads.refuse_upgrade(self.headers)
            heads.refuse_ambiguous(self.headers)
            self._target = find_target(scope["method"], scope["raw_path"], scope["query_string"])
        return self._target

    def platform_key(self) -> tuple[str, bytes]:
        """The platform key and its digest. Raises `Refusal` without one."""
        if self._key is None:
            key = heads.platform_key(self.headers)
            self._key = key, keys.digest(key)
        return self._key

    def provider_key(self, target: Target) -> bytes:
        """Empty for calls that the sandbox answers. Raises `Refusal` without one."""
        if self._provider_key is None:
            is_sandbox = sandbox.is_wanted(heads.find_header(self.headers, b"x-sandbox"))
            self._provider_key = b"" if is_sandbox else heads.provider_key(self.headers, target.provider)
        return self._provider_key

    def content(self, target: Target) -> Content:
        """Raises `Refusal` where the route takes only JSON, and this is none."""
        if self._content is None:
            kind = heads.content_type(self.headers)
            is_json = heads.is_json(kind) and (kind == heads.JSON or not target.kind.is_json_only)
            if target.kind.is_json_only and not is_json:
                raise Refusal(400, "content_type_not_json", "The Content-Type header must be application/json.")
            encoding = (heads.find_header(self.headers, b"content-encoding") or b"identity").lower()
            metadata = [heads.find_text(self.headers, name) for name in _METADATA_HEADERS]
            self._content = Content(is_json, encoding, bodies.metadata_of_headers(*metadata))
        return self._content

    def retries(self) -> int:
        """Which of an SDK's attempts this is."""
        if self._retries < 0:
            told = heads.find_header(self.headers, b"x-stainless-retry-count") or b""
            self._retries = int(told) if told.isdigit() and len(told) < 4 else 0
        return self._retries

    def facts(
        self, target: Target, key: "KeyFacts", metadata: bodies.Metadata, model: str, *, streamed: bool
    ) -> FactsWithoutCall:
        """What is known of the call before the provider is asked, but for its own id and start."""
        told = key, metadata, model, streamed
        if self._told != told:
            kind = target.kind
            place = target.provider.name, kind.name, kind.metering, target.method
            self._told, self._facts = told, _facts(place, key, metadata, model, streamed, self.retries())
        return self._facts

    def url(self, target: Target, origin: str) -> str:
        """Where it goes. `origin` is the provider's, as set."""
        if self._origin is not origin:
            self._origin, self._url = origin, origin + target.path_and_query
        return self._url

    def sent(self, target: Target, provider_key: bytes, *, decoded: bool, identity: bool) -> Reusable:
        """The headers that go to the provider with a body that is there."""
        made = self._sent.get((decoded, identity))
        if made is None:
            made = Reusable(
                heads.upstream_headers(self.headers, target.provider, provider_key, decoded=decoded, identity=identity)
            )
            self._sent[decoded, identity] = made
        return made


@lru_cache(maxsize=1024)
def _facts(
    place: tuple[str, str, Metering, str],
    key: "KeyFacts",
    metadata: bodies.Metadata,
    model: str,
    streamed: bool,
    retries: int,
) -> FactsWithoutCall:
    provider, route, metering, method = place
    return FactsWithoutCall(
        organization_id=key.organization_id,
        team_id=key.team_id,
        api_key_id=key.api_key_id,
        provider=provider,
        route=route,
        method=label(method, 16),
        metering=metering,
        prompt_key=metadata.prompt_key,
        version=metadata.version,
        tags=metadata.tags,
        model_requested=model,
        streamed=streamed,
        sdk_retry_count=retries,
    )
