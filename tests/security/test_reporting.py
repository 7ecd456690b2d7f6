"""Sentry and OpenTelemetry: refused where not installed, and told nothing that a request brought."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, override_settings
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from config import reporting, request_ids, tracing
from proxy.observing import Observed, _trace
from tests.factories import make_member, make_organization
from tests.security.test_start_up import check

SECRETS = ("SECRET", "sk-proj", "apc_", "hunter2", "a prompt of theirs", "person@example.com")


Sent = list[bytes]


@pytest.fixture
def sentry() -> Iterator[Sent]:
    """What would be sent. Imported here, since Sentry's package gives its logger a handler of its own."""
    import sentry_sdk
    from sentry_sdk.envelope import Envelope
    from sentry_sdk.transport import Transport

    sent: Sent = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Envelope) -> None:
            sent.append(envelope.serialize())

    reporting.start("http://public@127.0.0.1:9/1", transport=Kept())
    yield sent
    sentry_sdk.get_global_scope().set_client(None)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracing.start("http://127.0.0.1:9", exporter=exporter)
    yield exporter
    tracing.stop()


def fail(body: str) -> None:
    key = "sk-proj-SECRETabcdefgh"
    local = {"password": "hunter2", "authorization": f"Bearer {key}"}
    raise ValueError(f"cannot read {body} with {local} of apc_SECRET0123456789")


def test_an_error_with_secrets_everywhere_is_reported_without_any(sentry: Sent) -> None:
    request_ids.current.set("0190a1b2")
    try:
        try:
            fail("a prompt of theirs")
        except ValueError as error:
            raise RuntimeError("for person@example.com") from error
    except RuntimeError:
        logging.getLogger("proxy.endpoint").exception("The proxied call %s failed", "apc_SECRET0123456789")
    logging.getLogger("proxy").error("A line with sk-proj-SECRETabcdefgh and a prompt of theirs")
    logging.getLogger("proxy").warning("No error.")

    assert len(sentry) == 2
    everything = b"".join(sentry).decode()
    for secret in SECRETS:
        assert secret not in everything, everything
    event = json.loads(sentry[0].splitlines()[-1])
    assert [error["type"] for error in event["exception"]["values"]] == ["ValueError", "RuntimeError"]
    frame = event["exception"]["values"][0]["stacktrace"]["frames"][-1]
    assert (frame["function"], "vars" in frame, "context_line" in frame) == ("fail", False, False)
    assert event["logentry"]["message"] == "The proxied call %s failed"
    assert event["tags"] == {"request_id": "0190a1b2"}
    assert not event.keys() & {"request", "user", "breadcrumbs", "extra", "contexts", "modules", "server_name"}


@pytest.mark.django_db
def test_a_page_that_fails_is_reported_without_what_was_sent_to_it(
    sentry: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    organization = make_organization()
    client = Client(raise_request_exception=False, headers={"authorization": "Bearer SECRET-of-any-shape"})
    client.force_login(make_member(organization))
    client.cookies["theme"] = "SECRET"
    monkeypatch.setattr("analytics.views.dashboard.reports.has_usage", lambda pk: fail("a prompt of theirs"))

    assert client.get(f"/app/{organization.slug}/?q=SECRET").status_code == 500

    (sent,) = sentry
    for secret in (*SECRETS, organization.slug, "sessionid", client.cookies["sessionid"].value):
        assert secret not in sent.decode()


@pytest.mark.django_db
def test_spans_hold_the_route_and_nothing_of_the_request(spans: InMemorySpanExporter) -> None:
    organization = make_organization()
    with override_settings(MIDDLEWARE=["config.tracing.TracedPages", *settings.MIDDLEWARE]):
        client = Client(headers={"authorization": "Bearer SECRET", "cookie": "a=SECRET"})
        client.get(f"/app/{organization.slug}/?key=SECRET")
        client.post("/accounts/login/", {"login": "person@example.com", "password": "hunter2"})
    call = Observed(0.0)
    call.provider, call.route, call.status = "openai", "chat/completions", 502
    _trace(call, 1.5)
    page, _, proxied = spans.get_finished_spans()

    assert page.name == "GET app/<slug:slug>/"
    assert dict(page.attributes or {})["http.response.status_code"] == 302
    assert proxied.name == "call openai/chat/completions"
    assert (proxied.end_time or 0) - (proxied.start_time or 0) == 1_500_000_000
    assert proxied.status.status_code.name == "ERROR"
    everything = "".join(span.to_json() for span in spans.get_finished_spans())
    for secret in (*SECRETS, organization.slug):
        assert secret not in everything


def test_what_is_configured_and_not_installed_stops_the_start_with_the_way_out(
    tmp_path: Path,
) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"SENTRY_DSN is set.*requirements/observability\.txt"):
        reporting.require("a_package_that_nobody_has", "SENTRY_DSN")
    with pytest.raises(ImproperlyConfigured):
        reporting.require("nobody_has.this", "OTEL_EXPORTER_OTLP_ENDPOINT")
    told: Any = {"SENTRY_DSN": "http://public@127.0.0.1:9/1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    code, said = check(tmp_path, **told)
    assert code == 0, said
