"""`manage.py partition_records`: give the usage records monthly partitions, by hand, once (docs/deployment.md).

Run again, it goes on where it was cut off, and makes the months ahead that are missing.
"""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.utils import timezone

from analytics.partitions import conversion, locks, shape
from analytics.partitions.conversion import Hindered
from analytics.partitions.shape import Shape


class Command(BaseCommand):
    help = "Partition the usage records by months (PostgreSQL). Safe beside a running service, and to be run again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what there is and what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("Partitions are PostgreSQL's. In trial mode the records are on SQLite, in one table.")
        now = timezone.now()
        try:
            if options["dry_run"]:
                self._tell(now)
                return
            conversion.convert(now, self._say)
        except Hindered as hindrance:
            raise CommandError(str(hindrance)) from None
        except OperationalError as error:
            if not locks.is_taken(error):
                raise
            raise CommandError("The table was in use all the time. Nothing is lost: run it again.") from None
        self._show(shape.read())

    def _tell(self, now: datetime) -> None:
        if (found := shape.read()) is not None:
            self._show(found)
            missing = shape.MONTHS_AHEAD - shape.months_between(shape.month_of(now), found.end) + 1
            self._say(f"{max(missing, 0)} months ahead are missing and would be made. Nothing else is to be done.")
            return
        self._say("The records are one table. All of them are looked at first, for what stands in the way ...")
        if hindrances := conversion.find_hindrances():
            raise Hindered(f"The table of the records cannot be partitioned: {'; '.join(hindrances)}.")
        month = conversion.first_month(now)
        self._say(
            f"Nothing does. What is there would become {shape.name_before(month)}, without being copied, and what is "
            f"too old in it go by days, as now; each month from {month:%Y-%m} on would have a table of its own, and be "
            "dropped whole. Posting waits for moments. There is no way back without copying all records."
        )

    def _show(self, found: Shape | None) -> None:
        for part in found.parts if found else ():
            since = f"{part.first_day:%Y-%m}" if part.first_day else "all before"
            self._say(f"{part.name}: {since}, until {part.after_last:%Y-%m}, about {part.estimated_rows} records")
        if found and found.has_outside:
            self._say(f"{shape.OUTSIDE}: of no month, {shape.count_outside()} records")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()  # into a pipe, too: some steps take a while
