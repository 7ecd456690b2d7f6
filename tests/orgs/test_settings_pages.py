"""Name and time zone: read by members, changed by owners; the change of days in the background and how far it is."""

import threading
from dataclasses import asdict
from datetime import UTC, date, datetime

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from analytics import tasks, timezone_changes
from analytics.models import DailyUsage, LedgerRecord
from analytics.timezone_changes import Change
from orgs.models import AuditEntry, Organization
from orgs.services import organizations
from tests.accounts.pages import text_of
from tests.analytics.usage_lines import id_at
from tests.conftest import IS_PRODUCTION
from tests.factories import make_member
from tests.orgs.people import actions, client_of, make_owned, statuses
from tests.servers import Worker, wait_until

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


def settings_page(organization: Organization) -> str:
    return reverse("organization-settings", args=[organization.slug])


def test_members_read_what_owners_change() -> None:
    organization, owner = make_owned()

    assert statuses(organization, owner, "organization-settings") == {
        "visitor": 401,
        "outsider": 404,
        "member": 200,
        "owner": 200,
    }
    theirs = client_of(make_member(organization)).get(settings_page(organization)).content.decode()
    main = theirs.split("<main", 1)[1]
    assert "UTC" in main
    for name in ("organization-rename", "organization-timezone", "organization-delete"):
        assert reverse(name, args=[organization.slug]) not in main
        assert reverse(name, args=[organization.slug]) in client_of(owner).get(settings_page(organization)).text


def test_while_suspended_nothing_is_offered_that_would_be_refused() -> None:
    organization, owner = make_owned()
    organizations.suspend(organization=organization)
    client = client_of(owner)

    page = client.get(settings_page(organization)).text.split("<main", 1)[1]
    page += client.get(reverse("organization", args=[organization.slug])).text.split("<main", 1)[1]

    for name in ("organization-rename", "organization-timezone", "invite"):
        assert reverse(name, args=[organization.slug]) not in page
    assert "Make member" not in page
    assert reverse("organization-delete", args=[organization.slug]) in page
    assert reverse("leave", args=[organization.slug]) in page


def test_only_owners_rename_and_the_address_stays() -> None:
    organization, owner = make_owned("Acme")

    answers = statuses(organization, owner, "organization-rename", method="post", name="  Acme   Research ")

    assert answers == {"visitor": 401, "outsider": 404, "member": 403, "owner": 302}
    organization.refresh_from_db()
    assert (organization.name, organization.slug) == ("Acme Research", "acme")
    entry = AuditEntry.objects.of(organization).get(action="organization.renamed")
    assert (entry.actor, entry.target, entry.details) == (owner, "Acme Research", {"before": "Acme"})


@pytest.mark.parametrize("name", ["", "   ", "x" * 101])
def test_a_bad_name_is_refused(name: str) -> None:
    organization, owner = make_owned("Acme")

    response = client_of(owner).post(reverse("organization-rename", args=[organization.slug]), {"name": name})

    assert response.status_code == 200
    organization.refresh_from_db()
    assert organization.name == "Acme"
    assert "organization.renamed" not in actions(organization)


def test_the_same_name_again_is_no_act() -> None:
    organization, owner = make_owned("Acme")

    organizations.rename(organization=organization, name=" Acme ", by=owner)

    assert "organization.renamed" not in actions(organization)


# The time zone


def record_call(organization: Organization, started_at: datetime) -> None:
    LedgerRecord.objects.create(
        id=id_at(started_at),
        started_at=started_at,
        local_day=started_at.date(),
        organization_id=organization.pk,
        team_id=1,
        api_key_id=1,
        provider="openai",
        route="chat/completions",
        method="POST",
        metering="metered",
        model_requested="gpt-4o",
        model="gpt-4o",
        status=200,
        state="complete",
        cost_status="priced",
        cost_pico_usd=7,
        is_request=True,
        is_error=False,
        is_streamed=False,
        latency_ms=10,
        price_revision=1,
        segment_id="018f0000-0000-7000-8000-000000000000",
    )


def change(client: Client, organization: Organization, timezone: str) -> str:
    address = reverse("organization-timezone", args=[organization.slug])
    return text_of(client.post(address, {"timezone": timezone}, follow=True))


def end_of_threads() -> None:
    for thread in threading.enumerate():
        if thread.name == tasks.THREAD_NAME:
            thread.join(60)
            assert not thread.is_alive()


def test_only_owners_change_the_time_zone() -> None:
    organization, owner = make_owned()

    answers = statuses(organization, owner, "organization-timezone", method="post", timezone="UTC")

    assert answers == {"visitor": 401, "outsider": 404, "member": 403, "owner": 302}


def test_an_unknown_zone_is_refused() -> None:
    organization, owner = make_owned()

    response = client_of(owner).post(
        reverse("organization-timezone", args=[organization.slug]), {"timezone": "Mars/Olympus"}
    )

    assert response.status_code == 200
    assert timezone_changes.find(organization.pk) is None


def test_the_same_zone_again_does_nothing() -> None:
    organization, owner = make_owned()

    change(client_of(owner), organization, "UTC")

    assert timezone_changes.find(organization.pk) is None
    assert "organization.timezone_changed" not in actions(organization)


@pytest.mark.skipif(IS_PRODUCTION, reason="the thread of trial mode; the worker has its own test")
@pytest.mark.django_db(transaction=True)
def test_a_change_sorts_past_requests_into_the_days_of_the_new_zone() -> None:
    organization, owner = make_owned()
    record_call(organization, datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    client = client_of(owner)

    change(client, organization, "Asia/Kathmandu")
    end_of_threads()

    organization.refresh_from_db()
    assert organization.timezone == "Asia/Kathmandu"
    assert list(DailyUsage.objects.values_list("day", "cost_pico_usd")) == [(date(2026, 3, 2), 7)]
    page = text_of(client.get(settings_page(organization)))
    assert "The time zone is Asia/Kathmandu now." in page
    entry = AuditEntry.objects.of(organization).get(action="organization.timezone_changed")
    assert (entry.actor, entry.details) == (owner, {"before": "UTC", "after": "Asia/Kathmandu"})


@pytest.mark.production
def test_a_worker_changes_it(service_settings: dict[str, str]) -> None:
    organization, owner = make_owned()
    record_call(organization, datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    client = client_of(owner)

    page = change(client, organization, "Asia/Kathmandu")
    assert "It begins in a moment." in page
    with Worker(service_settings):
        wait_until(
            lambda: "The time zone is Asia/Kathmandu now." in text_of(client.get(settings_page(organization))),
            "the new time zone",
        )

    assert list(DailyUsage.objects.values_list("day", "cost_pico_usd")) == [(date(2026, 3, 2), 7)]
    assert actions(organization)[-1] == "organization.timezone_changed"


def under_way(organization: Organization, **facts: int) -> None:
    """As the process that does it tells from time to time."""
    state = Change("UTC", "Asia/Kathmandu", timezone_changes.RUNNING, **facts)
    cache.set(timezone_changes._key(organization.pk), asdict(state), 60)


def test_the_page_shows_how_far_it_is_with_and_without_script() -> None:
    organization, owner = make_owned()
    under_way(organization, done_days=3, total_days=12)
    client = client_of(owner)

    page = client.get(settings_page(organization)).content.decode()
    assert '<progress value="3" max="12"' in page
    assert f'hx-get="{settings_page(organization)}" hx-trigger="every 1s"' in page
    assert f'<a href="{settings_page(organization)}">Look again</a>' in page
    part = client.get(settings_page(organization), headers={"HX-Request": "true", "HX-Target": "timezone"})
    assert part.content.decode().count("<section") == 1
    assert "<html" not in part.content.decode()
    assert "3 of 12 days" in text_of(part)

    timezone_changes.tell_failed(organization.pk)
    part = client.get(settings_page(organization), headers={"HX-Request": "true", "HX-Target": "timezone"})
    assert "did not work, so everything is as it was" in text_of(part)
    assert "every 1s" not in part.content.decode()
    assert "<select" in part.content.decode()


def test_there_is_one_change_at_a_time() -> None:
    organization, owner = make_owned()
    under_way(organization)

    assert "Another change of the time zone is under way" in change(client_of(owner), organization, "Europe/Berlin")

    found = timezone_changes.find(organization.pk)
    assert found is not None
    assert found.after == "Asia/Kathmandu"


def test_a_task_that_comes_twice_changes_once() -> None:
    organization, owner = make_owned()
    arguments = {"organization_id": organization.pk, "timezone": "Asia/Kathmandu", "by_id": owner.pk}

    tasks.change_timezone.apply(kwargs=arguments, throw=True)
    tasks.change_timezone.apply(kwargs=arguments, throw=True)

    assert actions(organization).count("organization.timezone_changed") == 1


def test_a_change_that_fails_leaves_all_as_it_was() -> None:
    organization, owner = make_owned()
    timezone_changes.announce(organization=organization, timezone="Asia/Kathmandu")
    with pytest.raises(Exception, match="Mars"):
        tasks.change_timezone.apply(
            kwargs={"organization_id": organization.pk, "timezone": "Mars/Olympus", "by_id": owner.pk}, throw=True
        )

    found = timezone_changes.find(organization.pk)
    assert found is not None
    assert found.state == timezone_changes.FAILED
    organization.refresh_from_db()
    assert organization.timezone == "UTC"
    timezone_changes.announce(organization=organization, timezone="Asia/Kathmandu")  # can be tried again
