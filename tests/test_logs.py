"""What the log says of requests: a refusal in one line, a failure with its traceback."""

import logging

import pytest
from django.test import Client
from django.urls import reverse

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
