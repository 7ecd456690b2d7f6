"""What came before, told by hashes alone, which say nothing of it. Bounded: when it is full it forgets all."""

from collections.abc import Hashable


class Seen:
    """Used by one thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._hashes: set[int] = set()

    def again(self, thing: Hashable) -> bool:
        """Whether this is asked again. Two things may have one hash: use it where only speed depends on the answer."""
        seen = hash(thing)
        if seen in self._hashes:
            return True
        if len(self._hashes) >= self._most:
            self._hashes.clear()
        self._hashes.add(seen)
        return False
