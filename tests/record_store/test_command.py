"""`manage.py column_store`, as an operator uses it."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from analytics.models import LedgerRecord, RecordCopy
from analytics.record_store.client import Client
from orgs.models import ApiKey
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key, make_organization, make_team
from tests.servers import free_port

pytestmark = [pytest.mark.production, pytest.mark.clients, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def key(store: Client) -> ApiKey:
    return make_key(make_team(make_organization("Acme", timezone="UTC")))[0]


def column_store(*arguments: str) -> str:
    told, wrong = StringIO(), StringIO()
    try:
        call_command("column_store", *arguments, stdout=told, stderr=wrong)
    except CommandError as error:
        raise CommandError(f"{error}\n{wrong.getvalue()}") from error
    return told.getvalue() + wrong.getvalue()


def test_a_copy_is_made_shown_compared_repaired_made_anew_and_dropped(store: Client, key: ApiKey) -> None:
    assert "There is no copy" in column_store("show")
    post(make_record(key), make_record(key))
    assert "2 of 2 records copied." in column_store("fill")
    post(make_record(key))
    assert "1 records wait, the first since" in column_store("show")
    assert "1 new or changed records copied." in column_store("carry")
    assert "says what the ledger says" in column_store("compare", "--org", "acme")
    LedgerRecord.objects.update(cost_pico_usd=1)  # by hand: nobody notes it
    with pytest.raises(CommandError, match=r"1 days differ.*\n.*3 records in the copy, 3 in the ledger and other sums"):
        column_store("compare")
    column_store("compare", "--repair")
    assert "says what the ledger says" in column_store("compare")
    assert "3 of 3 records copied." in column_store("fill", "--again")
    column_store("drop")
    assert "There is no copy" in column_store("show")
    assert not RecordCopy.objects.exists()


def test_a_store_with_a_copy_of_something_else_is_not_written_to(store: Client, key: ApiKey) -> None:
    column_store("fill")
    RecordCopy.objects.all().delete()
    with pytest.raises(CommandError, match="--again"):
        column_store("fill")
    column_store("fill", "--again")
    store.command("TRUNCATE TABLE aipc_copies")
    with pytest.raises(CommandError, match="another copy"):
        column_store("carry")
    assert "It is not read" in column_store("show")


def test_what_cannot_be_done_says_why(key: ApiKey, settings: Settings) -> None:
    with pytest.raises(CommandError, match="no organization"):
        column_store("compare", "--org", "nobody")
    settings.COLUMN_STORE_URL = f"http://127.0.0.1:{free_port()}/default"
    with pytest.raises(CommandError, match="The column store failed: OperationalError"):
        column_store("fill")
    settings.COLUMN_STORE_URL = ""
    with pytest.raises(CommandError, match="COLUMN_STORE_URL is not set"):
        column_store("show")
