"""What waits in the journals of this host: seen on the disk, so that any process can tell, whoever writes them."""

import time
from dataclasses import dataclass
from pathlib import Path

from proxy.journal import SEALED

_MOST = 20_000  # segments; more are hours of trouble, and nobody waits for them to be counted


@dataclass(frozen=True, slots=True)
class JournalBacklog:
    segment_count: int  # sealed, without a receipt
    bytes: int
    oldest_seconds: float  # since the oldest of them was sealed; 0 where none waits


def weigh(folder: Path) -> JournalBacklog:
    """Reads the names in the folder, nothing else. Segments that go meanwhile do not count."""
    count, size, oldest = 0, 0, time.time()
    now = oldest
    for number, file in enumerate(folder.glob("*/*")):
        if number > _MOST:
            break
        if file.suffix != SEALED:
            continue
        try:
            stat = file.stat()
        except FileNotFoundError:
            continue
        count, size, oldest = count + 1, size + stat.st_size, min(oldest, stat.st_mtime)
    return JournalBacklog(count, size, max(0.0, now - oldest))
