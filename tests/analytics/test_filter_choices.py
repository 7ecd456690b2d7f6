"""What the filter bar offers: values under which usage is really found."""

from datetime import date

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from analytics import filters, reports
from analytics.periods import Period
from analytics.reports import Scope
from analytics.views import filter_bar
from tests.analytics.usage_lines import make_record, post
from tests.factories import make_key

pytestmark = [pytest.mark.trial, pytest.mark.django_db]

FEBRUARY = Period(date(2026, 2, 1), date(2026, 2, 28))


def test_the_models_are_those_that_usage_is_counted_under(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key = make_key()[0]
    post(
        make_record(key),
        make_record(key),
        make_record(key, model="gpt-4o-mini-2024-07-18", model_requested="gpt-4o-mini"),
        make_record(key, model="", model_requested="a-model-nobody-sells"),
        make_record(key, model="", model_requested="zeta"),
        make_record(key, model="", model_requested=""),
        make_record(make_key()[0], model="another-organizations"),
    )

    with django_assert_num_queries(1):
        found = reports.find_models(key.organization_id, 500)

    assert found == ["a-model-nobody-sells", "gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", "zeta"]
    counts = [reports.get_total(Scope(key.organization_id, FEBRUARY, model=model)).request_count for model in found]
    assert counts == [1, 2, 1, 1]
    assert reports.find_models(key.organization_id, 2) == found[:2]
    assert reports.find_models(make_key()[0].organization_id, 500) == []


def test_a_model_that_was_used_is_offered_and_known() -> None:
    key = make_key()[0]
    post(make_record(key))
    parameters = {"start": "2026-02-01", "end": "2026-02-28", "model": "gpt-4o-2024-08-06"}

    bar = filter_bar.open_bar(key.organization, parameters, action="/", today=FEBRUARY.end)

    offered = next(field for field in bar.fields if field.name == "model")
    assert [filters.parse({"model": one.value}, today=FEBRUARY.end).model for one in offered.choices] == [
        "gpt-4o-2024-08-06"
    ]
    assert bar.unknown == []


@pytest.mark.production
def test_models_are_found_by_indexes_alone() -> None:
    with connection.cursor() as cursor:
        # Of an empty table all ways cost the same; only an index that holds all that is asked can do without these.
        cursor.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off"
        )
        cursor.execute("EXPLAIN SELECT MIN(model) FROM analytics_usagerecord WHERE organization_id = 1 AND model > 'a'")
        assert "Index Only Scan using usage_by_model" in "\n".join(line for (line,) in cursor.fetchall())
