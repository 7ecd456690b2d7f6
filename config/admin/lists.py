"""Lists of tables that may have millions of rows: never counted, never ordered or searched but by an index.

A page goes on after the last row of the one before (keyset), which takes as long in the middle as at the start.
"""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Field, Model, Q, QuerySet
from django.http import HttpRequest

from config.admin.discreet import DiscreetAdmin

_BETWEEN = ","  # the values of a cursor


class NewestFirstList(ChangeList):
    """A page and whether there is another one. How many rows there are is estimated, and only for the whole table."""

    older_url = ""
    newest_url = ""
    estimate: int | None = None

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> "QuerySet[Any]":
        found = super().get_queryset(request, exclude_parameters)
        self.place: Sequence[str] = cast(NewestFirstAdmin, self.model_admin).choose_order(is_narrowed=self._is_narrowed)
        return found.order_by(*self.place)

    @property
    def _is_narrowed(self) -> bool:
        return bool(self.query) or any(name.startswith("organization") for name in self.params)

    def get_results(self, request: HttpRequest) -> None:
        cursor = request.GET.get(PAGE_VAR, "")
        queryset = self.queryset.filter(self._after(cursor)) if cursor else self.queryset
        rows = list(queryset[: self.list_per_page + 1])
        self.result_list = rows[: self.list_per_page]
        if len(rows) > self.list_per_page:
            self.older_url = self.get_query_string({PAGE_VAR: self._cursor_of(self.result_list[-1])})
        if cursor:
            self.newest_url = self.get_query_string()
        if not self.get_filters_params() and not self.query:
            self.estimate = estimate_rows(self.model)
        self.result_count = len(self.result_list)
        self.full_result_count = self.result_count  # else the search would say how many there are on this page
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True
        self.paginator = self.model_admin.get_paginator(request, self.result_list, self.list_per_page)

    def _cursor_of(self, row: Model) -> str:
        return _BETWEEN.join(_column(type(row), name).value_to_string(row) for name in self.place)

    def _after(self, cursor: str) -> Q:
        names = [name.lstrip("-") for name in self.place]
        try:
            texts = cursor.split(_BETWEEN)
            values = [_column(self.model, name).to_python(text) for name, text in zip(names, texts, strict=True)]
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters from error
        after, equal = Q(), Q()
        for name, value in zip(names, values, strict=True):
            after |= equal & Q(**{f"{name}__lt": value})
            equal &= Q(**{name: value})
        # Says the same once more, of the first column alone: by this the index finds where to begin.
        return after & Q(**{f"{names[0]}__lte": values[0]})


class NewestFirstAdmin(DiscreetAdmin):
    """`order` and `order_when_narrowed` (to an organization) descend, end in a unique column, have an index."""

    order: tuple[str, ...] = ("-id",)
    order_when_narrowed: tuple[str, ...] = ()
    list_per_page = 50
    show_full_result_count = False
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return NewestFirstList

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return self.order

    def choose_order(self, *, is_narrowed: bool) -> tuple[str, ...]:
        return (is_narrowed and self.order_when_narrowed) or self.order


class NewestSearchedAdmin(NewestFirstAdmin):
    """What no index finds is looked for in the newest rows, unless the list is narrowed to an organization."""

    MOST_SEARCHED = 20_000
    unindexed_filters: tuple[str, ...] = ()  # parameters of list filters

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        found = super().get_queryset(request)
        wanted = [name for name, value in request.GET.items() if value]
        if any(name.startswith("organization") for name in wanted):
            return found
        if not any(name in (SEARCH_VAR, *self.unindexed_filters) for name in wanted):
            return found
        last = self.model._default_manager.order_by("-pk").values_list("pk", flat=True)[self.MOST_SEARCHED - 1 :][:1]
        return found.filter(pk__gte=oldest) if (oldest := last.first()) is not None else found


def _column(model: type[Model], name: str) -> "Field[Any, Any]":
    return cast("Field[Any, Any]", model._meta.get_field(name.lstrip("-")))


# Of a partitioned table, that of its parts, which PostgreSQL looks at by itself.
_ESTIMATE = """
SELECT CASE relkind WHEN 'p' THEN (
    SELECT SUM(GREATEST(reltuples, 0)) FROM pg_inherits JOIN pg_class AS part ON part.oid = inhrelid
    WHERE inhparent = pg_class.oid
) ELSE reltuples END::bigint FROM pg_class WHERE oid = to_regclass(%s)
"""


def estimate_rows(model: type[Model]) -> int | None:
    """As PostgreSQL's statistics have it; None where there are none."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute(_ESTIMATE, [model._meta.db_table])
        row = cursor.fetchone()
    return row[0] if row and row[0] >= 0 else None
