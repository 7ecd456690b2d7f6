"""Named points between the steps of the accounting protocol where a test may make a process die.

Compiled out of normal runs: without `FAILPOINTS` in the environment `reach` is an empty function.
`FAILPOINTS=journal.sealed:3` kills the process (SIGKILL to itself) when it reaches `journal.sealed` for the third time.
`FAILPOINTS=@/path` looks for such a text in that file whenever a point is reached: of all processes that were started
with it one dies, and takes the file with it.
"""

import contextlib
import os
import signal
from collections import Counter
from pathlib import Path

_setting = os.environ.get("FAILPOINTS", "")
IS_ARMED = bool(_setting)  # to be asked first where every call passes
_reached: Counter[str] = Counter()


def _armed(text: str) -> dict[str, int]:
    points = {}
    for item in filter(None, text.split(",")):
        name, _, count = item.partition(":")
        points[name] = int(count or 1)
    return points


def _is_taken_from(file: Path) -> bool:
    try:
        file.unlink()
    except FileNotFoundError:
        return False  # another process was faster
    return True


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


if _setting.startswith("@"):
    _file = Path(_setting[1:])

    def reach(name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            count = _armed(_file.read_text()).get(name)
            if count is None:
                return
            _reached[name] += 1
            if _reached[name] >= count and _is_taken_from(_file):
                _die()
elif _points := _armed(_setting):

    def reach(name: str) -> None:
        _reached[name] += 1
        if _points.get(name) == _reached[name]:
            _die()
else:

    def reach(name: str) -> None:
        pass
