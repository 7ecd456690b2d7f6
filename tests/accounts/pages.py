"""What the tests of accounts share: signing in by the form, reading mails, following their links."""

import re
from typing import Any

from django.conf import settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from accounts.models import User
from tests.factories import PASSWORD

LOGIN = "/accounts/login/"
SIGN_UP = "/accounts/signup/"
OTHER_HOST = "inside.example"  # a name that the server answers to, but not its public one


def sign_in(client: Client, user: User, **fields: str) -> Any:
    return client.post(LOGIN, {"login": user.email, "password": PASSWORD, **fields})


def prove_again(client: Client) -> None:
    """As the pages ask before what touches the safety of an account."""
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302


def sign_up(client: Client, email: str = "ada@example.com", **fields: str) -> Any:
    return client.post(SIGN_UP, {"email": email, "password1": PASSWORD, **fields})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


def last_mail(to: str) -> EmailMultiAlternatives:
    found = [message for message in mail.outbox if message.to == [to]]
    assert found, [message.to for message in mail.outbox]
    message = found[-1]
    assert isinstance(message, EmailMultiAlternatives)
    return message


def link_in(message: EmailMultiAlternatives, part: str) -> str:
    """The path of the mail's first link that holds this text. Both parts must have it, under PUBLIC_URL."""
    found = re.search(rf"{re.escape(settings.PUBLIC_URL)}(\S*{re.escape(part)}\S*)", str(message.body))
    assert found, message.body
    (page, kind) = message.alternatives[0]
    assert kind == "text/html"
    assert f'href="{found[0]}"' in str(page)
    return found[1]
