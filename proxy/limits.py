"""How many calls run at the same time: in this process, and with one platform key.

A bound on what a client in a loop can take from the others; the defaults are far above what services use.
"""

from proxy.errors import Refusal, unavailable


class CallLimits:
    """Used by the event loop's thread alone. Who entered leaves, whatever happens."""

    def __init__(self, most: int, most_per_key: int) -> None:
        self._most = most
        self._most_per_key = most_per_key
        self._running = 0
        self._by_key: dict[int, int] = {}

    @property
    def is_full(self) -> bool:
        return self._running >= self._most

    @property
    def running(self) -> int:
        return self._running

    def enter(self, api_key_id: int) -> None:
        """Raises `Refusal` 503 when the process has no room, 429 when the key has none."""
        if self._running >= self._most:
            raise unavailable("too_many_calls", "This server runs as many calls as it may. Try again in a moment.")
        of_key = self._by_key.get(api_key_id, 0)
        if of_key >= self._most_per_key:
            message = f"This AI Prompt Cost key runs {of_key} calls at the same time, the most that it may."
            raise Refusal(429, "key_concurrency_exceeded", message, retryable=True, headers=((b"retry-after", b"1"),))
        self._running += 1
        self._by_key[api_key_id] = of_key + 1

    def leave(self, api_key_id: int) -> None:
        self._running -= 1
        left = self._by_key[api_key_id] - 1
        if left:
            self._by_key[api_key_id] = left
        else:
            del self._by_key[api_key_id]
