"""The completeness meter: green words where all is booked, red ones for each thing that is not."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.test import Client

from analytics import completeness, rejected, tasks
from analytics.models import JournalState, LedgerDifference, RejectedRecord
from analytics.usage import TokenUsage
from orgs.models import ApiKey, Membership
from tests.admin.plans import explain
from tests.analytics.usage_lines import make_record, post, post_lines
from tests.factories import make_key, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def key() -> ApiKey:
    key, now = make_key()[0], datetime.now(UTC)
    post(
        make_record(key, at=now),
        make_record(key, at=now),
        make_record(key, at=now, usage_source="estimated"),
        make_record(key, at=now, model="nobody-sells-it", model_requested="nobody-sells-it"),
        make_record(key, at=now, state="interrupted", status=0, usage=TokenUsage(), usage_source="none"),
        now=now,
    )
    return key


def say(**changes: object) -> JournalState:
    fields = {
        "process": uuid4().hex,
        "host": "web-1",
        "accepted_count": 10,
        "written_count": 8,
        "in_flight_count": 2,
        "waiting_segments": 0,
        "oldest_waiting_at": None,
        "seen_at": datetime.now(UTC),
    }
    state = JournalState(**{**fields, **changes})
    completeness.say([state])
    return state


def page(client: Client, key: ApiKey) -> str:
    client.force_login(make_member(key.organization, role=Membership.Role.OWNER))
    answer = client.get(f"/app/{key.organization.slug}/completeness/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_all_is_booked_and_of_what_quality(client: Client, key: ApiKey) -> None:
    text = page(client, key)

    assert "Every call is accounted for" in text
    assert "nothing is on its way" in text
    assert "alert" not in text
    figures = [part.split("<")[0] for part in text.split("<dd>")]
    assert figures[1:3] == ["4", "2"]  # all of them, and those with the provider's own numbers
    assert "flag=estimated" in text
    assert "flag=unpriced" in text
    assert "flag=interrupted" in text
    for link in ("estimated", "unpriced", "interrupted"):
        assert client.get(f"/app/{key.organization.slug}/requests/?flag={link}").status_code == 200
    assert (
        f"/app/{key.organization.slug}/completeness/" in client.get(f"/app/{key.organization.slug}/").content.decode()
    )


def test_what_waits_says_up_to_when_the_figures_are_whole(client: Client, key: ApiKey) -> None:
    say(waiting_segments=3, oldest_waiting_at=datetime.now(UTC) - timedelta(seconds=9))

    text = page(client, key)
    assert "Every call is accounted for" in text
    assert "later ones are on their way" in text


def test_what_is_wrong_is_red(client: Client, key: ApiKey) -> None:
    now = datetime.now(UTC)
    LedgerDifference.objects.create(
        organization_id=key.organization_id, day=now.date(), tells="daily usage of somebody", found_at=now
    )
    post(make_record(key, latency_ms=-5))
    assert RejectedRecord.objects.count() == 1
    say(seen_at=now - timedelta(minutes=5))
    say(accepted_count=13)

    text = page(client, key)
    assert "Every call is accounted for" not in text
    assert text.count('class="banner banner-harm"') == 4
    for words in (
        "do not add up",
        "1 record could not be booked",
        "silent since",
        "3 calls of this service are neither",
    ):
        assert words in text
    assert "daily usage of somebody" not in text  # the figures of others' keys are for staff


def test_rejected_lines_of_others_are_not_ones_own(client: Client, key: ApiKey) -> None:
    post(make_record(make_key()[0], latency_ms=-5))
    post_lines(["no line at all"])

    assert "Every call is accounted for" in page(client, key)


def test_lines_rejected_before_it_was_noted_whose_they_are_count_and_are_given_to_their_owners(
    client: Client, key: ApiKey
) -> None:
    other = make_key()[0]
    post(make_record(key, latency_ms=-5), make_record(other, latency_ms=-5))
    post_lines(["no line at all"])
    lines = RejectedRecord.objects.order_by("pk").values_list("organization_id", flat=True)
    owners = list(lines)
    assert owners == [key.organization_id, other.organization_id, rejected.NOBODY]
    RejectedRecord.objects.update(organization_id=None)

    assert "1 record could not be booked" in page(client, key)
    tasks.remove_what_is_old()
    assert list(lines) == owners
    assert "1 record could not be booked" in page(client, key)


def test_it_is_for_owners(client: Client, key: ApiKey) -> None:
    client.force_login(make_member(key.organization))
    assert client.get(f"/app/{key.organization.slug}/completeness/").status_code == 403
    assert "/completeness/" not in client.get(f"/app/{key.organization.slug}/").content.decode()


@pytest.mark.production
def test_its_own_rejected_lines_are_found_by_an_index(key: ApiKey) -> None:
    post(make_record(key, latency_ms=-5))
    found = RejectedRecord.objects.filter(organization_id=key.organization_id)
    assert found.count() == 1
    assert "rejected_by_organization" in explain(str(found.query))


def test_staff_see_every_process_and_every_difference(client: Client, key: ApiKey) -> None:
    say(host="web-7", accepted_count=13)
    say(host="web-8", in_flight_count=0, written_count=10, seen_at=datetime.now(UTC) - timedelta(hours=2))
    LedgerDifference.objects.create(
        organization_id=key.organization_id,
        day=datetime.now(UTC).date(),
        tells="cost_pico_usd 1 instead of 2",
        found_at=datetime.now(UTC),
    )
    client.force_login(make_user(is_staff=True, is_superuser=True))
    text = client.get("/admin/analytics/ledgerdifference/").content.decode()

    assert "web-7" in text
    assert "web-8" not in text  # ended long ago, with nothing left
    assert "cost_pico_usd 1 instead of 2" in text
    figures = text.partition("Requests of this month")[2].split("<strong>")
    assert [part.split("<")[0] for part in figures[1:7]] == ["4", "2", "1", "0", "1", "1"]


def test_what_a_process_said_is_replaced_and_forgotten_when_others_took_over() -> None:
    state = say()
    state.written_count = 10
    completeness.say([state])
    assert [one.written_count for one in JournalState.objects.all()] == [10]
    completeness.forget([state.process])
    assert not JournalState.objects.exists()


def test_only_processes_that_left_nothing_are_forgotten_by_themselves() -> None:
    long_ago = datetime.now(UTC) - timedelta(days=2)
    say(in_flight_count=0, written_count=10, seen_at=long_ago)
    left = say(waiting_segments=1, seen_at=long_ago)
    here = say()

    completeness.forget_ended(now=datetime.now(UTC))
    assert {one.process for one in JournalState.objects.all()} == {left.process, here.process}
