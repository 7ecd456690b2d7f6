"""The commands that operators set up a service with."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from orgs import keys as key_texts
from orgs.models import ApiKey, Membership, Organization, Team
from tests.factories import make_key, make_organization, make_team, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def run(*arguments: str) -> tuple[str, str]:
    """What the command wrote to standard output and to standard error."""
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_create_organization_prints_the_slug() -> None:
    out, _ = run("create_organization", "Acme Research", "--timezone", "Europe/Berlin")

    assert out == "acme-research\n"
    assert Organization.objects.get().timezone == "Europe/Berlin"


def test_create_organization_finds_its_owner_in_any_case() -> None:
    owner = make_user("ada@example.com")

    _, err = run("create_organization", "Acme", "--owner", " Ada@Example.com")

    assert Membership.objects.get(user=owner).is_owner
    assert err == ""


def test_create_organization_makes_the_owner_and_says_how_to_set_a_password() -> None:
    out, err = run("create_organization", "Acme", "--owner", "ada@example.com")

    owner = User.objects.get()
    assert Membership.objects.get(user=owner).is_owner
    assert not owner.has_usable_password()
    assert out == "acme\n"
    assert "changepassword ada@example.com" in err


@pytest.mark.parametrize(
    "arguments",
    [["Acme", "--timezone", "Mars/Olympus"], ["Acme", "--owner", "nobody"], ["", "--owner", "a@example.com"]],
)
def test_create_organization_leaves_nothing_behind_when_it_refuses(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run("create_organization", *arguments)

    assert not Organization.objects.exists()
    assert not User.objects.exists()


def test_create_api_key_prints_the_key_and_nothing_else() -> None:
    organization = make_organization()

    out, err = run("create_api_key", "--org", organization.slug, "--team", "backend", "--description", "checkout")

    key = out.removesuffix("\n")
    assert key_texts.has_valid_form(key)
    assert err == ""
    record = ApiKey.objects.with_key(key).get()
    assert (record.team.name, record.organization, record.description) == ("backend", organization, "checkout")


def test_create_api_key_uses_the_team_that_is_there() -> None:
    team = make_team(name="Backend")

    run("create_api_key", "--org", team.organization.slug, "--team", "backend")

    assert Team.objects.get() == team
    assert ApiKey.objects.get().team == team


def test_create_api_key_names_a_missing_organization() -> None:
    with pytest.raises(CommandError, match="nowhere"):
        run("create_api_key", "--org", "nowhere", "--team", "backend")


@pytest.mark.parametrize("length", [8, 12, 20, 44])
def test_revoke_api_key_takes_the_key_or_its_beginning(length: int) -> None:
    record, key = make_key()
    make_key()

    out, err = run("revoke_api_key", key[:length])

    record.refresh_from_db()
    assert record.is_revoked
    assert ApiKey.objects.active().count() == 1
    assert out == ""
    assert record.masked in err
    assert key not in err


def test_revoke_api_key_says_when_there_is_nothing_to_do() -> None:
    _, key = make_key()
    run("revoke_api_key", key)

    _, err = run("revoke_api_key", key)

    assert "was revoked before" in err


@pytest.mark.parametrize("text", ["", "apc_", "apc_abc", "apc_" + "0" * 8, "apc_" + "0" * 40])
def test_revoke_api_key_refuses_what_names_no_key(text: str) -> None:
    make_key()

    with pytest.raises(CommandError):
        run("revoke_api_key", text)
    assert ApiKey.objects.active().count() == 1


def test_revoke_api_key_never_guesses_between_two_keys() -> None:
    (first, _), (second, _) = make_key(), make_key()
    ApiKey.objects.filter(pk=first.pk).update(prefix="apc_aaaabbbb")
    ApiKey.objects.filter(pk=second.pk).update(prefix="apc_aaaacccc")

    with pytest.raises(CommandError, match="apc_aaaabbbb"):
        run("revoke_api_key", "apc_aaaa")
    assert ApiKey.objects.active().count() == 2

    run("revoke_api_key", "apc_aaaac")
    assert ApiKey.objects.active().get() == first


def test_revoke_api_key_tells_upper_from_lower_case() -> None:
    record, _ = make_key()
    ApiKey.objects.filter(pk=record.pk).update(prefix="apc_aaaaBBBB")

    with pytest.raises(CommandError, match="No key begins so"):
        run("revoke_api_key", "apc_AAAA")
    assert not ApiKey.objects.get().is_revoked
