"""Work on what people typed, whose errors tell nothing of it. Reports of errors show the variables of every frame."""

import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


class Failed(Exception):
    """What went wrong and where; the frames in which it did are gone."""


def discreetly(work: Callable[_Given, _Result], *given: _Given.args, **named: _Given.kwargs) -> _Result:
    """Call it. Raises `Failed` in the place of any error."""
    failure = ""
    try:
        return work(*given, **named)
    except Exception as error:  # noqa: BLE001 - whatever it is, its frames hold what was typed
        place = traceback.extract_tb(error.__traceback__)[-1]
        failure = f"{type(error).__name__} in {place.name}, {place.filename.rpartition('/')[2]}:{place.lineno}"
    del given, named
    raise Failed(failure)
