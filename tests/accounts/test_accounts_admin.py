"""The admin pages of what allauth keeps about people: to look at, without its secrets."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts import services
from accounts.models import User
from tests.accounts.pages import last_mail, link_in
from tests.factories import make_member, make_organization, make_user

pytestmark = pytest.mark.django_db

SECRET = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def ada() -> User:
    """With a second factor and an account at GitHub."""
    user = make_user("ada@example.com")
    services.mark_verified(user=user)
    TOTP.activate(user, SECRET)
    RecoveryCodes.activate(user)
    SocialAccount.objects.create(user=user, provider="github", uid="4711", extra_data={"token": SECRET})
    return user


@pytest.fixture
def site(client: Client) -> Client:
    client.force_login(make_user("operator@example.com", is_staff=True, is_superuser=True))
    return client


def page_of(model: type[Model], page: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def test_what_is_shown_can_only_be_looked_at(site: Client, ada: User) -> None:
    for model in (EmailAddress, SocialAccount, Authenticator):
        for row in model._default_manager.all():
            own = page_of(model, "change", row.pk)
            assert site.get(page_of(model, "changelist"), {"q": "ada"}).status_code == 200
            assert site.get(own).status_code == 200
            assert site.post(own, {"user": ada.pk}).status_code == 403
            assert site.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        assert site.get(page_of(model, "add")).status_code == 403


def test_no_page_shows_a_secret(site: Client, ada: User) -> None:
    secrets = [*(str(part.data.get("secret", part.data.get("seed"))) for part in Authenticator.objects.all()), SECRET]
    rows = [*Authenticator.objects.all(), *SocialAccount.objects.all()]
    pages = [site.get(page_of(type(row), "change", row.pk)).content.decode() for row in rows]
    pages += [site.get(page_of(model, "changelist")).content.decode() for model in (Authenticator, SocialAccount)]

    assert len(secrets) == 3
    assert [secret for secret in secrets for page in pages if secret in page] == []


def test_what_is_nothing_but_secrets_has_no_page() -> None:
    assert not any(admin.site.is_registered(model) for model in (SocialApp, SocialToken, UserSession))
    theirs = [model for model in apps.get_models() if model.__module__.startswith("allauth.")]
    shown = {model for model in theirs if admin.site.is_registered(model)}
    assert shown == {EmailAddress, SocialAccount, Authenticator}


def test_staff_let_somebody_in_who_has_lost_phone_and_codes(site: Client, ada: User) -> None:
    rows = [row.pk for row in Authenticator.objects.filter(user=ada)][:1]
    page = page_of(Authenticator, "changelist")

    site.post(page, {"action": "turn_off", "_selected_action": rows, "post": "yes"})

    assert not Authenticator.objects.filter(user=ada).exists()
    message = last_mail("ada@example.com")
    assert "two-factor" in message.subject.lower()
    assert link_in(message, "/2fa/")
    assert LogEntry.objects.get().object_id == str(ada.pk)


def test_an_account_is_deleted_with_all_that_is_its_own_but_no_organization_loses_its_only_owner(
    site: Client, ada: User
) -> None:
    organization = make_organization(owner=ada)
    page = page_of(User, "delete", ada.pk)
    chosen = {"action": "delete_selected", "_selected_action": [ada.pk], "post": "yes"}

    assert organization.name in site.get(page).content.decode()
    site.post(page, {"post": "yes"})
    site.post(page_of(User, "changelist"), chosen)
    assert User.objects.filter(pk=ada.pk).exists()

    make_member(organization, role="owner")
    site.post(page, {"post": "yes"})
    assert not User.objects.filter(pk=ada.pk).exists()
    assert organization.memberships.count() == 1


def test_several_accounts_are_deleted_together(site: Client) -> None:
    people = [make_user(), make_user()]
    make_member(make_organization(owner=make_user()), people[0])
    chosen = {"action": "delete_selected", "_selected_action": [person.pk for person in people], "post": "yes"}

    site.post(page_of(User, "changelist"), chosen)

    assert not User.objects.filter(pk__in=[person.pk for person in people]).exists()


def test_that_needs_a_right_of_its_own(client: Client, ada: User) -> None:
    client.force_login(make_user(is_staff=True))
    page = page_of(Authenticator, "changelist")
    rows = [row.pk for row in Authenticator.objects.filter(user=ada)]

    assert client.post(page, {"action": "turn_off", "_selected_action": rows, "post": "yes"}).status_code == 403

    assert Authenticator.objects.filter(user=ada).exists()
