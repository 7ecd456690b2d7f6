"""What the log says of requests: a refusal in one line, a failure with its traceback, and neither without end."""

import logging

import pytest
from django.test import Client
from django.urls import reverse

from config.logs import Repetitions, WithoutSecrets
from tests.factories import make_member, make_organization


def test_a_refused_page_is_one_line_without_a_traceback(
    client: Client, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    organization = make_organization()
    client.force_login(make_member(organization))
    path = reverse("audit", args=[organization.slug])

    assert client.get(path).status_code == 403

    (record,) = [record for record in caplog.records if record.name == "django.request"]
    assert record.levelno == logging.WARNING
    assert path in record.getMessage()
    assert record.exc_info is None
    assert "Traceback" not in caplog.text


def test_a_host_that_is_not_ours_is_one_line_too(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """Scanners send them by the thousand."""
    assert client.get("/", headers={"host": "elsewhere.example"}).status_code == 400

    assert "elsewhere.example" in caplog.text
    assert "Traceback" not in caplog.text


def test_a_failure_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("Something is wrong.")
    except ValueError as error:
        logging.getLogger("django.request").error("Internal Server Error: /", exc_info=error)

    assert "Traceback" in caplog.text


def record_of(text: str, *args: object, error: Exception | None = None) -> logging.LogRecord:
    exc_info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("here", logging.WARNING, "file", 1, text, args, exc_info)


def test_of_the_same_line_a_minute_has_no_more_than_its_share_and_tells_what_was_left_out() -> None:
    now = [0.0]
    few = Repetitions(lines=3, tracebacks=2, clock=lambda: now[0])

    def passed(count: int, text: str, error: Exception | None = None) -> list[str]:
        records = [record_of(text, number, error=error) for number in range(count)]
        return [record.getMessage() for record in records if few.filter(record)]

    assert passed(1000, "Refused: %s") == ["Refused: 0", "Refused: 1", "Refused: 2"]
    assert passed(2, "Another: %s") == ["Another: 0", "Another: 1"]
    assert len(passed(9, "Failed: %s", ValueError())) == 2
    now[0] = 60.0
    assert passed(2, "Refused: %s") == ["Refused: 0 (997 more of these were left out)", "Refused: 1"]


def test_texts_that_are_ever_new_are_of_one_kind_in_the_end() -> None:
    few = Repetitions(lines=1, clock=lambda: 0.0)
    assert sum(few.filter(record_of(f"Refused {number}")) for number in range(5000)) == 1001


def test_a_line_has_an_end() -> None:
    endless = record_of("Not Found: %s", "/" + "x" * 16_000)
    assert WithoutSecrets().filter(endless)
    assert len(endless.getMessage()) < 4_100
