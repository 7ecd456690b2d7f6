"""`manage.py column_store`: make the copy of the records in a column store, drop it, hold it against the ledger."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.models import Min, Sum
from django.utils import timezone

from analytics.models import LedgerRecord, RecordChange, RecordCopy
from analytics.record_store import feeding, filling
from analytics.record_store.client import WORK_SECONDS, Client, StoreFailed
from analytics.record_store.feeding import NoCopy
from orgs.models import Organization

_MOST = 200  # differences are written; the others are counted
_CARRYING_SECONDS = 10**9


class Command(BaseCommand):
    help = "The copy of the usage records in the column store that COLUMN_STORE_URL names."

    def add_arguments(self, parser: ArgumentParser) -> None:
        does = parser.add_subparsers(dest="does", required=True)
        fill = does.add_parser("fill", help="make the tables and copy all records; goes on where it was stopped")
        fill.add_argument("--again", action="store_true", help="take away what is there before")
        does.add_parser("carry", help="copy what is new and what changed, as the clock does every 20 seconds")
        does.add_parser("show", help="say how far the copy is")
        compare = does.add_parser("compare", help="hold counts and sums of each organization's days against the ledger")
        compare.add_argument("--org", metavar="SLUG", help="one organization alone")
        compare.add_argument("--repair", action="store_true", help="copy the days that differ once more")
        does.add_parser("drop", help="take the copy away: its tables, and what waits for it")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.COLUMN_STORE_URL:
            raise CommandError("COLUMN_STORE_URL is not set.")
        client = Client(settings.COLUMN_STORE_URL, seconds=WORK_SECONDS)
        try:
            getattr(self, f"_{options['does']}")(client, options)
        except StoreFailed as error:
            raise CommandError(f"The column store failed: {error}. What is copied stays; say it again.") from error
        except NoCopy as error:
            raise CommandError(f"The copy cannot be written: {error}") from error
        finally:
            client.close()

    def _fill(self, client: Client, options: dict[str, Any]) -> None:
        if options["again"]:
            filling.drop_copy(client)
        filling.begin(client, now=timezone.now())
        expected = LedgerRecord.objects.count()
        filling.fill(client, on_progress=lambda count: self.stdout.write(f"{count} of {expected} records copied."))
        self._carry(client, options)
        self._show(client, options)

    def _carry(self, client: Client, options: dict[str, Any]) -> None:
        count = feeding.carry_over(client, now=timezone.now(), seconds=_CARRYING_SECONDS)
        self.stdout.write(f"{count} new or changed records copied.")
        if fault := RecordCopy.objects.values_list("fault", flat=True).first():
            raise NoCopy(f"{fault} `column_store fill --again` makes it anew.")

    def _show(self, client: Client, options: dict[str, Any]) -> None:
        copy = RecordCopy.objects.first()
        if copy is None:
            self.stdout.write("There is no copy: `column_store fill` makes one.")
            return
        rows, size = filling.size_of(client)
        waiting = RecordChange.objects.aggregate(count=Sum("count", default=0), since=Min("created_at"))
        self.stdout.write(f"Begun {copy.begun_at:%Y-%m-%d %H:%M} UTC, {'filled' if copy.is_filled else 'not filled'}.")
        self.stdout.write(f"{rows} rows, {size} bytes on the store's disk.")
        since = f", the first since {waiting['since']:%Y-%m-%d %H:%M:%S} UTC" if waiting["since"] else ""
        self.stdout.write(f"{waiting['count']} records wait{since}.")
        if copy.fault:
            self.stdout.write(f"It is not read: {copy.fault}")

    def _compare(self, client: Client, options: dict[str, Any]) -> None:
        organization_id = None
        if options["org"]:
            organization = Organization.objects.filter(slug=options["org"]).first()
            if organization is None:
                raise CommandError(f"There is no organization “{options['org']}”.")
            organization_id = organization.pk
        feeding.carry_over(client, now=timezone.now(), seconds=_CARRYING_SECONDS)
        differences = list(filling.compare(client, organization_id=organization_id))
        for difference in differences[:_MOST]:
            self.stderr.write(str(difference))
        if not differences:
            self.stdout.write("The copy says what the ledger says.")
            return
        if len(differences) > _MOST:
            self.stderr.write(f"and {len(differences) - _MOST} more")
        if not options["repair"]:
            raise CommandError(f"{len(differences)} days differ; --repair copies them once more.")
        filling.repair(differences)
        self._carry(client, options)

    def _drop(self, client: Client, options: dict[str, Any]) -> None:
        filling.drop_copy(client)
        self.stdout.write("The copy is gone. Nothing waits for it any more.")
