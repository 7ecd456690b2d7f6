"""`manage.py verify_ledger`: prove from the tables that the books agree. Exit code 1, and what differs, where not."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics import verification
from analytics.models import UsageBatch
from analytics.verification import Difference
from orgs.models import Organization

_MOST = 200  # are written; the others are counted


class Command(BaseCommand):
    help = "Hold roll-ups, condensed roll-ups, receipts and records against each other. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--org", metavar="SLUG", help="one organization alone, without the receipts, which many share"
        )
        parser.add_argument("--from", dest="first", type=day, default=date.min, metavar="DATE", help="like 2026-01-31")
        parser.add_argument("--to", dest="last", type=day, default=date.max, metavar="DATE", help="this day included")

    def handle(self, *args: Any, **options: Any) -> None:
        first, last = options["first"], options["last"]
        organizations = Organization.objects.order_by("pk")
        if options["org"]:
            organizations = organizations.filter(slug=options["org"])
            if not organizations:
                raise CommandError(f"There is no organization “{options['org']}”.")
        count = 0
        for organization in organizations:
            days = verification.days_of(organization.pk, first, last)
            count += self._tell(self._of_organization(organization.pk, days, first, last))
            self.stdout.write(f"{organization.slug}: {len(days)} days looked at.")
        if not options["org"]:
            count += self._tell(verification.check_receipts(first, last))
            self.stdout.write(f"{UsageBatch.objects.count()} receipts are kept.")
        if count:
            raise CommandError(f"The books do not agree: {count} differences.")
        self.stdout.write("The books agree.")

    @staticmethod
    def _of_organization(organization_id: int, days: Iterable[date], first: date, last: date) -> Iterator[Difference]:
        for one in days:
            yield from verification.check_day(organization_id, one)
        yield from verification.check_condensed(organization_id, first, last)
        yield from verification.check_duplicates(organization_id, first, last)
        yield from verification.check_ids(organization_id, first, last)

    def _tell(self, differences: Iterable[Difference]) -> int:
        count = 0
        for count, difference in enumerate(differences, 1):
            if count <= _MOST:
                self.stderr.write(str(difference))
        if count > _MOST:
            self.stderr.write(f"and {count - _MOST} more")
        return count


def day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day like 2026-01-31") from None
