"""What those who watch for errors get to see of a failed request."""

from types import TracebackType
from typing import Any

import pytest
from django.test import Client
from django.views.debug import ExceptionReporter


def reports_of(client: Client, monkeypatch: pytest.MonkeyPatch, address: str, **typed: str) -> str:
    """Post it, and let it fail: Django's reports, as text and as a page, and every variable of every frame."""
    seen: list[tuple[Any, BaseException]] = []
    monkeypatch.setattr(
        "django.core.handlers.exception.log_response",
        lambda *_, request, exception, **__: seen.append((request, exception)),
    )
    client.raise_request_exception = False
    assert client.post(address, typed).status_code == 500
    ((request, error),) = seen
    report = ExceptionReporter(request, type(error), error, error.__traceback__)
    told: list[str] = [report.get_traceback_text(), report.get_traceback_html()]
    told += [repr(variables) for variables in _variables(error)]
    return "\n".join(told)


def _variables(error: BaseException | None) -> list[dict[str, Any]]:
    """Of the error's frames in our own modules, and of those of the errors behind it."""
    found = []
    while error is not None:
        at: TracebackType | None = error.__traceback__
        while at is not None:
            if at.tb_frame.f_globals["__name__"].startswith("prompts"):
                found.append(dict(at.tb_frame.f_locals))
            at = at.tb_next
        error = error.__cause__ or error.__context__
    return found
