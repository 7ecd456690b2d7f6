"""The ledger in the admin pages: records are read, prices are kept."""

import json
import re
import threading

import pytest
import redis
from django.conf import settings
from django.test import Client

from analytics import tasks
from analytics.models import DailyUsage, LedgerRecord, ModelPrice, RejectedRecord
from analytics.models.prices import RATE_COLUMNS
from tests.analytics.usage_lines import lines_of, make_record, post_lines
from tests.conftest import IS_PRODUCTION
from tests.factories import make_key, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

PRICE = {
    "provider": "openai",
    "model": "gpt-99",
    "effective_from_0": "2026-01-01",
    "effective_from_1": "00:00:00",
    # In USD: for a million tokens, for 1,000 searches, for an hour.
    "input_pico_usd": "1",
    "output_pico_usd": "2.00",
    "cache_read_pico_usd": "",
    "web_search_pico_usd": "0",
    "audio_hour_pico_usd": "0.006",
}


@pytest.fixture
def staff_client(client: Client) -> Client:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize(
    "page",
    [
        "ledgerrecord",
        "usagebatch",
        "rejectedrecord",
        "dailyusage",
        "dailytagusage",
        "seenvalue",
        "modelprice",
        "priceedit",
        "discount",
    ],
)
def test_every_list_opens_and_takes_any_search(staff_client: Client, page: str) -> None:
    key, _ = make_key()
    post_lines(["garbage", *lines_of(make_record(key, tags=("beta",), model="gpt-99"))])

    for search in ("", "beta", str(key.organization_id), "%"):
        assert staff_client.get(f"/admin/analytics/{page}/", {"q": search}).status_code == 200


def test_records_cannot_be_changed_or_deleted(staff_client: Client) -> None:
    post_lines(lines_of(make_record(make_key()[0])))
    record = LedgerRecord.objects.get()

    assert staff_client.get(f"/admin/analytics/ledgerrecord/{record.id}/change/").status_code == 200
    assert staff_client.post(f"/admin/analytics/ledgerrecord/{record.id}/change/", {}).status_code == 403
    assert staff_client.post(f"/admin/analytics/ledgerrecord/{record.id}/delete/", {"post": "yes"}).status_code == 403
    assert staff_client.get("/admin/analytics/ledgerrecord/add/").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_rejected_lines_are_posted_again_and_those_still_bad_stay(staff_client: Client) -> None:
    key, _ = make_key()
    # As if an organization had come back, or a fault of ours had been mended.
    lines = lines_of(make_record(key, organization_id=key.organization_id + 1000))
    post_lines(["garbage", *lines])
    RejectedRecord.objects.filter(line=lines[0]).update(line=lines_of(make_record(key))[0])
    chosen = [str(record.pk) for record in RejectedRecord.objects.all()]

    page = staff_client.post(
        "/admin/analytics/rejectedrecord/", {"action": "post_again", "_selected_action": chosen}, follow=True
    )

    assert "1 posted, 1 rejected again." in page.content.decode()
    assert DailyUsage.objects.get().request_count == 1
    assert RejectedRecord.objects.get().line == "garbage"


@pytest.mark.django_db(transaction=True)
def test_a_price_saved_and_deleted_here_reprices_what_it_concerns(staff_client: Client) -> None:
    post_lines(lines_of(make_record(make_key()[0], model="gpt-99")))

    page = staff_client.post("/admin/analytics/modelprice/add/", PRICE, follow=True)
    assert "Earlier ones are priced again in the background." in page.content.decode()
    in_the_background()
    assert DailyUsage.objects.get().cost_pico_usd == 1000 * 1_000_000 + 100 * 2_000_000

    price = ModelPrice.objects.get()
    assert price.created_by is not None
    staff_client.post(f"/admin/analytics/modelprice/{price.pk}/delete/", {"post": "yes"})
    in_the_background()
    assert (DailyUsage.objects.get().cost_pico_usd, DailyUsage.objects.get().unpriced_count) == (0, 1)


def in_the_background() -> None:
    """What the worker does, or the thread of trial mode."""
    if IS_PRODUCTION:
        with redis.Redis.from_url(settings.REDIS_URL) as broker:
            (message,) = map(json.loads, broker.lrange(settings.CELERY_TASK_DEFAULT_QUEUE, 0, -1))
            broker.flushdb()
        assert message["headers"]["task"] == "analytics.catch_up_with_prices"
        tasks.catch_up_with_prices()
    for thread in threading.enumerate():
        if thread.name == tasks.PRICES_THREAD_NAME:
            thread.join(60)


def test_a_price_is_typed_and_shown_as_price_lists_have_it(staff_client: Client) -> None:
    staff_client.post("/admin/analytics/modelprice/add/", PRICE | {"file_search_pico_usd": "2.50"})

    price = ModelPrice.objects.get()
    assert [price.input_pico_usd, price.output_pico_usd, price.cache_read_pico_usd] == [1_000_000, 2_000_000, None]
    assert (price.web_search_pico_usd, price.file_search_pico_usd) == (0, 2_500_000_000)
    assert price.audio_hour_pico_usd == 6_000_000_000
    page = staff_client.get(f"/admin/analytics/modelprice/{price.pk}/change/").content.decode()
    shown = dict(re.findall(r'<input type="number" name="(\w+)_pico_usd" (?:value="([^"]*)")?', page))
    assert {name: usd for name, usd in shown.items() if usd} == {
        "input": "1",
        "output": "2",
        "web_search": "0",
        "file_search": "2.5",
        "audio_hour": "0.006",
    }
    assert "USD per million tokens" in page

    saved_again = PRICE | {"file_search_pico_usd": "2.5", "note": "the same prices"}
    staff_client.post(f"/admin/analytics/modelprice/{price.pk}/change/", saved_again)
    again = ModelPrice.objects.get()
    assert again.note == "the same prices"
    assert [getattr(again, column) for column in RATE_COLUMNS.values()] == [
        getattr(price, column) for column in RATE_COLUMNS.values()
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": "nobody"},
        {"input_pico_usd": "-1"},
        {"input_pico_usd": "1001"},
        {"input_pico_usd": "0.0000001"},  # less than a pico-USD for a token
        {"audio_hour_pico_usd": "much"},
        {name: "" for name in PRICE if name.endswith("_pico_usd")},
    ],
)
def test_a_price_that_nobody_can_have_meant_is_shown_again(staff_client: Client, wrong: dict[str, str]) -> None:
    page = staff_client.post("/admin/analytics/modelprice/add/", PRICE | wrong)

    assert page.status_code == 200
    assert "errorlist" in page.content.decode()
    assert not ModelPrice.objects.exists()


def test_a_price_that_is_there_already_is_shown_again_however_it_is_written(staff_client: Client) -> None:
    staff_client.post("/admin/analytics/modelprice/add/", PRICE)

    page = staff_client.post("/admin/analytics/modelprice/add/", PRICE | {"model": " GPT-99"})

    assert page.status_code == 200
    assert "errorlist" in page.content.decode()
    assert ModelPrice.objects.get().model == "gpt-99"
