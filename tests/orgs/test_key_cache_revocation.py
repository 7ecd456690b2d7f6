"""The key cache and the revocation log: what was revoked is refused in every process, whatever runs meanwhile."""

from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from django.db import Error

from orgs.key_cache import KeyCache, KeyFacts, KeysUnavailable, OrganizationSuspended, RevokedKey
from orgs.models import ApiKey, Organization, RevocationEntry
from orgs.revocation_log import FIRST_OVERLAP, GAP_PATIENCE_SECONDS, RevocationLog
from orgs.services import keys as key_services
from orgs.services import organizations, teams
from tests.factories import make_key, make_organization, make_team
from tests.orgs.key_cache_tools import PATIENCE_SECONDS, Clock, HeldLookUp, facts_of, get, table_away

pytestmark = [pytest.mark.trial, pytest.mark.django_db(transaction=True)]


# Two processes, each with its cache


def test_a_revoked_key_is_refused_in_every_process_after_the_next_poll() -> None:
    record, key = make_key()
    caches = [KeyCache(900), KeyCache(900)]
    for cache in caches:
        cache.poll()
        get(cache, key)

    key_services.revoke(key=record)
    for cache in caches:
        cache.poll()

    for cache in caches:
        with pytest.raises(RevokedKey):
            cache.find(key)


def test_the_other_keys_of_the_team_go_on_working() -> None:
    team = make_team()
    (revoked, _), (other, other_key) = make_key(team), make_key(team)
    cache = KeyCache(900)
    get(cache, other_key)

    key_services.revoke(key=revoked)
    cache.poll()

    assert cache.find(other_key) == facts_of(other)


def test_archiving_a_team_refuses_its_keys() -> None:
    team = make_team()
    _, key = make_key(team)
    cache = KeyCache(900)
    get(cache, key)

    teams.archive(team=team)
    cache.poll()

    with pytest.raises(RevokedKey):
        cache.find(key)


def test_a_suspended_organization_is_refused_until_it_is_resumed() -> None:
    organization = make_organization()
    record, key = make_key(make_team(organization))
    cache = KeyCache(900)
    get(cache, key)

    organizations.suspend(organization=organization)
    cache.poll()
    with pytest.raises(OrganizationSuspended):
        cache.find(key)

    organizations.resume(organization=organization)
    cache.poll()
    assert cache.find(key) == facts_of(record)


def test_an_organization_suspended_and_resumed_between_two_polls_works() -> None:
    organization = make_organization()
    record, key = make_key(make_team(organization))
    cache = KeyCache(900)
    get(cache, key)

    organizations.suspend(organization=organization)
    organizations.resume(organization=organization)
    cache.poll()

    assert cache.find(key) == facts_of(record)


# While a key is being filled in


def _fill_while(act: str, record: ApiKey, key: str) -> tuple[KeyCache, HeldLookUp, Future[KeyFacts]]:
    """The cache after `act` was committed and polled between a fill's reading and its end."""
    look_up = HeldLookUp()
    cache = KeyCache(900, look_up=look_up)
    cache.poll()
    with ThreadPoolExecutor(1) as caller:
        outcome = caller.submit(get, cache, key)
        assert look_up.has_read.wait(PATIENCE_SECONDS)
        match act:
            case "revoke":
                key_services.revoke(key=record)
            case "suspend":
                organizations.suspend(organization=record.organization)
            case "resume":
                organizations.resume(organization=record.organization)
        cache.poll()
        look_up.may_answer.set()
    return cache, look_up, outcome


def test_a_key_revoked_while_it_is_filled_in_is_refused() -> None:
    record, key = make_key()

    cache, look_up, outcome = _fill_while("revoke", record, key)

    assert isinstance(outcome.exception(), RevokedKey)
    with pytest.raises(RevokedKey):
        cache.find(key)
    assert look_up.count == 2


def test_an_organization_suspended_while_its_key_is_filled_in_is_refused() -> None:
    record, key = make_key()

    cache, _, outcome = _fill_while("suspend", record, key)

    assert isinstance(outcome.exception(), OrganizationSuspended)
    with pytest.raises(OrganizationSuspended):
        cache.find(key)


def test_an_organization_resumed_while_its_key_is_filled_in_works() -> None:
    record, key = make_key()
    organizations.suspend(organization=record.organization)

    cache, _, outcome = _fill_while("resume", record, key)

    assert outcome.result() == facts_of(record)
    assert cache.find(key) == facts_of(record)


def test_a_fill_before_the_first_poll_is_not_older_than_a_revocation_after_it() -> None:
    record, key = make_key()
    cache = KeyCache(900)
    get(cache, key)

    key_services.revoke(key=record)
    cache.poll()

    with pytest.raises(RevokedKey):
        cache.find(key)


# Numbers that become visible out of order


def _enter(organization: Organization, number: int) -> RevocationEntry:
    kind = RevocationEntry.Kind.ORGANIZATION_SUSPENDED
    return RevocationEntry.objects.create(pk=number, kind=kind, organization=organization)


def test_an_entry_that_is_committed_after_a_higher_one_is_not_missed() -> None:
    organization, clock = make_organization(), Clock()
    log = RevocationLog(clock)
    _enter(organization, 5000)
    assert [entry.pk for entry in log.read_new()] == [5000]

    _enter(organization, 5003)
    assert [entry.pk for entry in log.read_new()] == [5003]
    _enter(organization, 5001)
    assert [entry.pk for entry in log.read_new()] == [5001]
    clock.now += GAP_PATIENCE_SECONDS - 1
    _enter(organization, 5002)
    assert [entry.pk for entry in log.read_new()] == [5002]
    assert log.read_new() == []


def test_many_entries_between_do_not_hide_a_late_one() -> None:
    organization, log = make_organization(), RevocationLog(Clock())
    _enter(organization, 1)
    log.read_new()

    for number in range(3, 3 + 2 * FIRST_OVERLAP, 400):
        _enter(organization, number)
    log.read_new()
    _enter(organization, 2)

    assert [entry.pk for entry in log.read_new()] == [2]


def test_an_entry_in_flight_when_the_process_starts_is_not_missed() -> None:
    organization, log = make_organization(), RevocationLog(Clock())
    _enter(organization, 5001)
    log.read_new()

    _enter(organization, 5000)

    assert [entry.pk for entry in log.read_new()] == [5000]


def test_a_number_that_never_comes_is_given_up_after_a_while() -> None:
    organization, clock = make_organization(), Clock()
    log = RevocationLog(clock)
    _enter(organization, 5002)
    log.read_new()

    clock.now += GAP_PATIENCE_SECONDS
    assert log.read_new() == []
    _enter(organization, 5001)
    _enter(organization, 5003)

    assert [entry.pk for entry in log.read_new()] == [5003]


# While the database is away


def test_a_warm_key_works_for_the_grace_period_after_the_last_successful_poll() -> None:
    record, key = make_key()
    clock = Clock()
    cache = KeyCache(900, clock)
    get(cache, key)
    clock.now += 600
    cache.poll()

    with table_away("orgs_revocationentry"):
        clock.now += 900
        with pytest.raises(Error):
            cache.poll()
        assert cache.find(key) == facts_of(record)
        clock.now += 0.1
        with pytest.raises(KeysUnavailable):
            cache.find(key)

    cache.poll()
    assert cache.find(key) == facts_of(record)


def test_a_revocation_made_while_a_process_could_not_poll_reaches_it_afterwards() -> None:
    record, key = make_key()
    cache = KeyCache(900)
    cache.poll()
    get(cache, key)
    with table_away("orgs_revocationentry"), pytest.raises(Error):
        cache.poll()

    key_services.revoke(key=record)
    cache.poll()

    with pytest.raises(RevokedKey):
        cache.find(key)


# The thread


def test_the_started_thread_applies_revocations_by_itself() -> None:
    record, key = make_key()
    clock = Clock()
    cache = KeyCache(900, clock)
    cache.start()
    try:
        get(cache, key)
        key_services.revoke(key=record)
        clock.await_whole_poll()
        with pytest.raises(RevokedKey):
            cache.find(key)
    finally:
        cache.stop()


@pytest.mark.slow
def test_the_thread_outlives_a_database_that_goes_and_comes_back() -> None:
    record, key = make_key()
    clock = Clock()
    cache = KeyCache(900, clock)
    cache.start()
    try:
        get(cache, key)
        with table_away("orgs_revocationentry"):
            clock.await_whole_poll()
        key_services.revoke(key=record)
        clock.await_whole_poll()
        clock.await_whole_poll()
        with pytest.raises(RevokedKey):
            cache.find(key)
    finally:
        cache.stop()


def test_a_stopped_cache_still_finds_warm_keys_and_asks_for_no_others() -> None:
    team = make_team()
    (warm, warm_key), (_, cold_key) = make_key(team), make_key(team)
    cache = KeyCache(900)
    cache.start()
    get(cache, warm_key)

    cache.stop()

    assert get(cache, warm_key) == facts_of(warm)
    with pytest.raises(KeysUnavailable):
        get(cache, cold_key)
