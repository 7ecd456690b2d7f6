"""Condensing the roll-ups of days, weeks and months that are over, so that long ranges are read from few rows.

What is condensed is a copy: `reports` reads it where a ready `CondensedSpan` vouches for it, and the days elsewhere, so
that this may run late or never. A change of the days deletes the vouchers in its own transaction (`reopen`).
Why it is done, and why it does not hold up posting: docs/adr/0007.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import BigIntegerField, Func, TextField, Value

from analytics import periods, spans
from analytics.models import CondensedSpan, CondensedTotals, CondensedUsage, DailyTagUsage, DailyUsage
from analytics.models.rollups import FIGURE_COLUMNS, SUM_COLUMNS
from analytics.periods import Period
from analytics.spans import Span
from orgs.models import Organization

logger = logging.getLogger(__name__)

# So long after its end posting still adds to a day: calls that began before midnight, and what waited in the journal.
# What comes later still reopens the day until the next run.
SETTLING = timedelta(minutes=30)
# With fewer rows than these, reading days is as fast as reading copies.
LEAST_ROWS = 3000
PATIENCE_SECONDS = 120.0  # below the time limit of a task; the next run goes on

_KEYS = 90  # of spans in one statement
_TOTALS_KEY = ("tag", "provider", "model")
_USAGE_KEY = ("tag", "team_id", "api_key_id", "prompt_key", "version", "provider", "model")


def condense_due(*, now: datetime, patience_seconds: float = PATIENCE_SECONDS, least_rows: int = LEAST_ROWS) -> int:
    """Condense whatever is over and not condensed, the latest first. Returns how many spans that were.

    Organizations with no more than `least_rows` by tag are left as they are.
    """
    until = time.monotonic() + patience_seconds
    done = 0
    # What is deleted is read by nobody, and might be purged meanwhile.
    for organization in Organization.objects.filter(deleted_at=None).order_by("pk"):
        if DailyTagUsage.objects.filter(organization_id=organization.pk)[least_rows:].exists():
            try:
                for span in _find_due(organization, now):
                    if time.monotonic() > until:
                        logger.info("Condensing goes on with the next run.")
                        return done
                    done += _condense(organization.pk, span)
            except DatabaseError:
                # Say, a sum that is too large for its column. The days are still there, and so are the others.
                logger.exception("The usage of organization %d stays as it is.", organization.pk)
    return done


def find_ready(organization_id: int) -> dict[Span, int]:
    """The spans whose condensed rows can be read, with the ids of their vouchers. One query."""
    found = CondensedSpan.objects.filter(organization_id=organization_id, is_ready=True)
    return {Span(kind, start): pk for pk, kind, start in found.values_list("pk", "kind", "start")}


def reopen(days: Iterable[tuple[int, date]]) -> None:
    """The roll-ups of these organizations' days are being changed, in the caller's transaction."""
    adapt = connection.ops.adapt_datefield_value
    keys = sorted({(pk, *spans.span_of(kind, day)) for pk, day in days for kind in spans.KINDS})
    for first in range(0, len(keys), _KEYS):
        chunk = keys[first : first + _KEYS]
        found = " OR ".join(["organization_id = %s AND kind = %s AND start = %s"] * len(chunk))
        with connection.cursor() as cursor:
            # Not one parameter with all of them: nearly always these are three.
            cursor.execute(
                f"DELETE FROM {CondensedSpan._meta.db_table} WHERE {found}",  # noqa: S608
                [value for pk, kind, start in chunk for value in (pk, kind, adapt(start))],
            )


def _find_due(organization: Organization, now: datetime) -> list[Span]:
    """Those that are over, each with a voucher that is not ready: whatever posting adds from now on takes it away."""
    last = periods.local_day(now - SETTLING, organization.tz) - timedelta(days=1)
    days = DailyUsage.objects.filter(organization_id=organization.pk, day__lte=last).order_by()
    # By months that have usage: one call of a client's clock that stands at 1970 makes no spans of the years since.
    months = [Period(first, min(last, periods.month_of(first).end)) for first in days.dates("day", "month", "DESC")]
    # Of a month the shorter ones first: the longer ones are made of them.
    over = [span for month in months for span in sorted(spans.spans_within(month))]
    ready = find_ready(organization.pk)
    due = [span for span in over if span not in ready]
    if due:
        with transaction.atomic():
            # Waits for whoever is posting and might not see the vouchers; they are there before the next one starts.
            Organization.objects.select_for_update().get(pk=organization.pk)
            CondensedSpan.objects.bulk_create(
                (CondensedSpan(organization_id=organization.pk, **span._asdict()) for span in due),
                batch_size=500,
                ignore_conflicts=True,
            )
    return due


def _condense(organization_id: int, span: Span) -> bool:
    """False when somebody else did, or the span was reopened meanwhile."""
    with transaction.atomic():
        vouchers = CondensedSpan.objects.filter(organization_id=organization_id, is_ready=False, **span._asdict())
        # Held until the copy is whole: who changes the days and wants to take it away waits that long.
        if not vouchers.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).first():
            return False
        with connection.cursor() as cursor:
            for statement, parameters in _statements(organization_id, span, _has_parts(organization_id, span)):
                cursor.execute(statement, parameters)
        _vouch(organization_id, span)
    return True


def _has_parts(organization_id: int, span: Span) -> bool:
    """Whether the shorter spans that make up this one are condensed.

    They stay so while the voucher of this one is held: whoever changes a day takes back all of its spans.
    """
    parts = span.parts
    found = CondensedSpan.objects.filter(
        organization_id=organization_id, is_ready=True, kind__in={part.kind for part in parts}
    )
    return bool(parts) and found.filter(start__range=(span.start, span.end)).count() == len(parts)


def _vouch(organization_id: int, span: Span) -> None:
    """Make the voucher ready, under an id higher than any before it: so a sum of ids tells one set from another."""
    voucher = CondensedSpan.objects.filter(organization_id=organization_id, **span._asdict())
    if connection.vendor != "postgresql":  # where nobody else writes meanwhile
        voucher.delete()
        CondensedSpan.objects.create(organization_id=organization_id, is_ready=True, **span._asdict())
        return
    # The same row: who waits to delete it finds it under its new id, where a new row would escape a statement that
    # began before it was there (PostgreSQL, "Read Committed Isolation Level").
    table = CondensedSpan._meta.db_table
    new_id = Func(
        Func(Value(table), Value("id"), function="pg_get_serial_sequence", output_field=TextField()),
        function="nextval",
        output_field=BigIntegerField(),
    )
    voucher.update(is_ready=True, id=new_id)


_Statement = tuple[str, list[int | str | None]]


def _statements(organization_id: int, span: Span, has_parts: bool) -> Iterator[_Statement]:
    adapt = connection.ops.adapt_datefield_value
    place = [organization_id, span.kind, adapt(span.start)]
    reach = [adapt(span.start), adapt(span.end)]
    totals, usage = CondensedTotals._meta.db_table, CondensedUsage._meta.db_table
    for table in (totals, usage):
        yield f"DELETE FROM {table} WHERE organization_id = %s AND kind = %s AND start = %s", place  # noqa: S608
    if has_parts:
        condition = "organization_id = %s AND kind = %s AND start BETWEEN %s AND %s"
        parts = [organization_id, span.parts[0].kind, *reach]
        yield _insert(usage, _USAGE_KEY, SUM_COLUMNS, usage, "tag", condition), [*place, *parts]
    else:
        condition = "organization_id = %s AND day BETWEEN %s AND %s"
        for source, tag in ((DailyUsage, "NULL"), (DailyTagUsage, "tag")):
            insert = _insert(usage, _USAGE_KEY, SUM_COLUMNS, source._meta.db_table, tag, condition)
            yield insert, [*place, organization_id, *reach]
    condition = "organization_id = %s AND kind = %s AND start = %s"
    yield _insert(totals, _TOTALS_KEY, FIGURE_COLUMNS, usage, "tag", condition), [*place, *place]


def _insert(table: str, key: Sequence[str], summed: Sequence[str], source: str, tag: str, condition: str) -> str:
    columns, names = ", ".join(key), ", ".join(summed)
    sums = ", ".join(f"NULLIF(SUM({name}), 0)" for name in summed)
    inner = ", ".join(f"{tag} AS tag" if name == "tag" else name for name in key)
    # In the order of the key, so that what is read together lies together.
    return (
        f"INSERT INTO {table} (organization_id, kind, start, {columns}, {names}) "  # noqa: S608
        f"SELECT %s, %s, %s, {columns}, {sums} FROM (SELECT {inner}, {names} FROM {source} WHERE {condition}) AS daily "
        f"GROUP BY {columns} ORDER BY {columns}"
    )
