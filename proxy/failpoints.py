"""Named points between the steps of the accounting protocol where a test may make a process die.

Compiled out of normal runs: without `FAILPOINTS` in the environment `reach` is an empty function.
`FAILPOINTS=journal.sealed:3` kills the process (SIGKILL to itself) when it reaches `journal.sealed` for the third time.
"""

import os
import signal
from collections import Counter


def _armed(text: str) -> dict[str, int]:
    points = {}
    for item in filter(None, text.split(",")):
        name, _, count = item.partition(":")
        points[name] = int(count or 1)
    return points


if _points := _armed(os.environ.get("FAILPOINTS", "")):
    _reached: Counter[str] = Counter()

    def reach(name: str) -> None:
        _reached[name] += 1
        if _points.get(name) == _reached[name]:
            os.kill(os.getpid(), signal.SIGKILL)
else:

    def reach(name: str) -> None:
        pass
