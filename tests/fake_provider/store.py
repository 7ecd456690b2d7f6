"""What the fake provider remembers between calls: files, uploads, responses, batches, and what each of them used."""

import dataclasses
import time
from typing import Any

from tests.fake_provider.answer import Refused
from tests.fake_provider.scenario import Scenario


@dataclasses.dataclass(frozen=True, slots=True)
class Used:
    """One answer that is billed with an object: a background response, or one request of a batch."""

    route: str  # "responses", "chat/completions", "messages", ...
    model: str
    usage: dict[str, Any]  # the provider's usage object
    custom_id: str = ""  # of a batch's request
    service_tier: str = ""
    tool_calls: dict[str, int] = dataclasses.field(default_factory=dict)


class Work:
    """Something that ends some retrievals later, as its scenario says."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.created = time.monotonic()
        self.retrievals = 0
        self.is_cancelled = False

    def retrieve(self) -> None:
        self.retrievals += 1

    @property
    def has_ended(self) -> bool:
        waited_ms = (time.monotonic() - self.created) * 1000
        return self.retrievals >= self.scenario.polls and waited_ms >= self.scenario.ends_after_ms


class Store:
    """Objects by kind ("files", "responses", ...) and identifier, in the order in which they were made."""

    def __init__(self) -> None:
        self._kinds: dict[str, dict[str, Any]] = {}
        # What is billed with an object, known when it has ended: object id -> its answers.
        self.used: dict[str, list[Used]] = {}

    def put(self, kind: str, id_: str, value: Any) -> None:
        self._kinds.setdefault(kind, {})[id_] = value

    def get(self, kind: str, id_: str) -> Any:
        """Raises `Refused` (404) for what is not there."""
        try:
            return self._kinds[kind][id_]
        except KeyError:
            raise Refused(404, f"No such {kind.rstrip('s')} object: {id_}", kind="") from None

    def remove(self, kind: str, id_: str) -> Any:
        found = self.get(kind, id_)
        del self._kinds[kind][id_]
        return found

    def all(self, kind: str) -> list[Any]:
        """Newest first, as both providers list."""
        return list(reversed(self._kinds.get(kind, {}).values()))

    def clear(self) -> None:
        self._kinds.clear()
        self.used.clear()


def page_of(items: list[dict[str, Any]], after: str, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The page that follows the object `after`, and whether more follow it."""
    if after:
        ids = [item["id"] for item in items]
        items = items[ids.index(after) + 1 :] if after in ids else []
    return items[:limit], len(items) > limit
