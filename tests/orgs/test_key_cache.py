"""The key cache: what is found without a query, what is refused, what is bounded."""

import asyncio

import pytest
from pytest_django import DjangoAssertNumQueries

from orgs import key_cache, keys
from orgs.key_cache import KeyCache, KeysUnavailable, OrganizationSuspended, RevokedKey, UnknownKey
from orgs.services import keys as key_services
from orgs.services import organizations
from tests.factories import make_key, make_organization, make_team
from tests.orgs.key_cache_tools import Clock, CountedLookUp, HeldLookUp, facts_of, get, table_away

pytestmark = [pytest.mark.trial, pytest.mark.django_db(transaction=True)]


def test_a_cold_key_costs_one_query_and_a_warm_key_none(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    record, key = make_key()
    look_up = CountedLookUp()
    cache = KeyCache(900, look_up=look_up)

    assert cache.find(key) is None
    assert get(cache, key) == facts_of(record)
    with django_assert_num_queries(0):
        assert cache.find(key) == facts_of(record)
        assert get(cache, key) == facts_of(record)
    assert look_up.count == 1


@pytest.mark.parametrize("text", ["", "apc_", "sk-proj-1234", "apc_" + "a" * 40, "apc_" + "é" * 40, "x" * 10_000])
def test_a_text_that_cannot_be_a_key_costs_no_query(text: str) -> None:
    look_up = CountedLookUp()
    cache = KeyCache(900, look_up=look_up)

    with pytest.raises(UnknownKey):
        cache.find(text)
    with pytest.raises(UnknownKey):
        get(cache, text)
    assert look_up.count == 0


def test_an_unknown_key_is_remembered_for_ten_seconds() -> None:
    look_up, clock, key = CountedLookUp(), Clock(), keys.generate()
    cache = KeyCache(900, clock, look_up)
    with pytest.raises(UnknownKey):
        get(cache, key)

    clock.now += 9.9
    with pytest.raises(UnknownKey):
        cache.find(key)
    assert look_up.count == 1

    clock.now += 0.1
    assert cache.find(key) is None
    with pytest.raises(UnknownKey):
        get(cache, key)
    assert look_up.count == 2


def test_of_unknown_keys_the_longest_unused_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_cache, "MAX_REFUSED", 2)
    cache = KeyCache(900)
    first, second, third = (keys.generate() for _ in range(3))
    for key in (first, second):
        with pytest.raises(UnknownKey):
            get(cache, key)
    with pytest.raises(UnknownKey):
        cache.find(first)

    with pytest.raises(UnknownKey):
        get(cache, third)

    assert cache.find(second) is None
    with pytest.raises(UnknownKey):
        cache.find(first)


def test_no_more_keys_are_kept_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_cache, "MAX_KEYS", 2)
    cache, team = KeyCache(900), make_team()
    made = [make_key(team) for _ in range(3)]
    for _, key in made:
        get(cache, key)

    assert cache.find(made[0][1]) is None
    assert [cache.find(key) for _, key in made[1:]] == [facts_of(record) for record, _ in made[1:]]
    assert get(cache, made[0][1]) == facts_of(made[0][0])


def test_the_cache_holds_no_key_in_clear() -> None:
    _, key = make_key()
    cache, unknown = KeyCache(900), keys.generate()
    get(cache, key)
    with pytest.raises(UnknownKey):
        get(cache, unknown)

    held = repr(vars(cache))

    assert repr(keys.digest(key)) in held
    assert key not in held
    assert unknown not in held


def test_a_key_revoked_before_it_is_first_seen_is_refused_without_a_second_query() -> None:
    record, key = make_key()
    key_services.revoke(key=record)
    look_up = CountedLookUp()
    cache = KeyCache(900, look_up=look_up)

    for _ in range(2):
        with pytest.raises(RevokedKey):
            get(cache, key)
    assert look_up.count == 1


def test_a_key_of_a_suspended_organization_is_refused_without_a_second_query() -> None:
    organization = make_organization()
    _, key = make_key(make_team(organization))
    organizations.suspend(organization=organization)
    look_up = CountedLookUp()
    cache = KeyCache(900, look_up=look_up)

    for _ in range(2):
        with pytest.raises(OrganizationSuspended):
            get(cache, key)
    assert look_up.count == 1


def test_calls_that_wait_for_the_same_key_share_one_query() -> None:
    record, key = make_key()
    look_up = HeldLookUp()
    cache = KeyCache(900, look_up=look_up)

    async def ask_together() -> None:
        waiting = [asyncio.ensure_future(cache.get(key)) for _ in range(20)]
        await asyncio.to_thread(look_up.has_read.wait)
        waiting.pop().cancel()
        look_up.may_answer.set()
        assert await asyncio.gather(*waiting) == [facts_of(record)] * 19

    asyncio.run(ask_together())
    assert look_up.count == 1


def test_a_key_that_the_database_cannot_tell_is_unavailable_and_not_remembered_as_unknown() -> None:
    record, key = make_key()
    cache = KeyCache(900)

    with table_away("orgs_apikey"), pytest.raises(KeysUnavailable):
        get(cache, key)

    assert cache.find(key) is None
    assert get(cache, key) == facts_of(record)


def test_too_many_waiting_calls_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_cache, "MAX_WAITING_FILLS", 1)
    record, key = make_key()
    look_up = HeldLookUp()
    cache = KeyCache(900, look_up=look_up)

    async def ask_one_too_many() -> None:
        first = asyncio.ensure_future(cache.get(key))
        await asyncio.to_thread(look_up.has_read.wait)
        with pytest.raises(KeysUnavailable):
            await cache.get(keys.generate())
        look_up.may_answer.set()
        assert await first == facts_of(record)

    asyncio.run(ask_one_too_many())
