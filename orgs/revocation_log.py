"""Reading the revocation log without missing an entry. What an entry means to a process is `orgs.key_cache`'s part."""

from collections import deque
from collections.abc import Callable

from django.db.models import Max

from orgs.models import RevocationEntry

# How far back the first reading reaches, for entries that are still to be committed below the highest number.
FIRST_OVERLAP = 1000
# A number that stays missing for so long belongs to a transaction that was rolled back.
GAP_PATIENCE_SECONDS = 120.0


class RevocationLog:
    """One reader's place in the log.

    Sequence numbers are drawn before the commit, so entry 7 may become visible before entry 6. The reader therefore
    goes on from the highest number below which nothing is missing, and skips what it has already seen above it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._settled: int | None = None  # every entry up to this number has been seen, or will never come
        self._seen: set[int] = set()  # numbers above `_settled`
        self._marks: deque[tuple[float, int]] = deque()  # when the highest number seen was what

    def read_new(self) -> list[RevocationEntry]:
        """Entries not returned before, by number; one query (two the first time). Raises Django's database errors."""
        if self._settled is None:
            self._settled = self._find_start()
        entries = [entry for entry in RevocationEntry.objects.after(self._settled) if entry.pk not in self._seen]
        self._seen.update(entry.pk for entry in entries)
        self._settle(self._settled, entries)
        return entries

    def _find_start(self) -> int:
        highest: int = RevocationEntry.objects.aggregate(highest=Max("id"))["highest"] or 0
        return max(0, highest - FIRST_OVERLAP)

    def _settle(self, settled: int, entries: list[RevocationEntry]) -> None:
        now = self._clock()
        if entries:
            self._marks.append((now, max(self._seen)))
        while settled + 1 in self._seen:
            settled += 1
        while self._marks and self._marks[0][0] <= now - GAP_PATIENCE_SECONDS:
            settled = max(settled, self._marks.popleft()[1])
        self._settled = settled
        self._seen = {number for number in self._seen if number > settled}
