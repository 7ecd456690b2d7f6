"""Refused calls of known keys are kept for the page that explains them; nothing else of them is, and no other call."""

import json

import pytest

from orgs.key_cache import KeyFacts
from orgs.models import ApiKey, Organization, RefusedCall
from orgs.services import keys, organizations
from orgs.services.refusals import KEPT
from proxy.refusals import MAX_ORGANIZATIONS, RefusalQueue
from tests.factories import make_key, make_team
from tests.fake_provider import FakeProvider
from tests.proxy.calls import CHAT, MESSAGES, Caller, chat, message
from tests.proxy.records import Records
from tests.servers import ProxyServer, wait_until

pytestmark = pytest.mark.trial

SECRET = "what nobody may keep"
NOBODY = 2**40  # a number that no organization, team and key has


def kept(key: ApiKey) -> list[str]:
    """The codes, the last one first."""
    return [refused.code for refused in RefusedCall.objects.filter(api_key=key)]


def wait_for(key: ApiKey, codes: list[str]) -> None:
    wait_until(lambda: kept(key) == codes, f"{codes} are kept, not {kept(key)}")


def test_refusals_of_a_known_key_are_kept_with_their_code(proxy: Caller, issued: tuple[ApiKey, str]) -> None:
    record, _ = issued
    proxy.post(CHAT, chat(), {"x-provider-key": None})
    proxy.post(CHAT, SECRET.encode())
    proxy.post(MESSAGES, message(), {"content-type": "text/plain"})
    proxy.post(CHAT, json.dumps({"messages": [SECRET]}).encode())

    wait_for(record, ["model_missing", "content_type_not_json", "malformed_body", "provider_key_missing"])
    found = RefusedCall.objects.filter(api_key=record).values()
    assert {row["organization_id"] for row in found} == {record.organization_id}
    assert SECRET not in str(list(found))


def test_refusals_of_the_address_are_kept_where_the_key_is_known(proxy: Caller, issued: tuple[ApiKey, str]) -> None:
    """The address is looked at before the key: whoever sends no key, or an unknown one, leaves no trace."""
    record, _ = issued
    before = RefusedCall.objects.count()
    for path in (
        "/api/proxy/v1/opnai/chat/completions",
        "/api/proxy/v2/openai/chat/completions",
        "/api/proxy/v1/openai",
    ):
        assert proxy.post(path, chat()).status == 404
        assert proxy.post(path, chat(), {"authorization": None}).status == 404
        assert Caller(proxy.port, "apc_" + "x" * 40).post(path, chat()).status == 404
    proxy.post(CHAT, chat(), {"upgrade": "websocket", "connection": "upgrade"})

    wait_for(record, ["websocket_unsupported", "route_missing", "unknown_proxy_version", "unknown_provider"])
    assert RefusedCall.objects.count() == before + 4


def test_calls_with_a_revoked_key_are_kept(
    server: ProxyServer, provider: FakeProvider, issued: tuple[ApiKey, str]
) -> None:
    """Known to be revoked when it is first seen, and revoked while it is in use; and whatever else is wrong."""
    record, key = issued
    proxy = Caller(server.port, key)
    assert proxy.post(CHAT, chat()).status == 200
    keys.revoke(key=record)
    wait_until(lambda: proxy.post(CHAT, chat()).status == 401, "the key is refused")
    assert proxy.post(CHAT, chat()).header("x-aipc-error") == "platform_key_revoked"
    wait_until(lambda: len(kept(record)) >= 2, "both calls are kept")
    assert set(kept(record)) == {"platform_key_revoked"}

    unseen, unseen_key = make_key(record.team)
    keys.revoke(key=unseen)
    assert Caller(server.port, unseen_key).post("openia/models", chat()).status == 404
    wait_for(unseen, ["unknown_provider"])
    Caller(server.port, unseen_key).post(CHAT, chat())
    assert Caller(server.port, unseen_key).post("openia/models", chat()).status == 404
    wait_for(unseen, ["unknown_provider", "platform_key_revoked", "unknown_provider"])


def test_calls_of_a_suspended_organization_are_kept(server: ProxyServer, organization: Organization) -> None:
    record, key = make_key(make_team(organization))
    organizations.suspend(organization=organization)

    assert Caller(server.port, key).post(CHAT, chat()).status == 403
    wait_for(record, ["organization_suspended"])


def test_a_call_with_a_record_of_its_own_is_not_kept_twice(
    proxy: Caller, provider: FakeProvider, records: Records, issued: tuple[ApiKey, str]
) -> None:
    provider.script("unauthorized", "server-error", "reset-before-headers", "gzip")
    for _ in range(4):
        proxy.post(CHAT, chat())
    proxy.post(CHAT, b"{")  # the mark by which the others would have come

    wait_for(issued[0], ["malformed_body"])


def test_only_the_last_ones_are_kept(proxy: Caller, issued: tuple[ApiKey, str]) -> None:
    for _ in range(KEPT + 3):
        proxy.post(CHAT, b"{")
    proxy.post(CHAT, chat(), {"x-provider-key": None})

    wait_until(lambda: kept(issued[0])[:1] == ["provider_key_missing"], "the last one is kept")
    assert len(kept(issued[0])) == KEPT


def test_unknown_keys_leave_no_trace(proxy: Caller, issued: tuple[ApiKey, str]) -> None:
    before = RefusedCall.objects.count()
    Caller(proxy.port, "apc_" + "x" * 40).post(CHAT, b"{")
    proxy.post(CHAT, b"{", {"authorization": None})
    proxy.post(CHAT, b"{")

    wait_for(issued[0], ["malformed_body"])
    assert RefusedCall.objects.count() == before + 1


def test_the_queue_is_bounded(db: None) -> None:
    queue = RefusalQueue()
    for organization_id in range(2 * MAX_ORGANIZATIONS):
        for _ in range(KEPT + 1):
            queue.note(KeyFacts(organization_id, 1, 1), "malformed_body")

    assert len(queue._noted) == MAX_ORGANIZATIONS
    assert {len(noted) for noted in queue._noted.values()} == {KEPT}


def test_what_names_nobody_any_more_is_dropped(db: None) -> None:
    queue = RefusalQueue()
    queue.note(KeyFacts(NOBODY, NOBODY, NOBODY), "malformed_body")

    queue.write_out()

    assert not RefusedCall.objects.exists()
    assert queue._noted == {}
