"""`manage.py reprice`: price posted records by today's price book, and say what that changes."""

from argparse import ArgumentParser
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from analytics import price_changes, repricing
from analytics.models import PriceEdit
from analytics.pricing import PICO_USD
from analytics.repricing import Difference, Figures
from orgs.models import Organization


class Command(BaseCommand):
    help = "Price records again by the current price book, and keep the roll-ups in step. Safe to stop and run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--org", metavar="SLUG", help="only this organization")
        parser.add_argument("--from", dest="start", metavar="DATE", help="first day, like 2026-11-01")
        parser.add_argument("--to", dest="end", metavar="DATE", help="last day, inclusive (days in its time zone)")
        parser.add_argument("--by", metavar="EMAIL", help="whose act it is in the list of price changes")
        parser.add_argument("--dry-run", action="store_true", help="only say what would change")

    def handle(self, *args: Any, **options: Any) -> None:
        start, end = _read_date("--from", options["start"]), _read_date("--to", options["end"])
        if start is not None and end is not None and start > end:
            raise CommandError(f"--from {start} is after --to {end}.")
        wanted = _find_organizations(options["org"])
        is_dry = options["dry_run"]
        edit = None if is_dry else _note(options)
        witness = None if edit is None else price_changes.witness_of(edit)
        total = Figures()
        for organization in wanted:
            for difference in repricing.reprice(
                organization_id=organization.pk, start=start, end=end, dry_run=is_dry, witness=witness
            ):
                self._tell(organization, difference)
                total.checked_count += difference.checked_count
                total.changed_count += difference.changed_count
        if edit is not None:
            price_changes.note_command_finished(edit)
            if options["org"] is None and start is None and end is None:
                price_changes.note_all_repriced(edit.revision)
        verdict = "would change" if is_dry else "changed"
        self.stdout.write(f"{total.changed_count:,} of {total.checked_count:,} records {verdict}.")

    def _tell(self, organization: Organization, difference: Difference) -> None:
        """An organization when it is done, and each of its months."""
        self.stdout.write(f"{organization.slug}: {_describe(difference)}")
        for month, figures in sorted(difference.months.items()):
            self.stdout.write(f"  {month:%Y-%m}: {_describe(figures)}")
        self.stdout.flush()


def _read_date(option: str, text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{option} {text!r} is no date. Write it like 2026-11-01.") from None


def _note(options: dict[str, Any]) -> PriceEdit:
    """So that staff find among the changes what it was and what it came to."""
    slug, start, end, email = (options[name] for name in ("org", "start", "end", "by"))
    by = get_user_model().objects.filter(email__iexact=email).first() if email else None
    if email and by is None:
        raise CommandError(f"--by: nobody has the address {email!r} here.")
    days = " ".join(f"{word} {day}" for word, day in (("from", start), ("to", end)) if day)
    return price_changes.note_command(
        subject=f"requests {days}" if days else "all requests",
        organization_id=_find_organizations(slug)[0].pk if slug else None,
        by=by,
    )


def _find_organizations(slug: str | None) -> list[Organization]:
    if slug is None:
        return list(Organization.objects.order_by("pk"))
    found = list(Organization.objects.filter(slug=slug))
    if not found:
        raise CommandError(f"--org: there is no organization {slug!r}. Name it as in the address of its pages.")
    return found


def _describe(figures: Figures) -> str:
    """The sums are those of all records looked at, so that they can be held against a report."""
    text = f"{figures.changed_count:,} of {figures.checked_count:,} records, "
    text += f"{_usd(figures.before)} -> {_usd(figures.after)} USD"
    text += f" ({_usd(figures.after - figures.before, sign='+')})"
    if figures.newly_priced_count:
        text += f", {figures.newly_priced_count:,} priced for the first time"
    if figures.newly_unpriced_count:
        text += f", {figures.newly_unpriced_count:,} without a price now"
    return text


def _usd(pico_usd: int, sign: str = "-") -> str:
    """All digits, so that the smallest difference shows."""
    amount = Decimal(pico_usd) / PICO_USD
    return format(amount.normalize() if amount else Decimal(0), f"{sign}f")
