"""What the log says of requests: a refusal in one line, a failure with its traceback, and neither without end."""

import http.client
import json
import logging
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from config import logs, request_ids
from config.logs import Repetitions, WithoutSecrets
from tests.factories import make_member, make_organization
from tests.servers import OurProcess, ProxyServer, Worker, wait_until


@pytest.fixture
def server_with_json(service_settings: dict[str, str]) -> Iterator[ProxyServer]:
    with ProxyServer({**service_settings, "LOG_FORMAT": "json"}) as server:
        yield server


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


def test_lines_of_json_say_which_request_they_belong_to_and_hold_no_secret(server_with_json: ProxyServer) -> None:
    """As a server writes them: of a page that is not there, and of a call that the proxy refuses."""
    page = http.client.HTTPConnection("127.0.0.1", server_with_json.port, timeout=60)
    page.request("GET", "/invitations/SECRET/nothing?key=SECRET")
    answer = page.getresponse()
    assert answer.status == 404
    request_id = answer.headers["x-aipc-request-id"]
    page.close()
    wait_until(lambda: request_id in server_with_json.output, "the line of the request is written")
    read = [json.loads(line) for line in server_with_json.output.splitlines()]

    assert all({"time", "level", "logger", "message", "process"} <= line.keys() for line in read)
    (own,) = [line for line in read if line.get("request_id") == request_id]
    assert (own["level"], own["logger"]) == ("WARNING", "django.request")
    assert own["message"].startswith("Not Found: /invitations/")
    assert "SECRET" not in server_with_json.output


class Beat(OurProcess):
    arguments = ("beat",)

    def is_ready(self) -> bool:
        return "beat: Starting" in self.new_output


@pytest.mark.slow
@pytest.mark.production
def test_a_worker_and_its_clock_begin_with_json(service_settings: dict[str, str]) -> None:
    settings = {**service_settings, "LOG_FORMAT": "json"}
    with Worker(settings) as worker, Beat(settings) as beat:
        for process in (worker, beat):
            assert [json.loads(line)["message"] for line in process.output.splitlines()]


def test_an_error_is_one_line_of_json() -> None:
    formatter = logs.JsonLines()
    try:
        raise ValueError("Something is wrong with sk-SECRETabcdef.\nTwo lines.")
    except ValueError as error:
        record = logging.LogRecord("here", logging.ERROR, "", 1, "It failed: %s", ("apc_SECRET0123456789",), None)
        record.exc_info = (type(error), error, error.__traceback__)
    request_ids.current.set("0190a1b2")
    logs.WithoutSecrets().filter(record)
    line = formatter.format(record)

    assert "\n" not in line
    read = json.loads(line)
    assert (read["message"], read["request_id"]) == ("It failed: apc_[redacted]", "0190a1b2")
    assert "Traceback" in read["error"]
    assert "SECRET" not in line
