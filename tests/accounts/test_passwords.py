"""Resetting and changing passwords, changing the address, and what strangers can make of either."""

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from accounts import services
from accounts.models import User
from tests.accounts.pages import OTHER_HOST, is_signed_in, last_mail, link_in, prove_again, sign_in, sign_up, text_of
from tests.factories import PASSWORD, make_user

pytestmark = pytest.mark.django_db

RESET = "/accounts/password/reset/"
NEW = "nine lives of a cat"


@pytest.fixture
def ada() -> User:
    user = make_user("ada@example.com")
    services.mark_verified(user=user)
    return user


def reset(client: Client, link: str, password: str = NEW) -> str:
    """What the last page says."""
    form = client.get(link, follow=True)
    where = form.redirect_chain[-1][0] if form.redirect_chain else link
    return text_of(client.post(where, {"password1": password, "password2": password}, follow=True))


# Reset


def test_a_forgotten_password_is_replaced_by_a_mailed_link_that_works_once(
    client: Client, ada: User, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = [OTHER_HOST, "testserver"]
    elsewhere = Client()
    sign_in(elsewhere, ada)
    client.post(RESET, {"email": "Ada@example.com"}, headers={"host": OTHER_HOST})
    link = link_in(last_mail("ada@example.com"), "/accounts/password/reset/key/")

    assert "Your password is changed" in reset(client, link)

    assert not is_signed_in(client)
    assert elsewhere.get("/accounts/profile/").status_code == 302  # signed out
    assert sign_in(client, ada, password=NEW).status_code == 302
    assert "no longer good" in text_of(Client().get(link, follow=True))
    assert "password of your account was reset" in str(last_mail("ada@example.com").body)


def test_the_answer_does_not_tell_whether_there_is_an_account(client: Client, ada: User) -> None:
    answers = [client.post(RESET, {"email": email}) for email in ("ada@example.com", "bob@example.com")]

    assert [answer.headers["Location"] for answer in answers] == ["/accounts/password/reset/done/"] * 2
    assert "Look into your mailbox" in client.get("/accounts/password/reset/done/").content.decode()
    assert "There is no account with this address" in str(last_mail("bob@example.com").body)


def test_a_reset_ends_the_wait_after_too_many_tries(client: Client, ada: User) -> None:
    for _ in range(6):
        sign_in(client, ada, password="wrong")
    client.post(RESET, {"email": "ada@example.com"})
    reset(client, link_in(last_mail("ada@example.com"), "/accounts/password/reset/key/"))

    assert sign_in(client, ada, password=NEW).status_code == 302


def test_nobody_is_flooded_with_reset_mails(client: Client, ada: User) -> None:
    statuses = [client.post(RESET, {"email": "ada@example.com"}).status_code for _ in range(6)]

    assert statuses == [302] * 5 + [429]
    assert len(mail.outbox) == 5


def test_a_made_up_link_is_refused(client: Client, ada: User) -> None:
    assert "no longer good" in client.get("/accounts/password/reset/key/1-abc-def/").content.decode()


def test_a_weak_new_password_is_refused(client: Client, ada: User) -> None:
    client.post(RESET, {"email": "ada@example.com"})

    reset(client, link_in(last_mail("ada@example.com"), "/accounts/password/reset/key/"), "password")

    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_a_stranger_who_signed_up_with_ones_address_loses_it_with_the_reset(client: Client) -> None:
    stranger, owner = client, Client()
    sign_up(stranger, "ada@example.com")
    prove_again(stranger)
    stranger.post("/accounts/email/", {"action_add": "", "email": "eve@example.com"})
    hijack = link_in(last_mail("eve@example.com"), "/accounts/confirm-email/")

    owner.post(RESET, {"email": "ada@example.com"})
    reset(owner, link_in(last_mail("ada@example.com"), "/accounts/password/reset/key/"))
    Client().post(hijack)

    assert User.objects.get().email == "ada@example.com"
    assert stranger.get("/accounts/profile/").status_code == 302


def test_an_address_that_an_account_only_asked_for_does_not_reset_it(client: Client, ada: User) -> None:
    EmailAddress.objects.create(user=ada, email="eve@example.com")

    client.post(RESET, {"email": "eve@example.com"})

    assert "There is no account with this address" in str(last_mail("eve@example.com").body)


# Change


def test_a_password_is_changed_with_the_old_one(client: Client, ada: User) -> None:
    sign_in(client, ada)
    fields = {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    assert "not your current password" in client.post("/accounts/password/change/", fields).content.decode()

    response = client.post("/accounts/password/change/", {**fields, "oldpassword": PASSWORD})

    assert response.headers["Location"] == "/accounts/profile/"
    assert is_signed_in(client)
    ada.refresh_from_db()
    assert ada.check_password(NEW)
    assert "was changed" in str(last_mail("ada@example.com").body)


# Change of address


def ask_to_change(client: Client, user: User, email: str = "countess@example.com") -> None:
    sign_in(client, user)
    prove_again(client)
    client.post("/accounts/email/", {"action_add": "", "email": email})


def test_an_address_is_changed_when_the_new_one_is_confirmed(client: Client, ada: User) -> None:
    ask_to_change(client, ada)
    ada.refresh_from_db()
    assert ada.email == "ada@example.com"
    assert "countess@example.com" in client.get("/accounts/email/").content.decode()

    client.post(link_in(last_mail("countess@example.com"), "/accounts/confirm-email/"))

    ada.refresh_from_db()
    assert ada.email == "countess@example.com"
    assert services.has_verified_email(ada)
    assert EmailAddress.objects.count() == 1
    assert "from ada@example.com to countess@example.com" in str(last_mail("ada@example.com").body)


def test_an_address_that_was_never_confirmed_can_be_changed_too(client: Client) -> None:
    bob = make_user("bbo@example.com")

    ask_to_change(client, bob, "bob@example.com")
    ask_to_change(client, bob, "bob2@example.com")

    bob.refresh_from_db()
    assert bob.email == "bbo@example.com"
    client.post(link_in(last_mail("bob2@example.com"), "/accounts/confirm-email/"))
    bob.refresh_from_db()
    assert bob.email == "bob2@example.com"


def test_confirming_the_present_address_forgets_the_change(client: Client) -> None:
    sign_up(client, "bob@example.com")
    first = link_in(last_mail("bob@example.com"), "/accounts/confirm-email/")
    prove_again(client)
    client.post("/accounts/email/", {"action_add": "", "email": "new@example.com"})

    client.post(first)

    assert list(EmailAddress.objects.values_list("email", "verified")) == [("bob@example.com", True)]
    assert [message.to for message in mail.outbox] == [["bob@example.com"], ["new@example.com"]]


def test_asking_for_a_taken_address_tells_nothing_and_gets_nothing(client: Client, ada: User) -> None:
    bob = make_user("bob@example.com")

    ask_to_change(client, bob, "ada@example.com")

    page = client.get("/accounts/email/").content.decode()
    assert "already" not in page
    link = link_in(last_mail("ada@example.com"), "/accounts/confirm-email/")
    assert "belongs to another account" in client.get(link).content.decode()
    client.post(link)
    bob.refresh_from_db()
    assert bob.email == "bob@example.com"


def test_an_address_that_was_taken_meanwhile_is_not_given_twice(client: Client, ada: User) -> None:
    ask_to_change(client, ada)
    link = link_in(last_mail("countess@example.com"), "/accounts/confirm-email/")
    make_user("countess@example.com")

    page = text_of(client.post(link, follow=True))

    assert "belongs to another account" in page
    ada.refresh_from_db()
    assert ada.email == "ada@example.com"


def test_a_change_can_be_forgotten_and_its_mail_sent_again(client: Client, ada: User) -> None:
    ask_to_change(client, ada)
    cache.clear()
    client.post("/accounts/email/", {"action_send": "", "email": "countess@example.com"})
    assert len([message for message in mail.outbox if message.to == ["countess@example.com"]]) == 2

    client.post("/accounts/email/", {"action_remove": "", "email": "countess@example.com"})

    assert EmailAddress.objects.get().email == "ada@example.com"


def test_the_address_of_the_account_cannot_be_removed(client: Client, ada: User) -> None:
    sign_in(client, ada)
    prove_again(client)

    client.post("/accounts/email/", {"action_remove": "", "email": "ada@example.com"})

    ada.refresh_from_db()
    assert ada.email == "ada@example.com"
    assert services.has_verified_email(ada)


def test_changing_the_address_asks_for_the_password(client: Client, ada: User) -> None:
    sign_in(client, ada)

    response = client.post("/accounts/email/", {"action_add": "", "email": "countess@example.com"})

    assert response.headers["Location"].startswith("/accounts/reauthenticate/")
    assert not EmailAddress.objects.filter(email="countess@example.com").exists()
