"""The admin pages of all our records: every page opens, acts go through the services, secrets are never shown."""

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from orgs.models import ApiKey, AuditEntry, BudgetAlert, Membership, Organization, RefusedCall, RevocationEntry, Team
from orgs.services import keys, organizations
from prompts.models import Prompt, PromptActivation, PromptVersion
from tests.factories import make_key, make_member, make_organization, make_team, make_user, make_version

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

OURS = [
    User, Organization, Membership, Team, ApiKey, RevocationEntry, AuditEntry, RefusedCall, BudgetAlert, Prompt,
    PromptVersion, PromptActivation,
]  # fmt: skip


@pytest.fixture
def operator() -> User:
    return make_user("operator@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def site(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def page_of(model: type[Model], page: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def run_action(site: Client, model: type[Model], action: str, *rows: Model) -> str:
    """Confirmed, where that is asked for: the page that follows."""
    chosen = {"action": action, "_selected_action": [str(row.pk) for row in rows], "post": "yes"}
    return site.post(page_of(model, "changelist"), chosen, follow=True).content.decode()


def last_entry() -> tuple[str, User | None]:
    entry = AuditEntry.objects.order_by("-id")[0]
    return entry.action, entry.actor


@pytest.mark.parametrize("model", OURS)
def test_lists_and_records_open_and_are_searched(site: Client, model: type[Model]) -> None:
    record, _ = make_key()
    make_member(record.organization)
    make_version(activate=True)
    keys.revoke(key=record)
    now, organization = timezone.now(), record.organization
    RefusedCall.objects.create(organization=organization, api_key=record, code="malformed_body", created_at=now)
    month = {"month": now.date(), "budget_pico_usd": 10**12, "spent_pico_usd": 10**12}
    BudgetAlert.objects.create(organization=organization, threshold=80, reached_at=now, **month)

    is_searched = bool(admin.site._registry[model].search_fields)
    assert site.get(page_of(model, "changelist"), {"q": "a"} if is_searched else {}).status_code == 200
    row = model._default_manager.all()[0]
    assert site.get(page_of(model, "change", row.pk)).status_code == 200
    assert site.get(page_of(model, "add")).status_code in {200, 403}


def test_nobody_but_staff_gets_in(client: Client) -> None:
    client.force_login(make_user())

    assert client.get(reverse("admin:index")).status_code == 302


def test_a_keys_page_shows_neither_its_digest_nor_more_than_its_mask(site: Client) -> None:
    record, key = make_key(description="checkout")

    page = site.get(page_of(ApiKey, "change", record.pk)).content.decode()
    page += site.get(page_of(ApiKey, "changelist")).content.decode()

    assert f"apc_...{key[-4:]}" in page
    assert key[4:12] not in page
    assert bytes(record.key_hash).hex() not in page
    assert "key_hash" not in page


def test_keys_are_neither_made_nor_deleted_here(site: Client) -> None:
    record, _ = make_key()

    assert site.get(page_of(ApiKey, "add")).status_code == 403
    assert site.post(page_of(ApiKey, "delete", record.pk), {"post": "yes"}).status_code == 403


def test_a_key_is_revoked_by_an_action_and_only_by_it(site: Client, operator: User) -> None:
    record, _ = make_key()

    site.post(page_of(ApiKey, "change", record.pk), {"description": "checkout", "revoked_at_0": "2026-01-01"})
    record.refresh_from_db()
    assert (record.description, record.revoked_at) == ("checkout", None)
    assert last_entry() == ("api_key.changed", operator)

    run_action(site, ApiKey, "revoke", record)
    record.refresh_from_db()
    assert record.is_revoked
    assert RevocationEntry.objects.get().api_key == record
    assert last_entry() == ("api_key.revoked", operator)


def test_an_organization_is_made_suspended_and_resumed(site: Client, operator: User) -> None:
    site.post(page_of(Organization, "add"), {"name": "Acme", "timezone": "Europe/Berlin"})
    organization = Organization.objects.get()
    assert (organization.slug, last_entry()) == ("acme", ("organization.created", operator))

    run_action(site, Organization, "suspend", organization)
    assert last_entry() == ("organization.suspended", operator)
    run_action(site, Organization, "resume", organization)
    assert last_entry() == ("organization.resumed", operator)
    assert RevocationEntry.objects.count() == 2


def test_an_organization_keeps_its_time_zone_and_its_slug(site: Client) -> None:
    organization = make_organization("Acme")

    changed = {"name": "Acme Ltd", "timezone": "Europe/Berlin", "slug": "other", "is_active": ""}
    site.post(page_of(Organization, "change", organization.pk), changed)

    organization.refresh_from_db()
    assert (organization.name, organization.timezone, organization.slug) == ("Acme Ltd", "UTC", "acme")
    assert organization.is_active


def test_members_are_added_promoted_and_removed_but_not_the_last_owner(site: Client) -> None:
    owner, person = make_user(), make_user()
    organization = make_organization(owner=owner)
    site.post(page_of(Membership, "add"), {"organization": organization.pk, "user": person.pk, "role": "member"})
    membership = Membership.objects.get(user=owner)

    assert "needs an owner" in run_action(site, Membership, "remove", membership)
    site.post(page_of(Membership, "change", membership.pk), {"role": "member"})
    membership.refresh_from_db()
    assert membership.is_owner

    site.post(page_of(Membership, "change", Membership.objects.get(user=person).pk), {"role": "owner"})
    run_action(site, Membership, "remove", membership)
    assert Membership.objects.get().user == person
    assert Membership.objects.get().is_owner


def test_a_team_is_made_renamed_and_archived(site: Client, operator: User) -> None:
    organization = make_organization()
    site.post(page_of(Team, "add"), {"organization": organization.pk, "name": "Backend"})
    team = Team.objects.get()
    site.post(page_of(Team, "change", team.pk), {"name": "Platform"})
    run_action(site, Team, "archive", team)

    team.refresh_from_db()
    assert (team.name, team.is_archived) == ("Platform", True)
    assert last_entry() == ("team.archived", operator)


def test_a_taken_team_name_is_an_error_on_the_form(site: Client) -> None:
    team = make_team(name="Backend")

    page = site.post(page_of(Team, "add"), {"organization": team.organization.pk, "name": "backend"})

    assert "already has a team of that name" in page.content.decode()


def test_a_prompt_its_version_and_its_activation_are_made(site: Client, operator: User) -> None:
    organization = make_organization()
    site.post(page_of(Prompt, "add"), {"organization": organization.pk, "key": "summarizer"})
    prompt = Prompt.objects.get()
    site.post(page_of(PromptVersion, "add"), {"prompt": prompt.pk, "number": "3", "model": "gpt-4o"})
    version = PromptVersion.objects.get()

    run_action(site, PromptVersion, "activate", version)
    assert PromptActivation.objects.open().get().version == version
    assert last_entry() == ("prompt.version_activated", operator)

    run_action(site, Prompt, "deactivate", prompt)
    run_action(site, Prompt, "archive", prompt)
    assert not PromptActivation.objects.open().exists()
    assert "archived" in run_action(site, PromptVersion, "activate", version)


def test_what_a_version_was_stays_as_it_was(site: Client) -> None:
    version = make_version(activate=True)

    site.post(page_of(PromptVersion, "change", version.pk), {"model": "other", "number": "9", "note": "kept"})

    version.refresh_from_db()
    assert (version.number, version.model, version.note) == (1, "gpt-4o", "kept")


def test_the_logs_are_read_only(site: Client) -> None:
    organization = make_organization()
    organizations.suspend(organization=organization)

    for model in (RevocationEntry, AuditEntry):
        row = model.objects.all()[0]
        assert site.get(page_of(model, "add")).status_code == 403
        assert site.post(page_of(model, "change", row.pk), {}).status_code == 403
        assert site.post(page_of(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_accounts_are_made_with_an_address_in_lower_case(site: Client) -> None:
    password = "a-long-enough-passphrase"
    new = {"email": "Ada@Example.com", "usable_password": "true", "password1": password, "password2": password}

    site.post(page_of(User, "add"), new)

    assert User.objects.get(email="ada@example.com").check_password(password)
