"""What is taken out of every text before it is written, and what stays readable."""

import io
import logging
import sys
import threading

import pytest
from django.core import signing
from django.core.management.utils import get_random_secret_key
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from config import logs
from config.redaction import GONE, Redactor, passwords_of
from orgs import keys

redact = Redactor(["a-password-of-the-settings"])

# In each the text `SECRET` must not be seen; the second half is what must.
HIDDEN = [
    ("apc_SECRET0123456789 was refused", "was refused"),
    ("key=sk-SECRETabcdef, model=gpt-4o", "model=gpt-4o"),
    ("sk-ant-api03-SECRET_abcdef-AA", "sk-ant-"),
    ("sk-proj-SECRET-abcdefgh", "sk-proj-"),
    ("AIzaSyASECRET56789012345678901", "AIza"),
    ("Authorization: Bearer SECRET-of-any-shape", "Authorization"),
    ("Authorization: Basic SECRETlcjpwYXNz", "Authorization"),
    ("[(b'host', b'a.example'), (b'x-api-key', b'SECRET')]", "a.example"),
    ("{'HTTP_AUTHORIZATION': 'x', 'X-Provider-Key': 'SECRET', 'n': 1}", "'n': 1"),
    ('{"x-goog-api-key": "SECRET", "model": "gemini"}', "gemini"),
    ("Cookie: theme=dark; sessionid=SECRET; other=SECRET\nHost: a.example", "Host: a.example"),
    ("{'sessionid': 'SECRET', 'csrftoken': 'SECRET'}", "sessionid"),
    ("&#x27;password&#x27;: &#x27;SECRET&#x27; <b>", "<b>"),
    ("connection to postgresql://aipc:SECRET@db:5432/aipc failed", "@db:5432/aipc failed"),
    ("redis://:SECRET/with#odd?letters@cache:6379/0 is away", "@cache:6379/0 is away"),
    ("https://user:SECRET@example.com/v1", "@example.com/v1"),
    ("host=db user=aipc password=SECRET dbname=aipc", "dbname=aipc"),
    ("Not Found: /invitations/SECRET/", "Not Found: /invitations/"),
    ("Internal Server Error: /accounts/password/reset/key/1-SECRET/", "/accounts/password/reset/key/"),
    ("/accounts/confirm-email/SECRET/", "/accounts/confirm-email/"),
    ('"GET /app/acme/requests/?id=SECRET HTTP/1.1" 200', "/app/acme/requests/?"),
    ("https://api.openai.com/v1/models?after=SECRET", "https://api.openai.com/v1/models?"),
    ("pbkdf2_sha256$1000000$SECRET$SECRET=", "pbkdf2_sha256"),
    ('{"secret": "SECRET"}', "secret"),
]
READABLE = [
    "The proxied call 0190a1b2-1111-7000-8000-aabbccddeeff failed",
    "apc_...x4f2 was revoked",
    "8f14e45fceea467e8b1c0c5d6e7f8a9b.jsonl was sealed: task-sk, disk-usage",
    "Wrong password, try again. A cookie is missing.",
    'File "/srv/app/accounts/passwords.py", line 12, in check_password',
    "Serving http://127.0.0.1:8000 (trial mode); Ctrl-C stops it.",
    "Did you see /app/acme/? Yes.",
    "connection to server at 127.0.0.1, port 5432 failed",
]


@pytest.mark.parametrize(("text", "kept"), HIDDEN)
def test_a_secret_goes_and_what_is_around_it_stays(text: str, kept: str) -> None:
    found = redact(text)

    assert "SECRET" not in found
    assert kept in found
    assert GONE in found
    assert redact(found) == found


@pytest.mark.parametrize("text", READABLE)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_every_platform_key_and_signed_link_is_known_by_its_shape() -> None:
    made = [keys.generate(), signing.dumps("x"), signing.Signer(sep=".").sign(f"7.{'0f' * 16}.m"), "ab12cd" * 5 + "z9"]

    assert [redact(f"before {secret} after") for secret in made[1:]] == [f"before {GONE} after"] * 3
    assert redact(made[0]) == f"apc_{GONE}"


def test_secrets_of_the_settings_are_known_by_value() -> None:
    secret = get_random_secret_key()
    url = "postgresql://aipc:p%40ss-of-the-database@db/aipc"

    told = Redactor([secret, *passwords_of(url, "redis://:of-the-cache@cache/0")])

    for text in (secret, repr(secret), "p@ss-of-the-database", "p%40ss-of-the-database", "of-the-cache"):
        assert told(f"before {text} after").strip("'") in {f"before {GONE} after", f"before '{GONE}' after"}
    assert passwords_of("postgresql://aipc:aipc@db/aipc", "postgresql://[") == []


@given(st.text())
def test_any_text_can_be_redacted_and_twice_is_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


# --- Log records ------------------------------------------------------------------------------------------------------


@pytest.fixture
def written() -> tuple[logging.Logger, io.StringIO]:
    """A logger with our handler, and what it writes."""
    stream, logger = io.StringIO(), logging.Logger("tried", logging.DEBUG)  # noqa: LOG001  (apart from the others)
    handler = logging.StreamHandler(stream)
    handler.addFilter(logs.WithoutSecrets())
    logger.addHandler(handler)
    return logger, stream


def test_arguments_errors_causes_and_stacks_are_written_without_secrets(
    written: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, stream = written
    key = keys.generate()
    try:
        try:
            raise KeyError(f"Bearer {key}")
        except KeyError as error:
            raise ValueError(f"tried {key!r}") from error
    except ValueError:
        logger.exception("%s of %r", key, {"Authorization": key}, stack_info=True)
    logger.debug("broken: %d", key)

    told = stream.getvalue()
    assert key[4:] not in told
    assert all(part in told for part in ("KeyError", "ValueError", "Traceback", "Stack (most recent", "broken: %d"))


def test_later_handlers_get_the_record_without_secrets_too(caplog: pytest.LogCaptureFixture) -> None:
    """The root's own handler comes first."""
    key = keys.generate()
    try:
        raise ValueError(key)
    except ValueError:
        logging.getLogger("tried").exception("about %s", key)

    assert "ValueError" in caplog.text
    assert key not in caplog.text


def test_every_logger_writes_by_the_one_handler() -> None:
    """Django gives some of its loggers handlers of their own, which would write before anything is taken out."""
    known = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    others = [(one.name, one.handlers) for one in known if any(map(_writes, one.handlers))]
    ours = [one for one in logging.root.handlers if any(isinstance(part, logs.WithoutSecrets) for part in one.filters)]

    assert others == []
    assert len(ours) == 1
    assert all(logger.propagate for logger in known if logger.name.startswith("django"))


def _writes(handler: logging.Handler) -> bool:
    """pytest's own are given to loggers that keep their records to themselves, as uvicorn's do once one was set up."""
    return not isinstance(handler, logging.NullHandler) and not type(handler).__module__.startswith("_pytest.")


def test_errors_that_nobody_catches_are_printed_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    logs.watch_uncaught_errors()
    key = keys.generate()

    def fail() -> None:
        raise ValueError(key)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    try:
        fail()
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)

    told = capsys.readouterr().err
    assert told.count("Traceback") == told.count(f"ValueError: apc_{GONE}") == 2
    assert key not in told


# --- Django's reports -------------------------------------------------------------------------------------------------


def test_a_report_of_an_error_holds_no_secret_of_its_variables(rf: RequestFactory) -> None:
    """As DEBUG's page and a mail to administrators have it: with the variables of every frame, and the settings."""
    key, provider_key = keys.generate(), "sk-ant-api03-of-somebody"
    headers = {"authorization": f"Bearer {key}", "x-provider-key": provider_key, "cookie": "sessionid=of-a-session"}
    request = rf.post("/app/?wanted=of-the-query", {"typed": provider_key}, headers=headers)
    sent = {"headers": [(b"x-provider-key", provider_key.encode())], "key": key}
    url = "postgresql://aipc:of-the-database@db/aipc"
    try:
        raise ValueError(f"{key} at {url}")
    except ValueError as error:
        report = logs.DiscreetReporter(request, ValueError, error, error.__traceback__)
    told = report.get_traceback_html() + report.get_traceback_text()

    assert sent
    assert "ValueError" in told
    assert "Request Method" in told or "REQUEST_METHOD" in told
    for secret in (key, provider_key, "of-a-session", "of-the-database"):
        assert secret not in told, secret
