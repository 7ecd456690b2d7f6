"""The price book's pages for staff: what there is, what a change would do, and doing it."""

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from analytics import price_book, price_changes
from analytics.models import Discount, LedgerRecord, ModelPrice, PriceChange, PriceEdit
from orgs.models import ApiKey
from tests.analytics.price_book_pages import BOOK, price_of, words
from tests.analytics.repriced import NEW_COST, posted
from tests.analytics.usage_lines import USUAL_COST
from tests.factories import make_key, make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

FORM: dict[str, Any] = {
    "provider": "openai",
    "model": "gpt-4o",
    "effective_from_0": "2020-01-01",
    "effective_from_1": "00:00:00",
    "input_pico_usd": "3",
    "output_pico_usd": "20",
}
DISCOUNT: dict[str, Any] = {
    "provider": "",
    "basis_points": "12.5",
    "effective_from_0": "2020-01-01",
    "effective_from_1": "00:00:00",
}


@pytest.fixture
def key() -> ApiKey:
    return make_key()[0]


@pytest.fixture
def person() -> User:
    return make_user("pat@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def staff(client: Client, person: User) -> Client:
    client.force_login(person)
    return client


# --- Looking ----------------------------------------------------------------------------------------------------------


def test_every_price_is_listed_with_its_contexts_and_its_source(staff: Client, person: User) -> None:
    acme = make_organization("Acme")
    price_book.save_price(price=price_of("gpt-5.5", organization=acme), by=person)

    page = words(staff.get(f"{BOOK}book/", {"q": "gpt-5.5"}))

    assert "any $3.00 - - - $20.00 1 January 2020 - Ours, for Acme by pat@example.com" in page
    assert "standard $5.00 $0.50 - - $30.00 Web searches $10.00 per 1,000; File searches $2.50 per 1,000" in page
    assert "standard, over 272,000 tokens $10.00 $1.00 - - $45.00" in page
    assert "batch $2.50 $0.25 - - $15.00" in page
    assert "priority $12.50" in page
    assert "gpt-5.5 openai any" in page
    assert "gpt-4o" not in page
    assert "Ours" not in words(staff.get(f"{BOOK}book/", {"q": "gpt-5.5", "source": "bundled"}))
    assert "standard" not in words(staff.get(f"{BOOK}book/", {"source": "own"}))


def test_the_pages_of_the_book_have_every_model_once(staff: Client) -> None:
    price_book.save_price(price=price_of("zz-own"))
    seen: list[str] = []
    address = f"{BOOK}book/?when=all"
    while address:
        content = staff.get(address).content.decode()
        seen += re.findall(r"<a [^>]*modelprice/book/([^\"]+)/\"><code>", content)
        more = re.search(r'<a href="(\?[^"]+)">Next page', content)
        address = f"{BOOK}book/{unescape(more[1])}" if more else ""
    assert len(seen) == len(set(seen)) > 100
    assert {"anthropic/claude-sonnet-4-5", "openai/gpt-4o", "openai/zz-own"} <= set(seen)


def test_the_history_of_a_model_says_what_changed_and_what_holds(staff: Client, person: User) -> None:
    acme = make_organization("Acme")
    price = price_book.save_price(price=price_of("o3", effective_until=datetime(2025, 7, 1, tzinfo=UTC)), by=person)
    price.input_pico_usd = 4_000_000
    price_book.save_price(price=price, by=person)
    price_book.save_price(price=price_of("o3", organization=acme, effective_from=datetime(2025, 9, 1, tzinfo=UTC)))

    response = staff.get(f"{BOOK}book/openai/o3/")
    page = words(response)

    assert (
        "The price for everybody, entry o3, since 1 January 2020 The bundled list, entry o3, since 1 July 2025" in page
    )
    assert "For Acme" in page
    assert "Its own price, entry o3, since 1 September 2025" in page
    assert 'prices-changed" title="before: $10.00">$2.00' in response.content.decode()
    assert "pat@example.com: changed for everybody Input: $3.00 → $4.00" in page


# --- What a change would do -------------------------------------------------------------------------------------------


def test_a_price_is_previewed_then_saved_and_what_it_came_to_is_listed(
    staff: Client, key: ApiKey, person: User
) -> None:
    record, unknown = posted(key), posted(key, model="gpt-99")
    price_book.save_price(price=price_of("gpt-99", effective_from=datetime(2026, 6, 1, tzinfo=UTC)))

    page = words(staff.post(f"{BOOK}add/", FORM | {"_preview": "1"}))

    assert "1 of 2 past requests looked at would cost something else: +$0.0015 in all." in page
    assert f"{key.team.organization.name} February 2026 1 0 0 $0.0035 $0.005 +$0.0015 All" in page
    assert "It goes before the bundled list's price of this model" in page
    assert "error" not in page
    assert ModelPrice.objects.count() == 1

    staff.post(f"{BOOK}add/", FORM)
    price_changes.catch_up()

    edit = PriceEdit.objects.get(subject__contains="gpt-4o")
    record.refresh_from_db()
    assert (record.cost_pico_usd, record.previous_cost_pico_usd) == (NEW_COST, USUAL_COST)
    listed = words(staff.get("/admin/analytics/priceedit/"))
    assert "Price saved: openai gpt-4o, from 1 January 2020 everybody pat@example.com Done 1 +$0.0015" in listed
    page = words(staff.get(f"/admin/analytics/priceedit/{edit.pk}/change/"))
    assert "1 request cost something else: +$0.0015." in page
    assert f"{key.team.organization.name} February 2026 1 0 0 $0.0035 $0.005 +$0.0015" in page
    assert "by pat@example.com." in page
    assert LedgerRecord.objects.get(pk=unknown.pk).cost_pico_usd is None


def test_a_missing_model_is_previewed_with_what_gets_priced(staff: Client, key: ApiKey) -> None:
    posted(key, model="gpt-99")
    changes = {"model": "gpt-99", "organization": key.organization_id, "_preview": "1"}
    page = words(staff.post(f"{BOOK}add/", FORM | changes))
    assert "February 2026 1 1 0 $0.00 $0.005 +$0.005" in page


def test_a_change_that_is_under_way_says_how_far_it_is(staff: Client, key: ApiKey) -> None:
    posted(key)
    price_book.save_price(price=price_of())
    PriceChange.objects.update(done_organization_id=key.organization_id, done_until=datetime(2026, 2, 3, tzinfo=UTC))
    edit = PriceEdit.objects.get()
    assert "Under way 0 $0.00" in words(staff.get("/admin/analytics/priceedit/"))
    page = words(staff.get(f"/admin/analytics/priceedit/{edit.pk}/change/"))
    assert f"It is at {key.team.organization.name} up to 3 February 2026" in page


def test_deleting_a_price_is_previewed(staff: Client, key: ApiKey) -> None:
    price = price_book.save_price(price=price_of("gpt-99"))
    posted(key, model="gpt-99")
    page = words(staff.get(f"{BOOK}{price.pk}/delete/"))
    assert "February 2026 1 0 1 $0.005 $0.00 -$0.005" in page


def test_overlapping_prices_say_which_one_wins(staff: Client) -> None:
    acme = make_organization("Acme")
    price_book.save_price(price=price_of(effective_from=datetime(2025, 1, 1, tzinfo=UTC)))
    price_book.save_price(price=price_of(organization=acme))
    price_book.save_price(price=price_of("gpt-4o-2024-08-06"))

    page = words(staff.post(f"{BOOK}add/", FORM | {"_preview": "1"}))
    own = words(staff.post(f"{BOOK}add/", FORM | {"organization": make_organization().pk, "_preview": "1"}))

    later = (
        "Of two prices in force the one that began later holds: while both are, the other one (from 1 January 2025)."
    )
    assert later in page
    assert "For Acme, its own price goes before this one: from 1 January 2020." in page
    assert "Requests that gpt-4o-2024-08-06 answers keep the price under that name, from 1 January 2020." in page
    assert "It goes before the price for everybody, from 1 January 2025." in own


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"provider": "google"}, "The provider is one of: anthropic, openai."),
        ({"input_pico_usd": "1001"}, "At most $1,000 per million tokens."),
        ({"effective_until_0": "2019-01-01", "effective_until_1": "00:00"}, "The end must come after the start."),
        ({"model": ""}, "Enter the model."),
        ({"input_pico_usd": "", "output_pico_usd": ""}, "Enter at least one price. 0 is free"),
    ],
)
def test_a_wrong_price_is_told_by_its_field_and_previews_nothing(
    staff: Client, wrong: dict[str, str], said: str
) -> None:
    for button in ({"_preview": "1"}, {}):
        page = words(staff.post(f"{BOOK}add/", FORM | wrong | button))
        assert said in page
        assert "What it would change" not in page
    assert not ModelPrice.objects.exists()


# --- Discounts --------------------------------------------------------------------------------------------------------


def test_a_discount_is_previewed_saved_and_on_the_receipt(staff: Client, key: ApiKey, client: Client) -> None:
    record = posted(key)
    fields = DISCOUNT | {"organization": key.organization_id}

    assert "February 2026 1 0 0 $0.0035 $0.0030625 -$0.0004375" in words(
        staff.post("/admin/analytics/discount/add/", fields | {"_preview": "1"})
    )
    staff.post("/admin/analytics/discount/add/", fields)
    price_changes.catch_up()

    record.refresh_from_db()
    assert (record.cost_pico_usd, record.previous_cost_pico_usd) == (3_062_500_000, USUAL_COST)
    assert Discount.objects.get().basis_points == 1250
    assert "12.5 % all" in words(staff.get("/admin/analytics/discount/"))
    again = words(staff.post("/admin/analytics/discount/add/", fields | {"effective_from_0": "2026-01-01"}))
    assert (
        "12.5 % holds already, from 1 January 2020. Discounts of one organization and provider may not overlap" in again
    )


# --- Rights -----------------------------------------------------------------------------------------------------------

PAGES = {
    "view": [f"{BOOK}book/", f"{BOOK}book/openai/gpt-4o/", f"{BOOK}export/", "/admin/analytics/priceedit/"],
    "add": [f"{BOOK}add/", "/admin/analytics/discount/add/"],
}


@pytest.mark.parametrize("rights", [(), ("view",), ("view", "add"), ("view", "add", "change")])
def test_each_page_asks_for_the_right_that_it_needs(client: Client, rights: tuple[str, ...]) -> None:
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[f"{right}_modelprice" for right in rights]))
    client.force_login(user)
    price = price_book.save_price(price=price_of())

    for right, pages in PAGES.items():
        assert {client.get(page).status_code for page in pages} == {200 if right in rights else 403}
    assert client.get(f"{BOOK}import/").status_code == (200 if "change" in rights else 403)
    changed = client.post(f"{BOOK}{price.pk}/change/", FORM | {"input_pico_usd": "9"})
    assert changed.status_code == (302 if "change" in rights else 403)
    assert client.get(f"{BOOK}{price.pk}/delete/").status_code == 403


def test_others_get_to_sign_in(client: Client) -> None:
    client.force_login(make_user())
    assert client.get(f"{BOOK}book/").status_code == 302
