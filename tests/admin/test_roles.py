"""What each role of staff may see and do: every list, every form, every act."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.db.migrations import RunPython
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from accounts import roles
from tests.admin.staff import make_staff, signed_in
from tests.factories import make_user

pytestmark = pytest.mark.django_db

PEOPLE = ("", "Support", "Operator", "Admin")
# By the first role that may.
ADDED = {
    "accounts/user": "Admin",
    "analytics/discount": "Admin",
    "analytics/modelprice": "Admin",
    "orgs/membership": "Admin",
    "orgs/organization": "Admin",
    "orgs/team": "Admin",
    "prompts/prompt": "Admin",
    "prompts/promptversion": "Admin",
}
ACTS = {
    ("accounts/user", "delete_selected"): "Admin",
    ("accounts/user", "lock"): "Operator",
    ("accounts/user", "unlock"): "Operator",
    ("analytics/rejectedrecord", "post_again"): "Operator",
    ("mfa/authenticator", "turn_off"): "Operator",
    ("orgs/apikey", "revoke"): "Operator",
    ("orgs/invitation", "send_again"): "Operator",
    ("orgs/invitation", "withdraw"): "Operator",
    ("orgs/membership", "remove"): "Operator",
    ("orgs/organization", "resume"): "Operator",
    ("orgs/organization", "suspend"): "Operator",
    ("orgs/team", "archive"): "Operator",
    ("prompts/prompt", "archive"): "Operator",
    ("prompts/prompt", "deactivate"): "Operator",
    ("prompts/promptversion", "activate"): "Admin",
}
# Prices and discounts have their own tests.
ELSEWHERE = {"analytics/modelprice", "analytics/discount"}
PAGES = {"admin:index": "", "admin:pulse": "Support", "admin:unpriced": "Support"}
MODELS = {f"{one._meta.app_label}/{one._meta.model_name}": one for one in admin.site._registry}


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, Client]]:
    """One client for each role, and one for staff without any; nothing that they ask for changes anything."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield {role: signed_in(make_staff(role)) for role in PEOPLE}
        transaction.set_rollback(True)


def who_may(first: str | None) -> list[str]:
    return list(PEOPLE[PEOPLE.index(first) :]) if first is not None else []


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_list_is_for_all_roles_and_every_form_for_those_who_may(people: dict[str, Client], model: str) -> None:
    base = f"/admin/{model}/"
    seen = [role for role in PEOPLE if people[role].get(base).status_code == 200]
    added = [role for role in PEOPLE if people[role].get(f"{base}add/").status_code == 200]

    assert seen == who_may("Support")
    assert added == who_may(ADDED.get(model))


@pytest.mark.parametrize("role", PEOPLE)
def test_only_acts_that_the_role_may_take_are_offered(people: dict[str, Client], role: str) -> None:
    request: Any = people[role].get("/admin/").wsgi_request
    offered = {
        (name, act)
        for name, model in MODELS.items()
        if name not in ELSEWHERE
        for act in admin.site._registry[model].get_actions(request)
    }

    assert offered == {act for act, first in ACTS.items() if role in who_may(first)}


@pytest.mark.parametrize("page", sorted(PAGES))
def test_pages_of_no_model(people: dict[str, Client], page: str) -> None:
    assert [role for role in PEOPLE if people[role].get(reverse(page)).status_code == 200] == who_may(PAGES[page])


def test_without_a_role_the_home_tells_nothing(people: dict[str, Client]) -> None:
    assert "Spend today" not in people[""].get("/admin/").content.decode()
    assert "Spend today" in people["Support"].get("/admin/").content.decode()


def test_the_migration_makes_the_roles_and_adds_what_they_lack() -> None:
    roles.write_groups(apps)
    extra = Permission.objects.get(codename="delete_session")
    support = Group.objects.get(name="Support")
    support.permissions.add(extra)
    support.permissions.remove(Permission.objects.get(codename="view_organization"))

    roles.write_groups(apps)

    def rights(role: str) -> set[str]:
        found = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
        return {f"{app}.{codename}" for app, codename in found}

    assert rights("Support") == roles.rights_of("Support") | {"sessions.delete_session"}
    assert rights("Operator") == roles.rights_of("Operator") > roles.rights_of("Support")
    assert rights("Admin") == roles.rights_of("Admin") > roles.rights_of("Operator")
    stock = {f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")}
    assert rights("Admin") <= stock
    assert not {right for right in rights("Admin") if right.startswith("auth.") and "view" not in right}


def test_a_group_of_the_same_name_that_was_there_before_gives_nobody_new_rights() -> None:
    Group.objects.filter(name__in=roles.ROLES).delete()
    theirs = [Group.objects.create(name=name) for name in ("Support", "Support (made before the roles)")]
    somebody = make_user("somebody@example.com", is_staff=True)
    somebody.groups.add(*theirs)

    executor = MigrationExecutor(connection)
    state = executor.loader.project_state([("accounts", "0002_user_timezone"), ("orgs", "0007_staff_rights")])
    for operation in executor.loader.get_migration("accounts", "0003_staff_roles").operations:
        if isinstance(operation, RunPython):
            operation.code(state.apps, connection.schema_editor())

    assert somebody.get_all_permissions() == set()
    assert set(Group.objects.values_list("name", flat=True)) >= {
        "Support (made before the roles)",
        "Support (made before the roles, 2)",
        *roles.ROLES,
    }
    assert Group.objects.get(name="Support").permissions.exists()


def test_the_rights_are_called_as_django_calls_them() -> None:
    named = dict(Permission.objects.values_list("codename", "name"))
    assert (named["view_emailaddress"], named["view_ledgerrecord"]) == (
        "Can view email address",
        "Can view usage record",
    )
