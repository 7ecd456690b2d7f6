"""MAX_CALLS and MAX_CALLS_PER_KEY: what is refused above them, and that every call gives its place back."""

import contextlib
import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgs.models import Organization, RefusedCall
from proxy.errors import Refusal
from proxy.limits import CallLimits
from tests.factories import make_key, make_team
from tests.fake_provider import FakeProvider
from tests.proxy.calls import CHAT, MESSAGES, Caller, Reply, chat, message
from tests.proxy.conftest import Serve
from tests.servers import ProxyServer, wait_until

MOST, MOST_PER_KEY = 6, 4


@pytest.fixture(scope="module")
def narrow_server(serve: Serve) -> Iterator[ProxyServer]:
    with serve({"MAX_CALLS": str(MOST), "MAX_CALLS_PER_KEY": str(MOST_PER_KEY)}) as server:
        yield server


@pytest.fixture
def server(narrow_server: ProxyServer) -> ProxyServer:
    return narrow_server


@pytest.fixture
def other(server: ProxyServer, organization: Organization) -> Caller:
    """Calls with another key."""
    return Caller(server.port, make_key(make_team(organization))[1])


@contextlib.contextmanager
def running(caller: Caller, provider: FakeProvider, count: int, *, seconds: float = 60) -> Iterator[None]:
    """So many calls that the provider does not answer yet."""
    before = len(provider.log)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(caller.sent("POST", CHAT, chat(), {"x-fake-scenario": "silent"}))
        provider.wait_for(before + count, seconds=seconds)
        yield


def assert_refused(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.header("x-aipc-error")) == (status, code)
    assert (reply.header("retry-after"), reply.header("x-should-retry")) == ("1", "")


def kept_codes(organization: Organization) -> list[str]:
    return list(RefusedCall.objects.of(organization.pk).values_list("code", flat=True))


def test_calls_above_the_limits_are_refused_in_the_provider_s_shape_and_noted(
    proxy: Caller, other: Caller, provider: FakeProvider, organization: Organization
) -> None:
    with running(proxy, provider, MOST_PER_KEY):
        of_key = proxy.post(CHAT, chat())
        assert_refused(of_key, 429, "key_concurrency_exceeded")
        assert of_key.json()["error"]["type"] == "rate_limit_exceeded"
        with running(other, provider, MOST - MOST_PER_KEY):
            assert_refused(other.post(CHAT, chat()), 503, "too_many_calls")
            of_process = other.post(MESSAGES, message())
            assert_refused(of_process, 503, "too_many_calls")
            assert of_process.json()["error"]["type"] == "overloaded_error"
            assert len(provider.log) == MOST
        provider.release()
    wait_until(lambda: len(kept_codes(organization)) >= 3, "the refused calls are kept")
    assert Counter(kept_codes(organization)) == {"key_concurrency_exceeded": 1, "too_many_calls": 2}


ENDINGS = ["", "reset", "early-eof", "reset-before-headers", "garbage", "unauthorized", "server-error", "error-event"]


def end_somehow(proxy: Caller, chance: random.Random) -> None:
    """One call that ends in one of many ways, with the client's patience or without."""
    body = chance.choice([chat(), chat(stream=True), b"{", b'{"model": 1}', chat(stream=True, padding="x" * 200_000)])
    headers: dict[str, str | None] = {"x-fake-scenario": chance.choice([*ENDINGS, "silent", "silent-mid-body"])}
    headers |= chance.choice([{}, {}, {"x-provider-key": None}, {"x-sandbox": "true"}, {"content-type": "text/plain"}])
    with proxy.sent("POST", CHAT, body, headers) as connection, contextlib.suppress(Exception):
        connection.socket.settimeout(chance.choice([0.01, 0.1]))
        if chance.random() < 0.7:
            connection.reply()
        if chance.random() < 0.5:
            connection.reset()


def test_whatever_ends_a_call_gives_its_place_back(proxy: Caller, provider: FakeProvider) -> None:
    seed = int(os.environ.get("FAULTS_SEED") or random.randrange(1_000_000))
    print(f"FAULTS_SEED={seed}")
    chance = random.Random(seed)
    for _ in range(120):
        end_somehow(proxy, chance)
    provider.release()
    deadline = time.monotonic() + 60
    while True:  # the last ones may be about to end
        provider.reset()
        try:
            with running(proxy, provider, MOST_PER_KEY, seconds=3):
                assert_refused(proxy.post(CHAT, chat()), 429, "key_concurrency_exceeded")
                provider.release()
            return
        except (AssertionError, TimeoutError):
            assert time.monotonic() < deadline, "places are lost"


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=60))
def test_a_refused_call_takes_no_place_and_an_ended_one_leaves_no_trace(steps: list[tuple[int, bool]]) -> None:
    limits = CallLimits(4, 2)
    inside: Counter[int] = Counter()
    for key, is_coming in steps:
        if is_coming:
            if inside.total() >= 4 or inside[key] >= 2:
                with pytest.raises(Refusal) as refused:
                    limits.enter(key)
                assert refused.value.status == (503 if inside.total() >= 4 else 429)
            else:
                limits.enter(key)
                inside[key] += 1
        elif inside[key]:
            limits.leave(key)
            inside[key] -= 1
    assert limits.is_full == (inside.total() >= 4)
    assert limits._by_key == +inside
