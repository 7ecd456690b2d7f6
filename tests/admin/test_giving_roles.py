"""Who makes whom staff, and who cannot."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission

from accounts.models import User
from tests.admin.staff import make_staff, page_of, signed_in
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def send(by: User, person: User, **fields: Any) -> int:
    form = {"email": person.email, "name": person.name} | fields
    return signed_in(by).post(page_of(User, "change", person.pk), form).status_code


def role(name: str) -> Group:
    return Group.objects.get(name=name)


def roles_of(person: User) -> tuple[bool, set[str]]:
    person = User.objects.get(pk=person.pk)
    assert not person.is_superuser
    return person.is_staff, set(person.groups.values_list("name", flat=True))


def test_an_admin_makes_somebody_staff_with_a_role_and_takes_it_away() -> None:
    boss, bob = make_staff("Admin"), make_user("bob@example.com")

    send(boss, bob, is_staff="on", groups=[role("Operator").pk], is_superuser="on", user_permissions=["1"])
    assert roles_of(bob) == (True, {"Operator"})
    assert not User.objects.get(pk=bob.pk).user_permissions.exists()

    send(boss, bob, groups=[])
    assert roles_of(bob) == (False, set())


def test_nobody_gives_themselves_a_role_nor_has_an_operator_any_to_give() -> None:
    boss, operator, bob = make_staff("Admin"), make_staff("Operator"), make_user("bob@example.com")

    send(boss, boss, is_staff="on", groups=[role(name).pk for name in ("Admin", "Operator", "Support")])
    assert roles_of(boss) == (True, {"Admin"})
    assert send(operator, bob, is_staff="on", groups=[role("Support").pk]) == 403
    assert roles_of(bob) == (False, set())


def test_the_accounts_of_other_staff_are_not_taken_over_and_superusers_not_touched() -> None:
    boss, operator = make_staff("Admin"), make_staff("Operator")
    root = make_user("root@example.com", is_staff=True, is_superuser=True)

    send(boss, operator, email="mine@example.com", is_staff="on", groups=[role("Support").pk])
    assert User.objects.get(pk=operator.pk).email == operator.email
    assert roles_of(operator) == (True, {"Support"})
    assert send(boss, root, is_staff="") == 403
    password = {"password1": "several other words 7", "password2": "several other words 7", "usable_password": "true"}
    for person in (operator, root):
        client = signed_in(boss)
        assert client.post(f"/admin/accounts/user/{person.pk}/password/", password).status_code == 403
        assert client.post(page_of(User, "delete", person.pk), {"post": "yes"}).status_code == 403


def test_a_role_with_rights_that_one_has_not_is_neither_given_nor_taken() -> None:
    boss, bob, eve = make_staff("Admin"), make_user("bob@example.com"), make_user("eve@example.com", is_staff=True)
    keeper = Group.objects.create(name="Keeper of roles")
    keeper.permissions.add(Permission.objects.get(codename="change_group"))
    eve.groups.add(keeper)

    send(boss, bob, is_staff="on", groups=[keeper.pk])
    send(boss, eve, is_staff="on", groups=[])
    send(boss, eve, is_staff="", groups=[keeper.pk])  # Nobody's account is in reach by a way round.

    assert roles_of(bob) == (False, set())
    assert roles_of(eve) == (True, {"Keeper of roles"})
    User.objects.filter(pk=eve.pk).update(is_staff=False)  # as a superuser may
    password = {"password1": "several other words 7", "password2": "several other words 7", "usable_password": "true"}
    assert signed_in(boss).post(f"/admin/accounts/user/{eve.pk}/password/", password).status_code == 403
