"""Every page of allauth's that can be reached is drawn by a template of ours, in our frame."""

from pathlib import Path

import pytest
from allauth import urls as allauth_urls
from django.conf import settings
from django.template import engines
from django.template.loader import get_template
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import services
from accounts.models import User
from tests.accounts.pages import prove_again, sign_in
from tests.factories import make_user

pytestmark = pytest.mark.django_db

OURS = Path(settings.BASE_DIR) / "templates"
ALLAUTH = Path(allauth_urls.__file__).parent / "templates"
# Features that are switched off, so that no address or code leads to them.
OFF = (
    *("account/base_", "account/phone", "account/confirm_phone", "account/signup_by_passkey", "account/snippets/"),
    *("account/request_login_code", "account/confirm_login_code", "account/confirm_password_reset_code"),
    *("account/confirm_email_verification_code", "account/email.html", "account/email/base_"),
    *("account/email/login_code", "account/email/password_reset_code", "account/messages/login_code"),
    *("account/messages/phone", "mfa/base_", "mfa/totp/base", "mfa/recovery_codes/base", "mfa/trust", "mfa/webauthn/"),
    *("mfa/email/webauthn", "mfa/messages/webauthn", "socialaccount/base_", "socialaccount/snippets/"),
    *("socialaccount/login_redirect", "usersessions/base_"),
)
APPS = ("account", "mfa", "socialaccount", "usersessions")


def names() -> list[str]:
    found = (file.relative_to(ALLAUTH) for app in APPS for file in (ALLAUTH / app).rglob("*.*"))
    return sorted(str(name) for name in found if not str(name).startswith(OFF))


@pytest.mark.parametrize("name", names())
def test_a_template_of_allauth_is_replaced_by_ours(name: str) -> None:
    template = get_template(name)

    assert Path(template.origin.name).is_relative_to(OURS)  # type: ignore[attr-defined]  # of Django's engine


def test_mails_have_a_subject_and_a_text_and_pages_have_a_frame() -> None:
    engine = engines["django"]
    assert engine is not None
    for name in names():
        source = (OURS / name).read_text()
        if name.endswith(".html"):
            assert '{% extends "site.html" %}' in source or '{% extends "accounts/account.html" %}' in source, name
        elif "/email/" in name:
            assert (OURS / name.replace("_subject", "_message")).exists(), name
            assert (OURS / name.replace("_message", "_subject")).exists(), name


def addresses() -> list[str]:
    """Every address of allauth's without arguments."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> list[str]:
        found = []
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                found += walk(pattern.url_patterns, path)
            elif "(" not in path and "<" not in path:
                found.append("/" + path)
        return found

    every = walk(get_resolver().url_patterns, "")
    return sorted(path for path in every if path.startswith("/accounts/"))


@pytest.mark.slow
@pytest.mark.parametrize("address", addresses())
@pytest.mark.parametrize("who", ["visitor", "person"])
def test_every_address_shows_a_page_of_ours_or_leads_on(client: Client, address: str, who: str) -> None:
    if who == "person":
        user = make_user("ada@example.com")
        services.mark_verified(user=user)
        sign_in(client, user)
        prove_again(client)

    response = client.get(address)

    assert response.status_code in {200, 301, 302, 401, 404, 405}
    page = response.content.decode()
    if response.status_code in {200, 401}:
        assert 'class="brand"' in page
        assert " style=" not in page.replace("style-src", "")
        assert "<style" not in page
        for used in response.templates:
            assert used.name is None or "allauth" not in str(used.origin), used.name
    assert "_auth_user_id" in client.session or who == "visitor"
    assert User.objects.count() <= 1
