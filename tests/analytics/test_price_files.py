"""Prices as CSV files: looked at first, every mistake named, all or nothing; what is exported can be imported."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from analytics import price_book, price_changes
from analytics.models import ModelPrice, PriceChange, PriceEdit
from analytics.models.prices import RATE_COLUMNS
from analytics.price_book import csv_file
from tests.analytics.price_book_pages import BOOK, price_of, words
from tests.analytics.repriced import LONG_AGO, NEW_COST, posted
from tests.factories import make_key, make_organization, make_user

pytestmark = [pytest.mark.trial, pytest.mark.django_db]


@pytest.fixture
def person() -> User:
    return make_user(is_staff=True, is_superuser=True)


@pytest.fixture
def staff(client: Client, person: User) -> Client:
    client.force_login(person)
    return client


def upload(client: Client, text: str) -> str:
    file = SimpleUploadedFile("prices.csv", text.encode(), content_type="text/csv")
    return words(client.post(f"{BOOK}import/", {"file": file}))


def test_what_is_exported_can_be_imported_and_changes_nothing(staff: Client) -> None:
    acme = make_organization("Acme")
    rates = {column: 10**number for number, column in enumerate(RATE_COLUMNS.values(), 1) if number < 9}
    noon = datetime(2026, 2, 1, 12, tzinfo=UTC)
    for price in (
        price_of(note='\'=1+1, "quoted"'),
        price_of("gpt-99", organization=acme, note="=1+1", effective_until=noon + timedelta(microseconds=1), **rates),
        price_of("gpt-99", effective_from=noon, web_search_pico_usd=0, audio_hour_pico_usd=7),
    ):
        price_book.save_price(price=price)

    content = staff.get(f"{BOOK}export/").content.decode()

    assert ",'=1+1\r\n" in content
    assert "0 new, 0 changed, 3 as they are." in upload(staff, content)
    before = list(ModelPrice.objects.order_by("pk").values())
    ModelPrice.objects.all().delete()
    assert "3 new, 0 changed, 0 as they are." in upload(staff, content)
    staff.post(f"{BOOK}import/", {"text": content, "_save": "1"})
    made = ("id", "created_at", "created_by_id")
    after = sorted(ModelPrice.objects.values(), key=lambda row: [one["note"] for one in before].index(row["note"]))
    assert [{k: v for k, v in row.items() if k not in made} for row in after] == [
        {k: v for k, v in row.items() if k not in made} for row in before
    ]


def test_a_file_is_looked_at_saved_as_one_change_and_repriced(staff: Client, person: User) -> None:
    record = posted(make_key()[0])
    price_book.save_price(price=price_of("gpt-99"))
    text = (
        "provider,model,effective_from,input_usd_per_million,output_usd_per_million\r\n"
        "openai,GPT-4o,2020-01-01,3,20\r\nopenai,gpt-99,2020-01-01T00:00:00Z,4,20\r\n"
    )

    page = upload(staff, text)

    assert "1 new, 1 changed, 0 as they are." in page
    assert "February 2026 1 0 0 $0.0035 $0.005 +$0.0015" in page
    assert ModelPrice.objects.count() == 1
    staff.post(f"{BOOK}import/", {"text": text, "_save": "1"})
    price_changes.catch_up()
    record.refresh_from_db()
    assert record.cost_pico_usd == NEW_COST
    edit = PriceEdit.objects.latest("revision")
    assert (edit.kind, edit.subject, edit.created_by) == ("imported", "2 prices from a file", person)
    assert list(ModelPrice.objects.order_by("model").values_list("model", "input_pico_usd")) == [
        ("gpt-4o", 3_000_000),
        ("gpt-99", 4_000_000),
    ]


def test_mistakes_in_a_file_are_named_by_line_and_column_and_nothing_is_saved(staff: Client) -> None:
    head = "provider,model,organization,effective_from,effective_until,input_usd_per_million,note\n"
    rows = (
        'openai,gpt-4o,,2026-01-01,,3,"two\nlines"',
        "google,gpt-4o,,2026-01-01,,3,",
        "openai,,nobody,soon,,x,",
        "openai,gpt-4o,,2026-01-01T00:00:00+00:00,,4,",
        "openai,gpt-5,,2026-01-01,2025-01-01,-1,",
        "openai,gpt-6,,2026-01-01,2025-01-01,0.0000001,",
        "openai,gpt-7,,2026-01-01,2025-01-01,1,",
        "openai,gpt-7,,2026-01-01,,2000,",
        "openai,gpt-8",
    )
    text = head + "\n".join(rows)
    found = [(mistake.line, mistake.column) for mistake in csv_file.read(text).mistakes]
    assert found == [
        (4, "provider"),
        (5, "model"),
        (5, "effective_from"),
        (5, "input_usd_per_million"),
        (5, "organization"),
        (6, "effective_from"),
        (7, "input_usd_per_million"),
        (8, "input_usd_per_million"),
        (9, "effective_until"),
        (10, "input_usd_per_million"),
        (11, ""),
    ]
    page = upload(staff, text)
    assert "Nothing was changed: the file has mistakes" in page
    assert "5 organization There is no organization 'nobody'." in page
    assert "6 effective_from Line 2 has a price of the same model" in page
    staff.post(f"{BOOK}import/", {"text": text, "_save": "1"})
    assert not ModelPrice.objects.exists()


def test_what_is_no_such_file_is_told(staff: Client) -> None:
    head = "provider,model,organization,effective_from,effective_until,input_usd_per_million,note\n"
    assert "google There is no such column." in upload(staff, head.replace("provider", "google"))
    assert "This is no text file." in upload(staff, "provider\0")
    assert [
        mistake.column for mistake in csv_file.read(head + "openai,gpt-4o,,0001-01-01T00:00+05:00,,3,").mistakes
    ] == ["effective_from"]
    assert "This is no CSV" in csv_file.read(f'{head}"openai').mistakes[0].text
    assert "The file is empty." in csv_file.read("").mistakes[0].text
    assert "Choose a file." in words(staff.post(f"{BOOK}import/", {}))


def test_what_others_saved_meanwhile_is_not_written_over() -> None:
    text = (
        "provider,model,effective_from,input_usd_per_million\nopenai,gpt-4o,2020-01-01,3\nopenai,gpt-5,2020-01-01,3\n"
    )
    sheet = csv_file.read(text)
    price_book.save_price(price=price_of("gpt-5"))
    with pytest.raises(ValidationError, match="Somebody has changed these prices meanwhile"):
        price_book.save_prices(prices=sheet.prices)
    assert ModelPrice.objects.get().model == "gpt-5"
    assert PriceEdit.objects.count() == 1

    changed = csv_file.read("provider,model,effective_from,input_usd_per_million\nopenai,gpt-5,2020-01-01,9\n")
    price_book.delete_price(price=ModelPrice.objects.get())
    with pytest.raises(ValidationError, match="Somebody has changed these prices meanwhile"):
        price_book.save_prices(prices=changed.prices)


def test_a_file_of_many_prices_goes_through_the_records_once() -> None:
    acme = make_organization("Acme")
    prices = [price_of(f"gpt-{number}", effective_from=LONG_AGO + timedelta(days=number % 3)) for number in range(20)]
    price_book.save_prices(prices=[*prices, price_of("gpt-20", organization=acme)])
    changes = PriceChange.objects.order_by("organization_id").values_list("model", "organization_id", "starts_at")
    assert sorted(changes, key=str) == [("", None, LONG_AGO), ("gpt-20", acme.pk, LONG_AGO)]
