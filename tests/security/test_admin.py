"""The admin pages as others than those they are for see them, and what staff without all rights can make of theirs."""

from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.test import Client
from pytest_django import Settings

from accounts import services
from accounts.models import User
from orgs.models import ApiKey, Invitation
from orgs.services import invitations
from tests.factories import make_key, make_team, make_user
from tests.orgs.people import make_invitation
from tests.pages.addresses import ROUTES
from tests.security.two_organizations import client_of

pytestmark = pytest.mark.django_db

ADMIN = [
    *("/admin/", "/admin/orgs/", "/admin/orgs/apikey/", "/admin/accounts/user/1/change/", "/admin/jsi18n/"),
    *("/admin/orgs/nothing/", "/admin/nothing/", "/admin/orgs/apikey/999999/change/", "/admin/r/1/1/"),
]


@pytest.fixture
def operator() -> User:
    return make_user("operator@example.com", is_staff=True, is_superuser=True)


def helper(*rights: str) -> User:
    """Staff who may do only so much."""
    person = make_user(is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=rights))
    assert person.user_permissions.count() == len(rights)
    return person


# --- From outside -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_without_being_staff_every_admin_address_is_the_same(is_signed_in: bool) -> None:
    """Which models, records and pages there are is told to nobody: all lead to the way in, which stays shut."""
    make_key()
    client = client_of(make_user() if is_signed_in else None)
    seen = set()
    for path in ADMIN:
        for method in ("get", "post"):
            response: Any = getattr(client, method)(path)
            seen.add((response.status_code, response.headers["Location"].replace(f"next={path}", "next=PATH")))
    assert seen == {(302, "/admin/login/?next=PATH")}
    response = client.get("/admin/login/?next=/admin/")
    assert response.status_code == (403 if is_signed_in else 302)
    assert b"Django" not in response.content


def test_the_admins_own_form_signs_nobody_in(operator: User) -> None:
    """Its limits and second factors would be other ones."""
    client = Client()
    client.post("/admin/login/", {"username": operator.email, "password": "correct horse battery staple"})

    assert "_auth_user_id" not in client.session


def test_an_act_of_staff_needs_the_forms_token(operator: User) -> None:
    record, _ = make_key()
    client = client_of(operator, enforce_csrf_checks=True)
    chosen = {"action": "revoke", "_selected_action": [record.pk], "post": "yes"}

    assert client.post("/admin/orgs/apikey/", chosen).status_code == 403
    record.refresh_from_db()
    assert not record.is_revoked


# --- The second factor ------------------------------------------------------------------------------------------------


def test_where_it_is_asked_for_staff_without_a_second_factor_are_led_to_set_one_up(
    operator: User, settings: Settings
) -> None:
    client = client_of(operator)
    assert client.get("/admin/").status_code == 200
    settings.ADMIN_REQUIRES_2FA = True
    for path in ADMIN:
        assert client.get(path).status_code == 302, path
    record, _ = make_key()
    client.post("/admin/orgs/apikey/", {"action": "revoke", "_selected_action": [record.pk], "post": "yes"})
    record.refresh_from_db()
    assert not record.is_revoked

    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1][0] == "/accounts/2fa/"
    assert "turn it on here first" in response.content.decode()

    RecoveryCodes.activate(operator)
    assert client.get("/admin/").status_code == 302
    TOTP.activate(operator, "JBSWY3DPEHPK3PXP")
    assert client.get("/admin/").status_code == 200
    services.turn_off_second_factor(user=operator)
    assert client.get("/admin/").status_code == 302


def test_others_do_not_hear_of_it(settings: Settings) -> None:
    settings.ADMIN_REQUIRES_2FA = True
    assert client_of(make_user()).get("/admin/login/").status_code == 403
    assert client_of(None).get("/admin/login/").status_code == 302


# --- Staff with some rights only --------------------------------------------------------------------------------------


def test_whoever_may_change_people_gives_nobody_rights_not_even_themselves(operator: User) -> None:
    person, other = helper("change_user", "view_user"), make_user("other@example.com")
    client = client_of(person)
    for target in (person, other):
        form = {
            "email": target.email,
            "name": "Renamed",
            "is_active": "on",
            "is_staff": "on",
            "is_superuser": "on",
            "user_permissions": [str(right.pk) for right in Permission.objects.all()[:5]],
        }
        assert client.post(f"/admin/accounts/user/{target.pk}/change/", form).status_code == 302
        target = User.objects.get(pk=target.pk)
        assert target.name == "Renamed"
        assert not target.is_superuser
    assert not User.objects.get(pk=other.pk).is_staff
    assert User.objects.get(pk=person.pk).user_permissions.count() == 2


def test_nor_takes_over_or_deletes_the_account_of_somebody_with_more_rights(operator: User) -> None:
    client = client_of(helper("change_user", "view_user", "delete_user"))
    before = User.objects.filter(pk=operator.pk).values_list().get()
    own = f"/admin/accounts/user/{operator.pk}"
    password = {"password1": "several other words 7", "password2": "several other words 7", "usable_password": "true"}
    chosen = {"action": "delete_selected", "_selected_action": [operator.pk], "post": "yes"}

    assert client.post(f"{own}/change/", {"email": "mine@example.com"}).status_code == 403
    assert client.post(f"{own}/password/", password).status_code == 403
    assert client.post(f"{own}/delete/", {"post": "yes"}).status_code == 403
    client.post("/admin/accounts/user/", chosen)

    assert User.objects.filter(pk=operator.pk).values_list().get() == before


# --- Secrets ----------------------------------------------------------------------------------------------------------


def test_no_admin_page_holds_a_secret(operator: User) -> None:
    """Every list and every record of every model that has pages, as somebody with all rights sees them."""
    record, key = make_key(make_team(), "checkout")
    ada = make_user("ada@example.com")
    TOTP.activate(ada, "JBSWY3DPEHPK3PXP")
    codes = RecoveryCodes.activate(ada).get_unused_codes()
    invitation = make_invitation()
    client = client_of(operator)
    session = client.cookies["sessionid"].value
    secrets = {
        "a password's hash": ada.password.rpartition("$")[2],
        "a key": key[4:12],
        "a key's digest": bytes(ApiKey.objects.get(pk=record.pk).key_hash).hex(),
        "a second factor": "JBSWY3DPEHPK3PXP",
        "a recovery code": codes[0],
        "an invitation": Invitation.objects.get(pk=invitation.pk).nonce,
        "an invitation's link": invitations.mailed_token(invitation),
        "a session": session,
    }
    pages = 0
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for path in (base, *(f"{base}{row.pk}/change/" for row in model._default_manager.all()[:30])):
            content = client.get(path).content.decode()
            pages += 1
            for name, secret in secrets.items():
                assert secret not in content, (name, path)
    assert pages > len(admin.site._registry)
    assert Session not in admin.site._registry
    assert not [route for route in ROUTES if "session" in route and route.startswith("admin/")]


def test_no_search_finds_by_a_secret(operator: User) -> None:
    """A list that one can search, or filter by an address of one's own, by how a secret begins tells it by and by."""
    make_key()
    TOTP.activate(operator, "JBSWY3DPEHPK3PXP")
    client = client_of(operator)
    for model, names in _SECRET_FIELDS.items():
        for name in names:
            for lookup in (name, f"{name}__startswith", f"{name}__gte", f"{name}__regex"):
                assert client.get(f"/admin/{model}/", {lookup: "J"}).status_code == 400, (model, lookup)
    fields = {part for one in admin.site._registry.values() for part in one.search_fields}
    assert not [part for part in fields if any(name in part for names in _SECRET_FIELDS.values() for name in names)]


_SECRET_FIELDS = {
    "orgs/apikey": ("key_hash", "form_id", "created_by__password"),
    "orgs/invitation": ("nonce", "invited_by__password"),
    "orgs/membership": ("user__password",),
    "accounts/user": ("password",),
    "mfa/authenticator": ("data", "data__secret", "user__password"),
    "account/emailaddress": ("user__password",),
    "socialaccount/socialaccount": ("extra_data", "extra_data__token", "user__password"),
}
