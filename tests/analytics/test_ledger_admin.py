"""The ledger in the admin pages: records are read, prices are kept."""

import pytest
from django.test import Client

from analytics.models import DailyUsage, LedgerRecord, ModelPrice, RejectedRecord
from tests.analytics.usage_lines import lines_of, make_record, post_lines
from tests.factories import make_key, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

PRICE = {
    "provider": "openai",
    "model": "gpt-99",
    "effective_from_0": "2026-01-01",
    "effective_from_1": "00:00:00",
    "input_pico_usd": "1000000",
    "output_pico_usd": "2000000",
    "web_search_pico_usd": "0",
}


@pytest.fixture
def staff_client(client: Client) -> Client:
    client.force_login(make_user(is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize(
    "page", ["ledgerrecord", "usagebatch", "rejectedrecord", "dailyusage", "dailytagusage", "seenvalue", "modelprice"]
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

    assert staff_client.post("/admin/analytics/modelprice/add/", PRICE).status_code == 302
    assert DailyUsage.objects.get().cost_pico_usd == 1000 * 1_000_000 + 100 * 2_000_000

    price = ModelPrice.objects.get()
    assert price.created_by is not None
    staff_client.post(f"/admin/analytics/modelprice/{price.pk}/delete/", {"post": "yes"})
    assert (DailyUsage.objects.get().cost_pico_usd, DailyUsage.objects.get().unpriced_count) == (0, 1)


@pytest.mark.parametrize("wrong", [{"provider": "nobody"}, {"input_pico_usd": "-1"}, {"input_pico_usd": "9" * 12}])
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
