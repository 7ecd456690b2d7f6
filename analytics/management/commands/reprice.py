"""`manage.py reprice`: price posted records by today's price book, and say what that changes."""

from argparse import ArgumentParser
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics import repricing
from analytics.pricing import PICO_USD
from analytics.repricing import Difference
from orgs.models import Organization


class Command(BaseCommand):
    help = "Price records again by the current price book, and keep the roll-ups in step. Safe to stop and run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--org", metavar="SLUG", help="only this organization")
        parser.add_argument("--from", dest="start", metavar="DATE", help="first day, like 2026-11-01")
        parser.add_argument("--to", dest="end", metavar="DATE", help="last day, inclusive (days in its time zone)")
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")

    def handle(self, *args: Any, **options: Any) -> None:
        start, end = _read_date("--from", options["start"]), _read_date("--to", options["end"])
        if start is not None and end is not None and start > end:
            raise CommandError(f"--from {start} is after --to {end}.")
        organization_id = _find_organization(options["org"])
        differences = repricing.reprice(
            organization_id=organization_id, start=start, end=end, dry_run=options["dry_run"]
        )
        slugs = dict(Organization.objects.values_list("pk", "slug"))
        for difference in differences:
            self.stdout.write(f"{slugs[difference.organization_id]}: {_describe(difference)}")
        changed = sum(difference.changed_count for difference in differences)
        checked = sum(difference.checked_count for difference in differences)
        verdict = "would change" if options["dry_run"] else "changed"
        self.stdout.write(f"{changed} of {checked} records {verdict}.")


def _read_date(option: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{option} {text!r} is no date. Write it like 2026-11-01.") from None


def _find_organization(slug: str | None) -> int | None:
    if slug is None:
        return None
    found = Organization.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no organization {slug!r}.")
    return found.pk


def _describe(difference: Difference) -> str:
    amounts = f"{_usd(difference.before)} -> {_usd(difference.after)} USD"
    text = f"{difference.changed_count} of {difference.checked_count} records, {amounts}"
    text += f" ({_usd(difference.after - difference.before, sign='+')})"
    if difference.newly_priced_count:
        text += f", {difference.newly_priced_count} priced for the first time"
    if difference.newly_unpriced_count:
        text += f", {difference.newly_unpriced_count} without a price now"
    return text


def _usd(pico_usd: int, sign: str = "-") -> str:
    """All digits, so that the smallest difference shows."""
    amount = Decimal(pico_usd) / PICO_USD
    return format(amount.normalize() if amount else Decimal(0), f"{sign}f")
