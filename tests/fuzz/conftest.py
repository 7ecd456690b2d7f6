"""`make fuzz`: each property of this folder for FUZZ_SECONDS, with ever new examples. Without it, a hundred of each."""

import os
import time
from collections.abc import Iterator
from functools import wraps
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
_EXAMPLES_AT_ONCE = 2_000

settings.register_profile(
    "campaign", deadline=None, derandomize=False, max_examples=_EXAMPLES_AT_ONCE, suppress_health_check=HealthCheck
)
if SECONDS:
    settings.load_profile("campaign")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Once as always, then again and again until the time is over. What fails is kept in .hypothesis and shown."""
    test: Any = pyfuncitem.obj
    if not SECONDS or not hasattr(test, "hypothesis"):
        return (yield)
    executions = 0
    inner = test.hypothesis.inner_test

    @wraps(inner)
    def counted(*args: Any, **given: Any) -> Any:
        nonlocal executions
        executions += 1
        return inner(*args, **given)

    test.hypothesis.inner_test = counted
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    end = time.monotonic() + SECONDS
    try:
        result = yield
        while time.monotonic() < end:
            test(**arguments)
        return result
    finally:
        test.hypothesis.inner_test = inner
        print(f"\n{pyfuncitem.name}: {executions} executions")
