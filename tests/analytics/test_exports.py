"""CSV files: every cell as documented, every table adding up, any length in parts, and no formula."""

import csv
import io
import re
from datetime import UTC, date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from analytics import exports, reports
from analytics.periods import Period
from analytics.reports import Scope
from analytics.request_fields import FIELDS
from analytics.request_log import Question
from analytics.usage import TokenUsage
from orgs.models import ApiKey, Organization
from orgs.services import keys
from tests.analytics.requests_seen import read_csv
from tests.analytics.usage_lines import NOON, make_record, post
from tests.documentation.pages import rows
from tests.factories import make_key, make_member, make_organization, make_team, make_user

PAGE = Path(__file__).parents[2] / "docs" / "requests.md"
FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))
OF_FEBRUARY = "start=2026-02-01&end=2026-02-28"
FORMULA = '=HYPERLINK("http://example.com")'


# --- Cells ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((f"{mark}1+1", f"'{mark}1+1") for mark in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"),
        ("  =1", "'  =1"),
        ("-", "'-"),
        ("a=1", "a=1"),
        ("", ""),
        (["=a", "b"], "'=a; b"),
        ([], ""),
        (-5, "-5"),
        (Decimal("-0.5"), "-0.5"),
        (Decimal("1E-12"), "0.000000000001"),
        (Decimal("1.2E4"), "12000"),
        (None, ""),
        (True, "true"),
        (date(2026, 2, 1), "2026-02-01"),
    ],
)
def test_a_text_is_never_a_formula_and_a_number_is_never_a_text(value: object, expected: str) -> None:
    assert exports.cell(value) == expected


def test_a_line_comes_back_as_it_was() -> None:
    values = ['a "b", c', "two\nlines", "Z\N{LATIN SMALL LETTER U WITH DIAERESIS}rich", "; |"]

    assert list(csv.reader(io.StringIO(exports.lines([values]).decode(), newline=""))) == [values]
    assert exports.lines([["a", 1], [None, False]]) == b"a,1\r\n,false\r\n"


# --- Files ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def acme(client: Client) -> Organization:
    owner = make_user()
    client.force_login(owner)
    return make_organization("Acme", owner=owner, timezone="Asia/Kathmandu")


@pytest.fixture
def key(acme: Organization) -> ApiKey:
    return make_key(make_team(acme, "=backend"), "+Checkout")[0]


def use(key: ApiKey) -> None:
    """Calls of all kinds, on several days, of two keys; and one of somebody else's."""
    other, _ = make_key(make_team(key.organization, "mobile"))
    keys.revoke(key=other)
    post(
        make_record(key, tags=("@a", "b"), version=2, prompt_key=FORMULA, streamed=True),
        make_record(key, tags=("b",), version=1, prompt_key=FORMULA, at=NOON + timedelta(days=3, hours=7)),
        make_record(other, provider="anthropic", model="claude-haiku-4-5", usage=TokenUsage(input=1, cache_read=3)),
        make_record(other, model="mystery", model_requested="-mystery"),
        make_record(other, state="simulated"),
        make_record(other, state="interrupted", status=0, usage=TokenUsage(), usage_source="none"),
        make_record(other, status=500, error_code="\tserver", usage=TokenUsage(), usage_source="none"),
        make_record(key, at=NOON - timedelta(days=20)),
        make_record(make_key()[0]),
    )


@pytest.mark.django_db
@pytest.mark.parametrize("table", exports.TABLES)
def test_a_table_adds_up_to_the_total(client: Client, acme: Organization, key: ApiKey, table: str) -> None:
    use(key)

    response = client.get(f"/app/acme/export/{table}.csv?{OF_FEBRUARY}")

    found = read_csv(response)
    name = f"acme_{table}_2026-02-01_2026-02-28.csv"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    total = reports.get_total(Scope(acme.pk, FEBRUARY))
    if table == "tags":
        counts = {row["tag"]: (row["is_untagged"], row["request_count"]) for row in found}
        assert counts == {"b": ("false", "2"), "'@a": ("false", "1"), "untagged": ("true", "2")}
        return
    assert sum(Decimal(row["total_cost"]) for row in found) == total.cost_usd != 0
    for column in reports.SUM_COLUMNS[1:]:
        assert sum(int(row[column]) for row in found) == getattr(total, column), column
    assert len(found) == {"days": 28, "models": 3, "versions": 3}.get(table, 2)
    for row in found:
        priced = int(row["priced_count"])
        average = Decimal(row["avg_cost_per_request"] or 0)
        assert (row["avg_cost_per_request"] == "") == (priced == 0)
        assert abs(average * priced - Decimal(row["total_cost"])) < Decimal("1e-12")


@pytest.mark.trial
@pytest.mark.django_db
def test_the_file_of_requests_adds_up_and_holds_no_formula(client: Client, acme: Organization, key: ApiKey) -> None:
    use(key)

    response = client.get(f"/app/acme/export/requests.csv?{OF_FEBRUARY}")

    found = read_csv(response)
    total = reports.get_total(Scope(acme.pk, FEBRUARY))
    assert sum(Decimal(row["cost"] or 0) for row in found) == total.cost_usd
    assert sum(row["is_request"] == "true" for row in found) == total.request_count + 1  # the simulated one
    assert [row["cost"] for row in found if row["cost_status"] in {"unpriced", "interrupted"}] == ["", ""]
    (streamed,) = (row for row in found if row["flags"] == "streamed")
    assert streamed["started_at"] == "2026-02-10T12:00:00.000000Z"
    assert streamed["local_day"] == "2026-02-10"
    assert streamed["cost"] == "0.0035"
    texts = {streamed["prompt_key"], streamed["tags"], streamed["team_name"], streamed["api_key_name"]}
    assert texts == {f"'{FORMULA}", "'@a; b", "'=backend", "'+Checkout"}
    assert not any(re.match(r"\s*[=+@-]", value) for row in found for value in row.values())
    (late,) = (row for row in found if row["version_number"] == "1")
    assert (late["started_at"], late["local_day"]) == ("2026-02-13T19:00:00.000000Z", "2026-02-14")


@pytest.mark.trial
@pytest.mark.django_db
def test_a_file_in_parts_holds_every_request_once(key: ApiKey) -> None:
    records = [make_record(key, at=NOON + timedelta(seconds=number // 4)) for number in range(10)]
    post(*records)
    question = Question(Scope(key.organization_id, FEBRUARY), UTC)
    expected = sorted(records, key=lambda record: (record.started_at, record.id), reverse=True)

    for chunk in (1, 3, 5, 10, 11):
        file = exports.LogFile(question, chunk=chunk)
        parts = list(iter(file.read, b""))
        assert max(part.count(b"\r\n") for part in parts) <= chunk + 1
        found = list(csv.DictReader(io.StringIO(b"".join(parts).decode())))
        assert [row["id"] for row in found] == [record.id for record in expected]


@pytest.mark.trial
@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_while_a_part_is_sent() -> None:
    key, _ = make_key()
    post(*(make_record(key) for _ in range(3)))

    file = exports.LogFile(Question(Scope(key.organization_id, FEBRUARY), UTC), chunk=2)

    assert file.read().count(b"\r\n") == 3
    assert connection.connection is None
    assert file.read().count(b"\r\n") == 1
    assert connection.connection is None
    assert file.read() == b""


@pytest.mark.django_db
def test_files_are_for_members_and_for_filters_that_can_be_read(client: Client, acme: Organization) -> None:
    assert client.get("/app/acme/export/nothing.csv").status_code == 404
    for query in ("start=yesterday", "flag=gold", "status=fine", "team=x", "range=decade"):
        for table in ("days", "requests"):
            response = client.get(f"/app/acme/export/{table}.csv?{query}")
            assert (response.status_code, response.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
            assert query.partition("=")[0].encode() in response.content
    client.force_login(make_member(acme))
    assert client.get("/app/acme/export/requests.csv").status_code == 200
    client.force_login(make_member(make_organization()))
    assert client.get("/app/acme/export/requests.csv").status_code == 404


# --- What docs/requests.md promises -----------------------------------------------------------------------------------


def names_in(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([a-z0-9_-]+)`", text))


def test_every_table_and_its_columns_are_documented() -> None:
    documented = {names_in(table)[0]: names_in(columns) for table, _, columns in rows(PAGE, "## CSV files")}

    assert documented.pop("requests") == ()
    assert documented == {name: table.columns for name, table in exports.TABLES.items()}
    _, _, text = PAGE.read_text().partition("named and meant as in")
    assert names_in(text.partition("\n\n")[0]) == exports.SUMS


def test_every_column_of_a_request_is_documented_in_its_order() -> None:
    documented = [name for names, _ in rows(PAGE, "### Columns of a request") for name in names_in(names)]

    assert sorted(documented) == sorted(FIELDS)
