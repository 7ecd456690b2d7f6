"""Tests of what must be in time: a machine that stops for a moment is late with what is right, and never makes up for
what is wrong.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import pytest

Given = ParamSpec("Given")
_TIMES = 5


def tried_again_when_late(test: Callable[Given, None]) -> Callable[Given, None]:
    """The test, played up to five times until it passes: what is wrong, and not only late, fails each time.

    For limits in time which cannot be made so long that nothing misses them. It gets the same fixtures each time.
    """

    @wraps(test)
    def played(*given: Given.args, **named: Given.kwargs) -> None:
        for left in reversed(range(_TIMES)):
            try:
                test(*given, **named)
            except (Exception, pytest.fail.Exception):
                if not left:
                    raise
            else:
                return

    return played
