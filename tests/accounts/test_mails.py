"""How mails are made: both parts, whole links, and what happens without a mail server."""

import re
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from config import env, mails
from orgs.models import BudgetAlert, Organization
from tests.accounts.pages import sign_up

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def render(**organization: str) -> tuple[str, str, str]:
    context = {"organization": Organization(**organization), "by": "", "undo_url": "https://x.example/a?b=1&c=2"}
    message = mails.render("emails/organization_deleted", to="ada@example.com", context=context)
    return str(message.subject), str(message.body), str(message.alternatives[0][0])


def test_the_text_is_plain_and_the_page_is_escaped() -> None:
    subject, text, page = render(name="Black & <b>White</b>")

    assert subject == "Black & <b>White</b> was deleted"
    assert "Black & <b>White</b> was deleted." in text
    assert ">Black &amp; &lt;b&gt;White&lt;/b&gt; was deleted." in page
    assert "<li>" not in page
    assert 'href="https://x.example/a?b=1&amp;c=2"' in page


def test_a_value_with_line_breaks_adds_no_header_and_no_link() -> None:
    assert "\n" not in render(name="A\nBcc: eve@example.com")[0]
    context = {"ip": "192.0.2.1", "user_agent": "x\n\nhttps://evil.example/\n\n", "timestamp": None}
    message = mails.render("account/email/password_changed", to="ada@example.com", context=context)

    assert 'href="https://evil.example/' not in str(message.alternatives[0][0])


def test_every_link_is_a_button_that_says_what_it_does() -> None:
    found = sorted((Path(settings.BASE_DIR) / "templates").rglob("*_subject.txt"))
    names = [
        str(file.relative_to(Path(settings.BASE_DIR) / "templates")).removesuffix("_subject.txt") for file in found
    ]
    links = (
        *("link", "login_url", "signup_url", "activate_url", "password_reset_url", "undo_url"),
        *("dashboard_url", "settings_url"),
    )
    budget = BudgetAlert(month=date(2026, 2, 1), threshold=80, budget_pico_usd=100 * 10**12, spent_pico_usd=80 * 10**12)
    context = {"signup_is_open": True, "alert": budget, **{name: f"{settings.PUBLIC_URL}/{name}/" for name in links}}

    assert len(names) > 15
    for name in names:
        message = mails.render(name, to="ada@example.com", context=context)
        page = str(message.alternatives[0][0])
        buttons = re.findall(r'<a href="([^"]*)"[^>]*display:inline-block[^>]*>([^<]*)</a>', page)
        assert buttons, name
        assert all(len(label.split()) > 1 and not label.startswith("http") for _, label in buttons), name
        assert {link for link, _ in buttons} == set(re.findall(r"https?://\S+", str(message.body))), name


def test_lists_stay_lists() -> None:
    context = {"ip": "192.0.2.1", "user_agent": "Browser", "timestamp": None}
    message = mails.render("account/email/password_changed", to="ada@example.com", context=context)

    assert "<li>IP address 192.0.2.1</li>" in str(message.alternatives[0][0])


def test_a_mail_server_that_is_away_breaks_no_sign_up(client: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    assert sign_up(client).status_code == 302
    assert User.objects.filter(email="ada@example.com").exists()


def server(host: str, port: int, user: str = "", password: str = "", encryption: str = "") -> env.MailServer:
    starttls, tls = encryption == "starttls", encryption == "tls"
    return env.MailServer(host, port, user, password, uses_starttls=starttls, uses_tls=tls)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", server("mail.example.com", 25)),
        ("smtp+tls://me:p%40ss@mail.example.com", server("mail.example.com", 587, "me", "p@ss", "starttls")),
        ("smtps://me%40x.example:p@m.example:4650", server("m.example", 4650, "me@x.example", "p", "tls")),
        ("", None),
    ],
)
def test_a_mail_server_is_named_by_a_url(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: env.MailServer | None
) -> None:
    monkeypatch.setenv("EMAIL_URL", url)

    assert env.read_mail_server("EMAIL_URL") == expected


@pytest.mark.parametrize("url", ["mail.example.com", "http://mail.example.com", "smtp://", "smtp://u:secret@h:port"])
def test_a_bad_mail_url_stops_the_start_up_without_telling_the_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("EMAIL_URL", url)

    with pytest.raises(ImproperlyConfigured) as refusal:
        env.read_mail_server("EMAIL_URL")
    assert "secret" not in str(refusal.value)
